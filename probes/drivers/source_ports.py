"""The source ports of SYN probes: reserved one by one as probes need them."""

from __future__ import annotations

import _socket as socket

from probes.drivers.sockets import Together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.drivers.endpoint import Endpoint
    from probes.seam import Probe


# A destination answers one SYN for each pair of ports until the reset of the kernel here has reached it; a second one
# meanwhile gets a challenge ACK or nothing [measured]. So each round of TTLs has a source port, and so has each probe
# that is known to reach the destination. A port is used again after the others: by then its reset has arrived, even
# from far away, because all probes of a common trace that reach their destination have one (ten of the series, and
# later rounds run ten TTLs ahead).
_ROUND_PORTS: Final = 8
_PROBE_PORTS: Final = 40
# The ports lie so close together, with some that others may have taken between them.
_RANGE: Final = 64
_PORTS: Final = 65536


class SourcePorts:
    """Ports held by bound sockets that neither listen nor connect.

    So the kernel knows no connection there, and resets what the destination opens. Most traces need a third of them,
    and to open and close a socket takes 0.2 ms [measured].

    Attributes:
        numbers: The ports that probes may come from, for filters; not all of them are held.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Reserve the first port; OSError where the host has none left."""
        self._endpoint = endpoint
        self._held = [_reserve(endpoint, 0)]
        first: int = self._held[0].getsockname()[1]
        step = 1 if first + _RANGE <= _PORTS else -1
        self.numbers: tuple[int, ...] = tuple(range(first, first + step * _RANGE, step))
        self._free = list(self.numbers[:0:-1])
        self._port_of = {0: first}
        self._sent_at_ttl: dict[int, int] = {}
        self._own_ports_used = 0
        self._reached_at: int | None = None
        self._ttl_of: dict[int, int] = {}

    def port_of(self, probe: Probe) -> int:
        """Return the source port that no probe shares which may reach the destination at the same time."""
        self._ttl_of[probe.identity.tcp_sequence] = probe.probe_ttl
        if probe.own_port or (self._reached_at is not None and probe.probe_ttl >= self._reached_at):
            self._own_ports_used += 1
            return self._port(_ROUND_PORTS + self._own_ports_used % _PROBE_PORTS)
        turn = self._sent_at_ttl.get(probe.probe_ttl, 0)
        self._sent_at_ttl[probe.probe_ttl] = turn + 1
        return self._port(turn % _ROUND_PORTS)

    def taken(self, tcp_sequence: int) -> None:
        """Remember the lowest TTL whose SYN the destination took; a reset leaves nothing behind and needs no port."""
        probe_ttl = self._ttl_of.get(tcp_sequence)
        if probe_ttl is not None:
            self._reached_at = min(probe_ttl, self._reached_at or probe_ttl)

    def close(self) -> None:
        """Give every port back."""
        for each in self._held:
            each.close()

    def _port(self, place: int) -> int:
        """Return the port of one place, reserved when it is first asked for; another's where the host has no more."""
        if place not in self._port_of:
            self._port_of[place] = self._next() or self._port_of[place % len(self._port_of)]
        return self._port_of[place]

    def _next(self) -> int | None:
        while self._free:
            port = self._free.pop()
            try:
                self._held.append(_reserve(self._endpoint, port))
            except OSError:
                # Somebody has it, or the process may open no more: the next one, or one that is shared.
                continue
            return port
        return None


def _reserve(endpoint: Endpoint, port: int) -> socket.socket:
    """Return a socket bound to a port, or to any."""
    with Together() as opening:
        reserving = socket.socket(endpoint.numbers.address_family, socket.SOCK_STREAM)
        opening.add(reserving)
        reserving.bind(endpoint.local(port))
    return reserving
