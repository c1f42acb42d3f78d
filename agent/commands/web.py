"""`cloudpath web`: what a web address answers, step by step, and whether the address itself is wrong."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, read_configuration, read_rules
from agent.commands.showing import JSON_OPTION, style_of_output
from agent.commands.targets import family_options
from agent.exit_codes import ExitCode, exit_code_of
from agent.output import deliver

if TYPE_CHECKING:
    from agent.request import SampleRequest

_CONFIG = "Configuration; URL may be a target's name in it."
_PROXY = "URL, none or pac+URL.  [default: environment]"
_CA_FILE = "Trust these certificates too (PEM)."


@click.command("web", cls=Subcommand)
@click.argument("url")
@click.option("-c", "--config", type=FILE, metavar="FILE", help=_CONFIG)
@family_options
@click.option("--proxy", metavar="URL", help=_PROXY)
@click.option("--ca-file", type=FILE, metavar="FILE", help=_CA_FILE)
@click.option("--interface", metavar="NAME", help="Send by this interface.")
@click.option("--source", metavar="ADDR", help="Send from this address of this host.")
@click.option("--explain", is_flag=True, help="Say also what was considered.")
@JSON_OPTION
def command(url: str, config: Path | None, *, explain: bool, as_json: bool, **given: Any) -> int:
    """Ask for URL as a browser would: name, connection, proxy, TLS and request, each with its time; then redirects.

    No path is traced. The exit code is that of a trace: 1 if one of the documented errors shows, else 0.
    """
    if as_json and explain:
        raise click.UsageError("--explain is for text; a record has everything in it, leave --explain out")
    request = _request(config, {"target": url, **given})
    from agent.composition import run_sample  # noqa: PLC0415 - drivers, not needed for --help
    from agent.interrupt import Interrupt  # noqa: PLC0415

    rules = read_rules(request.rule_files) if request.rule_files else None
    with Interrupt() as interrupted:
        result = run_sample(request, rules=rules, interrupted=interrupted)
    if as_json:
        from agent.formats.json_text import json_text  # noqa: PLC0415

        deliver(json_text(result.document))
    else:
        from agent.views.web_view import web_view  # noqa: PLC0415

        deliver(web_view(result.sample, result.diagnosis, style_of_output(), explain=explain))
    return ExitCode.INTERRUPTED if interrupted() else exit_code_of(result.diagnosis.status)


def _request(config: Path | None, given: dict[str, Any]) -> "SampleRequest":
    """Return a sample that traces nothing.

    Raises:
        click.UsageError: There is no URL, or the options contradict each other, the URL or this host.
    """
    from agent.commands.sending import check_sending  # noqa: PLC0415
    from agent.trace_request import TraceOptions, sample_request  # noqa: PLC0415 - 40 ms, as above
    from agent.usage import UsageProblem  # noqa: PLC0415 - likewise
    from probes.frozen import replace  # noqa: PLC0415

    settings = read_configuration(config).settings if config else None
    try:
        request = sample_request(TraceOptions(**given), settings)
    except UsageProblem as problem:
        raise click.UsageError(str(problem)) from None
    if request.target.url is None:
        raise click.UsageError(f"{given['target']!a} is no URL; write it with its scheme, as in https://example.com/")
    check_sending(request.sending)
    return replace(request, trace=False)
