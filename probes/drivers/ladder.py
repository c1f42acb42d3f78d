"""The fallback ladder: the best way to probe that this host allows, and why the better ones were refused."""

from __future__ import annotations

import _socket as socket
import posix  # what `os` is made of, which takes 1 ms more to load [measured]

from probes.drivers.endpoint import Endpoint, find_endpoint
from probes.failure import Failure, Operation, failure_of
from probes.flow_facts import Method, Protocol, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final, TypeVar

    from probes.clock import Clock
    from probes.flow_facts import Family
    from probes.seam import Driver

    RandomBytes = Callable[[int], bytes]
    Open = Callable[[Endpoint, Clock, RandomBytes], Driver]
    _Opener = TypeVar("_Opener")
    _Opened = TypeVar("_Opened")


_PING_GROUPS: Final = "/proc/sys/net/ipv4/ping_group_range"


# Each way is a module of its own, and a trace needs one to three of the six.


def _must_open_raw(endpoint: Endpoint) -> None:
    """Raise OSError where raw sockets are refused: to load a driver only to learn that takes 3 ms [measured]."""
    if posix.geteuid() != 0:
        socket.socket(endpoint.numbers.address_family, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


def _raw_icmp(endpoint: Endpoint, clock: Clock, random_bytes: RandomBytes) -> Driver:
    _must_open_raw(endpoint)
    from probes.drivers.raw_icmp import RawIcmp  # noqa: PLC0415

    return RawIcmp(endpoint, clock, random_bytes)


def _ping_socket(endpoint: Endpoint, clock: Clock, random_bytes: RandomBytes) -> Driver:
    from probes.drivers.ping_socket import PingSocket  # noqa: PLC0415

    return PingSocket(endpoint, clock, random_bytes)


def _raw_udp(endpoint: Endpoint, clock: Clock, _: RandomBytes) -> Driver:
    _must_open_raw(endpoint)
    from probes.drivers.raw_udp import RawUdp  # noqa: PLC0415

    return RawUdp(endpoint, clock)


def _unprivileged_udp(endpoint: Endpoint, clock: Clock, _: RandomBytes) -> Driver:
    from probes.drivers.unprivileged_udp import UnprivilegedUdp  # noqa: PLC0415

    return UnprivilegedUdp(endpoint, clock)


def _raw_tcp(endpoint: Endpoint, clock: Clock, _: RandomBytes) -> Driver:
    _must_open_raw(endpoint)
    from probes.drivers.raw_tcp import RawTcp  # noqa: PLC0415

    return RawTcp(endpoint, clock)


def _tcp_connect(endpoint: Endpoint, clock: Clock, _: RandomBytes) -> Driver:
    from probes.drivers.tcp_connect import TcpConnect  # noqa: PLC0415

    return TcpConnect(endpoint, clock)


_LADDERS: Final[dict[Protocol, tuple[tuple[Method, Open], ...]]] = {
    Protocol.ICMP: ((Method.RAW, _raw_icmp), (Method.PING_SOCKET, _ping_socket)),
    Protocol.UDP: ((Method.RAW, _raw_udp), (Method.ERROR_QUEUE, _unprivileged_udp)),
    Protocol.TCP: ((Method.RAW, _raw_tcp), (Method.CONNECT, _tcp_connect)),
}


def open_driver(
    protocol: Protocol,
    family: Family,
    destination: str,
    port: int | None,
    *,
    clock: Clock,
    random_bytes: RandomBytes,
    source: str | None = None,
    interface: str | None = None,
    tos: int = 0,
    source_port: int = 0,
    privileged: bool | None = None,
) -> tuple[Driver | None, tuple[Refusal, ...]]:
    """Return a driver by the first rung that holds, and a refusal for each one above it.

    Args:
        protocol: What the probes look like.
        family: The destination's.
        destination: An address literal, with `%interface` where it has a zone.
        port: The destination port; None for ICMP, or for the protocol's usual one.
        clock: Who tells the time.
        random_bytes: Where identifiers come from.
        source: The address to send from, None for the route's.
        interface: The interface to send by, None for the route's.
        tos: The type of service or traffic class, 0..255.
        source_port: The source port that a UDP flow should have if it is free, 0 for any; the raw rung heeds it.
        privileged: False leaves the raw rung out, True leaves the others out, None takes the first that opens.

    Returns:
        No driver where every rung was refused; where there is no way to the destination, one refusal says so.
    """
    rungs = [each for each in _LADDERS[protocol] if privileged in {None, each[0] is Method.RAW}]
    endpoint = find_endpoint(
        family, protocol, destination, port, source=source, interface=interface, tos=tos, source_port=source_port
    )
    if not isinstance(endpoint, Endpoint):
        failure, detail = endpoint
        return None, (Refusal(protocol=protocol, method=rungs[0][0], failure=failure, detail=detail),)
    return climb(protocol, rungs, lambda opener: opener(endpoint, clock, random_bytes))


def climb(
    protocol: Protocol, rungs: Sequence[tuple[Method, _Opener]], start: Callable[[_Opener], _Opened]
) -> tuple[_Opened | None, tuple[Refusal, ...]]:
    """Return what the first rung opens that holds, None where none does, and what was refused before it.

    Args:
        protocol: What probes look like.
        rungs: The ways to send them, the best first, and who opens each.
        start: Opens one; OSError where the host refuses.
    """
    refused: list[Refusal] = []
    for method, opener in rungs:
        try:
            return start(opener), tuple(refused)
        except OSError as error:
            failure = failure_of(error, Operation.OPEN)
            detail = _refusal_words(method, failure, error)
            refused.append(Refusal(protocol=protocol, method=method, failure=failure, detail=detail))
    return None, tuple(refused)


def _refusal_words(method: Method, failure: Failure, error: OSError) -> str:
    """Return why a rung did not hold, and what would make it hold, in words for a person."""
    if failure is Failure.NOT_PERMITTED and method is Method.RAW:
        return "raw sockets need root or CAP_NET_RAW"
    if failure is Failure.NOT_PERMITTED and method is Method.PING_SOCKET:
        return f"ping sockets are off for this group: net.ipv4.ping_group_range is {_ping_groups()}"
    return f"the host does not open the socket: {(error.strerror or str(error)).lower()}"


def _ping_groups() -> str:
    """Return the groups that may open ping sockets, first and last."""
    try:
        with open(_PING_GROUPS, encoding="ascii") as ranges:  # noqa: PTH123 - pathlib takes 5 ms to load
            return " ".join(ranges.read().split())
    except OSError:
        return "unknown"
