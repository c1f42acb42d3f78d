"""The lab's plain server, a program of its own: `listener.py tcp:443 udp:7` accepts and closes, or sends back."""

import socket
import sys
from selectors import EVENT_READ, DefaultSelector

BACKLOG = 128


def listening(transport: str, port: int) -> socket.socket:
    """Return a socket for both families."""
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    server = socket.socket(socket.AF_INET6, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    if transport == "tcp":
        server.listen(BACKLOG)
    return server


def answer(server: socket.socket) -> None:
    """Accept one connection and close it, or send one datagram back."""
    if server.type == socket.SOCK_STREAM:
        connection, _ = server.accept()
        connection.close()
    else:
        data, sender = server.recvfrom(65_536)
        server.sendto(data, sender)


def main() -> None:
    """Serve for ever."""
    selector = DefaultSelector()
    for argument in sys.argv[1:]:
        transport, _, port = argument.partition(":")
        selector.register(listening(transport, int(port)), EVENT_READ)
    while True:
        for key, _ in selector.select():
            if isinstance(key.fileobj, socket.socket):
                answer(key.fileobj)


if __name__ == "__main__":
    main()
