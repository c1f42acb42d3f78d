"""`cloudpath ping`: does a host answer echo requests, and how fast."""

from typing import TYPE_CHECKING, Final

import click

from agent.commands.group import Subcommand
from agent.commands.showing import JSON_OPTION, deliver_json, style_of_output
from agent.commands.targets import SECONDS, family_options, named_target
from agent.exit_codes import ExitCode
from agent.output import deliver

if TYPE_CHECKING:
    from agent.interrupt import Interrupt
    from probes.facts import Reachability
    from probes.name_facts import DnsCheck
    from probes.sample import Target

# Ctrl-C is noticed within this time.
_LONGEST_NAP_S: Final = 0.05


@click.command("ping", cls=Subcommand)
@click.argument("host")
@click.option("-c", "--count", type=click.IntRange(1, 10_000), default=4, help="Echo requests to send.  [default: 4]")
@click.option("-i", "--interval", type=SECONDS, default=0.2, help="Seconds between two of them.  [default: 0.2]")
@click.option("-w", "--timeout", type=SECONDS, default=1.0, help="Longest wait for an answer.  [default: 1]")
@family_options
@JSON_OPTION
def command(host: str, *, count: int, interval: float, timeout: float, ipv4: bool, ipv6: bool, as_json: bool) -> int:
    """Send echo requests to HOST: a name, an address, or a URL's host.

    The exit code is 0 if all were answered, 1 if not, 3 if this host lets nobody ask, 130 after Ctrl-C.
    """
    target = named_target(host, ipv4=ipv4, ipv6=ipv6)
    from agent.interrupt import Interrupt  # noqa: PLC0415

    with Interrupt() as interrupted:
        check, result = _measure(target, count, interval, timeout, interrupted)
    _show(target, check, result, as_json=as_json)
    if interrupted():
        return ExitCode.INTERRUPTED
    if result is not None and result.answered is None:
        return ExitCode.NOT_MEASURED
    return ExitCode.CLEAN if result is not None and result.received == result.sent else ExitCode.FOUND


def _measure(
    target: "Target", count: int, interval_s: float, timeout_s: float, interrupted: "Interrupt"
) -> "tuple[DnsCheck, Reachability | None]":
    """Return how the name resolved, and what its first address answered."""
    import time  # noqa: PLC0415

    from agent.composition import echo_once  # noqa: PLC0415 - drivers, not needed for --help
    from agent.live_world import LiveWorld  # noqa: PLC0415 - likewise
    from agent.ping import ping  # noqa: PLC0415
    from probes.facts import Role  # noqa: PLC0415

    world = LiveWorld()
    check = world.check_name(Role.DESTINATION, target.host, target.family)
    if not check.addresses:
        return check, None
    result = ping(
        lambda: echo_once(check.addresses[0], timeout_s),
        count=count,
        interval_s=interval_s,
        now=world.clock.monotonic,
        sleep=lambda left_s: time.sleep(min(left_s, _LONGEST_NAP_S)),
        interrupted=interrupted,
    )
    return check, result


def _show(target: "Target", check: "DnsCheck", result: "Reachability | None", *, as_json: bool) -> None:
    results = () if result is None else (result,)
    if as_json:
        from agent.record import plain  # noqa: PLC0415

        deliver_json({"target": plain(target), "dns": [plain(check)], "reachability": plain(results)})
        return
    from agent.views.dns_view import dns_view  # noqa: PLC0415
    from agent.views.ping_view import ping_view  # noqa: PLC0415

    style = style_of_output()
    deliver(ping_view(results, style) if check.addresses else dns_view(check, style))
