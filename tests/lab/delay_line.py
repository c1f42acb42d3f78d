"""The lab's delay line: joins pairs of devices into wires that delay, lose, reorder and duplicate frames.

A program of its own, started by the builder: `delay_line.py JSON SEED`, where JSON is a list of wires. It makes the
devices in its maker's namespace, says `ready`, and runs until it is ended. Each device is one end of a veth pair; a
packet socket is at the other. Frames pass unchanged, so no TTL is touched and no hop appears.

A frame is due its delay after the kernel received it, whenever this program came to read it: so a burst is delayed as
exactly as a single frame [measured: tests/lab/test_lab.py].

ARP and neighbour discovery pass at once: a delay stands for the long way between two routers, not for the cable on
which they look for each other, and the first probe must not pay for the look-up.
"""

import ctypes
import heapq
import itertools
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass

# linux/sched.h, linux/if_ether.h, linux/if_packet.h, asm-generic/socket.h
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35

# struct virtio_net_hdr (linux/virtio_net.h) comes first.
VIRTIO_HEADER_BYTES = 10
FRAME_BYTES = VIRTIO_HEADER_BYTES + 65_550
STAMP_SPACE = socket.CMSG_SPACE(struct.calcsize("ll"))
RECEIVE_BUFFER_BYTES = 8_388_608
TAKEN_AT_ONCE = 8
WAKE_EARLY_NS = 100_000
LARGEST_AGE_NS = 1_000_000_000

ETHERTYPE = slice(VIRTIO_HEADER_BYTES + 12, VIRTIO_HEADER_BYTES + 14)
ARP = b"\x08\x06"
IPV6 = b"\x86\xdd"
IPV6_NEXT_HEADER = VIRTIO_HEADER_BYTES + 20
ICMPV6_TYPE = VIRTIO_HEADER_BYTES + 54
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


class DelayLine:
    """All wires of one map."""

    def __init__(self, wires: list[Wire], seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._ends: dict[socket.socket, tuple[socket.socket, Wire]] = {}
        # Frames on their way: when each arrives, a number that keeps equals in order, where, and the frame itself.
        self._queue: list[tuple[int, int, socket.socket, bytes]] = []
        self._numbers = itertools.count()
        for wire in wires:
            left, right = open_end(wire.left), open_end(wire.right)
            self._ends[left] = (right, wire)
            self._ends[right] = (left, wire)

    def run(self) -> None:
        """Carry frames for ever."""
        ends = list(self._ends)
        while True:
            # select, not epoll: its timeout has microseconds.
            readable, _, _ = select.select(ends, (), (), self._wait_s())
            for end in readable:
                self._take(end)
            self._deliver()

    def _wait_s(self) -> float | None:
        """Return how long nothing is due: a little less than that, because waking up takes its time."""
        if not self._queue:
            return None
        return max(0, self._queue[0][0] - time.monotonic_ns() - WAKE_EARLY_NS) / 1e9

    def _take(self, end: socket.socket) -> None:
        """Take what came in, but not so much that what is due must wait for it: the kernel has stamped the rest."""
        other, wire = self._ends[end]
        for _ in range(TAKEN_AT_ONCE):
            try:
                frame, ancillary, _, _ = end.recvmsg(FRAME_BYTES, STAMP_SPACE)
            except BlockingIOError:
                return
            came_ns = arrival_ns(ancillary)
            if is_neighbour_discovery(frame):
                self._enqueue(came_ns, other, frame)
            elif self._random.random() >= wire.loss:
                self._delay(came_ns, wire, other, frame)

    def _delay(self, came_ns: int, wire: Wire, other: socket.socket, frame: bytes) -> None:
        delay_ns = round(wire.delay_ms * 1e6)
        overtaken = self._random.random() < wire.reorder
        self._enqueue(came_ns + (delay_ns * 3 // 2 if overtaken else delay_ns), other, frame)
        if self._random.random() < wire.duplicate:
            self._enqueue(came_ns + delay_ns, other, frame)

    def _enqueue(self, at_ns: int, end: socket.socket, frame: bytes) -> None:
        heapq.heappush(self._queue, (at_ns, next(self._numbers), end, frame))

    def _deliver(self) -> None:
        """Deliver all that is due, and wait on the spot for what will be within the blink of an eye."""
        queue = self._queue
        while queue and queue[0][0] <= (now_ns := time.monotonic_ns()) + WAKE_EARLY_NS:
            if queue[0][0] > now_ns:
                continue
            _, _, end, frame = heapq.heappop(queue)
            try:
                end.send(frame)
            except OSError:
                # The device is down or its queue is full: a cable loses the frame and says nothing.
                continue


def arrival_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Return when a frame came, by the monotonic clock: the kernel stamps it by the wall clock before we wake up."""
    # The wall first: whatever comes between the two readings makes a frame late, never early.
    wall_ns, now_ns = time.time_ns(), time.monotonic_ns()
    stamps = (data for level, kind, data in ancillary if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS))
    seconds, nanoseconds = struct.unpack("ll", next(stamps))
    age_ns = wall_ns - seconds * 1_000_000_000 - nanoseconds
    # Beyond a second it is not age but a wall clock that was set meanwhile.
    return now_ns - age_ns if 0 <= age_ns < LARGEST_AGE_NS else now_ns


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


def open_end(name: str) -> socket.socket:
    """Return a socket on the far end of a new veth pair, whose near end waits in the maker's namespace by this name.

    Frames keep their virtio header (PACKET_VNET_HDR), so that checksums and segments that a sender left to its device
    pass as they are.
    """
    far = f"{name}f"
    maker = f"/proc/{os.getppid()}/ns/net"
    pair = ("ip", "link", "add", "name", far, "type", "veth", "peer", "name", name, "netns", maker)
    subprocess.run(pair, check=True)
    subprocess.run(("ip", "link", "set", "dev", far, "up"), check=True)
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    end.bind((far, ETH_P_ALL))
    return end


def enter_own_namespace() -> None:
    """Move to a network namespace that lives as long as this process: so do the veth pairs whose far ends are in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    # The far ends are cables, not hosts: they must not look for routers.
    with open("/proc/sys/net/ipv6/conf/default/disable_ipv6", "w", encoding="ascii") as setting:  # noqa: PTH123
        setting.write("1")


def main() -> None:
    """Read the wires, make them, say so, carry."""
    # Ctrl-C is for its maker, which ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Real-time priority keeps the delay exact while the machine is busy with the tests themselves.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    enter_own_namespace()
    line = DelayLine([Wire(**wire) for wire in json.loads(sys.argv[1])], seed=int(sys.argv[2]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    line.run()


if __name__ == "__main__":
    main()
