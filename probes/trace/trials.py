"""From what each protocol's probes met to the list of what was tried on a leg, each with its reason."""

from __future__ import annotations

from probes.facts import EndReason, Trial, TrialOutcome
from probes.failure import Failure
from probes.frozen import replace
from probes.trace.rtt import in_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.facts import Hop, Leg, Method, Middlebox, Reachability, Refusal

_BY_FAILURE: Final = {
    Failure.BLOCKED_LOCALLY: TrialOutcome.BLOCKED_LOCALLY,
    Failure.ABORTED: TrialOutcome.CUT_SHORT,
}


def traced_trial(leg: Leg, check: Reachability, middlebox: Middlebox | None = None) -> Trial:
    """Return what a protocol met that searched for the path.

    Args:
        leg: The path as this protocol shows it.
        check: What its probes say of the target.
        middlebox: Who answers for the target, where somebody was found to: who is answered by it has not reached.
    """
    if middlebox is not None and middlebox.protocol is check.protocol:
        return replace(
            traced_trial(leg, check), outcome=TrialOutcome.MIDDLEBOX, reached=False, reason=middlebox.evidence
        )
    outcome = _outcome(check, blocked=leg.end_reason is EndReason.UNREACHABLE)
    series = leg.end_to_end
    rtt_us = series.rtt_us.min if series is not None and series.rtt_us is not None else _lowest_us(check)
    shown = _shown(leg.hops)
    found = sum(bool(hop.responders) for hop in shown)
    return Trial(
        protocol=check.protocol,
        method=leg.method,
        outcome=outcome,
        traced=True,
        reached=check.answered,
        rtt_us=rtt_us,
        loss_ratio=leg.loss_ratio,
        hops_found=found,
        hops=len(shown),
        reason=f"{_said(outcome, check, rtt_us, leg.hops)}; {found} of {len(shown)} hops answered",
    )


def checked_trial(
    check: Reachability, method: Method, hops: Sequence[Hop], middlebox: Middlebox | None = None
) -> Trial:
    """Return what a protocol met that only asked the target.

    Args:
        check: What its probes say of the target.
        method: How they left.
        hops: The path as another protocol shows it, to say where somebody refused.
        middlebox: As for `traced_trial`.
    """
    if middlebox is not None and middlebox.protocol is check.protocol:
        return replace(
            checked_trial(check, method, hops),
            outcome=TrialOutcome.MIDDLEBOX,
            reached=False,
            reason=middlebox.evidence,
        )
    outcome = _outcome(check, blocked=check.offender is not None)
    rtt_us = _lowest_us(check)
    return Trial(
        protocol=check.protocol,
        method=method,
        outcome=outcome,
        reached=check.answered,
        rtt_us=rtt_us,
        reason=_said(outcome, check, rtt_us, hops),
    )


def unopened_trial(check: Reachability, refused: Sequence[Refusal]) -> Trial:
    """Return what a protocol met that no driver could be opened for: each rung of its ladder, and why it gave way."""
    said = "; ".join(f"{refusal.method}: {refusal.detail}" for refusal in refused)
    return Trial(
        protocol=check.protocol, outcome=TrialOutcome.NOT_OPENED, reason=said or "no way to send could be opened"
    )


def _outcome(check: Reachability, *, blocked: bool) -> TrialOutcome:
    if check.answered:
        return TrialOutcome.REACHED
    if blocked:
        return TrialOutcome.UNREACHABLE
    if check.failure is not None:
        return _BY_FAILURE.get(check.failure, TrialOutcome.SEND_FAILED)
    return TrialOutcome.NO_ANSWER


def _said(outcome: TrialOutcome, check: Reachability, rtt_us: int | None, hops: Sequence[Hop]) -> str:
    words = {
        TrialOutcome.REACHED: "the target answered" + ("" if rtt_us is None else f" in {in_ms(rtt_us)}"),
        TrialOutcome.UNREACHABLE: _refused_by(check, hops),
        TrialOutcome.NO_ANSWER: f"nothing came back to {check.sent} probes: filtered on the way, or nobody listens",
        TrialOutcome.BLOCKED_LOCALLY: "this host's own firewall refused to send (EPERM)",
        TrialOutcome.CUT_SHORT: "ended before an answer could come",
        TrialOutcome.SEND_FAILED: f"the host refused to send: {check.failure}",
    }
    return words[outcome]


def _refused_by(check: Reachability, hops: Sequence[Hop]) -> str:
    """Return who refused to pass probes on, and at which hop, if the path shows that."""
    if check.offender is None:
        return "somebody on the way refused to pass it on"
    at = next((hop.probe_ttl for hop in hops for one in hop.responders if one.address == check.offender), None)
    where = "" if at is None else f" at hop {at}"
    kind = "" if check.icmp is None else f" ({check.icmp.type}/{check.icmp.code})"
    return f"{check.offender}{where} refused to pass it on{kind}"


def _shown(hops: Sequence[Hop]) -> Sequence[Hop]:
    """Return the hops up to the last that answered: silence behind it belongs to nobody."""
    last = max((index for index, hop in enumerate(hops, start=1) if hop.responders), default=0)
    return hops[:last]


def _lowest_us(check: Reachability) -> int | None:
    return min(check.rtt_us, default=None)
