"""The lab's delay line: joins pairs of TAP devices into wires that delay, lose, reorder and duplicate frames.

A program of its own, started by the builder: `delay_line.py JSON`, where JSON is a list of wires. It makes the TAP
devices, says `ready`, and runs until it is ended. Frames pass unchanged, so no TTL is touched and no hop appears.

ARP and neighbour discovery pass at once: a delay stands for the long way between two routers, not for the cable on
which they look for each other, and the first probe must not pay for the look-up.
"""

import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from dataclasses import dataclass, field

# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000

FRAME_BYTES = 65_536
ETHERTYPE = slice(12, 14)
ARP = b"\x08\x06"
IPV6 = b"\x86\xdd"
IPV6_NEXT_HEADER = 20
ICMPV6_TYPE = 54
ICMPV6 = 58
NEIGHBOUR_DISCOVERY = range(133, 138)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One wire: its two devices, the delay of each direction, and the ratios (0..1) of frames treated badly."""

    left: str
    right: str
    delay_ms: float
    loss: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """A frame on its way: when it arrives, and on which descriptor."""

    at_s: float
    number: int
    fileno: int = field(compare=False)
    frame: bytes = field(compare=False)


class DelayLine:
    """All wires of one map."""

    def __init__(self, wires: list[Wire], seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._ends: dict[int, tuple[int, Wire]] = {}
        self._queue: list[Due] = []
        self._numbers = 0
        for wire in wires:
            left, right = open_tap(wire.left), open_tap(wire.right)
            self._ends[left] = (right, wire)
            self._ends[right] = (left, wire)

    def run(self) -> None:
        """Carry frames for ever."""
        filenos = list(self._ends)
        while True:
            # select, not epoll: its timeout has microseconds.
            wait_s = max(0.0, self._queue[0].at_s - time.monotonic()) if self._queue else None
            readable, _, _ = select.select(filenos, (), (), wait_s)
            for fileno in readable:
                self._take(fileno)
            self._deliver()

    def _take(self, fileno: int) -> None:
        other, wire = self._ends[fileno]
        while True:
            try:
                frame = os.read(fileno, FRAME_BYTES)
            except BlockingIOError:
                return
            now = time.monotonic()
            if is_neighbour_discovery(frame):
                self._enqueue(now, other, frame)
            elif self._random.random() >= wire.loss:
                self._delay(now, wire, other, frame)

    def _delay(self, now: float, wire: Wire, other: int, frame: bytes) -> None:
        delay_s = wire.delay_ms / 1000
        overtaken = self._random.random() < wire.reorder
        self._enqueue(now + delay_s * (1.5 if overtaken else 1.0), other, frame)
        if self._random.random() < wire.duplicate:
            self._enqueue(now + delay_s, other, frame)

    def _enqueue(self, at_s: float, fileno: int, frame: bytes) -> None:
        self._numbers += 1
        heapq.heappush(self._queue, Due(at_s, self._numbers, fileno, frame))

    def _deliver(self) -> None:
        while self._queue and self._queue[0].at_s <= time.monotonic():
            due = heapq.heappop(self._queue)
            try:
                os.write(due.fileno, due.frame)
            except OSError:
                # The device is down or its queue is full: a cable loses the frame and says nothing.
                continue


def is_neighbour_discovery(frame: bytes) -> bool:
    """Return whether an Ethernet frame carries ARP (RFC 826) or ICMPv6 types 133 to 137 (RFC 4861)."""
    kind = frame[ETHERTYPE]
    if kind == ARP:
        return True
    return (
        kind == IPV6
        and len(frame) > ICMPV6_TYPE
        and frame[IPV6_NEXT_HEADER] == ICMPV6
        and frame[ICMPV6_TYPE] in NEIGHBOUR_DISCOVERY
    )


def open_tap(name: str) -> int:
    """Return the descriptor of a new TAP device; it lives as long as the descriptor."""
    fileno = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fileno, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fileno


def main() -> None:
    """Read the wires, make them, say so, carry."""
    # Real-time priority keeps the delay exact while the machine is busy with the tests themselves.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    line = DelayLine([Wire(**wire) for wire in json.loads(sys.argv[1])], seed=int(sys.argv[2]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    line.run()


if __name__ == "__main__":
    main()
