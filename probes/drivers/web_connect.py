"""A TCP connection to the first of several addresses that accepts one: Happy Eyeballs (RFC 8305), order given."""

from __future__ import annotations

import _socket as socket
import errno
import select

from probes.drivers.connecting import words_of
from probes.drivers.endpoint import Endpoint, find_endpoint
from probes.drivers.sockets import open_socket
from probes.drivers.web_stream import EndedError, TcpStream
from probes.facts import Family, Protocol
from probes.failure import Failure, Operation, failure_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.drivers.web_stream import Patience


# RFC 8305 section 5: "Connection Attempt Delay", its recommended value.
_ATTEMPT_DELAY_S: Final = 0.25
_MOST_ADDRESSES: Final = 6


def connect(
    addresses: Sequence[str],
    port: int,
    patience: Patience,
    *,
    source: str | None = None,
    interface: str | None = None,
) -> tuple[TcpStream, str, str | None]:
    """Return a connection, the address that it leads to, and what became of the addresses before it, None for nothing.

    Args:
        addresses: IP literals, the preferred first.
        port: The port, 1..65535.
        patience: How long it may take.
        source: The address to send from; it counts for addresses of its own family only.
        interface: The interface to send by.

    Raises:
        EndedError: None accepted: the failure is that of the first.
    """
    race = _Race(addresses[:_MOST_ADDRESSES], port, patience, source, interface)
    try:
        opened, address = race.run()
    finally:
        race.close()
    return TcpStream(opened, patience), address, race.words()


class _Race:
    """The attempts: one is begun whenever all before it failed, or a quarter of a second after the last one."""

    def __init__(
        self, addresses: Sequence[str], port: int, patience: Patience, source: str | None, interface: str | None
    ) -> None:
        self._left = list(addresses)
        self._alone = len(addresses) == 1
        self._port = port
        self._patience = patience
        self._source = source
        self._interface = interface
        self._poll = select.poll()
        self._under_way: dict[int, tuple[socket.socket, str]] = {}
        self._failed: list[tuple[str, Failure, str]] = []

    def run(self) -> tuple[socket.socket, str]:
        """Return the first connection that opens."""
        while self._left or self._under_way:
            if self._left:
                self._start(self._left.pop(0))
            connected = self._first_of_those_under_way()
            if connected is not None:
                return connected
        raise EndedError(self._failed[0][1] if self._failed else Failure.NO_DATA, self.words())

    def words(self) -> str | None:
        """Return what became of the attempts that did not open."""
        return "; ".join(self._said(address, words) for address, _, words in self._failed) or None

    def _said(self, address: str, words: str) -> str:
        """Return the words with whom they are about, where there are several."""
        return words if self._alone else f"{address}: {words}"

    def close(self) -> None:
        """Close what is still under way."""
        for opened, _ in self._under_way.values():
            opened.close()

    def _start(self, address: str) -> None:
        family = Family.IPV6 if ":" in address else Family.IPV4
        source = self._source if self._source is not None and (":" in self._source) == (":" in address) else None
        found = find_endpoint(family, Protocol.TCP, address, self._port, source=source, interface=self._interface)
        if not isinstance(found, Endpoint):
            self._failed.append((address, *found))
            return
        try:
            opened = open_socket(found, socket.SOCK_STREAM)
        except OSError as error:
            self._failed.append((address, failure_of(error, Operation.OPEN), words_of(error, Operation.OPEN)))
            return
        self._under_way[opened.fileno()] = opened, address
        try:
            opened.bind(found.local(0))
            code = opened.connect_ex(found.remote(self._port))
        except OSError as error:
            self._give_up(opened.fileno(), error, Operation.BIND)
            return
        if code not in {0, errno.EINPROGRESS}:
            self._give_up(opened.fileno(), OSError(code, errno.errorcode.get(code, "")), Operation.CONNECT)
            return
        self._poll.register(opened, select.POLLOUT)

    def _give_up(self, descriptor: int, error: OSError, operation: Operation) -> None:
        opened, address = self._under_way.pop(descriptor)
        self._failed.append((address, failure_of(error, operation), words_of(error, operation)))
        opened.close()

    def _first_of_those_under_way(self) -> tuple[socket.socket, str] | None:
        until = self._patience.clock.monotonic() + _ATTEMPT_DELAY_S if self._left else None
        while self._under_way:
            try:
                seen = self._patience.wait(self._poll, until)
            except EndedError as ended:
                raise EndedError(ended.failure, self._silent(ended)) from ended
            if not seen:
                return None
            for descriptor, _ in seen:
                connected = self._outcome(descriptor)
                if connected is not None:
                    return connected
            if self._left:
                return None
        return None

    def _outcome(self, descriptor: int) -> tuple[socket.socket, str] | None:
        opened, address = self._under_way[descriptor]
        self._poll.unregister(descriptor)
        code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._give_up(descriptor, OSError(code, ""), Operation.RECEIVE)
            return None
        del self._under_way[descriptor]
        return opened, address

    def _silent(self, ended: EndedError) -> str | None:
        if ended.failure is not Failure.TIMED_OUT:
            return ended.detail
        silent = [self._said(address, f"no answer on port {self._port}") for _, address in self._under_way.values()]
        return "; ".join(filter(None, (self.words(), *silent)))
