"""The host's own state, read when asked: interfaces, routes, neighbours, resolvers, hosts file and identity."""

from __future__ import annotations

import os
from pathlib import Path

from probes.drivers import host_fallback
from probes.drivers.netlink import Netlink, NetlinkError
from probes.frozen import frozen
from probes.host_facts import Network
from probes.host_state import default_routes_of, epoch_of, interfaces_of, neighbours_of
from probes.resolv_conf import ResolvConf, parse_resolv_conf
from probes.sample import AgentFailure
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.host_facts import Interface, Neighbour, Route


# Any fixed value does; it must only never change, or every agent gets a new name (machine-id(5)).
_APPLICATION_ID: Final = b"cloudpath-agent/1"
_ID_BYTES: Final = 16


@frozen
class HostPaths:
    """Where the host keeps what is read here."""

    resolv_conf: Path = Path("/etc/resolv.conf")
    hosts: Path = Path("/etc/hosts")
    machine_ids: tuple[Path, ...] = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
    boot_id: Path = Path("/proc/sys/kernel/random/boot_id")
    ipv4_routes: Path = Path("/proc/net/route")
    ipv6_routes: Path = Path("/proc/net/ipv6_route")


class AgentIdSource(Word):
    """What an agent id was made from; a random one lasts for this process only."""

    MACHINE_ID = "machine_id"
    RANDOM = "random"


@frozen
class Identity:
    """Who this agent is; `boot_id` is None where the kernel does not tell."""

    agent_id: str
    agent_id_source: AgentIdSource
    hostname: str
    boot_id: str | None


class HostReader:
    """Reads the host's state; keeps nothing but what it could not read.

    `netlink_failure` is set when the kernel's tables could not be read by netlink in the last `network`, so that psutil
    and /proc had to do: no gateway per look-up, no other table than the main one, no neighbours.
    """

    def __init__(self, paths: HostPaths | None = None) -> None:
        self.paths = paths or HostPaths()
        self.netlink_failure: AgentFailure | None = None

    def network(
        self, addresses: Sequence[str] = (), *, source: str | None = None, interface: str | None = None
    ) -> Network:
        """Return the host's network now.

        Args:
            addresses: IP literals that the sample needs; `routes` holds a look-up for each, in this order.
            source: The address that the sample sends from, where one was asked for.
            interface: The interface that it must leave by, where one was asked for.
        """
        resolv = self.resolv()
        try:
            with Netlink() as kernel:
                routes = tuple(kernel.route_to(one, source=source, interface=interface) for one in addresses)
                network = self._by_netlink(kernel, routes, resolv)
        except NetlinkError as error:
            self.netlink_failure = AgentFailure(operation="read_routes", failure=error.failure, detail=str(error))
            return self._without_netlink(addresses, resolv, source=source, interface=interface)
        self.netlink_failure = None
        return network

    def interfaces(self) -> tuple[Interface, ...]:
        """Return every interface with its addresses."""
        try:
            with Netlink() as kernel:
                return interfaces_of(kernel.links(), kernel.addresses())
        except NetlinkError:
            return host_fallback.interfaces()

    def neighbours(self, network: Network) -> tuple[Neighbour, ...]:
        """Return the neighbour entries, as they are now, of every next hop that `network` names.

        Ask again after probing: the state of a dead gateway turns `failed` only when somebody sends to it.
        """
        try:
            with Netlink() as kernel:
                names = {link.index: link.name for link in kernel.links()}
                return neighbours_of(kernel.neighbours(), (*network.routes, *network.default_routes), names)
        except NetlinkError:
            return ()

    def route_to(self, address: str, *, source: str | None = None, interface: str | None = None) -> Route:
        """Return the way to one address; takes and returns what `Netlink.route_to` does."""
        try:
            with Netlink() as kernel:
                return kernel.route_to(address, source=source, interface=interface)
        except NetlinkError:
            return host_fallback.route_to(address, source=source, interface=interface)

    def resolv(self) -> ResolvConf:
        """Return what resolv.conf says; an unreadable file says nothing, so there is no resolver."""
        return read_resolv_conf(self.paths.resolv_conf)

    def hosts(self) -> str:
        """Return the text of the hosts file, empty where there is none."""
        return _text(self.paths.hosts)

    def identity(self) -> Identity:
        """Return who this agent is.

        The id is HMAC-SHA256 of this application's id under the machine-id, so that the machine-id itself stays secret
        as machine-id(5) asks; without one it is random and says so.
        """
        import hmac  # noqa: PLC0415 - asked for once in a process, and not by every command

        key = next(filter(None, map(_machine_id, self.paths.machine_ids)), None)
        made = os.urandom(_ID_BYTES) if key is None else hmac.digest(key, _APPLICATION_ID, "sha256")[:_ID_BYTES]
        return Identity(
            agent_id=made.hex(),
            agent_id_source=AgentIdSource.RANDOM if key is None else AgentIdSource.MACHINE_ID,
            hostname=os.uname().nodename,
            boot_id=_text(self.paths.boot_id).strip() or None,
        )

    def _by_netlink(self, kernel: Netlink, routes: tuple[Route, ...], resolv: ResolvConf) -> Network:
        links = kernel.links()
        names = {link.index: link.name for link in links}
        interfaces = interfaces_of(links, kernel.addresses())
        default_routes = default_routes_of(kernel.routes(), kernel.rules(), names)
        return Network(
            epoch=epoch_of(interfaces, default_routes, resolv.resolvers, resolv.search_domains),
            interfaces=interfaces,
            routes=routes,
            default_routes=default_routes,
            neighbours=neighbours_of(kernel.neighbours(), (*routes, *default_routes), names),
            resolvers=resolv.resolvers,
            search_domains=resolv.search_domains,
        )

    def _without_netlink(
        self, addresses: Sequence[str], resolv: ResolvConf, *, source: str | None, interface: str | None
    ) -> Network:
        interfaces = host_fallback.interfaces()
        default_routes = host_fallback.default_routes(_text(self.paths.ipv4_routes), _text(self.paths.ipv6_routes))
        return Network(
            epoch=epoch_of(interfaces, default_routes, resolv.resolvers, resolv.search_domains),
            interfaces=interfaces,
            routes=tuple(host_fallback.route_to(one, source=source, interface=interface) for one in addresses),
            default_routes=default_routes,
            resolvers=resolv.resolvers,
            search_domains=resolv.search_domains,
        )


def read_resolv_conf(path: Path) -> ResolvConf:
    """Return what the resolv.conf at `path` says, nothing where it cannot be read."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return ResolvConf()
    return parse_resolv_conf(text, hostname=os.uname().nodename)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _machine_id(path: Path) -> bytes | None:
    # 32 hexadecimal digits (machine-id(5)); an image not yet booted has `uninitialized`.
    try:
        found = bytes.fromhex(_text(path).strip())
    except ValueError:
        return None
    return found if len(found) == _ID_BYTES else None
