"""Which probe does this reply answer, if any: quotes compared with the identities that were issued."""

from __future__ import annotations

from probes.answer_facts import Answer, RejectReason
from probes.flow_facts import Protocol
from probes.frozen import frozen_positional
from probes.trace.ledger import LEAST_TOKEN
from probes.wire.numbers import protocol_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.seam import Flow, Quote, Received
    from probes.trace.attempt import Attempt
    from probes.trace.ledger import Ledger


_DIRECT: Final = frozenset({Answer.ECHO_REPLY, Answer.SYN_ACK, Answer.RST, Answer.UDP_REPLY})


@frozen_positional
class Match:
    """The reply answers this probe, and is the first to do so."""

    attempt: Attempt


@frozen_positional
class Rejection:
    """The reply is not believed; `attempt` is the probe that it names, where that much is sure."""

    reason: RejectReason
    attempt: Attempt | None = None


def match(ledger: Ledger, reply: Received) -> Match | Rejection:
    """Return the probe that a reply answers, or why it is not believed. The first answer wins."""
    if reply.answer is Answer.OTHER_ICMP:
        # A redirect or a source quench comes beside the real answer and must not take its place.
        return Rejection(RejectReason.NOT_AN_ANSWER)
    if reply.answer is Answer.ECHO_REPLY and reply.quote.token is None:
        # The data of the request "must be returned" (RFC 792 p. 15): who does not, has not seen it.
        return Rejection(RejectReason.SHORT_QUOTE)
    named = _named(ledger, reply.quote)
    if isinstance(named, Rejection):
        return named
    if named.sent is None:
        return Rejection(RejectReason.UNKNOWN_PROBE)
    reason = _contradiction(ledger.flow, reply, named)
    if reason is not None:
        return Rejection(reason, named)
    return Match(named) if named.reply is None else Rejection(RejectReason.DUPLICATE, named)


def translated_source(flow: Flow, quote: Quote) -> tuple[str | None, int | None]:
    """Return the quoted source address and its port or ICMP identifier, each None where it is ours or not told."""
    source = quote.source if _differs(((quote.source, flow.source),)) else None
    ids = ((quote.source_port, flow.source_port), (quote.icmp_id, flow.icmp_id))
    changed = (carried for carried, expected in ids if _differs(((carried, expected),)))
    return source, next(changed, None)


def went_elsewhere(flow: Flow, reply: Received) -> bool:
    """Return whether an error quotes a probe of ours, by an identity too large to guess, to another destination.

    It is not believed all the same: who knows the identity may make up the rest.
    """
    quote = reply.quote
    return _is_strong(quote) and reply.answer not in _DIRECT and _differs(((quote.destination, flow.destination),))


def from_target(flow: Flow, sender: str) -> bool:
    """Return whether an address is the flow's destination; a zone (RFC 4007) is the host's own addition."""
    return _bare(sender) == _bare(flow.destination)


def _named(ledger: Ledger, quote: Quote) -> Attempt | Rejection:
    """Return the one probe that every identity in the quote names."""
    named = _identities(ledger, quote)
    if not named:
        return _only_fit(ledger, quote)
    first = named[0]
    if any(other is not first for other in named):
        return Rejection(RejectReason.WRONG_IDENTITY)
    return Rejection(RejectReason.UNKNOWN_PROBE) if first is None else first


def _identities(ledger: Ledger, quote: Quote) -> list[Attempt | None]:
    """Return the probe named by each identity that the quote carries, strongest first; None: named, not ours."""
    named: list[Attempt | None] = []
    if quote.token is not None and len(quote.token) >= LEAST_TOKEN:
        by_token = ledger.by_token.get(quote.token[:LEAST_TOKEN])
        whole = by_token is not None and by_token.probe.identity.token.startswith(quote.token)
        named.append(by_token if whole else None)
    if quote.tcp_sequence is not None:
        named.append(ledger.by_token.get(quote.tcp_sequence.to_bytes(LEAST_TOKEN, "big")))
    if quote.number is not None:
        named.append(ledger.attempts[quote.number] if 0 <= quote.number < len(ledger.attempts) else None)
    if quote.sequence is not None and not _outweighed(ledger.flow, named):
        named.append(ledger.by_sequence.get(quote.sequence))
    return named


def _outweighed(flow: Flow, named: list[Attempt | None]) -> bool:
    """Return whether a quoted UDP checksum says nothing more: translators rewrite it or forget to.

    The 64 random bits of the token prove the probe without it; a translated source changes it (RFC 5508
    section 4.2 asks for repair, and not every box does).
    """
    return flow.protocol is Protocol.UDP and bool(named) and named[0] is not None


def _only_fit(ledger: Ledger, quote: Quote) -> Attempt | Rejection:
    """Return the only UDP probe sent that a quote without identity fits: one with a port of its own, or a lone one.

    No other protocol's answers lack it: a reset without acknowledgement answers nothing (RFC 9293 3.10.7.3).
    """
    flow = ledger.flow
    if quote.destination_port is None or flow.protocol is not Protocol.UDP:
        return Rejection(RejectReason.SHORT_QUOTE)
    fits = [a for a in ledger.attempts if a.sent is not None and _port_of(flow, a) == quote.destination_port]
    if fits:
        return fits[0] if len(fits) == 1 else Rejection(RejectReason.SHORT_QUOTE)
    return Rejection(RejectReason.FOREIGN_FLOW)


def _contradiction(flow: Flow, reply: Received, attempt: Attempt) -> RejectReason | None:
    """Return what in the quoted headers, or in the sender, speaks against the probe."""
    quote = reply.quote
    fixed = (
        (quote.destination, flow.destination),
        (quote.protocol, protocol_number(flow.family, flow.protocol)),
        (quote.destination_port, _port_of(flow, attempt)),
    )
    # A source translator that does not translate the quote back shows its own address, port and identifier. That
    # is believed only with an identity too large to guess: 16 bits of sequence are not enough.
    translated = ((quote.source, flow.source), (quote.source_port, flow.source_port), (quote.icmp_id, flow.icmp_id))
    strong = _is_strong(quote)
    direct = reply.answer in _DIRECT
    if _differs(fixed) or (_differs(translated) and (direct or not strong)):
        return RejectReason.FOREIGN_FLOW
    return RejectReason.WRONG_SOURCE if direct and not from_target(flow, reply.sender) else None


def _port_of(flow: Flow, attempt: Attempt) -> int | None:
    """Return a probe's destination port; a TCP probe's own port is its source port."""
    if attempt.probe.own_port and flow.protocol is Protocol.UDP:
        return flow.own_port(attempt.probe.number)
    return flow.destination_port


def _is_strong(quote: Quote) -> bool:
    """Return whether a quote holds an identity that nobody can guess."""
    return quote.tcp_sequence is not None or len(quote.token or b"") >= LEAST_TOKEN


def _bare(address: str) -> str:
    return address.partition("%")[0]


def _differs(pairs: tuple[tuple[str | int | None, str | int | None], ...]) -> bool:
    """Return whether any value that is carried and known differs from what was sent."""
    for carried, expected in pairs:
        if carried is None or expected is None or carried == expected:
            continue
        if isinstance(carried, str) and isinstance(expected, str) and _bare(carried) == _bare(expected):
            continue
        return True
    return False
