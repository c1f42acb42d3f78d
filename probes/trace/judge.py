"""What a plan makes of what arrives: an answer that is believed, or a reason that is counted."""

from __future__ import annotations

from probes.answer_facts import RejectReason
from probes.flow_facts import Protocol
from probes.frozen import frozen_positional
from probes.trace.attempt import Reply
from probes.trace.ending import ending_of
from probes.trace.match import Match, from_target, match, translated_source, went_elsewhere
from probes.trace.rtt import round_trip_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.seam import Received
    from probes.trace.attempt import Attempt
    from probes.trace.ledger import Ledger
    from probes.trace.match import Rejection
    from probes.trace.search import Search
    from probes.trace.settings import TraceSettings


# Who quotes another destination says it again with every answer.
_MOST_ELSEWHERE: Final = 8


@frozen_positional
class Elsewhere:
    """An answer that was not believed: `sender` quotes a probe of ours, to another destination."""

    probe_ttl: int
    sender: str
    destination: str


class Judge:
    """Believes answers to the probes of one ledger, and counts the others by the reason why not.

    Args:
        ledger: The probes.
        settings: What makes an answer late, and its RTT no sample.
        rejected: How often each reason was met; it is counted on here.
        elsewhere: The answers that quote another destination, a few of them; likewise.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: TraceSettings,
        rejected: dict[RejectReason, int],
        elsewhere: list[Elsewhere],
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._rejected = rejected
        self._elsewhere = elsewhere

    def believed(self, event: Received, search: Search | None) -> tuple[Attempt, Reply] | None:
        """Return the probe that an event answers and its reply, None where it is not believed.

        `search` is told of quotes that are too short to name their probe.
        """
        verdict = match(self._ledger, event)
        if isinstance(verdict, Match):
            return verdict.attempt, self.reply(verdict.attempt, event)
        self._reject(verdict, event)
        udp = self._ledger.flow.protocol is Protocol.UDP
        if verdict.reason is RejectReason.SHORT_QUOTE and udp and search is not None:
            search.short_quotes = True
        return None

    def reply(self, attempt: Attempt, event: Received) -> Reply:
        """Return what an event says of a probe that left and that it answers."""
        sent, flow, settings = attempt.sent, self._ledger.flow, self._settings
        assert sent is not None, "only probes that left are matched"  # noqa: S101 - the matcher's own invariant
        rtt_us = round_trip_us(sent, event.stamp, settings.clock_tolerance_s)
        source, source_id = translated_source(flow, event.quote)
        return Reply(
            sender=event.sender,
            answer=event.answer,
            ending=ending_of(event.answer, event.icmp, from_target=from_target(flow, event.sender)),
            rtt_us=rtt_us,
            late=attempt.given_up or rtt_us / 1e6 >= settings.timeout_s,
            icmp=event.icmp,
            reply_ttl=event.reply_ttl,
            reply_tos=event.reply_tos,
            quoted_ttl=event.quote.quoted_ttl,
            quoted_tos=event.quote.quoted_tos,
            quoted_source=source,
            quoted_source_id=source_id,
            extensions=event.extensions,
            exact=sent.off_by_s + event.stamp.off_by_s <= settings.most_off_s,
        )

    def _reject(self, verdict: Rejection, event: Received) -> None:
        self._rejected[verdict.reason] = self._rejected.get(verdict.reason, 0) + 1
        if verdict.attempt is None:
            return
        if verdict.reason is RejectReason.FOREIGN_FLOW:
            self._note_elsewhere(verdict.attempt, event)
        elif verdict.reason is RejectReason.DUPLICATE:
            verdict.attempt.duplicates += 1

    def _note_elsewhere(self, attempt: Attempt, event: Received) -> None:
        if len(self._elsewhere) < _MOST_ELSEWHERE and went_elsewhere(self._ledger.flow, event):
            destination = event.quote.destination or ""
            self._elsewhere.append(Elsewhere(attempt.probe.probe_ttl, event.sender, destination))
