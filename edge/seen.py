"""What the edge saw of packets: whose echo bore a nonce, and which source a STUN request came from; pure."""

from collections import OrderedDict, deque
from ipaddress import ip_address
from typing import Final

from probes.frozen import frozen
from probes.wire.malformed import MalformedDatagram
from probes.wire.stun import build_binding_success, build_unknown_attribute, parse_binding_request

NONCE_LENGTH: Final = 16
# An agent asks within a round trip or two.
_REMEMBERED_S: Final = 10.0
_MOST_NONCES: Final = 8_192
# One source cannot push out what others wait for.
_MOST_OF_ONE: Final = 64


@frozen
class SeenEcho:
    """Who sent an echo request with a nonce, and when it came: nanoseconds since the epoch."""

    address: str
    realtime_ns: int


class EchoLog:
    """The nonces of the echo requests of the last ten seconds, at most 8,192, and 64 of one source."""

    def __init__(self) -> None:
        """Begin empty."""
        self._seen: OrderedDict[bytes, tuple[float, SeenEcho]] = OrderedDict()
        self._by_source: dict[str, deque[bytes]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, nonce: bytes, address: str, realtime_ns: int, now: float) -> None:
        """Remember an echo request; the first with a nonce counts."""
        self._expire(now)
        if nonce in self._seen:
            return
        of_source = self._by_source.setdefault(address, deque())
        if len(of_source) >= _MOST_OF_ONE:
            self._drop(of_source[0])
            of_source = self._by_source.setdefault(address, deque())
        elif len(self._seen) >= _MOST_NONCES:
            self._drop(next(iter(self._seen)))
        of_source.append(nonce)
        self._seen[nonce] = now, SeenEcho(address=address, realtime_ns=realtime_ns)

    def find(self, nonce: bytes, now: float) -> SeenEcho | None:
        """Return who sent the echo request with this nonce, None where none came in the last ten seconds."""
        self._expire(now)
        found = self._seen.get(nonce)
        return None if found is None else found[1]

    def _expire(self, now: float) -> None:
        while self._seen:
            nonce, (at, _) = next(iter(self._seen.items()))
            if at > now - _REMEMBERED_S:
                return
            self._drop(nonce)

    def _drop(self, nonce: bytes) -> None:
        _, echo = self._seen.pop(nonce)
        of_source = self._by_source[echo.address]
        of_source.remove(nonce)
        if not of_source:
            del self._by_source[echo.address]


def stun_answer(message: bytes, address: str, port: int) -> bytes | None:
    """Return the answer to a STUN message from a source, None where it is no binding request: nobody is answered noise.

    Args:
        message: What came.
        address: Where it came from, bare.
        port: Likewise.

    Source: RFC 8489 sections 6.3.1 and 7.
    """
    try:
        request = parse_binding_request(message)
    except MalformedDatagram:
        return None
    if request.unknown:
        return build_unknown_attribute(request)
    return build_binding_success(request.transaction, ip_address(address).packed, port)
