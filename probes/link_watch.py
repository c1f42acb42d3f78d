"""One interface as it is watched: what is known of it, whether it is a tunnel's, and what of it changed."""

from __future__ import annotations

from probes.frozen import mutable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.host_facts import Interface, Network
    from probes.wire.netlink_entries import LinkEntry

# The kernel's names of tunnel drivers (IFLA_INFO_KIND), and how VPN clients begin the names of their interfaces.
_TUNNEL_KINDS: Final = frozenset(
    {"tun", "wireguard", "ppp", "gre", "gretap", "ip6gre", "ipip", "sit", "ip6tnl", "vti", "vti6", "xfrm", "geneve"}
)
_TUNNEL_NAMES: Final = ("tun", "tap", "wg", "ppp", "gre", "ipsec", "vti", "xfrm", "tailscale", "nordlynx")


@mutable
class WatchedLink:
    """What is known of one interface."""

    name: str
    up: bool
    carrier: bool | None
    tunnel: bool
    carrier_changes: int | None = None

    @property
    def state(self) -> str:
        """Return it in words."""
        if not self.up:
            return "down"
        return "no carrier" if self.carrier is False else "up"


def known_link(interface: Interface) -> WatchedLink:
    """Return an interface as a reading of the network has it."""
    return WatchedLink(name=interface.name, up=interface.up, carrier=interface.carrier, tunnel=_is_tunnel(interface))


def entered_link(entry: LinkEntry) -> WatchedLink:
    """Return an interface as the kernel's news have it."""
    return WatchedLink(
        name=entry.name,
        up=entry.up,
        carrier=entry.carrier,
        tunnel=tunnel_name(entry.name) if entry.kind is None else entry.kind in _TUNNEL_KINDS,
        carrier_changes=entry.carrier_changes,
    )


def merged_link(before: WatchedLink | None, now: WatchedLink) -> WatchedLink:
    """Return what is known now; an interface as a fact says nothing of carrier changes, nor of its kind."""
    if now.carrier_changes is None and before is not None:
        return WatchedLink(now.name, now.up, now.carrier, before.tunnel, before.carrier_changes)
    return now


def _is_tunnel(interface: Interface) -> bool:
    return tunnel_name(interface.name) if interface.kind is None else interface.kind in _TUNNEL_KINDS


def tunnel_interface(network: Network, name: str) -> bool:
    """Return whether the interface of this name is a tunnel's, as far as the network or its name tells."""
    return next((_is_tunnel(one) for one in network.interfaces if one.name == name), tunnel_name(name))


def tunnel_name(name: str) -> bool:
    """Return whether VPN clients begin the names of their interfaces so."""
    return name.startswith(_TUNNEL_NAMES)


def link_change(before: WatchedLink | None, now: WatchedLink | None) -> str | None:
    """Return in words what changed, None for nothing: promiscuous mode, the MTU or a new master are nothing here."""
    if before is None or now is None:
        return "interface added" if before is None else "interface removed"
    if before.state != now.state:
        return "link changed"
    counts = before.carrier_changes, now.carrier_changes
    # Events of a flapping carrier are merged by the kernel; its counter is not (net/core/link_watch.c).
    if None not in counts and counts[0] != counts[1]:
        return "carrier was lost and came back"
    return None
