"""What one plan saw, as facts: its hops, its end, its series, and what was refused or not believed."""

from __future__ import annotations

from probes.facts import ReachedBy, SendFailure
from probes.flow_facts import EndReason, Protocol
from probes.frozen import frozen
from probes.trace.attempt import Ending, Purpose
from probes.trace.end_to_end import end_to_end, shared_end_to_end
from probes.trace.hops import PathEnd, attributable, hops
from probes.trace.search import OUTCOME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from probes.answer_facts import RejectReason
    from probes.facts import EndToEnd, Hop, SharedCheck
    from probes.failure import Failure
    from probes.trace.attempt import Attempt
    from probes.trace.near_hops import Walk
    from probes.trace.search import Search
    from probes.trace.settings import TraceSettings

    # Why the host refused, and the address that it named.
    Refused = tuple[Failure, str | None]


@frozen
class TraceFacts:
    """What one plan saw so far. `end_reason` is None while it still runs; `checked` are the end-to-end probes."""

    reached_by: ReachedBy | None
    end_reason: EndReason | None
    hops: tuple[Hop, ...]
    end_to_end: EndToEnd | None
    send_failures: tuple[SendFailure, ...]
    rejected: dict[RejectReason, int]
    sent: int
    checked: tuple[Attempt, ...]
    stopped_by: str | None
    shared_check: SharedCheck | None = None


@frozen
class Seen:
    """What a plan has to tell from: its probes, and how far its search came; `search` is None where it only checked.

    `refused` counts what the host did not send, `first_refused` has the lowest TTL of each.
    """

    protocol: Protocol
    settings: TraceSettings
    attempts: Sequence[Attempt]
    series: Sequence[Attempt]
    search: Search | None
    walk: Walk | None
    stopped: EndReason | None
    refused: Mapping[Refused, int]
    first_refused: Mapping[Refused, int]
    rejected: Mapping[RejectReason, int]

    @property
    def hop_attempts(self) -> list[Attempt]:
        """Return the probes that asked hops."""
        return [attempt for attempt in self.attempts if attempt.purpose is Purpose.HOP]

    @property
    def end(self) -> PathEnd | None:
        """Return where the path ends, None while that is unknown."""
        end = None if self.search is None else self.search.rows.end
        return None if end is None else PathEnd(probe_ttl=end[0], ending=end[1])

    def facts(self) -> TraceFacts:
        """Return everything that the plan saw so far."""
        end = self.end
        series = _end_to_end(self, end)
        stopped_by = _stopped_by(self.attempts)
        reached_by = _reached_by(self.attempts)
        return TraceFacts(
            reached_by=reached_by,
            end_reason=_end_reason(self, end, blocked=reached_by is None and stopped_by is not None),
            hops=_hops(self, end, series),
            end_to_end=series,
            send_failures=_send_failures(self),
            rejected=dict(self.rejected),
            sent=sum(attempt.left for attempt in self.attempts),
            checked=tuple(self.series or _to_the_target(self, end) or self.hop_attempts),
            stopped_by=stopped_by,
            shared_check=None if self.walk is None else self.walk.check,
        )


def _end_reason(seen: Seen, end: PathEnd | None, *, blocked: bool) -> EndReason | None:
    if seen.stopped is not None:
        return seen.stopped
    if seen.search is None or seen.search.outcome is None:
        return None
    # A late answer may have shown the end after the search was over.
    if end is not None:
        return OUTCOME[end.ending]
    # The series met a block that no hop probe met: a limiter may have kept the hop's own words back.
    return EndReason.UNREACHABLE if blocked else seen.search.outcome


def _hops(seen: Seen, end: PathEnd | None, series: EndToEnd | None) -> tuple[Hop, ...]:
    attempts, settings = seen.hop_attempts, seen.settings
    if seen.search is None or not any(attempt.left for attempt in attempts):
        return ()
    target_loss = series is not None and bool(series.loss_ratio) and series.received > 0
    own = hops(
        attempts,
        first_ttl=settings.first_ttl,
        last_ttl=min(seen.search.rows.highest + settings.gap_limit, settings.max_ttl),
        end=end,
        queries=settings.queries,
        target_loss=target_loss,
    )
    return own if seen.walk is None else seen.walk.completed(own, target_loss=target_loss)


def _end_to_end(seen: Seen, end: PathEnd | None) -> EndToEnd | None:
    if seen.search is None:
        return None
    if seen.protocol is not Protocol.UDP:
        return end_to_end(seen.protocol, seen.series)
    return shared_end_to_end(seen.protocol, _to_the_target(seen, end))


def _to_the_target(seen: Seen, end: PathEnd | None) -> list[Attempt]:
    """Return the first hop probes that went as far as the target: a fresh limiter answers these."""
    if end is None or end.ending is not Ending.REACHED:
        return []
    far = [attempt for attempt in seen.hop_attempts if attempt.left and attempt.probe.probe_ttl >= end.probe_ttl]
    return attributable(far)[: seen.settings.queries]


def _reached_by(attempts: Sequence[Attempt]) -> ReachedBy | None:
    """Return the proof that the target was reached: the lowest TTL that it answered, else the series."""
    own = (a for a in attempts if a.purpose is not Purpose.CONTROL)
    proofs = [(a.probe.probe_ttl, a.reply) for a in own if a.reply is not None]
    reached = [(ttl, reply) for ttl, reply in proofs if reply.ending is Ending.REACHED]
    if not reached:
        return None
    ttl, reply = min(reached, key=lambda proof: proof[0])
    return ReachedBy(address=reply.sender, answer=reply.answer, icmp=reply.icmp, probe_ttl=ttl)


def _stopped_by(attempts: Sequence[Attempt]) -> str | None:
    """Return who stopped probes on their way, in words, if anybody did."""
    for attempt in attempts:
        reply = attempt.reply
        if reply is not None and reply.ending is Ending.BLOCKED and attempt.purpose is not Purpose.CONTROL:
            icmp = "" if reply.icmp is None else f" ({reply.icmp.type}/{reply.icmp.code})"
            return f"{reply.sender} answered with {reply.answer}{icmp}"
    return None


def _send_failures(seen: Seen) -> tuple[SendFailure, ...]:
    return tuple(
        SendFailure(failure=kind[0], count=count, first_probe_ttl=seen.first_refused[kind], offender=kind[1])
        for kind, count in seen.refused.items()
    )
