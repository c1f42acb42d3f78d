"""`cloudpath doctor`: what this host allows, what would stop a trace, and what to do about it."""

from typing import TYPE_CHECKING, Final

import click

from agent.commands.group import Subcommand
from agent.commands.showing import JSON_OPTION, deliver_json, style_of_output
from agent.exit_codes import ExitCode
from agent.output import deliver

if TYPE_CHECKING:
    from agent.doctor import Observations

# Every resolver knows that nothing is called this (RFC 6761 section 6.4), so any answer shows that it is alive.
_NOBODY: Final = "cloudpath-doctor.invalid"


@click.command("doctor", cls=Subcommand)
@JSON_OPTION
def command(*, as_json: bool) -> int:
    """Check the rights of this process and the network of this host; say what to do where something is amiss.

    Asks the configured resolvers for one name and the gateways for an echo, and sends nothing to anybody else. The
    exit code is 0 if all is well, 1 if a trace would see less than it could, 3 if no trace is possible.
    """
    from agent.doctor import Level, examine, worst  # noqa: PLC0415 - the vocabulary of facts, not needed for --help
    from agent.views.doctor_view import doctor_view  # noqa: PLC0415

    findings = examine(_observations())
    if as_json:
        from agent.record import plain  # noqa: PLC0415

        deliver_json(plain(findings))
    else:
        deliver(doctor_view(findings, style_of_output()))
    return {Level.OK: ExitCode.CLEAN, Level.WARN: ExitCode.FOUND, Level.FAIL: ExitCode.NOT_MEASURED}[worst(findings)]


def _observations() -> "Observations":
    """Return everything that the doctor looks at; takes up to about three seconds where nobody answers."""
    from dataclasses import replace  # noqa: PLC0415

    from agent.composition import read_rights  # noqa: PLC0415
    from agent.doctor import Observations  # noqa: PLC0415
    from agent.live_world import LiveWorld, path_memory  # noqa: PLC0415
    from agent.world import Sending  # noqa: PLC0415
    from agent.zone import with_zone  # noqa: PLC0415
    from probes.facts import Role  # noqa: PLC0415

    world = LiveWorld()
    network = world.network((), Sending())
    check = world.check_name(Role.RESOLVER, _NOBODY, None) if network.resolvers else None
    ways = dict.fromkeys((route.gateway, route.interface) for route in network.default_routes if route.gateway)
    gateways = tuple(world.echo(Role.GATEWAY, with_zone(*way), Sending()) for way in ways)
    # After the echoes: a dead gateway's entry turns `failed` only when somebody sends to it.
    network = replace(network, neighbours=world.neighbours(network))
    paths = path_memory()
    return Observations(
        rights=read_rights(),
        network=network,
        resolver_check=check,
        gateways=gateways,
        memory_directory=None if paths.directory is None else str(paths.directory),
        memory_problem=paths.problem(),
    )
