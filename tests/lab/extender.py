"""A router's voice with extensions, a program of its own: `extender.py PORT JSON` answers expired probes.

These kernels know neither MPLS nor RFC 5837, so the node's own kernel stays silent and this program says what such a
router would: real ICMP errors with labels, interfaces, unknown objects, or lengths that lie. It binds the UDP port when
it is ready. The JSON holds `labels` ([label, class, bottom, ttl] each), `interface` (a name and an MTU), `unknown`
([class, c-type, hex] each), `quoted_ttl`, and `lies` (true: the length field promises more than there is).
"""

import json
import socket
import struct
import sys
from typing import Any

ETH_P_ALL = 3
QUOTE = 128
# Type, where in the second word the length stands, and the octets that it counts (RFC 4884 section 4).
FORMS = {4: (11, 1, 4), 6: (3, 0, 8)}


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    total = sum(int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def objects(said: dict[str, Any], index: int) -> bytes:
    """Return the objects of the extension structure."""
    made = b""
    if said.get("labels"):
        stack = b"".join(struct.pack("!I", a << 12 | b << 9 | c << 8 | d) for a, b, c, d in said["labels"])
        made += struct.pack("!HBB", 4 + len(stack), 1, 1) + stack
    if said.get("interface"):
        name = said["interface"]["name"].encode()
        length = (len(name) + 1 + 3) // 4 * 4
        told = struct.pack("!I", index) + (bytes((length,)) + name).ljust(length, b"\0")
        told += struct.pack("!I", said["interface"]["mtu"])
        # Role incoming; index, name and MTU follow.
        made += struct.pack("!HBB", 4 + len(told), 2, 0b0000_1011) + told
    for kind, subtype, payload in said.get("unknown", ()):
        data = bytes.fromhex(payload)
        made += struct.pack("!HBB", 4 + len(data), kind, subtype) + data
    return made


def error(version: int, packet: bytes, said: dict[str, Any], index: int) -> bytes:
    """Return an ICMP error without checksum that quotes `packet`, with the extensions."""
    kind, at, unit = FORMS[version]
    quoted = bytearray(packet[:QUOTE].ljust(QUOTE, b"\0"))
    if "quoted_ttl" in said:
        quoted[8 if version == 4 else 7] = said["quoted_ttl"]
    body = struct.pack("!BBH", 0x20, 0, 0) + objects(said, index)
    structure = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    rest = bytearray(4)
    rest[at] = 255 if said.get("lies") else QUOTE // unit
    return struct.pack("!BBH", kind, 0, 0) + bytes(rest) + bytes(quoted) + structure


class Voice:
    """Sends the errors, each from the address of the interface that the probe came by."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.said = said
        self.sockets = {
            4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
            6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
        }

    def answer(self, packet: bytes, device: str) -> None:
        """Answer a packet that expires here, and no other."""
        version = packet[0] >> 4 if packet else 0
        if version == 4 and len(packet) >= 20 and packet[8] == 1:
            prober = socket.inet_ntop(socket.AF_INET, packet[12:16])
        elif version == 6 and len(packet) >= 40 and packet[7] == 1:
            prober = socket.inet_ntop(socket.AF_INET6, packet[8:24])
        else:
            return
        message = error(version, packet, self.said, socket.if_nametoindex(device))
        if version == 4:
            # The kernel fills in ICMPv6's checksum alone.
            message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        self.sockets[version].sendto(message, (prober, 0))


def main() -> None:
    """Serve for ever."""
    voice = Voice(json.loads(sys.argv[2]))
    hearing = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    ready = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ready.bind(("127.0.0.1", int(sys.argv[1])))
    while True:
        packet, (device, _, packet_type, *_) = hearing.recvfrom(65_536)
        if packet_type == socket.PACKET_HOST:
            voice.answer(packet, device)


if __name__ == "__main__":
    main()
