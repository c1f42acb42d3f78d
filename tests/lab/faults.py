"""The lab's faults: what is done to which node of the office, and the verdict that must follow."""

from dataclasses import dataclass
from typing import Final

from tests.lab.behaviour import KERNEL_SETTINGS
from tests.lab.network_map import Behaviour

APP: Final = "app.example.test"
APP_ADDRESS: Final = "198.51.100.2"
PROXY: Final = "http://203.0.113.50:3128"
BY_NAME: Final = (APP,)
BY_ADDRESS: Final = ("-P", "443", APP_ADDRESS)
APP_ADDRESS_6: Final = "2001:db8:5::2"
BY_ADDRESS_6: Final = ("-P", "443", APP_ADDRESS_6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        title: What is wrong, in words.
        steps: Nodes and the shell lines that break something there, in order.
        healthy: Our command's arguments that give no error before.
        faulty: The arguments after; None for the same.
        code: The one error that must follow ...
        reason: ... and its reason; None where the code says it all.
    """

    title: str
    steps: tuple[tuple[str, str], ...] = ()
    healthy: tuple[str, ...]
    faulty: tuple[str, ...] | None = None
    code: str
    reason: str | None = None


def rules(text: str) -> str:
    """Return the shell line that gives a ruleset to nftables."""
    return f"nft -f - <<'END'\n{text}\nEND"


def _filter(hook: str, verdict: str) -> str:
    return rules(f"table inet fault {{\nchain c {{\ntype filter hook {hook} priority 0; {verdict}\n}}\n}}")


_DEAF: Final = rules(KERNEL_SETTINGS[Behaviour.DEAF].nftables)
NO_DNS: Final = _filter("input", "udp dport 53 drop; tcp dport 53 drop;")
_NO_DNS_REFUSED: Final = _filter("input", "udp dport 53 reject; tcp dport 53 reject with tcp reset;")
ONLY_TCP_LEAVES: Final = _filter("output", f"ip daddr {APP_ADDRESS} meta l4proto != tcp drop;")
_NOTHING_IN: Final = _filter("input", "policy drop; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept;")
_NOTHING_THROUGH: Final = rules(KERNEL_SETTINGS[Behaviour.SWALLOWS].nftables)
_NO_ROUTE_BUT_TO_THE_PROXY: Final = "ip route del default\nip route add 203.0.113.48/29 via 192.0.2.2"

NAME_FAULTS: Final = (
    Fault(
        title="the name does not exist",
        healthy=BY_NAME,
        faulty=("nosuch.example.test",),
        code="CP-03",
        reason="nxdomain",
    ),
    Fault(
        title="the resolvers are silent",
        steps=(("resolver1", NO_DNS), ("resolver2", NO_DNS)),
        healthy=BY_NAME,
        code="CP-03",
        reason="silence",
    ),
    Fault(
        title="the resolvers refuse",
        steps=(("resolver1", _NO_DNS_REFUSED), ("resolver2", _NO_DNS_REFUSED)),
        healthy=BY_NAME,
        code="CP-03",
        reason="refused",
    ),
)

HOST_FAULTS: Final = (
    Fault(
        title="the interface is down",
        steps=(("client", "ip link set to-gateway down"),),
        healthy=BY_ADDRESS,
        code="CP-02",
        reason="interface_down",
    ),
    Fault(
        title="the cable is out",
        steps=(("gateway", "ip link set to-client down"),),
        healthy=BY_ADDRESS,
        code="CP-02",
        reason="interface_down",
    ),
    Fault(
        title="no default route",
        steps=(("client", "ip route del default"),),
        healthy=BY_ADDRESS,
        code="CP-02",
        reason="no_route",
    ),
    Fault(
        title="no default route, IPv6",
        steps=(("client", "ip -6 route del default"),),
        healthy=BY_ADDRESS_6,
        code="CP-02",
        reason="no_route",
    ),
    Fault(
        title="no default route, asked by name",
        steps=(("client", "ip route del default; ip -6 route del default"),),
        healthy=BY_NAME,
        code="CP-02",
        reason="no_route",
    ),
    *(
        Fault(
            title=f"the route is of type {kind}",
            steps=(("client", f"ip route add {kind} {APP_ADDRESS}"),),
            healthy=BY_ADDRESS,
            code="CP-02",
            reason="no_route",
        )
        for kind in ("prohibit", "blackhole", "unreachable")
    ),
    *(
        Fault(
            title=f"the route is of type {kind}, IPv6",
            steps=(("client", f"ip -6 route add {kind} {APP_ADDRESS_6}"),),
            healthy=BY_ADDRESS_6,
            code="CP-02",
            reason="no_route",
        )
        for kind in ("prohibit", "blackhole", "unreachable")
    ),
    Fault(
        title="the host's own firewall drops, IPv6",
        steps=(("client", _filter("output", f"ip6 daddr {APP_ADDRESS_6} drop;")),),
        healthy=BY_ADDRESS_6,
        code="CP-02",
        reason="local_firewall",
    ),
    Fault(
        title="the host's own firewall drops",
        steps=(("client", _filter("output", f"ip daddr {APP_ADDRESS} drop;")),),
        healthy=BY_ADDRESS,
        code="CP-02",
        reason="local_firewall",
    ),
)

PATH_FAULTS: Final = (
    Fault(
        title="the gateway is gone, IPv6",
        steps=(("gateway", _DEAF), ("client", "ip neigh flush all")),
        healthy=BY_ADDRESS_6,
        code="CP-02",
        reason="gateway_down",
    ),
    Fault(
        title="the provider is gone, IPv6",
        steps=(("provider", _NOTHING_IN), ("provider", _NOTHING_THROUGH)),
        healthy=BY_ADDRESS_6,
        code="CP-02",
        reason="isp_upstream",
    ),
    Fault(
        title="the gateway is gone",
        steps=(("gateway", _DEAF), ("client", "ip neigh flush all")),
        healthy=BY_ADDRESS,
        code="CP-02",
        reason="gateway_down",
    ),
    Fault(
        title="the gateway is gone, asked by name",
        steps=(("gateway", _DEAF), ("client", "ip neigh flush all")),
        healthy=BY_NAME,
        code="CP-02",
        reason="gateway_down",
    ),
    Fault(
        title="the provider is gone",
        steps=(("provider", _NOTHING_IN), ("provider", _NOTHING_THROUGH)),
        healthy=BY_ADDRESS,
        code="CP-02",
        reason="isp_upstream",
    ),
    Fault(
        title="the provider is gone, asked by name",
        steps=(("provider", _NOTHING_IN), ("provider", _NOTHING_THROUGH)),
        healthy=BY_NAME,
        code="CP-02",
        reason="isp_upstream",
    ),
    Fault(
        title="the gateway's uplink is out",
        steps=(("provider", "ip link set to-gateway down"),),
        healthy=BY_ADDRESS,
        code="CP-02",
        reason="isp_upstream",
    ),
)

NO_DEFAULT_ROUTE_FAULTS: Final = tuple(
    Fault(
        title=f"no default route and a proxy, by {protocol}",
        steps=(("client", _NO_ROUTE_BUT_TO_THE_PROXY),),
        healthy=("-p", protocol, "--proxy", PROXY, APP_ADDRESS),
        code="CP-12",
        reason="no_default_route",
    )
    for protocol in ("icmp", "udp")
)
