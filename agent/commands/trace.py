"""`cloudpath trace`: one complete sample of the path to a target, diagnosed and shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agent.commands.asking import (
    MEMORY_OPTIONS,
    NAMING_OPTIONS,
    RULES_OPTIONS,
    SENDING_OPTIONS,
    TARGET_OPTIONS,
    TTL_OPTIONS,
    WAIT_OPTIONS,
    asked_request,
)
from agent.commands.group import Sectioned
from agent.commands.page import check_page, save_page
from agent.commands.pcap import Pcap, open_pcap
from agent.commands.reading import FILE, read_rules
from agent.commands.showing import progress_of_terminal, style_of_output
from agent.exit_codes import ExitCode, exit_code_of
from agent.output import deliver, deliver_to_file, why_not_writable

if TYPE_CHECKING:
    from agent.composition import SampleResult
    from agent.request import SampleRequest
    from agent.views.style import Style

_FORMATS: Final = ("text", "wide", "json", "ndjson", "csv", "ripe-atlas", "zdx")
# Those that have the whole record in them, and those that a sentence could stand in.
_WHOLE: Final = frozenset({"json", "ndjson"})
_VIEWS: Final = frozenset({"text", "wide"})
_ENGINES: Final = ("linux", "scapy")

_QUERIES: Final = click.IntRange(1, 20)

_PROBES: Final = "Probes to each hop, 1 to 20.  [default: 3]"
_ENGINE: Final = "Who carries probes: linux, scapy.  [default: linux]"
_FORMAT: Final = "text, wide, json, ndjson, csv, ripe-atlas or zdx."


def _options(command: Any) -> Any:
    """Put the options to the command, in the order of the help."""
    for _, section in reversed(_SECTIONS):
        for option in reversed(section):
            command = option(command)
    return command


# What the help shows under each heading, a line for each option on a terminal of 80 columns.
_SECTIONS: Final = (
    ("Target and protocol", TARGET_OPTIONS),
    (
        "Probes",
        (
            *TTL_OPTIONS,
            click.option("-q", "--queries", type=_QUERIES, metavar="N", help=_PROBES),
            *WAIT_OPTIONS,
            click.option("--fast", is_flag=True, help="Ask all hops at once: quicker far, more probes near."),
            *MEMORY_OPTIONS,
            *SENDING_OPTIONS,
            click.option("--engine", type=click.Choice(_ENGINES), default="linux", metavar="NAME", help=_ENGINE),
        ),
    ),
    (
        "More to find out, or less",
        (
            click.option("--mtu", "path_mtu", is_flag=True, help="Path MTU: where it drops, black holes included."),
            *NAMING_OPTIONS,
            *RULES_OPTIONS,
        ),
    ),
    (
        "Output",
        (
            click.option("--format", "form", type=click.Choice(_FORMATS), metavar="NAME", help=_FORMAT),
            click.option("-j", "--json", "as_json", is_flag=True, help="The same as --format json."),
            click.option("-o", "--output", type=FILE, metavar="FILE", help="Write to this file, not standard output."),
            click.option("--html", type=FILE, metavar="FILE", help="Write a page with the Hop View to this file, too."),
            click.option("--explain", is_flag=True, help="Say also what was considered, and what marks mean."),
            click.option("--pcap", type=FILE, metavar="FILE", help="Write the packets to this file, for Wireshark."),
        ),
    ),
)


# What makes the verdict and shows it.
_NEEDED_LAST: Final = ("rules.engine", "rules.shipped", "hmac")


@click.command("trace", cls=Sectioned, sections=[(title, len(section)) for title, section in _SECTIONS])
@click.argument("target")
@_options
def command(
    target: str,
    config: Path | None,
    output: Path | None,
    pcap: Path | None,
    html: Path | None,
    form: str | None,
    *,
    as_json: bool,
    explain: bool,
    **given: Any,
) -> int:
    """Trace the path to TARGET: a host, an address, either with a port (host:port, [IPv6]:port), or a URL.

    Neither root nor a configuration is needed.
    """
    form = _form(form, as_json=as_json, explain=explain)
    output = None if output == Path("-") else output
    if output is not None and (problem := why_not_writable(output)):
        raise click.UsageError(f"cannot write {output}: {problem}; give another file with -o")
    if html is not None:
        check_page(html, {"-o": output, "--pcap": pcap})
    request = asked_request(config, {"target": target, **given})
    pcap_file = open_pcap(pcap, output) if pcap else None
    return _trace(request, form, output, explain=explain, pcap=pcap_file, html=html)


def _form(form: str | None, *, as_json: bool, explain: bool) -> str:
    """Return the form of the output, or complain of options that contradict each other."""
    if as_json and form not in {None, "json"}:
        raise click.UsageError(f"--json and --format {form} exclude each other; give one")
    form = "json" if as_json else form or "text"
    if explain and form not in _VIEWS:
        why = f"a record in {form} has everything in it" if form in _WHOLE else f"{form} has no room for reasons"
        raise click.UsageError(f"--explain is for text; {why}, leave --explain out")
    return form


def _trace(
    request: "SampleRequest",
    form: str,
    output: Path | None,
    *,
    explain: bool,
    pcap: Pcap | None = None,
    html: Path | None = None,
) -> int:
    """Measure, show, and return the exit code; Ctrl-C shows what there is."""
    from agent.composition import run_sample  # noqa: PLC0415
    from agent.interrupt import Interrupt  # noqa: PLC0415
    from agent.preload import Preload  # noqa: PLC0415

    rules = read_rules(request.rule_files) if request.rule_files else None
    progress = progress_of_terminal()
    with Interrupt() as interrupted:
        try:
            with Preload((*_NEEDED_LAST, "agent.views.command_line" if form in _VIEWS else "json")):
                result = run_sample(
                    request,
                    rules=rules,
                    on_progress=progress,
                    interrupted=interrupted,
                    capture=pcap.capture if pcap else None,
                )
        finally:
            if progress is not None:
                progress.clear()
        text = _text(result, form, _style(output), explain=explain)
        # Whatever becomes of the packets, the sample is shown.
        unsaved = pcap.save() if pcap else None
    if output is None:
        deliver(text)
    else:
        deliver_to_file(output, text)
    if html is not None:
        save_page(html, result.record)
    if unsaved is not None:
        raise unsaved
    return ExitCode.INTERRUPTED if interrupted() else exit_code_of(result.diagnosis.status)


def _style(output: Path | None) -> "Style":
    if output is None:
        return style_of_output()
    from agent.views.style import Style  # noqa: PLC0415

    return Style()


def _text(result: "SampleResult", form: str, style: "Style", *, explain: bool) -> str:
    """Return the sample in one of the forms."""
    if form not in _VIEWS:
        return _formatted(result, form)
    from agent.views.command_line import command_line_view  # noqa: PLC0415

    return command_line_view(result.sample, result.diagnosis, style, wide=form == "wide", explain=explain)


def _formatted(result: "SampleResult", form: str) -> str:
    """Return the sample for a program; each format is loaded only when it is asked for."""
    if form == "csv":
        from agent.formats.csv_text import csv_text  # noqa: PLC0415

        return csv_text(result.record)
    if form == "ripe-atlas":
        from agent.formats.ripe_atlas import ripe_atlas_lines  # noqa: PLC0415

        return ripe_atlas_lines(result.record)
    if form == "zdx":
        from agent.formats.zdx import zdx_text  # noqa: PLC0415

        return zdx_text(result.record)
    from agent.formats.json_text import json_text, ndjson_line  # noqa: PLC0415

    return json_text(result.document) if form == "json" else ndjson_line(result.document)
