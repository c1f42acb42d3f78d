"""`cloudpath egress`: which public address this network has, by everybody who can see it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, read_configuration
from agent.commands.showing import JSON_OPTION, deliver_json, style_of_output
from agent.exit_codes import ExitCode
from agent.output import deliver

if TYPE_CHECKING:
    from probes.edge_access import EdgeAccess

_CONFIG = "Configuration; its edges are asked."
_API = "Ask this edge instead; may be repeated."
_TOKEN = "The bearer token for --edge-api."  # noqa: S105 - what the option is for
_CA_FILE = "Who may vouch for --edge-api, as PEM."


@click.command("egress", cls=Subcommand)
@click.option("-c", "--config", type=FILE, metavar="FILE", help=_CONFIG)
@click.option("--edge-api", multiple=True, metavar="URL", help=_API)
@click.option("--edge-token-file", type=FILE, metavar="FILE", help=_TOKEN)
@click.option("--edge-ca-file", type=FILE, metavar="FILE", help=_CA_FILE)
@click.option("--interface", metavar="NAME", help="Send by this interface.")
@click.option("--source", metavar="ADDR", help="Send from this address of this host.")
@JSON_OPTION
def command(
    config: Path | None,
    edge_api: tuple[str, ...],
    edge_token_file: Path | None,
    edge_ca_file: Path | None,
    *,
    interface: str | None,
    source: str | None,
    as_json: bool,
) -> int:
    """Ask service edges for the public address of this network: over HTTPS, and by packets of each protocol.

    Nobody is asked but the edges that are named. The exit code is 0 if all who saw an address saw the same, else 1.
    """
    accesses, configured = _edges(config, edge_api, edge_token_file, edge_ca_file)
    from agent.commands.sending import check_sending  # noqa: PLC0415 - 40 ms that --help need not pay
    from agent.egress_check import check_egress  # noqa: PLC0415 - likewise
    from agent.live_world import LiveWorld  # noqa: PLC0415 - drivers
    from agent.world import Sending  # noqa: PLC0415 - likewise

    sending = Sending(source=source, interface=interface)
    check_sending(sending)
    found = check_egress(LiveWorld(), accesses, configured, sending)
    if as_json:
        from agent.record import plain  # noqa: PLC0415

        deliver_json({"egress": plain(found.egress), "edges": plain(found.edges)})
    else:
        from agent.views.egress_view import egress_view  # noqa: PLC0415

        deliver(egress_view(found, style_of_output()))
    agreed = found.egress.address is not None and found.egress.agree is not False
    return ExitCode.CLEAN if agreed else ExitCode.FOUND


def _edges(
    config: Path | None, apis: tuple[str, ...], token_file: Path | None, ca_file: Path | None
) -> "tuple[tuple[EdgeAccess, ...], str | None]":
    """Return the edges to ask, and the address that is configured.

    Raises:
        click.UsageError: There is nobody to ask, or the options cannot be meant.
    """
    from agent.edge_choice import configured_edges, edges_by_api  # noqa: PLC0415 - as above
    from agent.usage import UsageProblem  # noqa: PLC0415 - likewise

    settings = read_configuration(config).settings if config else None
    try:
        named = edges_by_api(apis, token_file, ca_file)
    except UsageProblem as problem:
        raise click.UsageError(str(problem)) from None
    accesses = named or tuple(access for access in configured_edges(settings) if access.api is not None)
    if not accesses:
        raise click.UsageError("there is no edge to ask: give --edge-api URL, or a configuration with service_edge.api")
    return accesses, settings.egress.address if settings else None
