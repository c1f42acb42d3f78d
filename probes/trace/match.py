"""Which probe does this reply answer, if any: identities issued, quotes compared."""

from __future__ import annotations

from probes.facts import Answer, Family, Protocol, RejectReason
from probes.frozen import frozen_positional
from probes.seam import Identity, Probe
from probes.trace.attempt import Attempt, Purpose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.seam import Flow, Quote, Received, Stamp


# RFC 792, RFC 768, RFC 9293, RFC 4443: the protocol field (next header) of the probe itself.
_PROTOCOL_NUMBER: Final = {
    (Family.IPV4, Protocol.ICMP): 1,
    (Family.IPV6, Protocol.ICMP): 58,
    (Family.IPV4, Protocol.UDP): 17,
    (Family.IPV6, Protocol.UDP): 17,
    (Family.IPV4, Protocol.TCP): 6,
    (Family.IPV6, Protocol.TCP): 6,
}

_DIRECT: Final = frozenset({Answer.ECHO_REPLY, Answer.SYN_ACK, Answer.RST, Answer.UDP_REPLY})

# A UDP checksum of 0 means "none", and 0xFFFF is what a computed 0 is sent as (RFC 768): neither names a probe.
_NO_SEQUENCES: Final = frozenset({0, 0xFFFF})

# Fewer bytes of a cut token than a TCP sequence number has prove too little.
_LEAST_TOKEN: Final = 4


@frozen_positional
class Match:
    """The reply answers this probe, and is the first to do so."""

    attempt: Attempt


@frozen_positional
class Rejection:
    """The reply is not believed; `attempt` is the probe that it names, where that much is sure."""

    reason: RejectReason
    attempt: Attempt | None = None


class Ledger:
    """Issues the identities of one flow's probes, and knows them again in what comes back.

    Args:
        flow: What all probes share. Addresses are text as inet_ntop writes it.
        random_bytes: Returns so many unguessable bytes, as `os.urandom`.
    """

    def __init__(self, flow: Flow, random_bytes: Callable[[int], bytes]) -> None:
        self.flow = flow
        self.attempts: list[Attempt] = []
        self._random_bytes = random_bytes
        self._by_sequence: dict[int, Attempt] = {}
        self._by_token: dict[bytes, Attempt] = {}
        self._protocol_number = _PROTOCOL_NUMBER[flow.family, flow.protocol]

    def issue(
        self, *, probe_ttl: int, purpose: Purpose, now: float, own_port: bool = False, size: int | None = None
    ) -> Attempt:
        """Return a new probe with an identity never used before; `own_port` holds only where there are ports."""
        number = len(self.attempts)
        identity = self._new_identity()
        own_port = own_port and self.flow.destination_port is not None
        probe = Probe(number=number, probe_ttl=probe_ttl, identity=identity, own_port=own_port, size=size)
        attempt = Attempt(probe=probe, purpose=purpose, issued_at=now)
        self._enter(attempt)
        return attempt

    def know(self, probe: Probe, sent: Stamp) -> None:
        """Know a probe that was issued elsewhere for this flow, and that left; probes come in their order."""
        self._enter(Attempt(probe=probe, purpose=Purpose.HOP, issued_at=sent.monotonic_s, sent=sent))

    def match(self, reply: Received) -> Match | Rejection:
        """Return the probe that a reply answers, or why it is not believed. The first answer wins."""
        if reply.answer is Answer.OTHER_ICMP:
            # A redirect or a source quench comes beside the real answer and must not take its place.
            return Rejection(RejectReason.NOT_AN_ANSWER)
        if reply.answer is Answer.ECHO_REPLY and reply.quote.token is None:
            # The data of the request "must be returned" (RFC 792 p. 15): who does not, has not seen it.
            return Rejection(RejectReason.SHORT_QUOTE)
        named = self._named(reply.quote)
        if isinstance(named, Rejection):
            return named
        if named.sent is None:
            return Rejection(RejectReason.UNKNOWN_PROBE)
        reason = self._contradiction(reply, named)
        if reason is not None:
            return Rejection(reason, named)
        return Match(named) if named.reply is None else Rejection(RejectReason.DUPLICATE, named)

    def _enter(self, attempt: Attempt) -> None:
        identity = attempt.probe.identity
        self.attempts.append(attempt)
        self._by_sequence[identity.sequence] = attempt
        self._by_token[identity.token[:_LEAST_TOKEN]] = attempt

    def _new_identity(self) -> Identity:
        while True:
            drawn = self._random_bytes(10)
            sequence, token = int.from_bytes(drawn[:2], "big"), drawn[2:]
            fresh = sequence not in self._by_sequence and token[:_LEAST_TOKEN] not in self._by_token
            if fresh and sequence not in _NO_SEQUENCES:
                return Identity(sequence, token)

    def _named(self, quote: Quote) -> Attempt | Rejection:
        """Return the one probe that every identity in the quote names."""
        named = self._identities(quote)
        if not named:
            return self._only_fit(quote)
        first = named[0]
        if any(other is not first for other in named):
            return Rejection(RejectReason.WRONG_IDENTITY)
        return Rejection(RejectReason.UNKNOWN_PROBE) if first is None else first

    def _identities(self, quote: Quote) -> list[Attempt | None]:
        """Return the probe named by each identity that the quote carries, strongest first; None: named, not ours."""
        named: list[Attempt | None] = []
        if quote.token is not None and len(quote.token) >= _LEAST_TOKEN:
            by_token = self._by_token.get(quote.token[:_LEAST_TOKEN])
            whole = by_token is not None and by_token.probe.identity.token.startswith(quote.token)
            named.append(by_token if whole else None)
        if quote.tcp_sequence is not None:
            named.append(self._by_token.get(quote.tcp_sequence.to_bytes(_LEAST_TOKEN, "big")))
        if quote.number is not None:
            named.append(self.attempts[quote.number] if 0 <= quote.number < len(self.attempts) else None)
        if quote.sequence is not None and not self._outweighed(named):
            named.append(self._by_sequence.get(quote.sequence))
        return named

    def _outweighed(self, named: list[Attempt | None]) -> bool:
        """Return whether a quoted UDP checksum says nothing more: translators rewrite it or forget to.

        The 64 random bits of the token prove the probe without it; a translated source changes it (RFC 5508
        section 4.2 asks for repair, and not every box does).
        """
        return self.flow.protocol is Protocol.UDP and bool(named) and named[0] is not None

    def _only_fit(self, quote: Quote) -> Attempt | Rejection:
        """Return the only UDP probe sent that a quote without identity fits: one with a port of its own, or a lone one.

        No other protocol's answers lack it: a reset without acknowledgement answers nothing (RFC 9293 3.10.7.3).
        """
        if quote.destination_port is None or self.flow.protocol is not Protocol.UDP:
            return Rejection(RejectReason.SHORT_QUOTE)
        fits = [a for a in self.attempts if a.sent is not None and self._port_of(a) == quote.destination_port]
        if fits:
            return fits[0] if len(fits) == 1 else Rejection(RejectReason.SHORT_QUOTE)
        return Rejection(RejectReason.FOREIGN_FLOW)

    def _contradiction(self, reply: Received, attempt: Attempt) -> RejectReason | None:
        """Return what in the quoted headers, or in the sender, speaks against the probe."""
        flow, quote = self.flow, reply.quote
        fixed = (
            (quote.destination, flow.destination),
            (quote.protocol, self._protocol_number),
            (quote.destination_port, self._port_of(attempt)),
        )
        # A source translator that does not translate the quote back shows its own address, port and identifier. That
        # is believed only with an identity too large to guess: 16 bits of sequence are not enough.
        translated = ((quote.source, flow.source), (quote.source_port, flow.source_port), (quote.icmp_id, flow.icmp_id))
        strong = _is_strong(quote)
        direct = reply.answer in _DIRECT
        if _differs(fixed) or (_differs(translated) and (direct or not strong)):
            return RejectReason.FOREIGN_FLOW
        return RejectReason.WRONG_SOURCE if direct and not self.from_target(reply.sender) else None

    def translated_source(self, quote: Quote) -> tuple[str | None, int | None]:
        """Return the quoted source address and its port or ICMP identifier, each None where it is ours or not told."""
        flow = self.flow
        source = quote.source if _differs(((quote.source, flow.source),)) else None
        ids = ((quote.source_port, flow.source_port), (quote.icmp_id, flow.icmp_id))
        changed = (carried for carried, expected in ids if _differs(((carried, expected),)))
        return source, next(changed, None)

    def went_elsewhere(self, reply: Received) -> bool:
        """Return whether an error quotes a probe of ours, by an identity too large to guess, to another destination.

        It is not believed all the same: who knows the identity may make up the rest.
        """
        quote = reply.quote
        return (
            _is_strong(quote)
            and reply.answer not in _DIRECT
            and _differs(((quote.destination, self.flow.destination),))
        )

    def from_target(self, sender: str) -> bool:
        """Return whether an address is the flow's destination; a zone (RFC 4007) is the host's own addition."""
        return _bare(sender) == _bare(self.flow.destination)

    def _port_of(self, attempt: Attempt) -> int | None:
        """Return a probe's destination port; a TCP probe's own port is its source port."""
        if attempt.probe.own_port and self.flow.protocol is Protocol.UDP:
            return self.flow.own_port(attempt.probe.number)
        return self.flow.destination_port


def _is_strong(quote: Quote) -> bool:
    """Return whether a quote holds an identity that nobody can guess."""
    return quote.tcp_sequence is not None or len(quote.token or b"") >= _LEAST_TOKEN


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
