"""Who answers for the target: whom to suspect, whom to ask, and what the answers prove.

A box that answers one protocol in the target's name sits nearer than the target. Another protocol's probe with the same
TTL passes it, and expires at the router there.
"""

from __future__ import annotations

from probes.facts import Answer, Middlebox, Protocol
from probes.frozen import frozen
from probes.trace.attempt import Ending, Purpose
from probes.trace.distance import distance_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.seam import Flow
    from probes.trace.attempt import Attempt, Reply

# Two answers of one machine may take times this far apart; control probes are cheap, so little is enough to ask.
_LEAST_RTT_GAP_US = 5_000
_LEAST_RTT_RATIO = 2.0
# Where reply TTLs tell nothing, a balancer's shorter branch must not look like a box.
_LEAST_SHORTER = 2
# Any router tells of an expired echo; of the others some firewalls do not.
_AS_CONTROL = (Protocol.ICMP, Protocol.UDP, Protocol.TCP)
# How much longer than the answer that is checked the control's may take.
_SPARE_S = 0.01


@frozen
class Voice:
    """One protocol's probes and what answered them; `can_ask`: one more may leave."""

    flow: Flow
    attempts: Sequence[Attempt]
    can_ask: bool = True


@frozen
class Question:
    """Whom to ask: probes of `protocol` to these TTLs, worth waiting for so long."""

    protocol: Protocol
    probe_ttls: tuple[int, ...]
    wait_s: float


@frozen
class _Word:
    """What a protocol was told in the target's name: from how far back, how fast; `ttl` is the lowest that reached."""

    ttl: int | None
    back: int | None
    rtt_us: int


def question_of(traced: Voice, others: Sequence[Voice]) -> Question | None:
    """Return the probes that would tell whether somebody answers for the target, None where nothing suggests it.

    Args:
        traced: The protocol that searched the path and reached its end.
        others: The others, which only checked whether the target answers, or searched before.
    """
    own = _word(traced)
    if own is None or own.ttl is None:
        return None
    words = {other.flow.protocol: _word(other) for other in others}
    heard = {protocol: word for protocol, word in words.items() if word is not None}
    for protocol, word in heard.items():
        # A distance that tells nothing is no suspicion, and a check has asked only the farthest TTL.
        nearer = _is_nearer(word, own)
        if nearer and own.ttl > 1:
            return _ask(others, protocol, _where_it_may_be(word, own.ttl), word.rtt_us)
    suspicious = not heard or all(_is_nearer(own, word) for word in heard.values())
    control = next((p for p in _AS_CONTROL if p in words), None)
    if not suspicious or control is None or _knows(others, control, own.ttl):
        return None
    return _ask(others, control, tuple(ttl for ttl in (own.ttl - 1, own.ttl) if ttl), own.rtt_us)


def find(voices: Sequence[Voice]) -> Middlebox | None:
    """Return who answers for the target, by what all probes of all protocols were told; None where nobody is proved to.

    Proved is it by one TTL at which one protocol was answered under the target's address and another protocol's probe
    expired at somebody else, on what is one path up to there as far as both saw it.
    """
    for near in voices:
        word = _word(near)
        if word is None or word.ttl is None:
            continue
        for far in voices:
            if far is not near and (found := _compared(near, word.ttl, far)) is not None:
                return found
    return None


def can_tell(voices: Sequence[Voice]) -> bool:
    """Return whether the answers of two protocols could have told two machines apart.

    A connection shows no reply TTL; then only a TTL that was searched tells, or times of some length.
    """
    if any(a.purpose is Purpose.CONTROL and a.reply is not None for voice in voices for a in voice.attempts):
        return True
    words = [word for voice in voices if (word := _word(voice)) is not None]
    placed = sum(word.back is not None or word.ttl is not None for word in words)
    return placed > 1 or (len(words) > 1 and max(word.rtt_us for word in words) >= _LEAST_RTT_GAP_US)


# --- suspicion --------------------------------------------------------------------------------------------------------


def _word(voice: Voice) -> _Word | None:
    reached = [(a, a.reply) for a in voice.attempts if a.reply is not None and a.reply.ending is Ending.REACHED]
    if not reached:
        return None
    near = min((a.probe.probe_ttl for a, _ in reached if a.purpose is not Purpose.SERIES), default=None)
    backs = [distance_back(r.reply_ttl) for _, r in reached if r.reply_ttl is not None]
    return _Word(ttl=near, back=min(backs, default=None), rtt_us=min(reply.rtt_us for _, reply in reached))


def _is_nearer(one: _Word, other: _Word) -> bool:
    """Return whether one answer seems to come from nearer than the other."""
    if one.back is not None and other.back is not None:
        return one.back < other.back
    if one.ttl is not None and other.back is not None and other.back - one.ttl >= _LEAST_SHORTER:
        return True
    gap_us = other.rtt_us - one.rtt_us
    return gap_us >= _LEAST_RTT_GAP_US and other.rtt_us >= _LEAST_RTT_RATIO * one.rtt_us


def _where_it_may_be(word: _Word, end_ttl: int) -> tuple[int, ...]:
    """Return the TTLs before the end at which the nearer answer may have been given."""
    every = range(1, end_ttl)
    if word.back is None:
        return tuple(every)
    return tuple(ttl for ttl in every if abs(ttl - word.back) <= 1) or tuple(every)


def _ask(others: Sequence[Voice], protocol: Protocol, probe_ttls: tuple[int, ...], rtt_us: int) -> Question | None:
    voice = next(other for other in others if other.flow.protocol is protocol)
    if not voice.can_ask or not probe_ttls:
        return None
    return Question(protocol=protocol, probe_ttls=probe_ttls, wait_s=1.5 * rtt_us / 1e6 + _SPARE_S)


def _knows(others: Sequence[Voice], protocol: Protocol, ttl: int) -> bool:
    """Return whether a protocol has asked this TTL already, as one that searched before has."""
    voice = next(other for other in others if other.flow.protocol is protocol)
    return any(a.probe.probe_ttl == ttl and a.reply is not None for a in voice.attempts)


# --- proof ------------------------------------------------------------------------------------------------------------


def _compared(near: Voice, ttl: int, far: Voice) -> Middlebox | None:
    target = near.flow.destination
    answer = next(a.reply for a in near.attempts if a.probe.probe_ttl == ttl and _reached(a))
    expired = next((a.reply for a in far.attempts if a.probe.probe_ttl == ttl and _expired(a, target)), None)
    if answer is None or expired is None or not _one_path(near, far, ttl) or _same_machine(near, far, ttl):
        return None
    distance = _word(far)
    target_ttl = None if distance is None else distance.ttl
    asked, control, word = _named(near.flow), _named(far.flow), answer.answer.replace("_", " ")
    said = (
        f"{asked} with TTL {ttl} was answered ({word}) under {target} after {_ms(answer)} ms, "
        f"and {control} with TTL {ttl} expired at {expired.sender} after {_ms(expired)} ms"
    )
    return Middlebox(
        target=target,
        protocol=near.flow.protocol,
        port=near.flow.destination_port,
        answer=answer.answer,
        probe_ttl=ttl,
        address=expired.sender,
        control_protocol=far.flow.protocol,
        target_ttl=target_ttl,
        rtt_us=answer.rtt_us,
        control_rtt_us=expired.rtt_us,
        evidence=said,
    )


def _reached(attempt: Attempt) -> bool:
    own = attempt.purpose is not Purpose.SERIES
    return own and attempt.reply is not None and attempt.reply.ending is Ending.REACHED


def _expired(attempt: Attempt, target: str) -> bool:
    reply = attempt.reply
    return reply is not None and reply.answer is Answer.TIME_EXCEEDED and reply.sender != target


def _one_path(near: Voice, far: Voice, ttl: int) -> bool:
    """Return whether both protocols met the same router at the last TTL before this one that both know of.

    A protocol may be routed, or balanced, over a shorter path of its own.
    """
    for before in range(ttl - 1, 0, -1):
        routers = [_routers(voice, before) for voice in (near, far)]
        if routers[0] and routers[1]:
            return bool(routers[0] & routers[1])
    return True


def _routers(voice: Voice, ttl: int) -> set[str]:
    return {a.reply.sender for a in voice.attempts if a.reply is not None and a.probe.probe_ttl == ttl}


def _same_machine(near: Voice, far: Voice, ttl: int) -> bool:
    """Return whether the answers under the target's address are from equally far back, so that only the ways differ."""
    one, other = _word(near), _word(far)
    if one is None or other is None:
        return False
    if one.back is not None and other.back is not None:
        return one.back >= other.back
    distance = other.back if other.ttl is None else other.ttl
    return distance is not None and distance - ttl < _LEAST_SHORTER and not _is_nearer(one, other)


def _named(flow: Flow) -> str:
    port = "" if flow.destination_port is None else f" to port {flow.destination_port}"
    return f"{flow.protocol.upper()}{port}"


def _ms(reply: Reply) -> str:
    return f"{reply.rtt_us / 1000:.2f}"
