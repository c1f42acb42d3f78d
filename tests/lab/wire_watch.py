"""Stamps what passes one interface of a lab node: the wire's own word on every probe and answer.

A program of its own: `wire_watch.py INTERFACE`. It says `ready`, keeps every frame with the kernel's stamp until its
input is closed, then prints one line each: nanoseconds, `out` or `in`, the frame's first bytes in hexadecimal.

The stamps are the kernel's, taken when a frame leaves or enters the interface, so a busy machine does not move them.
"""

import socket
import struct
import sys
import threading

# asm-generic/socket.h, linux/if_ether.h, linux/if_packet.h
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4

KEPT_BYTES = 192
BUFFER_BYTES = 64 * 2**20
TIMESPEC = struct.Struct("@ll")


def main() -> None:
    """Watch until standard input is closed."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as watching:
        watching.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        watching.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        watching.bind((sys.argv[1], ETH_P_ALL))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        ended = threading.Event()
        threading.Thread(target=await_end, args=(ended,), daemon=True).start()
        watching.settimeout(0.05)
        lines: list[str] = []
        while line := take(watching, ended):
            lines.append(line)
    sys.stdout.writelines(lines)


def await_end(ended: threading.Event) -> None:
    """Say so when standard input is closed."""
    sys.stdin.read()
    ended.set()


def take(watching: socket.socket, ended: threading.Event) -> str:
    """Return the next frame as a line, an empty one when watching has ended and nothing is left."""
    while True:
        try:
            frame, control, _, address = watching.recvmsg(KEPT_BYTES, 64)
        except TimeoutError:
            if ended.is_set():
                return ""
            continue
        seconds, nanoseconds = TIMESPEC.unpack(control[0][2])
        way = "out" if address[2] == PACKET_OUTGOING else "in"
        return f"{seconds * 10**9 + nanoseconds} {way} {frame.hex()}\n"


if __name__ == "__main__":
    main()
