"""What quotes and replies give away of a path: translators, rewriting, hidden routers, another way back.

Each sign names the first place where it shows, what was sent and what was seen. A sign that these probes could not have
shown is listed as such: what nobody could see is not absent.
"""

from __future__ import annotations

from probes.facts import Answer, FlowKind, PathSign, SignKind
from probes.frozen import frozen
from probes.trace import stages
from probes.trace.attempt import Ending, Purpose
from probes.trace.distance import distance_back, initial_ttl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from probes.facts import Middlebox
    from probes.seam import Flow
    from probes.trace.attempt import Attempt, Reply
    from probes.trace.judge import Elsewhere

# A way back that is one or two hops longer or shorter is everyday routing, not worth a word.
_LEAST_ASYMMETRY = 3
# Fewer hops than these apart, two ways back of one machine may differ by a balancer on them.
_LEAST_APART = 3
# What two machines under one address differ in at least, where their ways back differ by less.
_LEAST_RTT_GAP_US = 20_000
_LEAST_RTT_RATIO = 2.0
# RFC 3443 section 2.1: with the pipe model the label's TTL starts at 255, whatever the packet's own is.
_LABEL_START = 255
# A label that lost more than this did not start there: it took the packet's own TTL over.
_LONGEST_TUNNEL = 64
# RFC 3168 section 5: the codepoints of the two lowest bits.
_CONGESTION_EXPERIENCED = 3
_ECN_BITS = 0x03
_DSCP_SHIFT = 2

_NEED_QUOTES = (
    SignKind.SOURCE_TRANSLATED,
    SignKind.DESTINATION_TRANSLATED,
    SignKind.DSCP_REWRITTEN,
    SignKind.ECN_REWRITTEN,
    SignKind.CONGESTION_MARKED,
)
_DIRECT = frozenset({Answer.ECHO_REPLY, Answer.SYN_ACK, Answer.RST, Answer.UDP_REPLY})


@frozen
class _Heard:
    """Everything that one plan heard; `hops` are the believed answers by TTL up to the end, `own` the target's.

    `end_ttl` is the lowest TTL that reached the target, `distance` the same where a lower one did not: a trace that
    begins behind its target does not know how far away it is.
    """

    flow: Flow
    flow_kind: FlowKind
    end_ttl: int | None
    distance: int | None
    hops: Sequence[tuple[int, Reply]]
    own: Sequence[tuple[int, Reply]]
    elsewhere: Sequence[Elsewhere]

    @property
    def expired(self) -> list[tuple[int, Reply]]:
        """Return the answers of routers: the probe's TTL ran out."""
        return [(ttl, reply) for ttl, reply in self.hops if reply.answer is Answer.TIME_EXCEEDED]

    @property
    def quoting(self) -> list[tuple[int, Reply]]:
        """Return the answers that show the IP header with which the probe arrived."""
        return [(ttl, reply) for ttl, reply in self.hops if reply.quoted_ttl is not None]


def signs_of(
    flow: Flow,
    flow_kind: FlowKind,
    attempts: Sequence[Attempt],
    elsewhere: Sequence[Elsewhere],
    middlebox: Middlebox | None,
    *,
    compared: bool,
) -> tuple[tuple[PathSign, ...], tuple[SignKind, ...]]:
    """Return the signs of one traced leg, near to far, and the kinds that its probes could not have shown.

    Args:
        flow: What all probes shared.
        flow_kind: What load balancers saw of it.
        attempts: All of them.
        elsewhere: Answers that quote another destination.
        middlebox: Who answers for the target, where somebody was found to.
        compared: Whether another protocol's probes could have found one.
    """
    heard = _heard(flow, flow_kind, attempts, elsewhere)
    found = [sign for look in _LOOKS for sign in look(heard)]
    if middlebox is not None:
        found.append(_answering_for(middlebox))
    found.sort(key=lambda sign: sign.probe_ttl or 0)
    return tuple(found), _not_observable(heard, compared=compared)


def _heard(flow: Flow, flow_kind: FlowKind, attempts: Sequence[Attempt], elsewhere: Sequence[Elsewhere]) -> _Heard:
    answered = [(a.probe.probe_ttl, a.reply, a.purpose) for a in attempts if a.reply is not None]
    reached = [ttl for ttl, reply, purpose in answered if purpose is Purpose.HOP and reply.ending is Ending.REACHED]
    end_ttl = min(reached, default=None)
    first_ttl = min((a.probe.probe_ttl for a in attempts if a.purpose is Purpose.HOP), default=1)
    hops = [(ttl, r) for ttl, r, p in answered if p is Purpose.HOP and (end_ttl is None or ttl <= end_ttl)]
    own = [(ttl, r) for ttl, r, p in answered if p is not Purpose.CONTROL and r.ending is Ending.REACHED]
    return _Heard(
        flow=flow,
        flow_kind=flow_kind,
        end_ttl=end_ttl,
        distance=None if end_ttl == first_ttl > 1 else end_ttl,
        hops=sorted(hops, key=lambda each: each[0]),
        own=own,
        elsewhere=elsewhere,
    )


def _not_observable(heard: _Heard, *, compared: bool) -> tuple[SignKind, ...]:
    hidden: list[SignKind] = []
    if not heard.quoting and not heard.elsewhere:
        hidden += _NEED_QUOTES
    if not any(reply.quoted_ttl is not None for _, reply in heard.own):
        hidden.append(SignKind.TTL_REWRITTEN)
    if not heard.quoting and not any(_stack(reply) for _, reply in heard.hops):
        hidden.append(SignKind.TTL_HIDDEN)
    if not any(reply.reply_ttl is not None for _, reply in heard.hops):
        hidden.append(SignKind.ASYMMETRIC_RETURN)
    if sum(reply.reply_ttl is not None for _, reply in heard.own) < 2:  # noqa: PLR2004 - one alone has no other
        hidden.append(SignKind.SEVERAL_TARGETS)
    if not heard.expired:
        hidden += (SignKind.TARGET_ANSWERS_EARLY, SignKind.LOAD_BALANCED)
    if not compared:
        hidden.append(SignKind.MIDDLEBOX)
    return tuple(hidden)


# --- translators ------------------------------------------------------------------------------------------------------


def _source_translated(heard: _Heard) -> Iterator[PathSign]:
    """Yield the first hop whose quote shows another source: a translator before it did not translate the quote back."""
    for ttl, reply in heard.hops:
        if reply.quoted_source is None and reply.quoted_source_id is None:
            continue
        seen = _end_words(reply.quoted_source or heard.flow.source, reply.quoted_source_id)
        number = heard.flow.icmp_id if heard.flow.source_port is None else heard.flow.source_port
        sent = _end_words(heard.flow.source, None if reply.quoted_source_id is None else number)
        said = f"the probe that hop {ttl} quotes came from {seen}, and was sent from {sent}"
        yield _sign(SignKind.SOURCE_TRANSLATED, ttl, reply.sender, sent, seen, said)
        return


def _destination_translated(heard: _Heard) -> Iterator[PathSign]:
    """Yield the nearest answer that quotes another destination; it was not believed."""
    nearest = min(heard.elsewhere, key=lambda each: each.probe_ttl, default=None)
    if nearest is not None:
        sent, seen = heard.flow.destination, nearest.destination
        said = f"{nearest.sender} quotes a probe with TTL {nearest.probe_ttl} to {seen} that was sent to {sent}"
        yield _sign(SignKind.DESTINATION_TRANSLATED, nearest.probe_ttl, nearest.sender, sent, seen, said)


def _target_answers_early(heard: _Heard) -> Iterator[PathSign]:
    """Yield the first TTL at which the target's own address says that the probe expired: it forwards."""
    for ttl, reply in heard.expired:
        if reply.sender == heard.flow.destination:
            end = "never reached it" if heard.end_ttl is None else f"reached it at TTL {heard.end_ttl}"
            said = f"time exceeded at TTL {ttl} came from the target's own address, and probes {end}"
            yield _sign(SignKind.TARGET_ANSWERS_EARLY, ttl, reply.sender, heard.end_ttl, ttl, said)
            return


def _nat64(heard: _Heard) -> Iterator[PathSign]:
    """Yield the target whose address holds an IPv4 one, or the first hop behind the translator that shows so."""
    if ":" not in heard.flow.destination:
        return
    found = stages.translation(heard.flow.destination, [(ttl, reply.sender) for ttl, reply in heard.expired])
    if found is not None:
        yield _sign(SignKind.NAT64, found.probe_ttl, found.address, found.address, found.ipv4, found.evidence)


# --- what was rewritten -----------------------------------------------------------------------------------------------


def _class_rewritten(heard: _Heard) -> Iterator[PathSign]:
    """Yield each hop from which on the quoted DSCP or ECN is neither what was sent nor what it was before."""
    sent_dscp, sent_ecn = heard.flow.tos >> _DSCP_SHIFT, heard.flow.tos & _ECN_BITS
    dscp, ecn, marked = sent_dscp, sent_ecn, False
    for ttl, reply in heard.quoting:
        if reply.quoted_tos is None:
            continue
        seen_dscp, seen_ecn = reply.quoted_tos >> _DSCP_SHIFT, reply.quoted_tos & _ECN_BITS
        if seen_dscp not in {dscp, sent_dscp}:
            yield _rewritten(SignKind.DSCP_REWRITTEN, "DSCP", sent_dscp, seen_dscp, ttl, reply)
        dscp = seen_dscp
        if _is_mark(sent_ecn, seen_ecn):
            # A mark is one packet's own fate, and says nothing of the next one: it is told once.
            if not marked:
                yield _rewritten(SignKind.CONGESTION_MARKED, "ECN", sent_ecn, seen_ecn, ttl, reply)
            marked = True
            continue
        if seen_ecn not in {ecn, sent_ecn}:
            yield _rewritten(SignKind.ECN_REWRITTEN, "ECN", sent_ecn, seen_ecn, ttl, reply)
        ecn = seen_ecn


def _is_mark(sent: int, seen: int) -> bool:
    """Return whether a router only did what ECN is for: marked a packet that allows it (RFC 3168 section 5)."""
    return sent not in {0, _CONGESTION_EXPERIENCED} and seen == _CONGESTION_EXPERIENCED


def _rewritten(kind: SignKind, what: str, sent: int, seen: int, ttl: int, reply: Reply) -> PathSign:
    return _sign(kind, ttl, reply.sender, sent, seen, f"hop {ttl} quotes {what} {seen}; {what} {sent} was sent")


def _ttl_rewritten(heard: _Heard) -> Iterator[PathSign]:
    """Yield the target that got a probe with more TTL than was left of what was sent.

    A probe that just reaches its target arrives with TTL 1, one sent with n more arrives with 1 + n.
    """
    for ttl, reply in sorted(heard.own, key=lambda each: each[0]):
        if heard.distance is None or reply.quoted_ttl is None or ttl < heard.distance:
            continue
        due = ttl - heard.distance + 1
        if reply.quoted_ttl > due:
            said = f"the target quotes TTL {reply.quoted_ttl} of a probe that should have arrived with TTL {due}"
            yield _sign(SignKind.TTL_REWRITTEN, ttl, reply.sender, due, reply.quoted_ttl, said)
            return


def _ttl_hidden(heard: _Heard) -> Iterator[PathSign]:
    """Yield the hops that give a label-switched path away which keeps its routers to itself.

    A router answers when the TTL would become 0, so it quotes 1, and some quote 0. More means that routers before it
    did not count the packet's own TTL. A label that still has a TTL of its own says how far it came.
    """
    seen: set[int] = set()
    for ttl, reply in heard.expired:
        stack = _stack(reply)
        if ttl in seen:
            continue
        if reply.quoted_ttl is not None and reply.quoted_ttl > 1:
            seen.add(ttl)
            said = f"hop {ttl} quotes TTL {reply.quoted_ttl} of a probe that had expired: it should have been 1"
            yield _sign(SignKind.TTL_HIDDEN, ttl, reply.sender, 1, reply.quoted_ttl, said)
        elif stack and _LABEL_START - _LONGEST_TUNNEL <= stack[0] < _LABEL_START:
            seen.add(ttl)
            hidden = _LABEL_START - stack[0]
            said = f"hop {ttl} got the probe with a label's TTL of {stack[0]}: about {hidden} routers are not shown"
            yield _sign(SignKind.TTL_HIDDEN, ttl, reply.sender, _LABEL_START, stack[0], said)


def _stack(reply: Reply) -> list[int]:
    """Return the TTLs of the labels with which the probe arrived."""
    return [] if reply.extensions is None else [label.mpls_ttl for label in reply.extensions.mpls]


# --- the way back -----------------------------------------------------------------------------------------------------


def _asymmetric_return(heard: _Heard) -> Iterator[PathSign]:
    """Yield the first hop from which on every answer came back another number of hops than the probe went.

    One router that starts its answers with an odd TTL looks the same: so every farther one must agree.
    """
    known = _least_asymmetric(heard)
    first: tuple[int, Reply, int] | None = None
    for ttl, reply, reply_ttl in known:
        if _asymmetry(ttl, reply_ttl) < _LEAST_ASYMMETRY:
            first = None
        elif first is None:
            first = ttl, reply, reply_ttl
    if first is None or (first[0] == known[-1][0] and heard.end_ttl is None):
        return
    ttl, reply, reply_ttl = first
    back, start = distance_back(reply_ttl, near=ttl), initial_ttl(reply_ttl, near=ttl)
    said = f"answers of hop {ttl} arrive with TTL {reply_ttl}: {back} hops back if they start with {start}, {ttl} there"
    yield _sign(SignKind.ASYMMETRIC_RETURN, ttl, reply.sender, ttl, back, said)


def _least_asymmetric(heard: _Heard) -> list[tuple[int, Reply, int]]:
    """Return for each TTL the answer whose way back is most like the way there, near to far."""
    best: dict[int, tuple[int, Reply, int]] = {}
    end = heard.distance
    # What reached the target from beyond its distance is its own answer all the same.
    beyond = [] if end is None else [(end, reply) for _, reply in heard.own]
    routers = heard.hops if end == heard.end_ttl else heard.expired
    for ttl, reply in (*routers, *beyond):
        if reply.reply_ttl is None:
            continue
        if ttl not in best or _asymmetry(ttl, reply.reply_ttl) < _asymmetry(ttl, best[ttl][2]):
            best[ttl] = ttl, reply, reply.reply_ttl
    return list(best.values())


def _asymmetry(ttl: int, reply_ttl: int) -> int:
    return abs(distance_back(reply_ttl, near=ttl) - ttl)


# --- more than one ----------------------------------------------------------------------------------------------------


def _several_targets(heard: _Heard) -> Iterator[PathSign]:
    """Yield a sign where answers of one kind, under the target's address, cannot all be of one machine."""
    by_kind: dict[tuple[Answer, bool], list[tuple[int, int, Reply]]] = {}
    for ttl, reply in heard.own:
        if reply.reply_ttl is not None:
            by_kind.setdefault((reply.answer, reply.icmp is None), []).append((reply.reply_ttl, ttl, reply))
    for group in by_kind.values():
        low, high = min(group, key=_first), max(group, key=_first)
        if _are_apart(group, low[0], high[0]):
            said = f"answers under the target's address arrive with TTL {low[0]} and with TTL {high[0]}"
            times = f", after {_ms(low[2].rtt_us)} and {_ms(high[2].rtt_us)} ms"
            yield _sign(SignKind.SEVERAL_TARGETS, heard.end_ttl, high[2].sender, high[0], low[0], said + times)
            return


def _are_apart(group: Sequence[tuple[int, int, Reply]], low: int, high: int) -> bool:
    """Return whether two reply TTLs, and the round trips that came with them, are two machines'."""
    if low == high:
        return False
    if initial_ttl(low) != initial_ttl(high) or high - low >= _LEAST_APART:
        return True
    near = [reply.rtt_us for ttl, _, reply in group if ttl == high and not reply.late]
    far = [reply.rtt_us for ttl, _, reply in group if ttl == low and not reply.late]
    if not near or not far:
        return False
    fast, slow = (near, far) if min(near) < min(far) else (far, near)
    return min(slow) - max(fast) >= _LEAST_RTT_GAP_US and min(slow) >= _LEAST_RTT_RATIO * max(fast)


def _load_balanced(heard: _Heard) -> Iterator[PathSign]:
    """Yield each TTL at which more than one router answers."""
    by_ttl: dict[int, list[str]] = {}
    for ttl, reply in heard.expired:
        routers = by_ttl.setdefault(ttl, [])
        if reply.sender not in routers and reply.sender != heard.flow.destination:
            routers.append(reply.sender)
    for ttl, routers in by_ttl.items():
        if len(routers) > 1:
            flows = "probes of one flow" if heard.flow_kind is FlowKind.PARIS else "probes of several flows"
            said = f"{len(routers)} routers answer {flows} at TTL {ttl}: {', '.join(routers)}"
            yield _sign(SignKind.LOAD_BALANCED, ttl, routers[0], 1, len(routers), said)


def _answering_for(middlebox: Middlebox) -> PathSign:
    ttl = middlebox.probe_ttl
    return _sign(SignKind.MIDDLEBOX, ttl, middlebox.address, middlebox.target, middlebox.address, middlebox.evidence)


_LOOKS: tuple[Callable[[_Heard], Iterator[PathSign]], ...] = (
    _source_translated,
    _destination_translated,
    _target_answers_early,
    _nat64,
    _class_rewritten,
    _ttl_rewritten,
    _ttl_hidden,
    _asymmetric_return,
    _several_targets,
    _load_balanced,
)


def _sign(
    kind: SignKind, ttl: int | None, address: str | None, sent: int | str | None, seen: int | str | None, evidence: str
) -> PathSign:
    return PathSign(kind=kind, probe_ttl=ttl, address=address, sent=sent, seen=seen, evidence=evidence)


def _end_words(address: str, number: int | None) -> str:
    return address if number is None else f"{address} ({number})"


def _first(each: tuple[int, int, Reply]) -> int:
    return each[0]


def _ms(us: int) -> str:
    return f"{us / 1000:.1f}"
