"""The pass that measures the path MTU of a leg that was traced: by which protocol, and what goes to the leg."""

from __future__ import annotations

from probes.facts import Answer, MtuCertainty, PathMtu, Protocol
from probes.frozen import frozen, frozen_positional, replace
from probes.trace.mtu_settings import KnownHop, KnownPath
from probes.trace.path_mtu import PathMtuPlan
from probes.trace.run import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.facts import Leg, Reachability, Refusal
    from probes.seam import Driver, Waiter

    OpenDriver = Callable[[Protocol], tuple[Driver | None, tuple[Refusal, ...]]]

# A target does not limit its echo replies, and limits what it says of a closed port. No SYN is as long as a packet.
_PREFERENCE: Final = (Protocol.ICMP, Protocol.UDP)
_NO_DRIVER: Final = "no way to send packets of a chosen size could be opened"
_NOTHING_TO_MEASURE: Final = "no hop and no target answered the trace"
_ECHO_ONLY: Final = (
    "echo requests of more than {octets} octets, or their replies, are lost; datagrams of that size arrive"
)
_BOTH: Final = "echo requests and UDP datagrams larger than that are lost alike"
_SURE: Final = frozenset({MtuCertainty.EXACT, MtuCertainty.SEARCHED})
_PROGRESS_S: Final = 0.1


@frozen_positional
class _Line:
    """The plan and its driver."""

    driver: Driver
    plan: PathMtuPlan


@frozen
class Surroundings:
    """What the pass works with: who opens drivers, who waits, what time it is, who may interrupt, who is told."""

    open_driver: OpenDriver
    waiter: Waiter
    clock: Clock
    random_bytes: Callable[[int], bytes]
    interrupted: Callable[[], bool]
    on_progress: Callable[[Leg], None] | None = None


def with_path_mtu(leg: Leg, reachability: Sequence[Reachability], link_mtu: int | None, by: Surroundings) -> Leg:
    """Return a traced leg with its path MTU.

    Args:
        leg: What the trace found.
        reachability: Which protocols the leg's address answers.
        link_mtu: The MTU of the interface by which it is reached, None where that is not known.
        by: What the pass works with.

    `path_mtu` stays None where the target answers neither ICMP nor UDP, or the search was not finished; `mtu` has what
    was found all the same, and the reason.
    """
    if not leg.hops and not leg.reached:
        return replace(leg, mtu=PathMtu(link_mtu=link_mtu, reason=leg.reason or _NOTHING_TO_MEASURE))
    found = _best(leg, _order(reachability), link_mtu, by)
    sure = found.certainty in _SURE and found.up_to_ttl is None
    return replace(leg, mtu=found, path_mtu=found.at_least if sure else None)


def _order(reachability: Sequence[Reachability]) -> list[tuple[Protocol, bool]]:
    """Return the protocols to try with whether the target answers them: those that it does come first."""
    heard = {check.protocol: check.answered for check in reachability}
    order = [(protocol, heard.get(protocol) is not False) for protocol in _PREFERENCE]
    return sorted(order, key=lambda each: (heard.get(each[0]) is not True, not each[1]))


def _best(leg: Leg, order: list[tuple[Protocol, bool]], link_mtu: int | None, by: Surroundings) -> PathMtu:
    """Return what the first protocol finds that the target answers; another one's word where that leaves a doubt.

    Where it answers none, what is found on the way to the last hop that answers.
    """
    found: PathMtu | None = None
    for protocol, answers in order:
        if answers and (found is None or _leaves_doubt(found, leg)):
            suspected = None if found is None else found.at_least
            path = known_path(leg, protocol, link_mtu, answers=True, suspected=suspected)
            found = _better(found, _measured(leg, path, protocol, by))
    for protocol, _ in order:
        if found is None or (found.at_least is None and found.up_to_ttl is None):
            path = known_path(leg, protocol, link_mtu, answers=False)
            found = _better(found, _measured(leg, path, protocol, by))
    return found or PathMtu(link_mtu=link_mtu, reason=_NO_DRIVER)


def _leaves_doubt(found: PathMtu, leg: Leg) -> bool:
    """Return whether another protocol may tell more: nothing came back, or nothing large and nobody said why."""
    if found.certainty is MtuCertainty.UNKNOWN:
        return True
    last = found.steps[-1] if found.steps else None
    at_the_end = last is not None and last.reported_by is None and last.probe_ttl == (_distance(leg) or 0) - 1
    return found.certainty is MtuCertainty.SEARCHED and at_the_end


def _better(first: PathMtu | None, second: PathMtu | None) -> PathMtu | None:
    """Return the one by which larger packets arrived; the first of equals, and without a doubt that both settle."""
    if first is None or second is None:
        return first or second
    spent = {"sent": first.sent + second.sent, "duration_us": (first.duration_us or 0) + (second.duration_us or 0)}
    if second.at_least == first.at_least and second.certainty in _SURE:
        return replace(first, reason=_BOTH if first.at_least else first.reason, **spent)
    if (second.at_least or 0) <= (first.at_least or 0):
        return replace(first, **spent)
    reason = second.reason if first.at_least is None else _ECHO_ONLY.format(octets=first.at_least)
    return replace(second, reason=reason, **spent)


def _measured(leg: Leg, path: KnownPath, protocol: Protocol, by: Surroundings) -> PathMtu | None:
    """Return what one protocol finds, None where it cannot be opened."""
    driver, _ = by.open_driver(protocol)
    if driver is None:
        return None
    try:
        plan = _driven(leg, path, driver, by)
        found = plan.facts(method=driver.method, now=by.clock.monotonic())
        if plan.nearer_hole is None or path.suspected is not None or by.interrupted():
            return found
        # As far as the hop behind which the smaller packets vanish, the path is one with a narrowest place of its own.
        nearer = replace(path, answers=False, hops=tuple(hop for hop in path.hops if hop.probe_ttl <= plan.nearer_hole))
        second = _driven(leg, nearer, driver, by).facts(method=driver.method, now=by.clock.monotonic())
        return _with_nearer_steps(found, second)
    finally:
        driver.close()


def _with_nearer_steps(found: PathMtu, nearer: PathMtu) -> PathMtu:
    """Return a path MTU with the steps that a second look at its nearer part found."""
    known = {step.probe_ttl for step in found.steps}
    steps = [*found.steps, *(step for step in nearer.steps if step.probe_ttl not in known)]
    return replace(
        found,
        steps=tuple(sorted(steps, key=lambda step: -step.mtu)),
        sent=found.sent + nearer.sent,
        duration_us=(found.duration_us or 0) + (nearer.duration_us or 0),
    )


def _driven(leg: Leg, path: KnownPath, driver: Driver, by: Surroundings) -> PathMtuPlan:
    """Return a plan that a driver has carried to its end."""
    reported_at = by.clock.monotonic()
    plan = PathMtuPlan(flow=driver.flow, path=path, random_bytes=by.random_bytes, now=reported_at)

    def steer(now: float) -> bool:
        nonlocal reported_at
        if by.interrupted():
            plan.stop()
        elif by.on_progress is not None and now >= reported_at + _PROGRESS_S:
            reported_at = now
            by.on_progress(replace(leg, mtu=plan.facts(method=driver.method, now=now)))
        return plan.over

    run([_Line(driver, plan)], waiter=by.waiter, clock=by.clock, steer=steer)
    return plan


def known_path(
    leg: Leg, protocol: Protocol, link_mtu: int | None, *, answers: bool, suspected: int | None = None
) -> KnownPath:
    """Return what a leg tells of its path to who measures its MTU by `protocol`."""
    distance = _distance(leg)
    rtts_us = [hop.rtt_us.max for hop in leg.hops if hop.rtt_us]
    if leg.end_to_end is not None and leg.end_to_end.rtt_us is not None:
        rtts_us.append(leg.end_to_end.rtt_us.max)
    return KnownPath(
        hops=tuple(_hops(leg, distance)),
        answers=answers,
        limited=protocol is Protocol.UDP,
        distance=distance,
        link_mtu=link_mtu,
        rtt_s=max(rtts_us) / 1e6 if rtts_us else None,
        suspected=suspected,
    )


def _hops(leg: Leg, distance: int | None) -> list[KnownHop]:
    found = []
    for hop in leg.hops:
        passing = tuple(r.address for r in hop.responders if r.answer is Answer.TIME_EXCEEDED)
        if passing and (distance is None or hop.probe_ttl < distance):
            found.append(KnownHop(probe_ttl=hop.probe_ttl, addresses=passing))
    return found


def _distance(leg: Leg) -> int | None:
    """Return the TTL of the hop that the target is, None where the trace did not find it."""
    if not leg.reached:
        return None
    own = [hop.probe_ttl for hop in leg.hops if any(_is_arrival(r.answer, r.address, leg) for r in hop.responders)]
    return min(own, default=None)


def _is_arrival(answer: Answer, address: str, leg: Leg) -> bool:
    return address == leg.address and answer is not Answer.TIME_EXCEEDED
