"""The lab's server that never says a word, a program of its own: the kernel takes connections, and nobody reads."""

import signal
import socket
import sys

BACKLOG = 128


def main() -> None:
    """Listen at each port named, to TCP and UDP, until killed."""
    held = []
    for port in map(int, sys.argv[1:]):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            server = socket.socket(socket.AF_INET6, kind)
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.bind(("::", port))
            held.append(server)
            if kind == socket.SOCK_STREAM:
                server.listen(BACKLOG)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main()
