"""The host's state where netlink is refused: interfaces by psutil, look-ups by connect(), defaults by /proc.

A sandbox without AF_NETLINK is the case. What cannot be known this way (carrier of an interface that is down, gateways
of look-ups, other tables, neighbours) is None or absent.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from probes.facts import Family
from probes.failure import Operation, failure_of
from probes.host_facts import Interface, InterfaceAddress, Route
from probes.wire.netlink_entries import RT_TABLE_MAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


# Any port does: connect() on a UDP socket sends nothing, it only looks the way up.
_ANY_PORT: Final = 9
_RTF_UP: Final = 0x1
_RTF_REJECT: Final = 0x200


def interfaces() -> tuple[Interface, ...]:
    """Return every interface with its addresses."""
    import psutil  # noqa: PLC0415 - 20 ms that only this rare way has to pay

    addresses = psutil.net_if_addrs()
    return tuple(
        Interface(
            name=name,
            index=_index_of(name),
            # Not `isup`, which is true only of an interface that is running as well.
            up=(flags := set(state.flags.split(","))) >= {"up"},
            carrier="running" in flags if "up" in flags else None,
            loopback="loopback" in flags,
            mtu=state.mtu,
            addresses=tuple(
                InterfaceAddress(address=one.address.partition("%")[0], prefix_length=_prefix_length(one.netmask))
                for one in addresses.get(name, ())
                if one.family in {socket.AF_INET, socket.AF_INET6}
            ),
        )
        for name, state in psutil.net_if_stats().items()
    )


def route_to(address: str, *, source: str | None = None, interface: str | None = None) -> Route:
    """Return the source that a packet to `address` would have, or the failure that sending it would meet."""
    family = Family.IPV4 if isinstance(ip_address(address.partition("%")[0]), IPv4Address) else Family.IPV6
    number = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
    operation = Operation.OPEN
    try:
        with socket.socket(number, socket.SOCK_DGRAM) as asking:
            operation = Operation.BIND
            if interface:
                asking.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            if source:
                asking.bind((source, 0))
            operation = Operation.CONNECT
            asking.connect((address, _ANY_PORT))
            found = asking.getsockname()[0]
    except OSError as error:
        return Route(destination=address, family=family, failure=failure_of(error, operation))
    return Route(destination=address, family=family, interface=_interface_with(found), source=found)


def default_routes(ipv4_text: str, ipv6_text: str) -> tuple[Route, ...]:
    """Return the defaults of the main table from the text of /proc/net/route and /proc/net/ipv6_route."""
    return (*_ipv4_defaults(ipv4_text), *_ipv6_defaults(ipv6_text))


def _ipv4_defaults(text: str) -> tuple[Route, ...]:
    rows = [line.split() for line in text.splitlines()[1:]]
    return tuple(
        Route(
            destination="0.0.0.0/0",
            family=Family.IPV4,
            interface=row[0],
            # The kernel prints addresses as numbers in the host's byte order.
            gateway=_gateway(IPv4Address(socket.ntohl(int(row[2], 16)))),
            table=RT_TABLE_MAIN,
            metric=int(row[6]),
        )
        for row in rows
        if len(row) > 7 and row[1] == row[7] == "00000000" and _usable(row[3])  # noqa: PLR2004 - columns of the file
    )


def _ipv6_defaults(text: str) -> tuple[Route, ...]:
    rows = [line.split() for line in text.splitlines()]
    return tuple(
        Route(
            destination="::/0",
            family=Family.IPV6,
            interface=row[9],
            gateway=_gateway(IPv6Address(bytes.fromhex(row[4]))),
            table=RT_TABLE_MAIN,
            metric=int(row[5], 16),
        )
        for row in rows
        if len(row) > 9 and row[1] == "00" and _usable(row[8])  # noqa: PLR2004 - columns of the file
    )


def _usable(flags: str) -> bool:
    return int(flags, 16) & (_RTF_UP | _RTF_REJECT) == _RTF_UP


def _gateway(address: IPv4Address | IPv6Address) -> str | None:
    return None if address.is_unspecified else str(address)


def _prefix_length(netmask: str | None) -> int:
    if netmask is None:
        return 0
    return int(ip_address(netmask)).bit_count()


def _index_of(name: str) -> int | None:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def _interface_with(address: str) -> str | None:
    return next((one.name for one in interfaces() if any(own.address == address for own in one.addresses)), None)
