"""Whatever the bytes, the reader answers or says that they are malformed; what was written is read back."""

import struct
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from probes.facts import Family
from probes.wire import netlink
from probes.wire.malformed import MalformedDatagram
from probes.wire.netlink_entries import LinkEntry, NextHop, RouteEntry

U32 = st.integers(0, 2**32 - 1)
INDEX = st.integers(1, 2**31 - 1)
KNOWN = [netlink.RTM_NEWLINK, netlink.RTM_DELADDR, netlink.RTM_NEWROUTE, netlink.RTM_NEWNEIGH, netlink.RTM_DELRULE]


def attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return (struct.pack("=HH", length, kind) + value).ljust((length + 3) & ~3, b"\0")


def message(kind: int, body: bytes, *, flags: int = 0, sequence: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body.ljust((len(body) + 3) & ~3, b"\0")


def entries(data: bytes) -> list[object]:
    return [netlink.entry_of(one) for one in netlink.messages(data)]


def reads_or_refuses(data: bytes) -> None:
    try:
        entries(data)
    except MalformedDatagram:
        return


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    reads_or_refuses(data)


@given(st.sampled_from(KNOWN), st.binary(max_size=200))
def test_any_body_of_a_known_kind_is_read_or_refused(kind: int, body: bytes) -> None:
    reads_or_refuses(message(kind, body))


@given(st.sampled_from(KNOWN), st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=24)), max_size=6))
def test_any_attributes_of_a_known_kind_are_read_or_refused(kind: int, attributes: list[tuple[int, bytes]]) -> None:
    header = bytes([netlink.AF_INET]) + bytes(15 if kind == netlink.RTM_NEWLINK else 11)
    reads_or_refuses(message(kind, header + b"".join(attribute(*one) for one in attributes)))


@st.composite
def routes(draw: st.DrawFn) -> tuple[RouteEntry, bytes]:
    """Draw an entry, and the message that the kernel would send for it."""
    family = draw(st.sampled_from(list(Family)))
    number, bits = (2, 32) if family is Family.IPV4 else (10, 128)
    address = st.ip_addresses(v=4 if family is Family.IPV4 else 6)
    prefix, length, table, metric = draw(address), draw(st.integers(0, bits)), draw(U32), draw(U32)
    hops = draw(st.lists(st.tuples(INDEX, st.none() | address), min_size=1, max_size=3))
    parts = [
        attribute(1, prefix.packed),
        attribute(15, struct.pack("=I", table)),
        attribute(6, struct.pack("=I", metric)),
    ]
    if len(hops) == 1:
        parts.append(attribute(4, struct.pack("=I", hops[0][0])))
        parts += [attribute(5, gateway.packed) for _, gateway in hops if gateway is not None]
    else:
        inner = [(index, b"" if gateway is None else attribute(5, gateway.packed)) for index, gateway in hops]
        parts.append(
            attribute(9, b"".join(struct.pack("=HBBi", 8 + len(one), 0, 0, index) + one for index, one in inner))
        )
    replaces, removed = draw(st.booleans()), draw(st.booleans())
    header = struct.pack("=BBBBBBBBI", number, length, 0, 0, table & 0xFF, 0, 0, 1, 0)
    kind = netlink.RTM_DELROUTE if removed else netlink.RTM_NEWROUTE
    entry = RouteEntry(
        family=family,
        prefix=str(prefix),
        prefix_length=length,
        table=table,
        type=1,
        metric=metric,
        next_hops=tuple(
            NextHop(index=index, gateway=None if gateway is None else str(gateway)) for index, gateway in hops
        ),
        removed=removed,
        replaces=replaces and not removed,
    )
    return entry, message(kind, header + b"".join(parts), flags=0x100 if replaces else 0)


@given(st.lists(routes(), max_size=4))
def test_routes_are_read_back_one_after_the_other(drawn: list[tuple[RouteEntry, bytes]]) -> None:
    assert entries(b"".join(data for _, data in drawn)) == [entry for entry, _ in drawn]


@given(routes(), st.data())
def test_a_message_cut_anywhere_is_refused(drawn: tuple[RouteEntry, bytes], data: st.DataObject) -> None:
    whole = drawn[1]
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    try:
        list(netlink.messages(cut))
    except MalformedDatagram:
        return
    raise AssertionError("a message that promises more than there is was believed")


@given(st.ip_addresses(), INDEX, U32, st.integers(1, 2**32 - 1))
def test_a_request_asks_for_what_it_was_given(
    address: IPv4Address | IPv6Address, index: int, mark: int, sequence: int
) -> None:
    request = netlink.route_request(address, sequence, source=address, interface_index=index, mark=mark)
    (one,) = netlink.messages(request)
    assert (one.type, one.sequence) == (netlink.RTM_GETROUTE, sequence)
    for part in (
        attribute(1, address.packed),
        attribute(2, address.packed),
        attribute(4, struct.pack("=I", index)),
        attribute(16, struct.pack("=I", mark)),
    ):
        assert part in one.body


def test_a_bridges_news_of_its_ports_are_not_news_of_the_interface() -> None:
    def link(family: int) -> bytes:
        return message(netlink.RTM_DELLINK, struct.pack("=BBHiII", family, 0, 1, 7, 1, 0) + attribute(3, b"eth0\0"))

    assert entries(link(7)) == [None]
    assert entries(link(0)) == [LinkEntry(index=7, name="eth0", flags=1, removed=True)]
