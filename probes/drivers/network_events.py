"""What the kernel tells of changes while a sample runs, drained without waiting from one netlink socket."""

from __future__ import annotations

import errno
import socket

from probes.drivers.host import HostPaths, read_resolv_conf
from probes.drivers.netlink import Netlink, NetlinkError
from probes.drivers.watched_file import version_of
from probes.failure import Operation, failure_of
from probes.host_state import default_routes_of
from probes.network_watch import DefaultsRead, FullRead, ResolversRead, Slept
from probes.route_watch import RouteLookup
from probes.wire import netlink as wire
from probes.wire.malformed import MalformedDatagram
from probes.wire.netlink_entries import NeighbourEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Final, Self

    from probes.clock import Clock
    from probes.host_facts import Route
    from probes.network_watch import NetworkEvent
    from probes.wire.netlink_entries import LinkEntry


# RTMGRP_* bits (linux/rtnetlink.h). Rules too: a VPN may come up by a rule whose table was filled before. Neighbours
# not: they change all the time and prove nothing.
_GROUPS: Final = {
    "link": 0x1,
    "ipv4_address": 0x10,
    "ipv4_route": 0x40,
    "ipv4_rule": 0x80,
    "ipv6_address": 0x100,
    "ipv6_route": 0x400,
    "ipv6_rule": 1 << 18,
}
_BUFFER_BYTES: Final = 65536
# Programs change a network in several steps; what holds between them is not asked for (six times what `ip` needs for
# two commands). A sample is to end within a tenth of a second, naps of its loops before and after this included.
_SETTLE_S: Final = 0.03
# How often the resolvers' file is looked at, at most.
_FILES_S: Final = 0.03
# How much longer the host must have been up than it ran before that is called sleep: far above the nanoseconds between
# the two readings, far below any real suspend.
_SLEPT_S: Final = 0.01


class NetworkEvents:
    """The kernel's news of links, addresses, routes and rules, and the look-ups that follow from them.

    Open it before the network's state is read, so that nothing falls between the two.

    Raises:
        NetlinkError: On making one, when the kernel refuses. The watch then knows the start and the end only.
    """

    def __init__(self, clock: Clock, paths: HostPaths | None = None) -> None:
        self._clock = clock
        self._resolv_conf = (paths or HostPaths()).resolv_conf
        self._kernel = Netlink()
        self._socket = _subscribed()
        self._followed: dict[str, tuple[str | None, str | None]] = {}
        self._left_by: set[str] = set()
        self._defaults = False
        self._waiting: list[NetworkEvent] = []
        self._look_up_at: float | None = None
        self._resolvers_at = clock.monotonic()
        self._file_seen = version_of(self._resolv_conf)
        _, self._asleep_s = _asleep(clock)

    def close(self) -> None:
        """Give the sockets back."""
        self._socket.close()
        self._kernel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def follow(self, routes: Sequence[Route], *, source: str | None = None, interface: str | None = None) -> None:
        """Look the ways to the destinations of `routes` up anew whenever something changes.

        `source` and `interface` are those with which the look-ups were made.
        """
        for route in routes:
            self._followed[route.destination] = (source, interface)
            self._waiting.extend(self._looked_up(route.destination))
        self._left_by |= {route.interface for route in routes if route.interface}
        self._waiting.extend(self._links_left_by())

    def ways_to(
        self, addresses: Sequence[str], *, source: str | None = None, interface: str | None = None
    ) -> tuple[Route, ...]:
        """Return look-ups of these addresses; none where the kernel cannot be asked."""
        try:
            return tuple(self._kernel.route_to(one, source=source, interface=interface) for one in addresses)
        except NetlinkError:
            return ()

    def follow_defaults(self) -> None:
        """Read the default routes anew whenever something changes."""
        self._defaults = True

    def forget(self) -> None:
        """Follow nothing any more."""
        self._followed.clear()
        self._left_by.clear()
        self._defaults = False

    def next_deadline(self) -> float | None:
        """Return when `drain` has something to do of its own accord, in monotonic seconds; None for never."""
        return self._look_up_at

    def drain(self, now: float, *, final: bool = False) -> tuple[NetworkEvent, ...]:
        """Return what has happened, oldest first, without waiting; never raises for what the network does.

        Args:
            now: Monotonic seconds.
            final: Whether this is the end of the sample: look up at once what would have been let settle.
        """
        events, self._waiting = self._waiting, []
        news = list(self._read())
        events += news
        if news and self._look_up_at is None:
            self._look_up_at = now + _SETTLE_S
        if self._look_up_at is not None and (final or now >= self._look_up_at):
            self._look_up_at = None
            for destination in self._followed:
                events += self._looked_up(destination)
            events += self._defaults_read()
        if final:
            events += self._links_left_by()
        events += self._resolvers_changed(now, final=final)
        events += self._slept()
        return tuple(events)

    def _read(self) -> Iterator[NetworkEvent]:
        while True:
            try:
                data, (sender, _) = self._socket.recvfrom(_BUFFER_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    yield from self._full_read()
                    continue
                return
            if sender == 0:
                yield from _entries(data)

    def _full_read(self) -> Iterator[NetworkEvent]:
        try:
            yield FullRead(links=self._kernel.links(), addresses=self._kernel.addresses())
        except NetlinkError:
            return

    def _looked_up(self, destination: str) -> Iterator[NetworkEvent]:
        source, interface = self._followed[destination]
        try:
            yield RouteLookup(
                route=self._kernel.route_to(destination, source=source, interface=interface),
                entry=self._kernel.entry_for(destination, source=source, interface=interface),
            )
        except NetlinkError:
            return

    def _defaults_read(self) -> Iterator[DefaultsRead]:
        if not self._defaults:
            return
        try:
            names = {link.index: link.name for link in self._kernel.links()}
            yield DefaultsRead(default_routes=default_routes_of(self._kernel.routes(), self._kernel.rules(), names))
        except NetlinkError:
            return

    def _links_left_by(self) -> Iterator[LinkEntry]:
        """Yield the interfaces that the followed routes leave by, for the carrier counters that the kernel keeps."""
        for name in self._left_by:
            try:
                link = self._kernel.link(socket.if_nametoindex(name))
            except (NetlinkError, OSError):
                # It is gone, or nobody can ask: what happened to it shows elsewhere.
                continue
            if link is not None:
                yield link

    def _resolvers_changed(self, now: float, *, final: bool) -> Iterator[ResolversRead]:
        if not final and now < self._resolvers_at:
            return
        self._resolvers_at = now + _FILES_S
        seen = version_of(self._resolv_conf)
        if seen == self._file_seen:
            return
        self._file_seen = seen
        conf = read_resolv_conf(self._resolv_conf)
        yield ResolversRead(resolvers=conf.resolvers, search_domains=conf.search_domains)

    def _slept(self) -> Iterator[Slept]:
        at_least, at_most = _asleep(self._clock)
        slept_s = at_least - self._asleep_s
        self._asleep_s = at_most
        if slept_s > _SLEPT_S:
            yield Slept(seconds=slept_s)


def _subscribed() -> socket.socket:
    try:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        opened.setblocking(False)
        opened.bind((0, sum(_GROUPS.values())))
    except OSError as error:
        raise NetlinkError(failure_of(error, Operation.OPEN), f"subscribe to routing netlink: {error}") from error
    return opened


def _entries(data: bytes) -> Iterator[NetworkEvent]:
    try:
        for message in wire.messages(data):
            entry = wire.entry_of(message)
            if entry is not None and not isinstance(entry, NeighbourEntry):
                yield entry
    except MalformedDatagram:
        return  # what a message that makes no sense would have told shows in the next look-up


def _asleep(clock: Clock) -> tuple[float, float]:
    """Return bounds on the seconds that the host has been suspended: the three readings take time themselves."""
    before = clock.monotonic()
    booted = clock.boottime()
    return booted - clock.monotonic(), booted - before
