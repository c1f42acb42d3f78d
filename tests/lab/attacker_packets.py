"""Packets as an attacker makes them: probes taken apart, answers forged from them, each wrong in one way.

Pure, standard library only, and nothing of ours: an error in our codecs would else hide itself.
"""

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
# Addresses of nobody on the maps (RFC 5737, RFC 3849): where they show up in a record, a forgery was believed.
EVIL = {4: bytes([203, 0, 113, 66]), 6: bytes.fromhex("20010db8066600000000000000000066")}
HEADER_LENGTH = {4: 20, 6: 40}
TIME_EXCEEDED = {4: (11, 0), 6: (3, 0)}
PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}
TOO_LONG = 65_536
SHORTEST = {ICMP: 8, ICMPV6: 8, UDP: 8, TCP: 20}
SYN, RST, ACK = 0x02, 0x04, 0x10


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One IP packet without options; `payload` starts with the transport header."""

    version: int
    source: bytes
    destination: bytes
    ttl: int
    protocol: int
    payload: bytes

    def build(self) -> bytes:
        """Return its bytes."""
        length = len(self.payload)
        if self.version == 6:
            head = struct.pack("!IHBB", 6 << 28, length, self.protocol, self.ttl)
            return head + self.source + self.destination + self.payload
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0x4242, 0, self.ttl, self.protocol, 0)
        whole = head + self.source + self.destination
        return whole[:10] + checksum(whole) + whole[12:] + self.payload


def parse(data: bytes) -> Packet | None:
    """Return the packet that `data` starts with, None for anything else."""
    if data[0] >> 4 == 4:
        total = int.from_bytes(data[2:4], "big")
        payload = data[(data[0] & 15) * 4 : total]
        return Packet(
            version=4, source=data[12:16], destination=data[16:20], ttl=data[8], protocol=data[9], payload=payload
        )
    if data[0] >> 4 == 6:
        total = 40 + int.from_bytes(data[4:6], "big")
        return Packet(
            version=6, source=data[8:24], destination=data[24:40], ttl=data[7], protocol=data[6], payload=data[40:total]
        )
    return None


def is_probe(packet: Packet) -> bool:
    """Return whether a packet is an echo request, a UDP datagram or a SYN."""
    if len(packet.payload) < SHORTEST.get(packet.protocol, TOO_LONG):
        return False
    first = packet.payload[0]
    return (
        (packet.protocol, first) in {(ICMP, 8), (ICMPV6, 128)}
        or packet.protocol == UDP
        or (packet.protocol == TCP and packet.payload[13] == SYN)
    )


def is_answer(packet: Packet) -> bool:
    """Return whether a packet may answer a probe: an echo reply, an error, a UDP datagram, a SYN-ACK or RST."""
    if len(packet.payload) < SHORTEST.get(packet.protocol, TOO_LONG):
        return False
    first = packet.payload[0]
    answers = {(ICMP, 0), (ICMP, 3), (ICMP, 11), (ICMPV6, 1), (ICMPV6, 3), (ICMPV6, 129)}
    tcp = packet.protocol == TCP and packet.payload[13] & (SYN | RST) != 0
    return (packet.protocol, first) in answers or packet.protocol == UDP or tcp


# --- building ---------------------------------------------------------------------------------------------------------


def checksum(data: bytes) -> bytes:
    """Return the Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", total ^ 0xFFFF)


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """Return what transport checksums cover besides (RFC 768, RFC 8200 section 8.1)."""
    tail = struct.pack("!BBH", 0, protocol, length) if len(source) == 4 else struct.pack("!II", length, protocol)
    return source + destination + tail


def between(probe: Packet, source: bytes, protocol: int, payload: bytes, checksum_at: int) -> bytes:
    """Return a packet from `source` to the prober, its transport checksum filled in."""
    covered = payload[:checksum_at] + b"\0\0" + payload[checksum_at + 2 :]
    above = pseudo_header(source, probe.source, protocol, len(payload)) if protocol != ICMP else b""
    right = payload[:checksum_at] + checksum(above + covered) + payload[checksum_at + 2 :]
    return Packet(
        version=probe.version, source=source, destination=probe.source, ttl=60, protocol=protocol, payload=right
    ).build()


def icmp(probe: Packet, source: bytes, kind: tuple[int, int], rest: bytes, body: bytes) -> bytes:
    """Return an ICMP or ICMPv6 message from `source` to the prober."""
    protocol = ICMP if probe.version == 4 else ICMPV6
    return between(probe, source, protocol, struct.pack("!BBH", *kind, 0) + rest + body, 2)


def errors(probe: Packet, quote: bytes, rest: bytes = bytes(4)) -> Iterator[bytes]:
    """Yield a time-exceeded of a router that does not exist, and a port-unreachable in the target's name."""
    yield icmp(probe, EVIL[probe.version], TIME_EXCEEDED[probe.version], rest, quote)
    yield icmp(probe, probe.destination, PORT_UNREACHABLE[probe.version], rest, quote)


def direct(probe: Packet, payload: bytes, source: bytes | None = None) -> bytes:
    """Return an answer of the target itself, or of `source`."""
    at = {ICMP: 2, ICMPV6: 2, UDP: 6, TCP: 16}[probe.protocol]
    return between(probe, source or probe.destination, probe.protocol, payload, at)


def echo_reply(probe: Packet) -> bytes:
    """Return the payload of the right echo reply."""
    return bytes([0 if probe.version == 4 else 129]) + probe.payload[1:]


def udp_reply(probe: Packet) -> bytes:
    """Return the payload of the right echo of a UDP probe."""
    return probe.payload[2:4] + probe.payload[0:2] + probe.payload[4:]


def segment(probe: Packet, flags: int, acknowledgement: int) -> bytes:
    """Return a segment that answers a SYN."""
    ports = probe.payload[2:4] + probe.payload[0:2]
    return ports + struct.pack("!IIBBHHH", random.getrandbits(32), acknowledgement, 5 << 4, flags, 64240, 0, 0)


def next_sequence(probe: Packet) -> int:
    """Return the number that acknowledges a SYN."""
    return (int.from_bytes(probe.payload[4:8], "big") + 1) % 2**32


def right_answer(probe: Packet) -> bytes:
    """Return what the target itself would answer, as a transport payload."""
    if probe.protocol == UDP:
        return udp_reply(probe)
    return segment(probe, SYN | ACK, next_sequence(probe)) if probe.protocol == TCP else echo_reply(probe)


def flipped(data: bytes, *offsets: int) -> bytes:
    """Return `data` with the bytes at `offsets` inverted; where it ends before, that much of it."""
    return bytes(byte ^ 0xFF if at in offsets else byte for at, byte in enumerate(data))


# --- forgeries --------------------------------------------------------------------------------------------------------

# Where the identity stands in a transport header: (sequence or checksum), (identifier or source port), token.
IDENTITY_AT = {ICMP: 6, ICMPV6: 6, UDP: 6, TCP: 4}
# As a UDP checksum it is what a computed 0 is sent as (RFC 768), and names no probe; nor does it by ICMP.
NO_PROBES = b"\xff\xff"
TOKEN_AT = 8
LONGEST_TOKEN = 8


def quoting(change: Callable[[Packet], Packet]) -> Callable[[Packet], Iterator[bytes]]:
    """Return a forger of errors that quote a changed probe."""
    return lambda probe: errors(probe, change(probe).build())


def with_payload(change: Callable[[Packet], bytes]) -> Callable[[Packet], Packet]:
    """Return a change of the payload alone."""
    return lambda probe: replace(probe, payload=change(probe))


def other_destination(probe: Packet) -> Packet:
    """Return the probe to somebody else."""
    return replace(probe, destination=flipped(probe.destination, len(probe.destination) - 1))


def other_protocol(probe: Packet) -> Packet:
    """Return the probe as if it were of a protocol that nobody here uses (SCTP)."""
    return replace(probe, protocol=132)


def other_identity(probe: Packet) -> bytes:
    """Return the payload with a wrong sequence number (ICMP, TCP) or checksum (UDP).

    Of 65,536 numbers another probe of the trace may have any but `NO_PROBES`; of 32 bits none has the same by chance.
    """
    at = IDENTITY_AT[probe.protocol]
    if probe.protocol == TCP:
        return flipped(probe.payload, at, at + 1)
    return probe.payload[:at] + NO_PROBES + probe.payload[at + 2 :]


def other_token(probe: Packet) -> bytes:
    """Return the payload with wrong random bytes; for TCP there are none but the sequence number."""
    if probe.protocol == TCP:
        return other_identity(probe)
    return flipped(probe.payload, *range(TOKEN_AT, TOKEN_AT + LONGEST_TOKEN))


def other_everything(probe: Packet) -> bytes:
    """Return the payload with nothing of the probe's identity left: that of a probe not sent yet, at best."""
    changed = other_identity(probe)
    return changed if probe.protocol == TCP else other_token(replace(probe, payload=changed))


def cut(length: int) -> Callable[[Packet], Iterator[bytes]]:
    """Return a forger of errors whose quote ends so many bytes behind the end of the IP header; below 0, before it."""
    return lambda probe: errors(probe, probe.build()[: max(0, HEADER_LENGTH[probe.version] + length)])


def cut_other_identity(probe: Packet) -> Iterator[bytes]:
    """Yield errors that quote the least that RFC 792 asks for, and that wrong."""
    yield from errors(probe, replace(probe, payload=other_identity(probe)[:8]).build())


def oversized(probe: Packet) -> Iterator[bytes]:
    """Yield errors whose quote is as long as a packet may be, and wrong."""
    payload = other_token(probe)
    yield from errors(probe, replace(probe, payload=payload).build() + bytes(1200 - len(payload)))


def promises_too_much(probe: Packet) -> Iterator[bytes]:
    """Yield errors whose RFC 4884 length field says more than there is, behind a wrong quote."""
    length = b"\0\xff\0\0" if probe.version == 4 else b"\xff\0\0\0"
    yield from errors(probe, replace(probe, payload=other_token(probe)).build(), length)


def broken_extension(probe: Packet) -> Iterator[bytes]:
    """Yield errors with a wrong quote and an RFC 4884 structure whose only object is shorter than its own header."""
    quote = replace(probe, payload=other_token(probe)).build().ljust(128, b"\0")
    structure = b"\x20\0\0\0" + struct.pack("!HBB", 2, 1, 1)
    length = b"\0\x20\0\0" if probe.version == 4 else b"\x10\0\0\0"
    yield from errors(probe, quote + structure[:2] + checksum(structure) + structure[4:], length)


def wrong_checksum(probe: Packet) -> Iterator[bytes]:
    """Yield errors with the right quote and a wrong ICMP checksum."""
    at = HEADER_LENGTH[probe.version] + 2
    for error in errors(probe, probe.build()):
        yield flipped(error, at)


def source_quench(probe: Packet) -> Iterator[bytes]:
    """Yield messages that quote rightly and answer nothing (RFC 6633); ICMPv6 has none of them."""
    if probe.version == 4:
        yield icmp(probe, EVIL[4], (4, 0), bytes(4), probe.build())


def answer_from_elsewhere(probe: Packet) -> Iterator[bytes]:
    """Yield the right answer from an address that was not asked."""
    yield direct(probe, right_answer(probe), EVIL[probe.version])


def answer_of_other_identity(probe: Packet) -> Iterator[bytes]:
    """Yield answers in the target's name with one wrong half of the identity each."""
    if probe.protocol == TCP:
        for flags in (SYN | ACK, RST | ACK):
            yield direct(probe, segment(probe, flags, next_sequence(probe) ^ 0x00FFFF00))
    elif probe.protocol == UDP:
        yield direct(probe, flipped(udp_reply(probe), *range(TOKEN_AT, TOKEN_AT + LONGEST_TOKEN)))
    else:
        yield direct(probe, flipped(echo_reply(probe), 6, 7))
        yield direct(probe, flipped(echo_reply(probe), *range(TOKEN_AT, TOKEN_AT + LONGEST_TOKEN)))


def answer_without_identity(probe: Packet) -> Iterator[bytes]:
    """Yield answers in the target's name that do not say which probe they answer."""
    if probe.protocol == TCP:
        yield direct(probe, segment(probe, RST, 0))
        yield direct(probe, segment(probe, ACK, next_sequence(probe)))
    elif probe.protocol == UDP:
        yield direct(probe, udp_reply(probe)[:4] + struct.pack("!HH", 8 + 4, 0) + b"oops")
    else:
        yield direct(probe, echo_reply(probe)[:8])


def answer_of_other_flow(probe: Packet) -> Iterator[bytes]:
    """Yield answers of somebody else's conversation with the target: other identifier, other port."""
    right = right_answer(probe)
    yield direct(probe, flipped(right, 4, 5) if probe.protocol in {ICMP, ICMPV6} else flipped(right, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """One way to lie, and by which reasons it must be rejected.

    Attributes:
        forge: Makes the packets from a probe.
        reasons: What they count as, where the kernel lets them through at all.
        seen: By whom: a driver with every right sees everything that the ICMP filter passes, one without them what the
            kernel takes for its socket's own.
    """

    forge: Callable[[Packet], Iterator[bytes]]
    reasons: tuple[str, ...]
    seen: tuple[tuple[str, int], ...]


def seen(*protocols: str, versions: tuple[int, ...] = (4, 6)) -> tuple[tuple[str, int], ...]:
    """Return the drivers with every right that count a forgery: by protocol and IP version."""
    return tuple((protocol, version) for protocol in protocols for version in versions)


ALL = seen("icmp", "udp", "tcp")
IDENTITY = ("wrong_identity", "unknown_probe")
FORGERIES = {
    "quote of another destination": Forgery(forge=quoting(other_destination), reasons=("foreign_flow",), seen=ALL),
    "quote of another protocol": Forgery(forge=quoting(other_protocol), reasons=(), seen=()),
    "quote of another identity": Forgery(forge=quoting(with_payload(other_token)), reasons=IDENTITY, seen=ALL),
    "quote of a probe never sent": Forgery(
        forge=quoting(with_payload(other_everything)), reasons=("unknown_probe",), seen=ALL
    ),
    "short quote of another identity": Forgery(
        forge=cut_other_identity, reasons=("unknown_probe", "short_quote"), seen=ALL
    ),
    "quote without the IP header's end": Forgery(forge=cut(-1), reasons=("malformed",), seen=ALL),
    "empty quote": Forgery(forge=cut(-40), reasons=("malformed",), seen=ALL),
    "quote of the IP header alone": Forgery(forge=cut(0), reasons=("short_quote",), seen=ALL),
    "quote cut inside the ports": Forgery(forge=cut(3), reasons=("short_quote",), seen=ALL),
    "oversized quote of another identity": Forgery(forge=oversized, reasons=IDENTITY, seen=ALL),
    "length beyond the end": Forgery(forge=promises_too_much, reasons=IDENTITY, seen=ALL),
    "broken extension": Forgery(forge=broken_extension, reasons=IDENTITY, seen=ALL),
    # The kernel itself checks ICMPv6, and everything for sockets without rights.
    "wrong checksum": Forgery(
        forge=wrong_checksum, reasons=("malformed", "unread"), seen=seen("icmp", "udp", "tcp", versions=(4,))
    ),
    "source quench": Forgery(
        forge=source_quench, reasons=("not_an_answer",), seen=seen("icmp", "udp", "tcp", versions=(4,))
    ),
    # The kernel resets a SYN-ACK that nobody waits for, and a router may quote that reset.
    "answer from elsewhere": Forgery(
        forge=answer_from_elsewhere, reasons=("wrong_source", "foreign_flow", "unknown_probe"), seen=ALL
    ),
    "answer of another identity": Forgery(forge=answer_of_other_identity, reasons=IDENTITY, seen=ALL),
    "answer without identity": Forgery(forge=answer_without_identity, reasons=("short_quote",), seen=ALL),
    # The filter knows the echo identifier, the UDP socket its port; a segment from another port is read.
    "answer of another flow": Forgery(forge=answer_of_other_flow, reasons=("foreign_flow",), seen=seen("udp", "tcp")),
}
