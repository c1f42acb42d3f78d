"""What several commands are told of a path to measure: their options, and the request that these amount to."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agent.commands.reading import FILE, read_configuration
from agent.commands.sending import check_sending
from agent.commands.targets import Seconds

if TYPE_CHECKING:
    from agent.request import SampleRequest

_PROTOCOLS: Final = ("adaptive", "icmp", "udp", "tcp")
_ROUTES: Final = ("direct", "service_edge", "private_access")
_PORT: Final = click.IntRange(1, 65_535)
_TTL: Final = click.IntRange(1, 255)
_TIMEOUT: Final = Seconds(0.1, 10)

_CONFIG: Final = "Configuration; TARGET may be a target's name in it."
_PROTOCOL: Final = "adaptive, icmp, udp or tcp.  [default: adaptive]"
_ROUTE: Final = "direct, service_edge, private_access."
_WAIT: Final = "Longest wait for an answer, 0.1 to 10.  [default: 1]"
_TOS: Final = "Type of service byte, 0 to 255.  [default: 0]"
_ASN_DB: Final = "Look in this MMDB file; implies -z; may be repeated."

TARGET_OPTIONS: Final = (
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
    click.option("--ca-file", type=FILE, metavar="FILE", help="Trust these too for a URL, its proxy (PEM)."),
)
TTL_OPTIONS: Final = (
    click.option("-f", "--first-ttl", type=_TTL, metavar="N", help="First TTL, 1 to 255.  [default: 1]"),
    click.option("-m", "--max-ttl", type=_TTL, metavar="N", help="Last TTL, 1 to 255.  [default: 30]"),
)
WAIT_OPTIONS: Final = (click.option("-w", "--timeout", type=_TIMEOUT, metavar="SECONDS", help=_WAIT),)
MEMORY_OPTIONS: Final = (
    click.option("--fresh", is_flag=True, help="Ignore what is remembered of a path; learn it anew."),
)
SENDING_OPTIONS: Final = (
    click.option("--interface", metavar="NAME", help="Send by this interface."),
    click.option("--source", metavar="ADDR", help="Send from this address of this host."),
    click.option("--tos", type=click.IntRange(0, 255), default=0, metavar="N", help=_TOS),
)
NAMING_OPTIONS: Final = (
    click.option("-z", "--asn", is_flag=True, help="Networks and places, from MMDB files of your own."),
    click.option("--asn-db", type=FILE, multiple=True, metavar="FILE", help=_ASN_DB),
    click.option("-n", "--no-names", is_flag=True, help="Ask for no reverse names; show addresses only."),
)
RULES_OPTIONS: Final = (
    click.option("--rules", type=FILE, multiple=True, metavar="FILE", help="Own rules; may be repeated."),
)


def asked_request(config: Path | None, given: dict[str, Any]) -> "SampleRequest":
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
    if given.get("engine", "linux") != "linux":
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
