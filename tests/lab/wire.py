"""What the wire itself says of round trips: stamps at a node's interface, probes paired with what answered them.

Nothing of ours reads these packets but the slices below: a codec that erred would err twice.
"""

import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.lab.builder import Lab
from tests.lab.network_map import interface

WATCH: Final = Path(__file__).parent / "wire_watch.py"
ETHERNET: Final = 14
IPV4_KIND, IPV6_KIND = b"\x08\x00", b"\x86\xdd"
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
ECHO_REQUESTS, ECHO_REPLIES = frozenset({(ICMP, 8), (ICMPV6, 128)}), frozenset({(ICMP, 0), (ICMPV6, 129)})
# Destination unreachable and time exceeded (RFC 792, RFC 4443).
ERRORS: Final = frozenset({(ICMP, 3), (ICMP, 11), (ICMPV6, 1), (ICMPV6, 3)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """One probe that was answered: who sent it, how far it was meant to go, and how long it took, in microseconds."""

    source: str
    probe_ttl: int
    left_ns: int
    rtt_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One IP packet's addresses, TTL and payload."""

    source: bytes
    destination: bytes
    probe_ttl: int
    protocol: int
    payload: bytes


class WireWatch:
    """Watches a node's interface for as long as the context lasts; then `trips` has what it saw."""

    def __init__(self, lab: Lab, node: str = "client") -> None:
        link = lab.map.links_of(node)[0]
        command = (sys.executable, "-I", "-S", str(WATCH), interface(link.other(node)))
        self._process = subprocess.Popen(
            lab.command(node, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.trips: list[Trip] = []

    def __enter__(self) -> Self:
        """Return once it watches."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it, and pair what it saw."""
        output, _ = self._process.communicate()
        self.trips = paired(output.splitlines())


def paired(lines: list[str]) -> list[Trip]:
    """Return the probes that left and the time until the first answer to each, in the order of their leaving."""
    left: dict[bytes, tuple[int, Packet]] = {}
    came: dict[bytes, list[int]] = defaultdict(list)
    for line in lines:
        stamp, way, frame = line.split()
        packet = parse_frame(bytes.fromhex(frame))
        if packet is None:
            continue
        if way == "out" and (key := probe_key(packet)) is not None:
            left.setdefault(key, (int(stamp), packet))
        elif way == "in" and (key := answer_key(packet)) is not None:
            came[key].append(int(stamp))
    return [
        Trip(
            source=address_text(packet.source),
            probe_ttl=packet.probe_ttl,
            left_ns=at,
            rtt_us=(min(came[key]) - at) / 1000,
        )
        for key, (at, packet) in left.items()
        if key in came
    ]


def parse_frame(frame: bytes) -> Packet | None:
    """Return the packet that an Ethernet frame carries, None for ARP and the like."""
    if frame[12:14] in {IPV4_KIND, IPV6_KIND}:
        return parse_packet(frame[ETHERNET:])
    return None


def parse_packet(data: bytes) -> Packet | None:
    """Return the packet that starts there: RFC 791 section 3.1, RFC 8200 section 3, no extension headers."""
    if data[0] >> 4 == 4:
        length = (data[0] & 15) * 4
        return Packet(
            source=data[12:16], destination=data[16:20], probe_ttl=data[8], protocol=data[9], payload=data[length:]
        )
    if data[0] >> 4 == 6:
        return Packet(
            source=data[8:24], destination=data[24:40], probe_ttl=data[7], protocol=data[6], payload=data[40:]
        )
    return None


def probe_key(packet: Packet) -> bytes | None:
    """Return what makes a probe recognisable: addresses, and identifier and sequence, token, or sequence number."""
    payload, ends = packet.payload, packet.source + packet.destination
    if (packet.protocol, payload[0]) in ECHO_REQUESTS:
        return ends + payload[4:8]
    if packet.protocol == UDP:
        # Not the checksum: the kernel may leave that to the network card, which comes after the stamp.
        return ends + payload[0:4] + payload[8:16]
    if packet.protocol == TCP and payload[13] == 0x02:
        return ends + payload[0:8]
    return None


def answer_key(packet: Packet) -> bytes | None:
    """Return the key of the probe that a packet answers."""
    payload, ends = packet.payload, packet.destination + packet.source
    if (packet.protocol, payload[0]) in ERRORS:
        quoted = parse_packet(payload[8:])
        return None if quoted is None else probe_key(quoted)
    if (packet.protocol, payload[0]) in ECHO_REPLIES:
        return ends + payload[4:8]
    if packet.protocol == UDP:
        return ends + payload[2:4] + payload[0:2] + payload[8:16]
    if packet.protocol == TCP:
        sequence = (int.from_bytes(payload[8:12], "big") - 1) % 2**32
        return ends + payload[2:4] + payload[0:2] + sequence.to_bytes(4, "big")
    return None


def address_text(packed: bytes) -> str:
    """Return an address as the tools write it."""
    return str(ip_address(packed))
