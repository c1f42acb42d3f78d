"""What goes in and out over HTTP: a request's head, a response, and problems as RFC 9457 has them."""

import json
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Final, Self

from probes.facts import Family
from probes.frozen import frozen

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"


@frozen
class Peer:
    """The other end of a connection; an IPv4 address is one, also where it came by an IPv6 socket."""

    address: str
    port: int

    @classmethod
    def of(cls, socket_address: tuple[str, int] | tuple[str, int, int, int]) -> Self:
        """Return the peer that a socket names (RFC 4291 section 2.5.5.2)."""
        host, port = socket_address[:2]
        parsed = ip_address(host.partition("%")[0])
        mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
        return cls(address=host if mapped is None else str(mapped), port=port)

    @property
    def family(self) -> Family:
        """Return the family of the address."""
        return Family.IPV6 if ":" in self.address else Family.IPV4


@frozen
class Head:
    """A request without its body; `path` is the request target as it came."""

    peer: Peer
    method: str
    path: str
    authorization: bytes | None = None
    media_type: str = ""


@frozen
class Response:
    """An answer; `note` is for the log alone."""

    status: int
    body: bytes
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    note: str = ""


def json_response(document: object, *, note: str = "") -> Response:
    """Return a document as an answer."""
    return Response(status=HTTPStatus.OK, body=json.dumps(document, separators=(",", ":")).encode(), note=note)


def problem(
    status: int, detail: str, *, headers: tuple[tuple[str, str], ...] = (), errors: tuple[dict[str, str], ...] = ()
) -> Response:
    """Return why there is no other answer (RFC 9457 section 3).

    Args:
        status: 400 or more.
        detail: For a person, without secrets.
        headers: What the status wants beside it.
        errors: What is wrong where in the request: `pointer` (RFC 6901) and `detail` (RFC 9457 section 3, example).
    """
    document: dict[str, object] = {"status": int(status), "title": HTTPStatus(status).phrase, "detail": detail}
    if errors:
        document["errors"] = errors
    body = json.dumps(document, separators=(",", ":")).encode()
    return Response(status=status, body=body, media_type=PROBLEM, headers=headers, note=detail)
