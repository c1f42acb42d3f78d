"""A collector that does everything that collectors do wrong, and writes down what it kept.

In a test: `with HostileCollector(file, choose) as collector`. As a process of its own:
`python -m tests.lab.hostile_collector FILE --seed 7 --modes ok,lie,cut_after_storing`; it prints its URL, and ends with
its standard input. FILE gets a line for each entry that it kept, in the order of keeping:
`{"batch": "...", "id": "...", "seq": 812, "mode": "ok"}`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import socket
import struct
import sys
import threading
import time
import zlib
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


class Mode(StrEnum):
    """What becomes of one request."""

    OK = "ok"
    # Nothing is kept.
    UNAVAILABLE = "unavailable"
    BUSY = "busy"
    CUT_BEFORE_READING = "cut_before_reading"
    SILENT = "silent"
    REDIRECT = "redirect"
    UNAUTHORIZED = "unauthorized"
    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    # Everything is kept, and something else is said.
    CUT_AFTER_STORING = "cut_after_storing"
    LIE = "lie"
    SERVER_ERROR = "server_error"
    LATE = "late"
    DRIP = "drip"
    GARBAGE = "garbage"
    # Everything is kept, and that is said in a strange way.
    TWICE = "twice"
    HUGE = "huge"
    CLOSE = "close"


KEPT = frozenset({Mode.OK, Mode.CUT_AFTER_STORING, Mode.LIE, Mode.SERVER_ERROR, Mode.LATE, Mode.DRIP, Mode.GARBAGE,
                  Mode.TWICE, Mode.HUGE, Mode.CLOSE})  # fmt: skip
STATUSES = {Mode.UNAVAILABLE: 503, Mode.BUSY: 429, Mode.REDIRECT: 302, Mode.UNAUTHORIZED: 401, Mode.BAD_REQUEST: 400,
            Mode.TOO_LARGE: 413, Mode.LIE: 503, Mode.SERVER_ERROR: 500}  # fmt: skip

# How each document begins: reading all of it would make this the slowest part of every test.
_IDENTITY = re.compile(rb'"schema": ?"[a-z./0-9]+", ?"id": ?"([0-9a-f-]{36})", ?"seq": ?(\d+)')


class Request:
    """One request as it came."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes, at: float, client: object = None) -> None:
        self.path = path
        self.client = client
        self.headers = headers
        self.sent = body
        self.at = at

    @property
    def body(self) -> bytes:
        """Return the body as it was before it was compressed."""
        return zlib.decompress(self.sent, 31) if self.headers.get("content-encoding") == "gzip" else self.sent

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Return the documents of a body of lines."""
        return [document for document in map(json.loads, self.body.splitlines()) if "schema" in document]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        collector = self.server.collector
        at = time.monotonic()
        headers = {name.lower(): value for name, value in self.headers.items()}
        if collector.ahead() is Mode.CUT_BEFORE_READING:
            collector.note(Request(self.path, {}, b"", at))
            self._cut()
            return
        body = self.rfile.read(int(headers.get("content-length", 0)))
        request = Request(self.path, headers, body, at, self.client_address)
        mode = collector.note(request)
        if mode in KEPT:
            collector.keep(request, mode)
        self._answer(mode, collector)

    def _answer(self, mode: Mode, collector: HostileCollector) -> None:
        match mode:
            case Mode.CUT_AFTER_STORING | Mode.CUT_BEFORE_READING:
                self._cut()
            case Mode.SILENT:
                collector.ended.wait(collector.late_s)
                self._cut()
            case Mode.LATE:
                collector.ended.wait(collector.late_s)
                self._say(200)
            case Mode.DRIP:
                self._drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + 100_000 * b"x", collector)
            case Mode.GARBAGE:
                self.wfile.write(os.urandom(64) + b"\r\n\r\n")
                self.close_connection = True
            case Mode.HUGE:
                self._huge()
            case Mode.CLOSE:
                self._say(200, (("Connection", "close"),))
                self.close_connection = True
            case Mode.BUSY:
                self._say(429, (("Retry-After", "1"),))
            case Mode.REDIRECT:
                self._say(302, (("Location", "http://127.0.0.1:1/elsewhere"),))
            case _:
                good = mode in {Mode.OK, Mode.TWICE}
                headers = (("Content-Type", collector.reply_type),)
                self._say(STATUSES.get(mode, 200), headers, collector.reply if good else collector.complaint)

    def _say(self, status: int, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _huge(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        for _ in range(200):
            self.wfile.write(b"y" * 100_000)

    def _drip(self, data: bytes, collector: HostileCollector) -> None:
        self.close_connection = True
        for at in range(len(data)):
            if collector.ended.wait(0.05):
                return
            self.wfile.write(data[at : at + 1])

    def _cut(self) -> None:
        """End the connection by a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: object) -> None:  # type: ignore[explicit-override] # typing.override is Python 3.12's
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    collector: HostileCollector

    def handle_error(self, *_: object) -> None:  # type: ignore[explicit-override] # likewise
        """Say nothing: whoever cuts connections is cut off, too."""


class HostileCollector:
    """The collector; used within `with`.

    Attributes:
        requests: Every request in the order of coming.
        reply: The body of a good answer, and `reply_type` what it is.
        complaint: The body of a bad one.
        late_s: How late a late answer is.
        ended: Set when it ends.
    """

    def __init__(
        self,
        file: Path,
        choose: Callable[[int, Request], Mode],
        *,
        port: int = 0,
        address: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self.reply = b""
        self.reply_type = "application/json"
        self.complaint = b"no"
        self.late_s = 3.0
        self.ended = threading.Event()
        self._file = file
        self._choose = choose
        self._lock = threading.Lock()
        self._server = _Server((address, port), _Handler)
        self._server.collector = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "http" if tls is None else "https"
        self._address = f"[{address}]" if ":" in address else address
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"{self._scheme}://{self._address}:{self.port}/ingest"

    @property
    def kept(self) -> list[dict[str, Any]]:
        """Return what it kept."""
        # A line without its end is being written at this moment.
        lines = self._file.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def ahead(self) -> Mode:
        """Return what would become of the next request, whatever its body."""
        with self._lock:
            return self._choose(len(self.requests), Request("", {}, b"", 0.0))

    def note(self, request: Request) -> Mode:
        """Return what becomes of a request."""
        with self._lock:
            mode = self._choose(len(self.requests), request)
            self.requests.append(request)
            return mode

    def keep(self, request: Request, mode: Mode) -> None:
        """Write down what a request brought."""
        batch = request.headers.get("x-cloudpath-batch")
        lines = "".join(
            json.dumps({"batch": batch, "id": identity.decode(), "seq": int(seq), "mode": mode}) + "\n"
            for identity, seq in _IDENTITY.findall(request.body)
        )
        with self._lock, self._file.open("a", encoding="utf-8") as file:
            file.write(lines * 2 if mode is Mode.TWICE else lines)

    def __enter__(self) -> Self:
        self._file.touch()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()


def mixed(seed: int, modes: tuple[Mode, ...], down_s: float = 0.0) -> Callable[[int, Request], Mode]:
    """Return a choice by chance that is the same for the same seed; for the first seconds it is down."""
    began = time.monotonic()

    def choose(number: int, _: Request) -> Mode:
        if time.monotonic() < began + down_s:
            return Mode.UNAVAILABLE
        return random.Random(seed * 1_000_003 + number).choice(modes)  # noqa: S311 - a script, not a secret

    return choose


def main() -> None:
    """Run until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--modes", default="ok", help="of these, one by chance for each request")
    parser.add_argument("--down", type=float, default=0.0, help="answer 503 for so many seconds first")
    parser.add_argument("--late", type=float, default=3.0, help="how many seconds late a late answer is")
    options = parser.parse_args()
    modes = tuple(Mode(mode) for mode in options.modes.split(","))
    with HostileCollector(options.file, mixed(options.seed, modes, options.down), port=options.port) as collector:
        collector.late_s = options.late
        print(collector.url, flush=True)  # noqa: T201 - whoever started it waits for that
        sys.stdin.read()


if __name__ == "__main__":
    main()
