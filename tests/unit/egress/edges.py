"""Edges of every kind on the loopback: what a case wants said over HTTPS, said to each connection on its own thread."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from probes.clock import SystemClock
from probes.drivers.edge_client import service_data
from probes.edge_access import EdgeAccess
from probes.egress_facts import ServiceData
from probes.facts import Role
from probes.failure import Failure
from probes.name_facts import DnsCheck, NameSource
from tests.lab.certificates import Authority, Certificate

CLOCK = SystemClock()
# What a server does with one connection, given the request's head and body.
Behaviour = Callable[[Any, bytes], None]


def now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def told(**changed: object) -> dict[str, object]:
    """Return the service data of a healthy edge, with some members changed."""
    return {
        "schema": "cloudpath.edge/1",
        "edge": {"name": "edge-1", "version": "0.1"},
        "time": now_text(),
        "valid_for_s": 300,
        "client": {"address": "198.51.100.10", "port": 40000, "tunnel": None},
        "stun": {"udp_port": 33500, "tcp_port": 443},
        "icmp": True,
        **changed,
    }


def response(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None, *, date: datetime | None = None
) -> bytes:
    """Return a whole response; a body that is no bytes is written as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {
        "Date": format_datetime(date or datetime.now(UTC), usegmt=True),
        "Content-Type": "application/json",
        "Content-Length": str(len(data)),
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + data


def says(answer: bytes) -> Behaviour:
    def behave(client: Any, _request: bytes) -> None:
        client.sendall(answer)

    return behave


def read_request(client: Any) -> bytes:
    """Return a request's head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65_536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < lengths[0]:
        body += client.recv(65_536)
    return head + b"\r\n\r\n" + body


class Heard:
    """What a server met: each request, and where its connection came from."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[bytes] = []
        self.sources: list[str] = []


@contextlib.contextmanager
def served(
    *behaviours: Behaviour, certificate: Certificate | None = None, address: str = "127.0.0.1"
) -> Iterator[Heard]:
    """Run a server whose first connection meets the first behaviour, and so on; the last one is for all further."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        heard = Heard(server.getsockname()[1])
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
        threads: list[threading.Thread] = []

        def serve(client: socket.socket, behave: Behaviour) -> None:
            with contextlib.suppress(OSError), client:
                stream = context.wrap_socket(client, server_side=True) if context else client
                with stream:
                    request = read_request(stream)
                    heard.requests.append(request)
                    behave(stream, request)

        def accept() -> None:
            for number in range(100):
                try:
                    client, source = server.accept()
                except OSError:
                    return
                heard.sources.append(source[0])
                behave = behaviours[min(number, len(behaviours) - 1)]
                thread = threading.Thread(target=serve, args=(client, behave), daemon=True)
                threads.append(thread)
                thread.start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield heard
        server.shutdown(socket.SHUT_RDWR)
        accepting.join(timeout=5)
        for thread in threads:
            thread.join(timeout=5)
        assert not any(thread.is_alive() for thread in (accepting, *threads))


def found(*addresses: str) -> Callable[[str], DnsCheck]:
    """Return a look-up that knows these addresses for every name."""

    def resolve(name: str) -> DnsCheck:
        return DnsCheck(role=Role.SERVICE_EDGE, name=name, addresses=addresses, source=NameSource.RESOLVER)

    return resolve


def lost(failure: Failure) -> Callable[[str], DnsCheck]:
    return lambda name: DnsCheck(role=Role.SERVICE_EDGE, name=name, failure=failure)


def access_to(port: int, *, scheme: str = "http", host: str = "127.0.0.1", **more: Any) -> EdgeAccess:
    return EdgeAccess(host=host, api=f"{scheme}://{host}:{port}", **more)


def asked(access: EdgeAccess, **more: Any) -> ServiceData:
    return service_data(access, clock=CLOCK, **{"resolve": found("127.0.0.1"), **more})


def authority(directory: Path) -> Authority:
    own = Authority(directory)
    assert own.own.certificate.exists()
    return own
