"""`cloudpath doctor`: what this host allows, what would stop a trace or the service, and what to do about it."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agent.commands.group import Subcommand
from agent.commands.reading import FILE, MistakenFileError, read_configuration
from agent.commands.showing import JSON_OPTION, deliver_json, style_of_output
from agent.config.place import DEFAULT_FILE, default_configuration
from agent.exit_codes import ExitCode
from agent.output import deliver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config.model import Settings
    from agent.config.reading import Loaded
    from agent.doctor.findings import Finding, Observations
    from agent.doctor.setup import Setup
    from probes.egress_facts import Edge

# Every resolver knows that nothing is called this (RFC 6761 section 6.4), so any answer shows that it is alive.
_NOBODY: Final = "cloudpath-doctor.invalid"


@click.command("doctor", cls=Subcommand)
@click.option(
    "-c", "--config", type=FILE, help=f"Configuration file.  [default: $CLOUDPATH_CONFIG, else {DEFAULT_FILE} if there]"
)
@JSON_OPTION
def command(config: Path | None, *, as_json: bool) -> int:
    """Check what this host allows, what would stop a trace or the service, and say what to do where something is amiss.

    Asks the configured resolvers for one name and the gateways for an echo. With a configuration also its edges for
    their service data, its proxy for a way to the first target, and the running service how it is; it connects to each
    sink and sends nothing there. Nothing is changed. The exit code is 0 if all is well, 1 if a trace would see less
    than it could or samples may get lost, 3 if no trace is possible or the service cannot run.
    """
    loaded, mistakes = _configuration(config)
    from agent.doctor.findings import Level, examine, worst  # noqa: PLC0415 - the vocabulary of facts, not needed for --help
    from agent.views.doctor_view import doctor_view  # noqa: PLC0415

    findings = (*examine(_observations()), *_of_service(loaded, mistakes))
    if as_json:
        from agent.record import plain  # noqa: PLC0415

        deliver_json(plain(findings))
    else:
        deliver(doctor_view(findings, style_of_output()))
    return {Level.OK: ExitCode.CLEAN, Level.WARN: ExitCode.FOUND, Level.FAIL: ExitCode.NOT_MEASURED}[worst(findings)]


def _configuration(named: Path | None) -> "tuple[Loaded | None, tuple[str, ...]]":
    """Return the configuration, and what is wrong with one that nobody named.

    Raises:
        MistakenFileError: The one that was named is wrong.
    """
    if named is not None:
        return read_configuration(named), ()
    usual = default_configuration()
    if usual is None:
        return None, ()
    try:
        return read_configuration(usual), ()
    except MistakenFileError as error:
        return None, error.lines


def _of_service(loaded: "Loaded | None", mistakes: tuple[str, ...]) -> "Iterator[Finding]":
    """Yield what stands in the service's way; takes up to 3 s with a configuration."""
    from agent.doctor.look import unit_of, unit_properties  # noqa: PLC0415 - as above
    from agent.doctor.service import examine_service, examine_unit, mistaken_configuration  # noqa: PLC0415

    unit = unit_properties()
    if loaded is not None:
        from agent.config.reading import ConfigurationError  # noqa: PLC0415 - loaded already
        from agent.daemon.plan_making import service_plan  # noqa: PLC0415 - as above
        from agent.doctor.look import look_at_service  # noqa: PLC0415
        from agent.doctor.setup import examine_setup  # noqa: PLC0415
        from agent.live_world import LiveWorld  # noqa: PLC0415

        yield from examine_setup(_setup(loaded.settings))
        try:
            plan = service_plan(loaded)
        except ConfigurationError as error:
            # What it names is of no use here, and everything else of it has been looked at.
            mistakes = error.problems
        else:
            yield from examine_service(look_at_service(plan, LiveWorld(), unit or {}))
    yield from mistaken_configuration(mistakes)
    if unit is not None:
        yield examine_unit(unit_of(unit))


def _observations() -> "Observations":
    """Return everything that the doctor looks at; takes up to about three seconds where nobody answers."""
    from dataclasses import replace  # noqa: PLC0415

    from agent.composition import read_rights  # noqa: PLC0415
    from agent.doctor.findings import Observations  # noqa: PLC0415
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


def _setup(settings: "Settings") -> "Setup":
    """Return how what a configuration names was found; asks all its edges at once, and takes up to 2 s."""
    from agent.doctor.setup import Setup  # noqa: PLC0415 - as above
    from agent.proxy_url import pac_problem  # noqa: PLC0415

    log, stream = (settings.zpa.file, settings.zpa.lss_listen) if settings.zpa else (None, None)
    return Setup(
        edges=_edges(settings),
        by_script=settings.proxy.mode == "pac",
        script_problem=pac_problem(),
        captive_check_url=settings.captive_check_url,
        sessions=stream if log is None else str(log),
        sessions_problem=None if log is None else _why_unreadable(log),
    )


def _edges(settings: "Settings") -> "tuple[Edge, ...]":
    from agent.edge_choice import configured_edges  # noqa: PLC0415 - as above
    from agent.egress_check import told_by_edges  # noqa: PLC0415
    from agent.live_world import LiveWorld  # noqa: PLC0415
    from agent.world import Sending  # noqa: PLC0415

    accesses = [access for access in configured_edges(settings) if access.api is not None]
    return told_by_edges(LiveWorld(), accesses, Sending())


def _why_unreadable(log: Path) -> str | None:
    from agent.zpa_input import open_file  # noqa: PLC0415 - as above
    from probes.line_assembly import LinesError  # noqa: PLC0415

    # A pipe opens only once somebody writes into it.
    if log.is_fifo():
        return None
    try:
        open_file(log).close()
    except LinesError as error:
        return str(error)
    return None
