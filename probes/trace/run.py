"""The one loop: plans, their drivers, a clock; and the trace of one leg with it."""

from __future__ import annotations

from math import inf

from probes.failure import Failure
from probes.trace import stages
from probes.trace.line import Stretch
from probes.trace.plan import deliver
from probes.trace.tracer import Tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from probes.clock import Clock
    from probes.facts import Leg
    from probes.flow_facts import Family, Node, ProtocolChoice, Role
    from probes.seam import Waiter
    from probes.trace.account import TraceOutcome
    from probes.trace.adaptive import Naming
    from probes.trace.line import Carried
    from probes.trace.memory import Lesson
    from probes.trace.near_hops import NearHops
    from probes.trace.settings import TraceSettings
    from probes.trace.tracer import OpenDriver


# A flag set by a signal handler wakes no descriptor: look up at least this often.
_LONGEST_NAP_S: Final = 0.1

# With nothing to send for so long, there is time for something else. Until then probes are in a hurry, but never longer
# than this: the first round and all that may leave without an answer take 6 ms.
_LONG_WAIT_S: Final = 0.005
_LONGEST_HURRY_S: Final = 0.015


def _nothing() -> None:
    """Do nothing."""


def run(
    lines: Sequence[Carried],
    *,
    waiter: Waiter,
    clock: Clock,
    steer: Callable[[float], bool],
    meanwhile: Callable[[], None] = _nothing,
) -> None:
    """Drive all plans until `steer` says that it is enough: read, steer, send, wait.

    Args:
        lines: Plans and drivers; a plan that is over costs nothing.
        waiter: Waits for something to read, or a time.
        clock: Monotonic time.
        steer: Asked every turn with the time; returns whether to stop.
        meanwhile: Called once, when the first wait that is long enough for something else begins; until then answers
            are read in a hurry, which leaves what only says that probes expired.
    """
    drivers = [line.driver for line in lines]
    unhurried_from = clock.monotonic() + _LONGEST_HURRY_S
    hurried = True
    spare: list[Callable[[], None]] = [meanwhile]
    open_plans = 0
    while True:
        _read(lines, clock, hurried=hurried)
        now = clock.monotonic()
        if steer(now):
            return
        for line in lines:
            if _send(line, now, clock):
                # What came while it was sending may have been taken off its queue: nothing would wake the loop for it.
                _read((line,), clock, hurried=hurried)
        deadlines = [at for line in lines if (at := line.plan.next_deadline()) is not None]
        ended, open_plans = len(deadlines) < open_plans, len(deadlines)
        if ended:
            # Giving up its last wait ended a plan: what follows from that is due now.
            continue
        long_wait = min(deadlines, default=inf) - now >= _LONG_WAIT_S
        if hurried and (long_wait or now >= unhurried_from):
            # What was left while probes hurried out is read before the loop sleeps.
            hurried = False
            continue
        if spare and long_wait:
            spare.pop()()
        if deadlines:
            waiter.wait(drivers, until=min(*deadlines, now + _LONGEST_NAP_S))


def _read(lines: Sequence[Carried], clock: Clock, *, hurried: bool) -> None:
    for line in lines:
        for event in line.driver.receive(hurried=hurried):
            deliver(line.plan, event, clock.monotonic())


def _send(line: Carried, now: float, clock: Clock) -> bool:
    """Send what is due, of which plans ask for little at once; return whether anything was."""
    probes = line.plan.probes_to_send(now)
    for probe in probes:
        outcome = line.driver.send(probe)
        if isinstance(outcome, Failure):
            line.plan.failed(probe.number, outcome, clock.monotonic())
        else:
            line.plan.sent(probe, outcome)
    return bool(probes)


def _never() -> bool:
    return False


def trace(
    *,
    choice: ProtocolChoice,
    settings: TraceSettings,
    role: Role,
    from_: Node,
    to: Node,
    family: Family,
    address: str,
    port: int | None,
    naming: Naming,
    open_driver: OpenDriver,
    waiter: Waiter,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    interrupted: Callable[[], bool] = _never,
    on_progress: Callable[[Leg], None] | None = None,
    remembered: Lesson | None = None,
    near: NearHops | None = None,
) -> TraceOutcome:
    """Return one leg, traced, and what each protocol's probes said of its address.

    Args:
        choice: The protocol to trace with, or `adaptive`.
        settings: The numbers to obey.
        role: What the address is to the sample.
        from_: The node that the leg starts at.
        to: The node that it should end at.
        family: The address's family.
        address: Where to, as inet_ntop writes it.
        port: The port to name in a record where no driver could be opened; else the driver's own counts.
        naming: How the target was named; a port, a URL or a service edge makes TCP come first.
        open_driver: Returns a driver for a protocol, or None, and the rungs of its ladder that were refused.
        waiter: Waits for the drivers.
        clock: The time.
        random_bytes: Returns so many unguessable bytes, as `os.urandom`.
        interrupted: Asked every turn; True ends the trace with what it has.
        on_progress: Gets the leg so far, ten times a second at most; its `end_reason` is `not_traced` meanwhile.
        remembered: What an earlier trace of this leg taught and is in force. A hint: it changes which protocol is tried
            first and how far the first round goes, never what is believed.
        near: The near hops that another target's trace has just asked, None where this one asks all itself.
    """
    stretch = Stretch(role=role, from_=from_, to=to, family=family, address=address, port=port)
    tracer = Tracer(stretch, choice, naming, settings, clock, random_bytes, remembered, near)
    try:
        tracer.open(open_driver)
        tracer.watch(interrupted, on_progress)
        if tracer.lines:
            run(
                list(tracer.lines.values()),
                waiter=waiter,
                clock=clock,
                steer=tracer.steer,
                meanwhile=lambda: stages.load_the_rest(family),
            )
        return tracer.outcome()
    finally:
        tracer.close()
