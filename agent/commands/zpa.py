"""`cloudpath zpa`: what private access says of its sessions, from its log stream or the client's tunnel log."""

import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, MistakenFileError, read_rules
from agent.commands.showing import JSON_OPTION, deliver_json, style_of_output
from agent.exit_codes import ExitCode
from agent.output import complain, deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.session_report import SessionReport
    from agent.views.style import Style
    from probes.session_facts import SessionEvent
    from probes.session_lines import BadLine, SessionFormat

_FORMATS: Final = ("auto", "lss", "client-log")
_STANDARD_INPUT: Final = "standard input"


@click.command("zpa", cls=Subcommand)
@click.argument("file", type=FILE, required=False)
@click.option("-f", "--follow", is_flag=True, help="Show each event of FILE as it is written, until interrupted.")
@click.option("--listen", metavar="ADDRESS:PORT", help="Listen for the log stream here, until interrupted.")
@click.option("--insecure", is_flag=True, help="Let --listen take an address that is not loopback.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="auto",
    show_default=True,
    metavar="NAME",
    help="How lines are read: auto, lss (JSON of the Log Streaming Service), client-log (the client's tunnel log).",
)
@JSON_OPTION
def command(file: Path | None, listen: str | None, form: str, *, follow: bool, insecure: bool, as_json: bool) -> int:
    """Show what private access (ZPA) says of its sessions, from lines in FILE (- for standard input) or a log stream.

    With --follow and --listen each event is shown as it arrives; with --json it is one JSON object on a line then.
    The exit code is 1 if the newest event of an application has one of the documented statuses.
    """
    if (file is None) == (listen is None):
        raise click.UsageError("give either FILE (- for standard input) or --listen ADDRESS:PORT")
    if insecure and listen is None:
        raise click.UsageError("--insecure is for --listen; leave it out")
    if follow and listen is not None:
        raise click.UsageError("--follow is for FILE; leave it out, --listen goes on until it is interrupted")
    from agent.session_report import SessionReport  # noqa: PLC0415 - the vocabulary takes 40 ms that --help need not pay
    from probes.session_lines import SessionFormat  # noqa: PLC0415

    report = SessionReport(read_rules().catalogue)
    if listen is not None:
        _listen(_address(listen, insecure=insecure), SessionFormat(form), report, as_json=as_json)
    elif file is not None:
        (_follow if follow else _read)(file, SessionFormat(form), report, as_json=as_json)
    return ExitCode.FOUND if any(one.status for one in report.applications()) else ExitCode.CLEAN


def _address(text: str, *, insecure: bool) -> str:
    """Return where to listen.

    Raises:
        click.UsageError: It is no address with a port, or other machines could reach it and nobody asked for that.
    """
    from ipaddress import ip_address  # noqa: PLC0415 - for --listen alone

    host, _, port = text.rpartition(":")
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        address = None
    if address is None or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - the largest port
        raise click.UsageError(f"--listen takes an address and a port, as in 127.0.0.1:9601; {text!r} is none")
    if not address.is_loopback and not insecure:
        raise click.UsageError(
            f"{host} can be reached by other machines, and the log stream is neither encrypted nor signed; "
            "listen on 127.0.0.1, or say --insecure"
        )
    return text


def _read(file: Path, form: "SessionFormat", report: "SessionReport", *, as_json: bool) -> None:
    """Take in a whole file, and show what it adds up to.

    Raises:
        MistakenFileError: It cannot be read.
    """
    from agent.zpa_input import lines_of, open_file  # noqa: PLC0415
    from probes.line_assembly import LinesError  # noqa: PLC0415
    from probes.session_lines import SessionLines  # noqa: PLC0415

    reader = SessionLines(form)
    name = _STANDARD_INPUT if str(file) == "-" else str(file)
    try:
        with sys.stdin.buffer if str(file) == "-" else open_file(file) as stream:
            for line in lines_of(stream):
                if (found := reader.read(line)) is not None:
                    report.add(found)
    except LinesError as error:
        raise MistakenFileError((f"cloudpath zpa: {error}",)) from None
    if as_json:
        counts = {"lines": reader.lines, "others": reader.others, "undated": reader.undated}
        deliver_json(report.document(source=name, **counts))
    else:
        _show(report, style_of_output(), lines=reader.lines, undated=reader.undated)


def _show(report: "SessionReport", style: "Style", *, lines: int, undated: int) -> None:
    from agent.views.session_view import session_view  # noqa: PLC0415

    deliver(session_view(report, style, lines=lines, undated=undated))


def _follow(file: Path, form: "SessionFormat", report: "SessionReport", *, as_json: bool) -> None:
    """Show each event of a file or of standard input as it is written, until SIGINT or SIGTERM, then the sum.

    Raises:
        MistakenFileError: The file cannot be read.
    """
    import time  # noqa: PLC0415

    from agent.zpa_input import followed_lines, lines_of  # noqa: PLC0415
    from probes.line_assembly import LinesError  # noqa: PLC0415
    from probes.session_lines import SessionLines  # noqa: PLC0415

    reader, take = SessionLines(form), _shown_at_once(report, as_json=as_json)
    try:
        with _asked_to_end() as asked:
            lines = lines_of(sys.stdin.buffer) if str(file) == "-" else followed_lines(file, asked, time.sleep)
            for line in lines:
                if (found := reader.read(line)) is not None:
                    take(found)
    except LinesError as error:
        raise MistakenFileError((f"cloudpath zpa: {error}",)) from None
    if not as_json:
        deliver("\n")
        _show(report, style_of_output(), lines=reader.lines, undated=reader.undated)


def _listen(address: str, form: "SessionFormat", report: "SessionReport", *, as_json: bool) -> None:
    """Show each event as it arrives, until SIGINT or SIGTERM, and then what all of them add up to.

    Raises:
        MistakenFileError: The address cannot be listened on.
    """
    from agent.session_listener import SessionListener  # noqa: PLC0415
    from probes.clock import SystemClock  # noqa: PLC0415
    from probes.line_assembly import LinesError  # noqa: PLC0415

    take = _shown_at_once(report, as_json=as_json)
    try:
        with _asked_to_end() as asked, SessionListener(address, SystemClock(), take, form) as listener:
            complain(f"listening on {address.rpartition(':')[0]}:{listener.port}; Ctrl-C ends it")
            listener.serve(asked)
    except LinesError as error:
        raise MistakenFileError((f"cloudpath zpa: {error}",)) from None
    if not as_json:
        deliver("\n")
        _show(report, style_of_output(), lines=listener.lines, undated=listener.undated)


@contextmanager
def _asked_to_end() -> "Iterator[Callable[[], bool]]":
    """Yield what says whether SIGINT or SIGTERM came."""
    import gc  # noqa: PLC0415

    from agent.interrupt import Interrupt  # noqa: PLC0415

    # Short commands go without (agent.cli); this one may run for weeks.
    gc.enable()
    with Interrupt() as interrupted, Interrupt(signal.SIGTERM) as terminated:
        yield lambda: interrupted() or terminated()


def _shown_at_once(report: "SessionReport", *, as_json: bool) -> "Callable[[SessionEvent | BadLine], None]":
    """Return what takes an event or a bad line into the report, and shows it."""
    show = _as_json(report) if as_json else _as_text(report, style_of_output())

    def take(found: "SessionEvent | BadLine") -> None:
        report.add(found)
        show(found)

    return take


def _as_text(report: "SessionReport", style: "Style") -> "Callable[[SessionEvent | BadLine], None]":
    from agent.views.session_view import event_line  # noqa: PLC0415

    return lambda found: deliver(event_line(report, found, style))


def _as_json(report: "SessionReport") -> "Callable[[SessionEvent | BadLine], None]":
    from agent.formats.json_text import ndjson_line  # noqa: PLC0415

    return lambda found: deliver(ndjson_line(report.line_document(found)))
