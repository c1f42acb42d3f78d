"""A map as commands: what `ip`, `sysctl` and `nft` are told, each as one text. Pure."""

from collections.abc import Iterator
from typing import Final

from probes.facts import Family
from tests.lab.behaviour import KERNEL_SETTINGS
from tests.lab.network_map import Link, NetworkMap, Node, interface

FAMILIES: Final = (Family.IPV4, Family.IPV6)

# Addresses are usable at once (no duplicate address detection), and only the map configures them.
_EVERY_NODE: Final = {
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.default.accept_ra": "0",
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.disable_ipv6": "0",
}
PING_GROUPS: Final = "net.ipv4.ping_group_range"
_EVERY_ROUTER: Final = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}


def namespaces(map_: NetworkMap, prefix: str) -> str:
    """Return the `ip -batch` text that makes the namespaces."""
    return "".join(f"netns add {prefix}{node}\n" for node in map_.nodes)


def no_namespaces(map_: NetworkMap, prefix: str) -> str:
    """Return the `ip -batch` text that removes them, and all that is in them."""
    return "".join(f"netns del {prefix}{node}\n" for node in map_.nodes)


def tap_names(link_number: int, tag: str) -> tuple[str, str]:
    """Return the names of a delayed link's two devices before they move to their namespaces."""
    return f"dl{tag}{link_number}l", f"dl{tag}{link_number}r"


def wires(map_: NetworkMap, prefix: str, tag: str) -> str:
    """Return the `ip -batch` text that lays the links: a veth pair each, or the delay line's devices."""
    return "".join(_wire(link, number, prefix, tag) for number, link in enumerate(map_.links))


def _wire(link: Link, number: int, prefix: str, tag: str) -> str:
    if not link.delayed:
        return (
            f"link add name {interface(link.right)} netns {prefix}{link.left} type veth"
            f" peer name {interface(link.left)} netns {prefix}{link.right}\n"
        )
    left, right = tap_names(number, tag)
    return f"link set dev {left} netns {prefix}{link.left}\nlink set dev {right} netns {prefix}{link.right}\n"


def settings(map_: NetworkMap, node: Node, *, one_group: bool = False) -> tuple[str, ...]:
    """Return the arguments of `sysctl -w` for a node; `one_group`: no other one exists where it runs."""
    behaviour = KERNEL_SETTINGS[node.behaves].sysctls if node.behaves else {}
    forwarding = _EVERY_ROUTER if map_.forwards(node.name) else {}
    wanted = _EVERY_NODE | forwarding | behaviour | node.sysctls
    if one_group and PING_GROUPS in wanted:
        wanted[PING_GROUPS] = "0 0"
    return tuple(f"{key}={value}" for key, value in wanted.items())


def ruleset(node: Node) -> str:
    """Return the text for `nft -f`, empty where the node filters nothing."""
    return (KERNEL_SETTINGS[node.behaves].nftables if node.behaves else "") + node.nftables


def addresses_and_routes(map_: NetworkMap, node: Node, tag: str) -> str:
    """Return the `ip -batch` text that a node's namespace gets once its links are there."""
    return "".join(f"{line}\n" for line in _addresses_and_routes(map_, node, tag))


def _addresses_and_routes(map_: NetworkMap, node: Node, tag: str) -> Iterator[str]:
    yield "link set lo up"
    for number, link in enumerate(map_.links):
        if node.name in (link.left, link.right):
            device = interface(link.other(node.name))
            if link.delayed:
                yield f"link set dev {tap_names(number, tag)[node.name == link.right]} name {device}"
            yield f"link set dev {device}{_mtu(link)} up"
    for link in map_.links_of(node.name):
        for family in FAMILIES:
            yield from _addresses(link, node, family)
    for family in FAMILIES:
        for route in map_.routes(node.name, family):
            yield f"route add {route.prefix} via {route.via} dev {route.interface}"
    for route_text in node.routes:
        yield f"route add {route_text}"


def _mtu(link: Link) -> str:
    return "" if link.mtu is None else f" mtu {link.mtu}"


def _addresses(link: Link, node: Node, family: Family) -> Iterator[str]:
    prefix, address = link.prefix(family), link.address(node.name, family)
    if prefix is None or address is None:
        return
    no_detection = " nodad" if family is Family.IPV6 else ""
    for each in (address, *link.spare_addresses(node.spare_addresses, family)):
        yield f"addr add {each}/{prefix.prefixlen} dev {interface(link.other(node.name))}{no_detection}"
