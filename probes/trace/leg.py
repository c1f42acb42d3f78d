"""From what a plan saw to the leg and the reachability check of the record."""

from __future__ import annotations

from probes.facts import EndReason, Leg, Reachability, RejectReason, SendFailure
from probes.failure import Failure
from probes.trace.attempt import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.facts import Protocol, ReachedBy, Refusal
    from probes.seam import Way
    from probes.trace.line import Stretch
    from probes.trace.plan_facts import TraceFacts

# What a host says when it cannot give a socket at all; every other failure to open is its network's refusal.
_OPENING: Final = frozenset(
    {Failure.NOT_PERMITTED, Failure.TOO_MANY_FILES, Failure.OUT_OF_MEMORY, Failure.FAMILY_UNSUPPORTED}
)


def leg_of(
    stretch: Stretch,
    driver: Way,
    facts: TraceFacts,
    *,
    protocol_reason: str,
    refused: tuple[Refusal, ...],
    duration_us: int | None,
) -> Leg:
    """Return the leg that a plan traced; while the plan runs, `reached` is only ever None or True."""
    flow = driver.flow
    end_reason = EndReason.NOT_TRACED if facts.end_reason is None else facts.end_reason
    series = facts.end_to_end
    return Leg(
        from_=stretch.from_,
        to=stretch.to,
        protocol=flow.protocol,
        protocol_reason=protocol_reason,
        family=stretch.family,
        address=stretch.address,
        port=flow.destination_port,
        source_address=flow.source,
        source_port=flow.source_port,
        method=driver.method,
        flow=driver.flow_kind,
        clocks=driver.clocks,
        refused=refused,
        reached=_reached(facts),
        reached_by=facts.reached_by,
        end_reason=end_reason,
        reason=_reason(facts),
        loss_ratio=None if series is None else series.loss_ratio,
        end_to_end=series,
        hops=facts.hops,
        shared_check=facts.shared_check,
        send_failures=facts.send_failures,
        rejected_replies={str(reason): count for reason, count in sorted(facts.rejected.items())},
        duration_us=duration_us,
    )


def unopened_leg(
    stretch: Stretch, protocol: Protocol, refused: tuple[Refusal, ...], *, protocol_reason: str, duration_us: int
) -> Leg:
    """Return the leg that no driver could be opened for: not traced, with the reason."""
    network = [refusal for refusal in refused if refusal.failure not in _OPENING]
    said = "; ".join(f"{r.protocol} by {r.method}: {r.detail}" for r in network or refused)
    return Leg(
        from_=stretch.from_,
        to=stretch.to,
        protocol=protocol,
        protocol_reason=protocol_reason,
        family=stretch.family,
        address=stretch.address,
        port=stretch.port,
        refused=refused,
        end_reason=EndReason.SEND_FAILED if network else EndReason.NOT_OPENED,
        reason=f"no way to send probes could be opened: {said}" if said else "no way to send probes could be opened",
        send_failures=_as_send_failures(network),
        duration_us=duration_us,
    )


def check_of(stretch: Stretch, driver: Way, facts: TraceFacts, *, cut_short: bool) -> Reachability:
    """Return what one protocol's probes say of the address: whether it answers at all.

    Args:
        stretch: What was traced.
        driver: Who carried the probes.
        facts: What the plan saw.
        cut_short: The plan was ended before its waits were; silence then says nothing.
    """
    left = [attempt for attempt in facts.checked if attempt.left]
    replies = [attempt.reply for attempt in left if attempt.reply is not None]
    own = [reply for reply in replies if reply.ending is Ending.REACHED]
    shown = next(iter(own or replies), None)
    answered, failure = _answered(facts, cut_short=cut_short)
    return Reachability(
        role=stretch.role,
        address=stretch.address,
        protocol=driver.flow.protocol,
        port=driver.flow.destination_port,
        sent=len(left),
        received=len(own),
        answered=answered,
        answer=None if shown is None else shown.answer,
        offender=None if shown is None or own else shown.sender,
        icmp=None if shown is None else shown.icmp,
        rtt_us=tuple(reply.rtt_us for reply in own if reply.is_sample),
        failure=failure,
    )


def unopened_check(stretch: Stretch, protocol: Protocol, refused: Sequence[Refusal]) -> Reachability:
    """Return the check that could not be made; the last rung of the ladder says why."""
    failure = refused[-1].failure if refused else Failure.OTHER
    return Reachability(
        role=stretch.role, address=stretch.address, protocol=protocol, port=stretch.port, failure=failure
    )


def _answered(facts: TraceFacts, *, cut_short: bool) -> tuple[bool | None, Failure | None]:
    if facts.reached_by is not None:
        return True, None
    if not facts.sent:
        failures = facts.send_failures
        return None, failures[0].failure if failures else Failure.ABORTED
    return (None, Failure.ABORTED) if cut_short else (False, None)


def _reached(facts: TraceFacts) -> bool | None:
    if facts.reached_by is not None:
        return True
    unknown = not facts.sent or facts.end_reason in {None, EndReason.ABORTED}
    return None if unknown else False


def _reason(facts: TraceFacts) -> str | None:
    """Return in words why the trace ended as it did; None where it simply reached the target."""
    said = _end_in_words(facts)
    strangers = facts.rejected.get(RejectReason.WRONG_SOURCE, 0)
    if strangers and facts.reached_by is None:
        heard = f"{strangers} direct answers came from another address than the target's"
        return heard if said is None else f"{said}; {heard}"
    return said


def _end_in_words(facts: TraceFacts) -> str | None:
    answering = [hop.probe_ttl for hop in facts.hops if hop.responders]
    last = f"nothing answered behind TTL {answering[-1]}" if answering else "nothing answered at all"
    failures = ", ".join(failure.failure for failure in facts.send_failures)
    words: dict[EndReason | None, str | None] = {
        EndReason.UNREACHABLE: facts.stopped_by,
        EndReason.GAP_LIMIT: last,
        EndReason.MAX_TTL: _max_ttl_in_words(facts.reached_by),
        EndReason.SEND_FAILED: f"the host refused to send: {failures}",
        EndReason.ABORTED: "interrupted",
    }
    return words.get(facts.end_reason)


def _max_ttl_in_words(reached_by: ReachedBy | None) -> str:
    if reached_by is None:
        return "the last TTL was asked before the target answered"
    return "the target answers, but from farther away than the last TTL"


def _as_send_failures(refusals: Sequence[Refusal]) -> tuple[SendFailure, ...]:
    kinds = dict.fromkeys(refusal.failure for refusal in refusals)
    return tuple(
        SendFailure(failure=kind, count=sum(r.failure is kind for r in refusals), first_probe_ttl=1) for kind in kinds
    )
