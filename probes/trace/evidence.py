"""Which captured packets are a trace's probes and the replies to them; all the rest is somebody's private traffic."""

from __future__ import annotations

from probes.captured import Packet, SentProbe
from probes.facts import Answer, StampSource
from probes.frozen import frozen
from probes.seam import Received, Stamp
from probes.trace.ledger import Ledger
from probes.trace.match import Match, match
from probes.wire.answers import read_quote
from probes.wire.datagrams import read_reply
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from probes.facts import Icmp, Protocol
    from probes.seam import Flow, Probe
    from probes.trace.attempt import Attempt


@frozen
class Exhibit:
    """One packet, and the probe that it is or answers; `answer` is None where it is the probe itself."""

    packet: Packet
    protocol: Protocol
    probe: Probe
    sender: str
    answer: Answer | None = None
    icmp: Icmp | None = None


@frozen
class Evidence:
    """What of a capture belongs to the trace, oldest first; `probes` is how many the host took."""

    exhibits: tuple[Exhibit, ...]
    probes: int

    @property
    def unseen(self) -> int:
        """Return how many probes left without being captured."""
        seen = {(each.protocol, each.probe) for each in self.exhibits if each.answer is None}
        return self.probes - len(seen)


def evidence(entries: Iterable[Packet | SentProbe]) -> Evidence:
    """Return the packets that are probes or believed replies, by the very rules by which the trace believes.

    Args:
        entries: Packets and probes, in the order in which they were read: a reply that names no probe is believed
            only while one probe alone can be meant, and that changes as more of them leave.
    """
    ledgers: dict[Flow, Ledger] = {}
    exhibits: list[Exhibit] = []
    probes = 0
    for entry in entries:
        if isinstance(entry, SentProbe):
            probes += 1
            if entry.flow not in ledgers:
                ledgers[entry.flow] = Ledger(entry.flow, bytes)
            ledgers[entry.flow].know(entry.probe, entry.stamp)
        elif exhibit := next(filter(None, (_exhibit(ledger, entry) for ledger in ledgers.values())), None):
            exhibits.append(exhibit)
    return Evidence(exhibits=tuple(sorted(exhibits, key=lambda each: each.packet.realtime_ns)), probes=probes)


def _exhibit(ledger: Ledger, packet: Packet) -> Exhibit | None:
    """Return what a packet is to one flow, None where it is nothing."""
    try:
        reply = read_reply(ledger.flow, packet.data, _stamp(packet))
        answered = None if reply is None else _named(ledger, reply)
        if reply is not None and answered is not None:
            return _of(ledger, packet, answered, sender=reply.sender, answer=reply.answer, icmp=reply.icmp)
        sent = _sent(ledger, packet)
    except MalformedDatagram:
        return None
    return None if sent is None else _of(ledger, packet, sent, sender=ledger.flow.source)


def _sent(ledger: Ledger, packet: Packet) -> Attempt | None:
    """Return the probe that a packet is: one that an error could quote just so."""
    quote = read_quote(ledger.flow.family, packet.data)
    if quote.source != ledger.flow.source:
        return None
    quoted = Received(sender=ledger.flow.source, answer=Answer.TIME_EXCEEDED, stamp=_stamp(packet), quote=quote)
    return _named(ledger, quoted)


def _named(ledger: Ledger, reply: Received) -> Attempt | None:
    verdict = match(ledger, reply)
    return verdict.attempt if isinstance(verdict, Match) else None


def _of(
    ledger: Ledger,
    packet: Packet,
    attempt: Attempt,
    *,
    sender: str,
    answer: Answer | None = None,
    icmp: Icmp | None = None,
) -> Exhibit:
    return Exhibit(
        packet=packet, protocol=ledger.flow.protocol, probe=attempt.probe, sender=sender, answer=answer, icmp=icmp
    )


def _stamp(packet: Packet) -> Stamp:
    """Return a stamp for the matcher, which asks for no time."""
    return Stamp(packet.realtime_ns / 1e9, packet.realtime_ns, StampSource.KERNEL)
