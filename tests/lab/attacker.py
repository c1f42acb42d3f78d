"""An attacker: forges answers to the probes that pass, floods with guesses, makes the noise of other people's ICMP.

A program of its own, obedient to its standard input, one order a line:

    python -m tests.lab.attacker INTERFACE
        forge NAME         from now on answer each probe that comes in by the interface with that forgery
        repeat             from now on send each answer that leaves by the interface twice more
        rest               do neither any more
        flood PROTOCOL PROBER TARGET COUNT
                           send so many guesses at answers to the prober's probes, as fast as possible
        noise PROBER PER-SECOND SECONDS
                           send the prober other people's echo replies and errors, so many a second

Each order is answered by one line: the number of packets that it made, for `rest` those of the order before it.
"""

import os
import random
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import cycle, islice

from tests.lab import attacker_packets as packets

# linux/if_ether.h, linux/if_packet.h
ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
KINDS = {4: b"\x08\x00", 6: b"\x86\xdd"}
ETHERNET = 14
LONGEST_FRAME = 2048
# Noise is sent in portions, so that its pace does not depend on how well this machine sleeps.
PORTION_S = 0.005
READY = 4096
SHARE_WHOLE = 0.5
SHORTEST = 8
CHANCE = random.Random()  # noqa: S311 - an attacker may be predictable
EPHEMERAL_PORTS = (32768, 60999)
Address = IPv4Address | IPv6Address

PROTOCOLS = {
    ("icmp", 4): packets.ICMP,
    ("icmp", 6): packets.ICMPV6,
    ("udp", 4): packets.UDP,
    ("udp", 6): packets.UDP,
    ("tcp", 4): packets.TCP,
    ("tcp", 6): packets.TCP,
}
PORTS = {packets.UDP: 33434, packets.TCP: 443}


class Attacker:
    """One interface, and what is done to those behind it."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind((interface, ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 2**20)
        self._forge: Callable[[packets.Packet], Iterator[bytes]] | None = None
        self._repeat = False
        self._sent = 0
        # What this program itself sent comes by again as outgoing: it is not to be repeated.
        self._own: set[bytes] = set()

    def obey(self) -> None:
        """Do as told until the input ends."""
        while True:
            readable, _, _ = select.select([self._socket, sys.stdin.fileno()], [], [])
            if self._socket in readable:
                self._pass_by(*self._socket.recvfrom(LONGEST_FRAME))
            elif (line := os.read(sys.stdin.fileno(), 4096).decode().strip()) == "":
                return
            else:
                sys.stdout.write(f"{self._order(*line.split(' ', 1))}\n")
                sys.stdout.flush()

    def _order(self, word: str, rest: str = "") -> int:
        sent, self._sent = self._sent, 0
        if word == "forge":
            self._forge = packets.FORGERIES[rest].forge
        elif word == "repeat":
            self._repeat = True
        elif word == "rest":
            self._forge, self._repeat = None, False
        elif word == "flood":
            protocol, prober, target, count = rest.split()
            return flood(protocol, ip_address(prober), ip_address(target).packed, int(count))
        elif word == "noise":
            prober, rate, seconds = rest.split()
            return make_noise(ip_address(prober), int(rate), float(seconds))
        return sent

    def _pass_by(self, frame: bytes, address: tuple[str, int, int, int, bytes]) -> None:
        """Look at one frame: a probe that comes in, or an answer that leaves."""
        if frame[12:14] not in KINDS.values() or (packet := packets.parse(frame[ETHERNET:])) is None:
            return
        if address[2] != PACKET_OUTGOING:
            header = frame[6:12] + frame[0:6] + frame[12:14]
            for forged in self._forge(packet) if self._forge and packets.is_probe(packet) else ():
                self._send(header + forged)
        elif self._repeat and packets.is_answer(packet) and frame not in self._own:
            self._own.add(frame)
            for _ in range(2):
                self._send(frame)

    def _send(self, frame: bytes) -> None:
        self._socket.send(frame)
        self._sent += 1


# --- without seeing a probe: packets leave by the routes, in whoever's name -------------------------------------------


def flood(protocol: str, prober: Address, target: bytes, count: int) -> int:
    """Send guesses, as fast as possible; return how many."""
    sending, where = raw_socket(prober.version), (str(prober), 0)
    number = PROTOCOLS[protocol, prober.version]
    sent = 0
    while sent < count:
        for forged in guesses(prober.version, number, prober.packed, target):
            sending.sendto(forged, where)
            sent += 1
    return sent


def make_noise(prober: Address, rate: int, seconds: float) -> int:
    """Send other people's answers at a steady pace; return how many."""
    sending, where = raw_socket(prober.version), (str(prober), 0)
    ready = cycle(list(islice(foreign(prober.version, prober.packed), READY)))
    started, sent = time.monotonic(), 0
    while (passed := time.monotonic() - started) < seconds:
        for packet in islice(ready, max(0, int(passed * rate) - sent)):
            sending.sendto(packet, where)
            sent += 1
        time.sleep(PORTION_S)
    return sent


def raw_socket(version: int) -> socket.socket:
    """Return a socket that sends whole packets, header first."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    return socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)


def guesses(version: int, protocol: int, prober: bytes, target: bytes) -> Iterator[bytes]:
    """Yield what somebody can make who knows who traces whom by what, and guesses the rest."""
    port = CHANCE.randint(*EPHEMERAL_PORTS)
    token = CHANCE.randbytes(packets.LONGEST_TOKEN + 2)
    if protocol == packets.TCP:
        payload = port.to_bytes(2, "big") + PORTS[protocol].to_bytes(2, "big") + token[:4] + bytes(4)
        payload += bytes([5 << 4, packets.SYN]) + bytes(6)
    elif protocol == packets.UDP:
        payload = port.to_bytes(2, "big") + PORTS[protocol].to_bytes(2, "big") + b"\0\x12" + token[:2] + token
    else:
        payload = bytes([8 if version == 4 else 128, 0]) + token[:2] + CHANCE.randbytes(4) + token
    probe = packets.Packet(
        version=version, source=prober, destination=target, ttl=1, protocol=protocol, payload=payload
    )
    # Half of them quote no more than they must (RFC 792): the less there is to be wrong, the better the chances.
    quote = probe.build()
    yield from packets.errors(probe, quote if CHANCE.random() < SHARE_WHOLE else quote[: -len(payload) + SHORTEST])
    yield packets.direct(probe, packets.right_answer(probe))


def foreign(version: int, prober: bytes) -> Iterator[bytes]:
    """Yield what the prober's other programs, and programs behind it, may get: echo replies, and errors of flows."""
    while True:
        target = CHANCE.randbytes(len(prober))
        for name in ("icmp", "udp", "tcp"):
            protocol = PROTOCOLS[name, version]
            *quoting, answer = guesses(version, protocol, prober, target)
            yield from quoting
            if name == "icmp":
                yield answer


def main() -> None:
    """Say that all is set up, and obey."""
    attacker = Attacker(sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    attacker.obey()


if __name__ == "__main__":
    main()
