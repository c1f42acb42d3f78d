"""What routing netlink tells: interfaces, addresses, routes, neighbours and policy rules, as the kernel has them.

The numbers are Linux's own (linux/if.h, rtnetlink.h).
"""

from __future__ import annotations

from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.facts import Family


IFF_UP: Final = 0x1
IFF_LOOPBACK: Final = 0x8
IFF_RUNNING: Final = 0x40
IFF_LOWER_UP: Final = 0x10000

RTN_UNICAST: Final = 1
RTN_LOCAL: Final = 2
RTN_BLACKHOLE: Final = 6
RTN_UNREACHABLE: Final = 7
RTN_PROHIBIT: Final = 8
RT_TABLE_MAIN: Final = 254
RT_TABLE_LOCAL: Final = 255


@frozen
class LinkEntry:
    """One interface, or the news that it is gone; `kind` is the kernel's (`veth`, `tun`), None for real hardware."""

    index: int
    name: str
    flags: int
    mtu: int | None = None
    kind: str | None = None
    carrier_changes: int | None = None
    removed: bool = False

    @property
    def up(self) -> bool:
        """Return whether an administrator has it up."""
        return bool(self.flags & IFF_UP)

    @property
    def carrier(self) -> bool | None:
        """Return whether it can carry packets; None while it is down, when the kernel's word means nothing."""
        if not self.up:
            return None
        return bool(self.flags & IFF_LOWER_UP and self.flags & IFF_RUNNING)

    @property
    def loopback(self) -> bool:
        """Return whether it leads back into the host."""
        return bool(self.flags & IFF_LOOPBACK)


@frozen
class AddressEntry:
    """One address of an interface, or the news that it is gone."""

    index: int
    family: Family
    address: str
    prefix_length: int
    temporary: bool | None = None
    removed: bool = False


@frozen
class NextHop:
    """One way of a route: an interface, and the gateway behind it, None where the destination is on the link."""

    index: int | None
    gateway: str | None


@frozen
class RouteEntry:
    """One entry of a routing table, the answer to a look-up, or the news that an entry came or went.

    `narrowed` marks entries that hold for some sources or types of service only; `cached` the kernel's own exceptions.
    """

    family: Family
    prefix: str
    prefix_length: int
    table: int
    type: int
    metric: int
    next_hops: tuple[NextHop, ...] = ()
    source: str | None = None
    narrowed: bool = False
    cached: bool = False
    removed: bool = False
    replaces: bool = False


@frozen
class NeighbourEntry:
    """One entry of the neighbour cache; `state` is a single NUD_* bit, 0 for none."""

    index: int
    address: str
    state: int
    link_layer_address: str | None = None
    removed: bool = False


@frozen
class RuleEntry:
    """One policy rule: the table that it looks into, None where it looks into none; `l3mdev` looks into all of VRFs."""

    family: Family
    table: int | None
    l3mdev: bool = False
    removed: bool = False


Entry = LinkEntry | AddressEntry | RouteEntry | NeighbourEntry | RuleEntry
