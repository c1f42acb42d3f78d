"""Both ends of a flow, as the host's routes decide them."""

from __future__ import annotations

import _socket as socket
import errno

from probes.drivers.linux import NUMBERS
from probes.failure import Failure, Operation, failure_of
from probes.flow_facts import Family, Protocol
from probes.frozen import frozen_positional
from probes.seam import Flow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.drivers.linux import Numbers


SocketAddress = tuple[str, int] | tuple[str, int, int, int]

# traceroute's first UDP port, and the port that an application most likely has.
_DEFAULT_PORTS: Final = {Protocol.ICMP: None, Protocol.UDP: 33434, Protocol.TCP: 443}
# Any port does for asking the route; nothing is sent.
_SOME_PORT: Final = 33434
# The first ten bits of fe80::/10.
_LINK_LOCAL: Final = 0xFE80 >> 6


@frozen_positional
class Endpoint:
    """Where the probes of one flow start and end; addresses are bare, the zone is a number beside them.

    `wished_port` is the source port that a flow should have if it is free, 0 for any.
    """

    family: Family
    protocol: Protocol
    source: str
    destination: str
    port: int | None
    zone: int
    interface: str | None
    interface_index: int
    tos: int
    wished_port: int = 0

    @property
    def numbers(self) -> Numbers:
        """Return the option numbers of the family."""
        return NUMBERS[self.family]

    @property
    def packed_source(self) -> bytes:
        """Return the source address as it stands in a header."""
        return socket.inet_pton(self.numbers.address_family, self.source)

    @property
    def packed_destination(self) -> bytes:
        """Return the destination address as it stands in a header."""
        return socket.inet_pton(self.numbers.address_family, self.destination)

    def flow(self, *, source_port: int | None = None, icmp_id: int | None = None) -> Flow:
        """Return what all probes between both ends share, with what their driver chose."""
        return Flow(
            family=self.family,
            protocol=self.protocol,
            source=self.source,
            destination=self.destination,
            source_port=source_port,
            destination_port=self.port,
            icmp_id=icmp_id,
            tos=self.tos,
        )

    def remote(self, port: int) -> SocketAddress:
        """Return the destination as a socket takes it."""
        return _socket_address(self.family, self.destination, port, self.zone)

    def local(self, port: int) -> SocketAddress:
        """Return the source as a socket takes it."""
        return _socket_address(self.family, self.source, port, self.zone)


def find_endpoint(
    family: Family,
    protocol: Protocol,
    destination: str,
    port: int | None,
    *,
    source: str | None = None,
    interface: str | None = None,
    tos: int = 0,
    source_port: int = 0,
) -> Endpoint | tuple[Failure, str]:
    """Return both ends, the source as the route to the destination gives it; else the failure and its words.

    Args:
        family: The destination's.
        protocol: What the probes will be.
        destination: An address, with `%interface` behind it where it has a zone (RFC 4007 section 11).
        port: The destination port, None for the protocol's usual one; ICMP has none.
        source: The address to send from, None for the kernel's choice.
        interface: The name of the interface to send by, None for the kernel's choice.
        tos: The type of service or traffic class, 0..255.
        source_port: The source port that a flow should have if it is free, 0 for any.
    """
    numbers = NUMBERS[family]
    port = None if protocol is Protocol.ICMP else port or _DEFAULT_PORTS[protocol]
    address, _, zone_name = destination.partition("%")
    bare_source, _, source_zone = (source or "").partition("%")
    if _needs_zone(family, address) and not (zone_name or source_zone or interface):
        return Failure.NO_SUCH_INTERFACE, f"{address} is on every link: say which, as in {address}%eth0"
    asking = _opened(numbers.address_family)
    if not isinstance(asking, socket.socket):
        return asking
    try:
        zone = _zone(zone_name or source_zone or interface or "")
        interface_index = _zone(interface or "")
        local = _socket_address(family, bare_source, 0, zone) if bare_source else None
        found = _source_to(asking, _socket_address(family, address, port or _SOME_PORT, zone), local, interface)
    except OSError as error:
        return failure_of(error, Operation.CONNECT), _words(error, destination, source, interface)
    finally:
        asking.close()
    return Endpoint(
        family=family,
        protocol=protocol,
        source=found,
        destination=socket.inet_ntop(numbers.address_family, socket.inet_pton(numbers.address_family, address)),
        port=port,
        zone=zone,
        interface=interface,
        interface_index=interface_index,
        tos=tos,
        wished_port=source_port,
    )


def bind_source(opened: socket.socket, endpoint: Endpoint) -> int:
    """Bind to the wished source port, or to any where that is taken; return it; OSError where there is none."""
    try:
        opened.bind(endpoint.local(endpoint.wished_port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        opened.bind(endpoint.local(0))
    port: int = opened.getsockname()[1]
    return port


def _opened(address_family: int) -> socket.socket | tuple[Failure, str]:
    """Return a socket to ask with; a right, a resource or a family that is missing says nothing of the way."""
    try:
        return socket.socket(address_family, socket.SOCK_DGRAM)
    except OSError as error:
        return failure_of(error, Operation.OPEN), f"the host opens no socket: {(error.strerror or str(error)).lower()}"


def _source_to(asking: socket.socket, remote: SocketAddress, local: SocketAddress | None, interface: str | None) -> str:
    """Return the address that the host's routes would send from; OSError where there is no way."""
    if interface is not None:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
    if local is not None:
        asking.bind(local)
    asking.connect(remote)
    source: str = asking.getsockname()[0]
    return source


def _socket_address(family: Family, address: str, port: int, zone: int) -> SocketAddress:
    """Return an address as the family's sockets take it; only link-local ones have a zone (RFC 4007 section 6)."""
    if family is Family.IPV4:
        return address, port
    return address, port, 0, zone if _needs_zone(family, address) else 0


def _needs_zone(family: Family, address: str) -> bool:
    """Return whether an address says nothing without its link: fe80::/10 (RFC 4291 section 2.5.6)."""
    if family is Family.IPV4:
        return False
    return int.from_bytes(socket.inet_pton(socket.AF_INET6, address)[:2], "big") >> 6 == _LINK_LOCAL


def _zone(name: str) -> int:
    """Return the index of the interface that a zone names, 0 for none."""
    if not name or name.isdigit():
        return int(name or 0)
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise OSError(errno.ENODEV, "no such interface") from error  # before Python 3.13 it has no errno


def _words(error: OSError, destination: str, source: str | None, interface: str | None) -> str:
    """Return what a person should read."""
    way = "".join((f" from {source}" if source else "", f" by interface {interface}" if interface else ""))
    return f"no way to {destination}{way}: {(error.strerror or str(error)).lower()}"
