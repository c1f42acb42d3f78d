"""`cloudpath trace`: one complete sample of the path to a target, diagnosed and shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agent.commands.group import Sectioned
from agent.commands.page import check_page, save_page
from agent.commands.pcap import Pcap, open_pcap
from agent.commands.reading import FILE, read_configuration, read_rules
from agent.commands.sending import check_sending
from agent.commands.showing import progress_of_terminal, style_of_output
from agent.commands.targets import Seconds
from agent.exit_codes import ExitCode, exit_code_of
from agent.output import deliver, deliver_to_file, why_not_writable

if TYPE_CHECKING:
    from agent.composition import SampleResult
    from agent.request import SampleRequest
    from agent.views.style import Style

_PROTOCOLS: Final = ("adaptive", "icmp", "udp", "tcp")
_ROUTES: Final = ("direct", "service_edge", "private_access")
_FORMATS: Final = ("text", "wide", "json", "ndjson", "csv", "ripe-atlas", "zdx")
# Those that have the whole record in them, and those that a sentence could stand in.
_WHOLE: Final = frozenset({"json", "ndjson"})
_VIEWS: Final = frozenset({"text", "wide"})
_ENGINES: Final = ("linux", "scapy")
_PORT: Final = click.IntRange(1, 65_535)
_TTL: Final = click.IntRange(1, 255)

_QUERIES: Final = click.IntRange(1, 20)
_TIMEOUT: Final = Seconds(0.1, 10)

_CONFIG: Final = "Configuration; TARGET may be a target's name in it."
_PROTOCOL: Final = "adaptive, icmp, udp or tcp.  [default: adaptive]"
_ROUTE: Final = "direct, service_edge, private_access."
_PROBES: Final = "Probes to each hop, 1 to 20.  [default: 3]"
_WAIT: Final = "Longest wait for an answer, 0.1 to 10.  [default: 1]"
_TOS: Final = "Type of service byte, 0 to 255.  [default: 0]"
_ENGINE: Final = "Who carries probes: linux, scapy.  [default: linux]"
_ASN_DB: Final = "Look in this MMDB file; implies -z; may be repeated."
_FORMAT: Final = "text, wide, json, ndjson, csv, ripe-atlas or zdx."


def _options(command: Any) -> Any:
    """Put the options to the command, in the order of the help."""
    for _, section in reversed(_SECTIONS):
        for option in reversed(section):
            command = option(command)
    return command


# What the help shows under each heading, a line for each option on a terminal of 80 columns.
_SECTIONS: Final = (
    (
        "Target and protocol",
        (
            click.option("-c", "--config", type=FILE, metavar="FILE", help=_CONFIG),
            click.option("-p", "--protocol", type=click.Choice(_PROTOCOLS), metavar="NAME", help=_PROTOCOL),
            click.option("-I", "--icmp", is_flag=True, help="The same as -p icmp."),
            click.option("-u", "--udp", is_flag=True, help="The same as -p udp."),
            click.option("-T", "--tcp", is_flag=True, help="The same as -p tcp."),
            click.option("-P", "--port", type=_PORT, metavar="N", help="Destination port of TCP and UDP, 1 to 65535."),
            click.option("-4", "--ipv4", is_flag=True, help="Use IPv4 only."),
            click.option("-6", "--ipv6", is_flag=True, help="Use IPv6 only."),
            click.option("--route", type=click.Choice(_ROUTES), metavar="NAME", help=_ROUTE),
            click.option("--edge", metavar="HOST[:PORT]", help="The service edge; implies --route service_edge."),
            click.option("--edge-api", metavar="URL", help="Ask this edge for the public address and its traces."),
            click.option("--edge-token-file", type=FILE, metavar="FILE", help="The bearer token for --edge-api."),
            click.option("--edge-ca-file", type=FILE, metavar="FILE", help="Who may vouch for --edge-api, as PEM."),
            click.option("--proxy", metavar="URL", help="URL, none or pac+URL.  [default: environment]"),
            click.option("--ca-file", type=FILE, metavar="FILE", help="Trust these too for a URL (PEM)."),
        ),
    ),
    (
        "Probes",
        (
            click.option("-f", "--first-ttl", type=_TTL, metavar="N", help="First TTL, 1 to 255.  [default: 1]"),
            click.option("-m", "--max-ttl", type=_TTL, metavar="N", help="Last TTL, 1 to 255.  [default: 30]"),
            click.option("-q", "--queries", type=_QUERIES, metavar="N", help=_PROBES),
            click.option("-w", "--timeout", type=_TIMEOUT, metavar="SECONDS", help=_WAIT),
            click.option("--fast", is_flag=True, help="Ask all hops at once: quicker far, more probes near."),
            click.option("--fresh", is_flag=True, help="Ignore what is remembered of a path; learn it anew."),
            click.option("--interface", metavar="NAME", help="Send by this interface."),
            click.option("--source", metavar="ADDR", help="Send from this address of this host."),
            click.option("--tos", type=click.IntRange(0, 255), default=0, metavar="N", help=_TOS),
            click.option("--engine", type=click.Choice(_ENGINES), default="linux", metavar="NAME", help=_ENGINE),
        ),
    ),
    (
        "More to find out, or less",
        (
            click.option("--mtu", "path_mtu", is_flag=True, help="Path MTU: where it drops, black holes included."),
            click.option("-z", "--asn", is_flag=True, help="Networks and places, from MMDB files of your own."),
            click.option("--asn-db", type=FILE, multiple=True, metavar="FILE", help=_ASN_DB),
            click.option("-n", "--no-names", is_flag=True, help="Ask for no reverse names; show addresses only."),
            click.option("--rules", type=FILE, multiple=True, metavar="FILE", help="Own rules; may be repeated."),
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
    request = _request(config, {"target": target, **given})
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


def _request(config: Path | None, given: dict[str, Any]) -> "SampleRequest":
    """Return what to measure.

    Raises:
        click.UsageError: The options contradict each other, the target or this host.
    """
    settings = read_configuration(config).settings if config else None
    # The vocabulary of facts takes 40 ms that --help need not pay; so everything that uses it is imported late.
    from agent.trace_request import TraceOptions, sample_request  # noqa: PLC0415
    from agent.usage import UsageProblem  # noqa: PLC0415

    try:
        request = sample_request(TraceOptions(**given), settings)
    except UsageProblem as problem:
        raise click.UsageError(str(problem)) from None
    check_sending(request.sending)
    if given["engine"] != "linux":
        _check_engine(request)
    return _with_databases(request) if given["asn"] or request.databases else request


def _with_databases(request: "SampleRequest") -> "SampleRequest":
    """Return the request with the databases that will be asked, each found good before anything is sent."""
    from agent.composition import address_databases  # noqa: PLC0415
    from probes.frozen import replace  # noqa: PLC0415
    from probes.origin import DatabaseError  # noqa: PLC0415

    try:
        return replace(request, databases=address_databases(request.databases))
    except DatabaseError as error:
        raise click.UsageError(str(error)) from None


def _check_engine(request: "SampleRequest") -> None:
    from agent.composition import engine_problem  # noqa: PLC0415

    problem = engine_problem(request.sending.engine)
    if problem is not None:
        raise click.UsageError(problem)


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
