"""Sends lines over TCP once somebody listens, a program of its own: `line_sender.py ADDRESS:PORT TEXT`."""

import socket
import sys
import time

WAIT_S = 10.0
LOOK_EVERY_S = 0.01


def connected(host: str, port: int) -> socket.socket:
    """Return a connection; who listens may still be on his way."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return socket.create_connection((host, port), timeout=WAIT_S)
        except ConnectionRefusedError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(LOOK_EVERY_S)


def main() -> None:
    """Send, and end the connection in order."""
    host, _, port = sys.argv[1].rpartition(":")
    with connected(host.strip("[]"), int(port)) as connection:
        # As logs write the time: asctime of ISO C, in UTC.
        connection.sendall(sys.argv[2].replace("@now", time.asctime(time.gmtime())).encode())


if __name__ == "__main__":
    main()
