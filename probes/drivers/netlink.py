"""Questions to the kernel about links, addresses, routes and neighbours, over one routing-netlink socket."""

from __future__ import annotations

import errno
import itertools
import os
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from probes.facts import Family
from probes.failure import Failure, Operation, failure_of
from probes.frozen import replace
from probes.host_facts import Route
from probes.wire import netlink as wire
from probes.wire.malformed import MalformedDatagram
from probes.wire.netlink_entries import (
    RT_TABLE_LOCAL,
    RTN_LOCAL,
    AddressEntry,
    LinkEntry,
    NeighbourEntry,
    NextHop,
    RouteEntry,
    RuleEntry,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Final, Self

    from probes.wire.netlink_entries import Entry


# The kernel answers inside the system call; a wait means that something is wrong with the host.
_ANSWER_TIMEOUT_S: Final = 1.0
# NLMSG_GOODSIZE times four: no kernel puts more than 32 KiB of a dump into one datagram (net/netlink/af_netlink.c).
_BUFFER_BYTES: Final = 65536
# A dump that changes under the reader is asked for again; three times outlives any but a broken host.
_DUMP_ATTEMPTS: Final = 3


class NetlinkError(Exception):
    """The kernel could not be asked, or its answer could not be understood."""

    def __init__(self, failure: Failure, detail: str) -> None:
        """Keep the failure's name, and for a person the words."""
        super().__init__(detail)
        self.failure = failure


class _InterruptedDumpError(Exception):
    pass


class Netlink:
    """One socket for questions; not for use by two threads at once.

    Raises:
        NetlinkError: From every method, when the kernel cannot be asked.
    """

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self._socket.settimeout(_ANSWER_TIMEOUT_S)
            self._socket.bind((0, 0))
        except OSError as error:
            raise NetlinkError(failure_of(error, Operation.OPEN), f"open routing netlink: {error}") from error
        self._sequences = itertools.count(1)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def links(self) -> tuple[LinkEntry, ...]:
        """Return every interface."""
        return tuple(entry for entry in self._dump(wire.RTM_GETLINK) if isinstance(entry, LinkEntry))

    def link(self, index: int) -> LinkEntry | None:
        """Return one interface, None when there is none of this index."""
        answer = self._ask(wire.link_request(index, sequence := next(self._sequences)), sequence)
        return answer if isinstance(answer, LinkEntry) else None

    def addresses(self) -> tuple[AddressEntry, ...]:
        """Return every address of every interface."""
        return tuple(entry for entry in self._dump(wire.RTM_GETADDR) if isinstance(entry, AddressEntry))

    def routes(self) -> tuple[RouteEntry, ...]:
        """Return the entries of every table, the kernel's cached exceptions left out."""
        entries = self._dump(wire.RTM_GETROUTE)
        return tuple(entry for entry in entries if isinstance(entry, RouteEntry) and not entry.cached)

    def neighbours(self) -> tuple[NeighbourEntry, ...]:
        """Return the neighbour cache of both families."""
        return tuple(entry for entry in self._dump(wire.RTM_GETNEIGH) if isinstance(entry, NeighbourEntry))

    def rules(self) -> tuple[RuleEntry, ...]:
        """Return the policy rules of both families."""
        return tuple(entry for entry in self._dump(wire.RTM_GETRULE) if isinstance(entry, RuleEntry))

    def route_to(
        self, address: str, *, source: str | None = None, interface: str | None = None, mark: int | None = None
    ) -> Route:
        """Return the way that a packet to `address` would take, or the failure that sending it would meet.

        Args:
            address: An IP literal; a zone (`fe80::1%eth0`) names the interface.
            source: The sender's address; one that the host does not have is ADDRESS_NOT_AVAILABLE.
            interface: The name of the interface that it must leave by; one that is not there is NO_SUCH_INTERFACE.
            mark: The packet's firewall mark, as policy rules see it.
        """
        bare, _, zone = address.partition("%")
        destination = ip_address(bare)
        index = _index_of(interface or zone)
        if isinstance(index, Failure):
            return _failed(address, destination, index)
        if source is not None and not self._is_ours(ip_address(source)):
            return _failed(address, destination, Failure.ADDRESS_NOT_AVAILABLE)
        answer = self._look_up(destination, source=source, index=index, mark=mark)
        return _failed(address, destination, answer) if isinstance(answer, Failure) else _found(address, answer)

    def entry_for(
        self, address: str, *, source: str | None = None, interface: str | None = None, mark: int | None = None
    ) -> RouteEntry | None:
        """Return the table entry that decides for `address`, or None where none leads there.

        Takes what `route_to` takes.
        """
        bare, _, zone = address.partition("%")
        index = _index_of(interface or zone)
        if isinstance(index, Failure):
            return None
        answer = self._look_up(ip_address(bare), source=source, index=index, mark=mark, matched_entry=True)
        return None if isinstance(answer, Failure) else answer

    def _is_ours(self, source: IPv4Address | IPv6Address) -> bool:
        # Asked for itself, because the look-up of a foreign source is EINVAL, the same as a blackhole (IPv4), or is
        # not refused at all (IPv6).
        answer = self._look_up(source)
        return isinstance(answer, RouteEntry) and answer.type == RTN_LOCAL

    def _look_up(
        self,
        destination: IPv4Address | IPv6Address,
        *,
        source: str | None = None,
        index: int | None = None,
        mark: int | None = None,
        matched_entry: bool = False,
    ) -> RouteEntry | Failure:
        sequence = next(self._sequences)
        request = wire.route_request(
            destination,
            sequence,
            source=None if source is None else ip_address(source),
            interface_index=index,
            mark=mark,
            matched_entry=matched_entry,
        )
        answer = self._ask(request, sequence)
        if isinstance(answer, RouteEntry):
            # IPv4 says `main` for its own addresses until the first policy rule is added, `local` ever after: that is
            # one answer, not two (fib_unmerge in net/ipv4/fib_frontend.c).
            return replace(answer, table=RT_TABLE_LOCAL) if answer.type == RTN_LOCAL else answer
        if isinstance(answer, Failure):
            return answer
        raise NetlinkError(Failure.MALFORMED_REPLY, f"the kernel answered a route look-up with {answer}")

    def _ask(self, request: bytes, sequence: int) -> Entry | Failure | None:
        self._send(request)
        for message in self._answers(sequence):
            if message.type != wire.NLMSG_ERROR:
                return _entry(message)
            # A refused look-up carries the errno that sending would get, so SEND is what it is classified as.
            return failure_of(_os_error(message), Operation.SEND)
        return None

    def _dump(self, kind: int) -> tuple[Entry, ...]:
        for _ in range(_DUMP_ATTEMPTS - 1):
            try:
                return tuple(self._dump_once(kind))
            except _InterruptedDumpError:
                continue
        # The last reading stands even if the tables moved under it: the watch sees to what moves.
        return tuple(self._dump_once(kind, last=True))

    def _dump_once(self, kind: int, *, last: bool = False) -> Iterator[Entry]:
        sequence = next(self._sequences)
        self._send(wire.dump_request(kind, sequence))
        interrupted = False
        for message in self._answers(sequence):
            interrupted = interrupted or message.interrupted
            if message.type == wire.NLMSG_DONE:
                break
            if message.type == wire.NLMSG_ERROR:
                error = _os_error(message)
                raise NetlinkError(failure_of(error, Operation.RECEIVE), f"read the kernel's tables: {error}")
            entry = _entry(message)
            if entry is not None:
                yield entry
        if interrupted and not last:
            raise _InterruptedDumpError

    def _send(self, request: bytes) -> None:
        try:
            self._socket.sendto(request, (0, 0))
        except OSError as error:
            raise NetlinkError(failure_of(error, Operation.SEND), f"ask the kernel: {error}") from error

    def _answers(self, sequence: int) -> Iterator[wire.Message]:
        while True:
            try:
                data, (sender, _) = self._socket.recvfrom(_BUFFER_BYTES)
            except OSError as error:
                raise NetlinkError(failure_of(error, Operation.RECEIVE), f"hear the kernel: {error}") from error
            # Any process may write to our socket; only the kernel has port id 0 (netlink(7)).
            if sender != 0:
                continue
            yield from (message for message in _split(data) if message.sequence == sequence)


def interface_name(index: int | None) -> str | None:
    """Return the name of the interface with this index, None when there is none any more.

    Raises:
        NetlinkError: The host could not look; the look-up opens a socket of its own.
    """
    try:
        return None if index is None else socket.if_indextoname(index)
    except OSError as error:
        failure = failure_of(error, Operation.OPEN)
        if failure is not Failure.NO_SUCH_INTERFACE:
            raise NetlinkError(failure, f"look up an interface's name: {error}") from error
        return None


def _index_of(interface: str | None) -> int | Failure | None:
    if not interface:
        return None
    try:
        return socket.if_nametoindex(interface)
    except OSError as error:
        # Python itself says that there is none, without an errno.
        return Failure.NO_SUCH_INTERFACE if error.errno is None else failure_of(error, Operation.OPEN)


def _os_error(message: wire.Message) -> OSError:
    try:
        code = wire.error_number(message)
    except MalformedDatagram as error:
        raise NetlinkError(Failure.MALFORMED_REPLY, f"understand the kernel: {error}") from error
    return (
        OSError(code, os.strerror(code)) if code else OSError(errno.EPROTO, "an acknowledgement where data should be")
    )


def _split(data: bytes) -> tuple[wire.Message, ...]:
    try:
        return tuple(wire.messages(data))
    except MalformedDatagram as error:
        raise NetlinkError(Failure.MALFORMED_REPLY, f"understand the kernel: {error}") from error


def _entry(message: wire.Message) -> Entry | None:
    try:
        return wire.entry_of(message)
    except MalformedDatagram as error:
        raise NetlinkError(Failure.MALFORMED_REPLY, f"understand the kernel: {error}") from error


def _family(address: IPv4Address | IPv6Address) -> Family:
    return Family.IPV4 if isinstance(address, IPv4Address) else Family.IPV6


def _failed(address: str, destination: IPv4Address | IPv6Address, failure: Failure) -> Route:
    return Route(destination=address, family=_family(destination), failure=failure)


def _found(address: str, entry: RouteEntry) -> Route:
    way = entry.next_hops[0] if entry.next_hops else NextHop(index=None, gateway=None)
    return Route(
        destination=address,
        family=entry.family,
        interface=interface_name(way.index),
        source=entry.source,
        gateway=way.gateway,
        table=entry.table,
    )
