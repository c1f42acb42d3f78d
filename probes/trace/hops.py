"""From replies to hops: who answered, how fast, and what missing answers mean."""

from __future__ import annotations

from probes.facts import Answer, Hop, LossClass, Responder
from probes.frozen import frozen
from probes.trace.attempt import Ending
from probes.trace.rtt import summarise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.facts import Icmp
    from probes.trace.attempt import Attempt, Reply


@frozen
class PathEnd:
    """Where the path ends: at this TTL, by this kind of answer."""

    probe_ttl: int
    ending: Ending


@frozen
class _Seen:
    """One row in the making: its counted probes in sending order."""

    probe_ttl: int
    attempts: tuple[Attempt, ...]

    @property
    def replies(self) -> list[Reply]:
        return [a.reply for a in self.attempts if a.reply is not None]

    @property
    def missing(self) -> int:
        return len(self.attempts) - len(self.replies)


def hops(
    attempts: Sequence[Attempt], *, first_ttl: int, last_ttl: int, end: PathEnd | None, queries: int, target_loss: bool
) -> tuple[Hop, ...]:
    """Return one hop for each TTL from the first to the last shown, silent ones included.

    Args:
        attempts: The hop probes, in sending order.
        first_ttl: The first TTL that was asked.
        last_ttl: The last TTL to show while the end is unknown.
        end: The path's end; no hop lies beyond it, and answers from beyond are its own.
        queries: How many samples the end's row takes.
        target_loss: Whether the end-to-end series lost probes to a target that answered others.
    """
    left = [attempt for attempt in attempts if attempt.left]
    last = last_ttl if end is None else end.probe_ttl
    rows = [_seen(left, ttl, end, queries) for ttl in range(first_ttl, last + 1)]
    reached = end is not None and end.ending is Ending.REACHED
    return tuple(
        _hop(row, _loss_class(row, rows[index + 1 :], reached=reached, target_loss=target_loss))
        for index, row in enumerate(rows)
    )


def _seen(attempts: list[Attempt], ttl: int, end: PathEnd | None, queries: int) -> _Seen:
    own = attributable([attempt for attempt in attempts if attempt.probe.probe_ttl == ttl])
    if end is None or ttl != end.probe_ttl:
        return _Seen(probe_ttl=ttl, attempts=tuple(own))
    return _Seen(probe_ttl=ttl, attempts=tuple(_with_answers_from_beyond(own, attempts, end, queries)))


def attributable(own: list[Attempt]) -> list[Attempt]:
    """Return the probes whose answers can be told apart.

    A hop that only answers for destination ports of their own quotes too little: the probes before these may well
    have been answered, so they count neither as lost nor as sent.
    """
    marked = [attempt for attempt in own if attempt.probe.own_port]
    plain_answered = any(attempt.reply is not None for attempt in own if not attempt.probe.own_port)
    return marked if any(attempt.reply is not None for attempt in marked) and not plain_answered else own


def _with_answers_from_beyond(own: list[Attempt], attempts: list[Attempt], end: PathEnd, queries: int) -> list[Attempt]:
    """Return the end's samples: its own answers, then those from beyond, up to `queries`; then its own silence.

    Silence beyond the end is never loss, and enough answers make the silence at the end none either: that is what
    the end-to-end series measures.
    """
    beyond = [a for a in attempts if a.probe.probe_ttl > end.probe_ttl and _ends_so(a, end.ending)]
    answered = [attempt for attempt in own if attempt.reply is not None]
    kept = answered + beyond[: max(0, queries - len(answered))]
    silent = [attempt for attempt in own if attempt.reply is None]
    kept += silent[: max(0, queries - len(kept))]
    return sorted(kept, key=lambda attempt: attempt.probe.number)


def _ends_so(attempt: Attempt, ending: Ending) -> bool:
    return attempt.reply is not None and attempt.reply.ending is ending


def _hop(row: _Seen, loss_class: LossClass) -> Hop:
    in_time = [reply for reply in row.replies if not reply.late]
    return Hop(
        probe_ttl=row.probe_ttl,
        sent=len(row.attempts),
        received=len(in_time),
        loss_class=loss_class,
        responders=_responders(row.replies),
        rtt_us=summarise([reply.rtt_us for reply in in_time if reply.is_sample]),
        late=len(row.replies) - len(in_time),
        duplicates=sum(attempt.duplicates for attempt in row.attempts),
    )


def _responders(replies: list[Reply]) -> tuple[Responder, ...]:
    """Return who answered, grouped by address and kind of message, in the order of first answers."""
    groups: dict[tuple[str, Answer, Icmp | None], list[Reply]] = {}
    for reply in replies:
        groups.setdefault((reply.sender, reply.answer, reply.icmp), []).append(reply)
    return tuple(_responder(group) for group in groups.values())


def _responder(group: list[Reply]) -> Responder:
    first = group[0]
    extensions = first.extensions
    return Responder(
        address=first.sender,
        answer=first.answer,
        icmp=first.icmp,
        reply_ttl=first.reply_ttl,
        reply_tos=first.reply_tos,
        quoted_ttl=first.quoted_ttl,
        quoted_tos=first.quoted_tos,
        quoted_source=first.quoted_source,
        mpls=extensions.mpls if extensions else (),
        interfaces=extensions.interfaces if extensions else (),
        other_extensions=extensions.others if extensions else (),
        malformed_extensions=extensions.malformed if extensions else False,
        rtt_us=tuple(reply.rtt_us for reply in group if reply.is_sample),
    )


def _loss_class(row: _Seen, behind: list[_Seen], *, reached: bool, target_loss: bool) -> LossClass:
    """Return what a hop's missing answers mean, by what lies behind it."""
    if row.attempts and not row.missing:
        return LossClass.NONE
    answering = [later for later in behind if later.replies]
    if not answering:
        return _at_the_end(row, reached=reached, target_loss=target_loss)
    if not row.replies:
        return LossClass.SILENT
    if all(later.missing for later in answering[:-1]) and (answering[-1].missing or target_loss):
        # Without the target's own word, loss at every hop may as well be every hop's limiter.
        return LossClass.LOSS if reached and target_loss else LossClass.UNKNOWN
    return _own_habit(row)


def _at_the_end(row: _Seen, *, reached: bool, target_loss: bool) -> LossClass:
    if not reached or not row.replies:
        return LossClass.UNKNOWN
    if target_loss:
        return LossClass.LOSS
    # A target's errors are limited as a router's are (stock Linux: icmp_ratelimit); its own answers are not.
    limited = all(reply.answer is Answer.DESTINATION_UNREACHABLE for reply in row.replies)
    return LossClass.RATE_LIMITED if limited else _own_habit(row)


def _own_habit(row: _Seen) -> LossClass:
    """Return why one hop alone misses answers: a limiter answers the first probes and then no more."""
    pattern = [attempt.reply is not None for attempt in row.attempts]
    return LossClass.RATE_LIMITED if pattern == sorted(pattern, reverse=True) else LossClass.RETURN_PATH
