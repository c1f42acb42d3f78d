"""Routing netlink: requests to bytes, the kernel's messages to entries.

Layouts are Linux's own (linux/netlink.h, rtnetlink.h, if_link.h, if_addr.h, neighbour.h, fib_rules.h; rtnetlink(7)):
numbers in the host's byte order, addresses in the network's, everything aligned to four bytes.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from probes.facts import Family
from probes.frozen import frozen_positional
from probes.wire.malformed import MalformedDatagram
from probes.wire.netlink_entries import AddressEntry, LinkEntry, NeighbourEntry, NextHop, RouteEntry, RuleEntry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from probes.wire.netlink_entries import Entry


_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ATTRIBUTE_BYTES: Final = _ATTRIBUTE.size
# A dump says of nearly every link what the one before said: reading it again takes a twentieth of reading it first. A
# kilobyte each, and few hosts have more than a dozen.
_LINKS_KEPT: Final = 1024
_LINK: Final = struct.Struct("=BBHiII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_NEIGHBOUR: Final = struct.Struct("=BxxxiHBB")
_RULE: Final = struct.Struct("=BBBBBBBBI")
_NEXT_HOP: Final = struct.Struct("=HBBi")
_U16: Final = struct.Struct("=H")
_U32: Final = struct.Struct("=I")
_ERROR: Final = struct.Struct("=i")

NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22
RTM_NEWROUTE: Final = 24
RTM_DELROUTE: Final = 25
RTM_GETROUTE: Final = 26
RTM_NEWNEIGH: Final = 28
RTM_DELNEIGH: Final = 29
RTM_GETNEIGH: Final = 30
RTM_NEWRULE: Final = 32
RTM_DELRULE: Final = 33
RTM_GETRULE: Final = 34

_NLM_F_REQUEST: Final = 0x1
_NLM_F_DUMP: Final = 0x300
_NLM_F_REPLACE: Final = 0x100
_NLM_F_DUMP_INTR: Final = 0x10
_NLA_TYPE_MASK: Final = 0x3FFF

_AF_UNSPEC: Final = 0
AF_INET: Final = 2
AF_INET6: Final = 10
_FAMILIES: Final = {AF_INET: Family.IPV4, AF_INET6: Family.IPV6}
_NUMBERS: Final = {family: number for number, family in _FAMILIES.items()}

_IFA_F_TEMPORARY: Final = 0x01

_RTM_F_CLONED: Final = 0x200
_RTM_F_LOOKUP_TABLE: Final = 0x1000
_RTM_F_FIB_MATCH: Final = 0x2000

_IFLA = {"ifname": 3, "mtu": 4, "linkinfo": 18, "ext_mask": 29, "carrier_changes": 35}
_IFLA_INFO_KIND: Final = 1
_RTEXT_FILTER_SKIP_STATS: Final = 8
_IFA = {"address": 1, "local": 2, "flags": 8}
_RTA = {
    "dst": 1,
    "src": 2,
    "oif": 4,
    "gateway": 5,
    "priority": 6,
    "prefsrc": 7,
    "multipath": 9,
    "table": 15,
    "mark": 16,
    "via": 18,
}
_NDA = {"dst": 1, "lladdr": 2}
_FRA = {"table": 15, "l3mdev": 19}


@frozen_positional
class Message:
    """One netlink message: its type, header flags and sequence number, and the bytes behind the header."""

    type: int
    flags: int
    sequence: int
    body: bytes

    @property
    def interrupted(self) -> bool:
        """Return whether the state changed while the kernel dumped it, so that the dump must be asked for again."""
        return bool(self.flags & _NLM_F_DUMP_INTR)


# --- requests ---------------------------------------------------------------------------------------------------------


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _attribute(kind: int, value: bytes) -> bytes:
    return (_ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value).ljust(_aligned(len(value) + 4), b"\0")


def _message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body


_DUMP_BODIES: Final[dict[int, bytes]] = {
    RTM_GETLINK: _LINK.pack(0, 0, 0, 0, 0, 0) + _attribute(_IFLA["ext_mask"], _U32.pack(_RTEXT_FILTER_SKIP_STATS)),
    RTM_GETADDR: _ADDRESS.pack(0, 0, 0, 0, 0),
    RTM_GETROUTE: _ROUTE.pack(0, 0, 0, 0, 0, 0, 0, 0, 0),
    RTM_GETNEIGH: _NEIGHBOUR.pack(0, 0, 0, 0, 0),
    RTM_GETRULE: _RULE.pack(0, 0, 0, 0, 0, 0, 0, 0, 0),
}


def dump_request(kind: int, sequence: int) -> bytes:
    """Return the request for every entry of one kind (an RTM_GET* number), both families."""
    return _message(kind, _NLM_F_REQUEST | _NLM_F_DUMP, sequence, _DUMP_BODIES[kind])


def link_request(index: int, sequence: int) -> bytes:
    """Return the request for one interface."""
    body = _LINK.pack(0, 0, 0, index, 0, 0) + _attribute(_IFLA["ext_mask"], _U32.pack(_RTEXT_FILTER_SKIP_STATS))
    return _message(RTM_GETLINK, _NLM_F_REQUEST, sequence, body)


def route_request(
    address: IPv4Address | IPv6Address,
    sequence: int,
    *,
    source: IPv4Address | IPv6Address | None = None,
    interface_index: int | None = None,
    mark: int | None = None,
    matched_entry: bool = False,
) -> bytes:
    """Return the request for the way to one address, as a packet with this source, interface and mark would take it.

    With `matched_entry` the kernel answers with the table entry that decides, instead of what follows from it.
    """
    family = AF_INET if address.version == 4 else AF_INET6
    flags = _RTM_F_LOOKUP_TABLE | (_RTM_F_FIB_MATCH if matched_entry else 0)
    attributes = [_attribute(_RTA["dst"], address.packed)]
    if source is not None:
        attributes.append(_attribute(_RTA["src"], source.packed))
    if interface_index is not None:
        attributes.append(_attribute(_RTA["oif"], _U32.pack(interface_index)))
    if mark is not None:
        attributes.append(_attribute(_RTA["mark"], _U32.pack(mark)))
    source_bits = 0 if source is None else source.max_prefixlen
    header = _ROUTE.pack(family, address.max_prefixlen, source_bits, 0, 0, 0, 0, 0, flags)
    return _message(RTM_GETROUTE, _NLM_F_REQUEST, sequence, header + b"".join(attributes))


# --- messages ---------------------------------------------------------------------------------------------------------


def messages(data: bytes) -> Iterator[Message]:
    """Yield the messages of one datagram.

    Raises:
        MalformedDatagram: A message is shorter than its header or longer than the datagram.
    """
    offset = 0
    while offset < len(data):
        if len(data) - offset < _HEADER.size:
            raise MalformedDatagram(f"{len(data) - offset} bytes where a message header should be")
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size or offset + length > len(data):
            raise MalformedDatagram(f"message of {length} bytes in {len(data) - offset}")
        yield Message(kind, flags, sequence, data[offset + _HEADER.size : offset + length])
        offset += _aligned(length)


def error_number(message: Message) -> int:
    """Return the errno (positive, 0 for an acknowledgement) of an NLMSG_ERROR message.

    Raises:
        MalformedDatagram: It is cut short.
    """
    return -int(_fixed(_ERROR, message.body)[0])


def entry_of(message: Message) -> Entry | None:
    """Return what a message of the kernel tells, or None for a kind or an address family that is not ours.

    Raises:
        MalformedDatagram: It is cut short, or an attribute has a size that its type cannot have.
    """
    parse = _PARSERS.get(message.type)
    return None if parse is None else parse(message)


def _fixed(layout: struct.Struct, body: bytes) -> tuple[int, ...]:
    if len(body) < layout.size:
        raise MalformedDatagram(f"{len(body)} bytes where a header of {layout.size} should be")
    return layout.unpack_from(body)


def _attributes(body: bytes, offset: int) -> dict[int, bytes]:
    # A message of a link has sixty of these, and a host may have hundreds of links: nothing here is looked up twice.
    found: dict[int, bytes] = {}
    unpack, end = _ATTRIBUTE.unpack_from, len(body)
    while offset < end:
        if end - offset < _ATTRIBUTE_BYTES:
            raise MalformedDatagram(f"{end - offset} bytes where an attribute should be")
        length, kind = unpack(body, offset)
        after = offset + length
        if length < _ATTRIBUTE_BYTES or after > end:
            raise MalformedDatagram(f"attribute of {length} bytes in {end - offset}")
        found[kind & _NLA_TYPE_MASK] = body[offset + _ATTRIBUTE_BYTES : after]
        offset = (after + 3) & ~3
    return found


def _number(value: bytes | None) -> int | None:
    if value is None:
        return None
    if len(value) != _U32.size:
        raise MalformedDatagram(f"number of {len(value)} bytes")
    return int(_U32.unpack(value)[0])


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.rstrip(b"\0").decode("utf-8", "replace")


def _address(family: Family, value: bytes | None) -> str | None:
    if value is None:
        return None
    size, make = (4, IPv4Address) if family is Family.IPV4 else (16, IPv6Address)
    if len(value) != size:
        raise MalformedDatagram(f"{family} address of {len(value)} bytes")
    return str(make(value))


def _link(message: Message) -> LinkEntry | None:
    index = _fixed(_LINK, message.body)[3]
    told, entry = _newest_links.get(index, (None, None))
    if told != (message.type, message.body):
        entry = _link_of(message.type, message.body)
        if len(_newest_links) >= _LINKS_KEPT:
            _newest_links.clear()
        _newest_links[index] = (message.type, message.body), entry
    return entry


# What was last told of each link, by its index. Only that: many kernels count packets in it whatever they are asked for
# (IFLA_STATS), so that no two readings of a busy link are alike.
_newest_links: dict[int, tuple[tuple[int, bytes], LinkEntry | None]] = {}


def _link_of(kind: int, body: bytes) -> LinkEntry | None:
    family, _, _, index, flags, _ = _fixed(_LINK, body)
    found = _attributes(body, _LINK.size)
    # A bridge tells of its ports with messages of its own family: one that leaves the bridge is not gone.
    if family != _AF_UNSPEC:
        return None
    return LinkEntry(
        index=index,
        name=_text(found.get(_IFLA["ifname"])) or "",
        flags=flags,
        mtu=_number(found.get(_IFLA["mtu"])),
        kind=_text(_attributes(found.get(_IFLA["linkinfo"], b""), 0).get(_IFLA_INFO_KIND)),
        carrier_changes=_number(found.get(_IFLA["carrier_changes"])),
        removed=kind == RTM_DELLINK,
    )


def _interface_address(message: Message) -> AddressEntry | None:
    number, prefix_length, flags, _, index = _fixed(_ADDRESS, message.body)
    family = _FAMILIES.get(number)
    found = _attributes(message.body, _ADDRESS.size)
    if family is None:
        return None
    # On a point-to-point link `address` is the far end and `local` is ours (rtnetlink(7)).
    address = _address(family, found.get(_IFA["local"], found.get(_IFA["address"])))
    if address is None:
        return None
    all_flags = _number(found.get(_IFA["flags"]))
    bits = flags if all_flags is None else all_flags
    return AddressEntry(
        index=index,
        family=family,
        address=address,
        prefix_length=prefix_length,
        # The same bit means `secondary` for IPv4.
        temporary=bool(bits & _IFA_F_TEMPORARY) if family is Family.IPV6 else None,
        removed=message.type == RTM_DELADDR,
    )


def _via(value: bytes | None) -> str | None:
    if value is None:
        return None
    if len(value) < _U16.size:
        raise MalformedDatagram(f"next hop address of {len(value)} bytes")
    family = _FAMILIES.get(_U16.unpack(value[:2])[0])
    return None if family is None else _address(family, value[2:])


def _next_hop(family: Family, index: int | None, found: dict[int, bytes]) -> NextHop:
    gateway = _address(family, found.get(_RTA["gateway"])) or _via(found.get(_RTA["via"]))
    return NextHop(index=index, gateway=gateway)


def _next_hops(family: Family, found: dict[int, bytes]) -> Iterator[NextHop]:
    several = found.get(_RTA["multipath"])
    index = _number(found.get(_RTA["oif"]))
    if several is None:
        if index is not None:
            yield _next_hop(family, index, found)
        return
    while several:
        length, _, _, one_index = _fixed(_NEXT_HOP, several)
        if length < _NEXT_HOP.size or length > len(several):
            raise MalformedDatagram(f"next hop of {length} bytes in {len(several)}")
        yield _next_hop(family, one_index, _attributes(several[:length], _NEXT_HOP.size))
        several = several[_aligned(length) :]


_NOWHERE: Final = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}


def _route(message: Message) -> RouteEntry | None:
    number, bits, source_bits, tos, table, _, _, kind, flags = _fixed(_ROUTE, message.body)
    family = _FAMILIES.get(number)
    found = _attributes(message.body, _ROUTE.size)
    if family is None:
        return None
    whole_table = _number(found.get(_RTA["table"]))
    return RouteEntry(
        family=family,
        prefix=_address(family, found.get(_RTA["dst"])) or _NOWHERE[family],
        prefix_length=bits,
        table=table if whole_table is None else whole_table,
        type=kind,
        metric=_number(found.get(_RTA["priority"])) or 0,
        next_hops=tuple(_next_hops(family, found)),
        source=_address(family, found.get(_RTA["prefsrc"])),
        narrowed=bool(source_bits or tos),
        cached=bool(flags & _RTM_F_CLONED),
        removed=message.type == RTM_DELROUTE,
        replaces=message.type == RTM_NEWROUTE and bool(message.flags & _NLM_F_REPLACE),
    )


def _neighbour(message: Message) -> NeighbourEntry | None:
    number, index, state, _, _ = _fixed(_NEIGHBOUR, message.body)
    family = _FAMILIES.get(number)
    found = _attributes(message.body, _NEIGHBOUR.size)
    address = None if family is None else _address(family, found.get(_NDA["dst"]))
    if address is None:
        return None
    hardware = found.get(_NDA["lladdr"])
    return NeighbourEntry(
        index=index,
        address=address,
        state=state,
        link_layer_address=hardware.hex(":") if hardware else None,
        removed=message.type == RTM_DELNEIGH,
    )


def _rule(message: Message) -> RuleEntry | None:
    number, _, _, _, table, _, _, _, _ = _fixed(_RULE, message.body)
    family = _FAMILIES.get(number)
    found = _attributes(message.body, _RULE.size)
    if family is None:
        return None
    whole_table = _number(found.get(_FRA["table"]))
    return RuleEntry(
        family=family,
        table=(table if whole_table is None else whole_table) or None,
        l3mdev=_FRA["l3mdev"] in found,
        removed=message.type == RTM_DELRULE,
    )


_PARSERS: Final = {
    RTM_NEWLINK: _link,
    RTM_DELLINK: _link,
    RTM_NEWADDR: _interface_address,
    RTM_DELADDR: _interface_address,
    RTM_NEWROUTE: _route,
    RTM_DELROUTE: _route,
    RTM_NEWNEIGH: _neighbour,
    RTM_DELNEIGH: _neighbour,
    RTM_NEWRULE: _rule,
    RTM_DELRULE: _rule,
}
