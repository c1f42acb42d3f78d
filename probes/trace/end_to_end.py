"""What end-to-end probes say of the way to a target and back."""

from __future__ import annotations

from probes.facts import EndToEnd
from probes.trace.attempt import Ending
from probes.trace.rtt import summarise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.flow_facts import Protocol
    from probes.trace.attempt import Attempt


_SHARED: Final = (
    "counted on the path's own probes: a target limits its port-unreachable answers, so a series of its own would "
    "show the limiter"
)
_LIMITED: Final = "a target limits its port-unreachable answers, so missing ones say nothing about loss"
_NO_DISTANCE: Final = "the target did not answer, and udp has no series of its own"
_NOTHING_LEFT: Final = "no probe left the host"
_CUT_SHORT: Final = "ended while answers could still come"


def end_to_end(protocol: Protocol, attempts: Sequence[Attempt]) -> EndToEnd:
    """Return what a series of probes of its own says of the way to the target and back."""
    sent = [attempt for attempt in attempts if attempt.left]
    answered = [attempt for attempt in sent if _reached(attempt)]
    late = sum(not attempt.in_time for attempt in answered)
    cut_short = any(attempt.reply is None and not attempt.given_up for attempt in sent)
    return EndToEnd(
        protocol=protocol,
        sent=len(sent),
        received=len(answered) - late,
        loss_ratio=(len(sent) - len(answered)) / len(sent) if sent and not cut_short else None,
        rtt_us=summarise(_samples_us(answered)),
        late=late,
        reason=_series_reason(sent, cut_short=cut_short),
    )


def shared_end_to_end(protocol: Protocol, attempts: Sequence[Attempt]) -> EndToEnd:
    """Return the same of hop probes that went as far as the target, for a protocol whose answers are limited.

    Only complete answers are a measurement: silence may be the target's limiter (stock Linux: six, then one a second).
    """
    sent = [attempt for attempt in attempts if attempt.left]
    answered = [attempt for attempt in sent if _reached(attempt)]
    late = sum(not attempt.in_time for attempt in answered)
    complete = bool(sent) and len(answered) == len(sent)
    return EndToEnd(
        protocol=protocol,
        sent=len(sent),
        received=len(answered) - late,
        loss_ratio=0.0 if complete else None,
        rtt_us=summarise(_samples_us(answered)),
        late=late,
        reason=_SHARED if complete else (_LIMITED if answered else _NO_DISTANCE),
    )


def _reached(attempt: Attempt) -> bool:
    return attempt.reply is not None and attempt.reply.ending is Ending.REACHED


def _samples_us(answered: Sequence[Attempt]) -> list[int]:
    return [a.reply.rtt_us for a in answered if a.reply is not None and a.reply.is_sample]


def _series_reason(sent: Sequence[Attempt], *, cut_short: bool) -> str | None:
    if not sent:
        return _NOTHING_LEFT
    return _CUT_SHORT if cut_short else _refusal(sent)


def _refusal(sent: Sequence[Attempt]) -> str | None:
    """Return who answered in the target's place, in words, if anybody did."""
    for attempt in sent:
        reply = attempt.reply
        if reply is not None and reply.ending is not Ending.REACHED:
            icmp = "" if reply.icmp is None else f" ({reply.icmp.type}/{reply.icmp.code})"
            return f"{reply.sender} answered with {reply.answer}{icmp} in the target's place"
    return None
