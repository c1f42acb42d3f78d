"""What a measured service watches: a line of stock routers, and behind it a host with a thousand of everything."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from tests.lab.network_map import parse_map

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.network_map import NetworkMap

AGENT: Final = "agent"
FAR: Final = "far"
TARGETS: Final = "10.65.0.0/16"
FIRST_TARGET: Final = IPv4Address("10.65.1.0")
RESOLVER: Final = "10.1.200.2"
COLLECTOR_PORT: Final = 8080
DOMAIN: Final = "bench.test"
# What is one tenth of a millisecond away is no network: the last wire takes 10 ms each way.
DELAY_MS: Final = 10
MOST_TARGETS: Final = 5_000


def line_map(routers: int, targets: int) -> NetworkMap:
    """Return the line: agent, routers, and a far host that owns every target; a resolver at the last router.

    The routers are stock: each answers six probes of one prober at once, and then one a second.
    """
    names = [AGENT, *(f"r{number}" for number in range(1, routers + 1)), FAR]
    nodes: dict[str, Any] = {AGENT: {"resolver": [RESOLVER]}}
    for number in range(1, routers + 1):
        nodes[f"r{number}"] = {"routes": [f"{TARGETS} via 10.1.{number + 1}.2"]}
    nodes[FAR] = {"routes": [f"local {TARGETS} dev lo"], "services": {"web": _web_servers()}}
    nodes["resolver"] = {"services": {"names": {name_of(number): [address_of(number)] for number in range(targets)}}}
    links: dict[str, Any] = {
        f"{left} -- {right}": {"ipv4": f"10.1.{number}.0/24"} for number, (left, right) in enumerate(pairwise(names), 1)
    }
    links[f"r{routers} -- {FAR}"]["delay_ms"] = DELAY_MS
    links[f"r{routers} -- resolver"] = {"ipv4": "10.1.200.0/24"}
    return parse_map("daemon", json.dumps({"nodes": nodes, "links": links}))


def _web_servers() -> list[dict[str, Any]]:
    fine = {"/": "return 200 fine;"}
    return [
        {"listen": 80, "locations": fine},
        {"listen": COLLECTOR_PORT, "locations": fine},
        {"listen": 443, "tls": [f"*.{DOMAIN}"], "locations": fine},
    ]


def address_of(number: int) -> str:
    """Return the address of a target."""
    return str(FIRST_TARGET + number)


def name_of(number: int) -> str:
    """Return the name of a target."""
    return f"t{number}.{DOMAIN}"


def configuration(*, targets: int, interval_s: int, directory: Path, authority: Path, collector: str) -> str:
    """Return what the service is told, as YAML (which JSON is).

    Of five targets two are web addresses, one is a name and a port, and two are addresses, by UDP and by ICMP. Samples
    go to a file and to a collector; the metrics are on a socket.
    """
    return json.dumps(
        {
            "agent": {"interval_s": interval_s, "state_dir": str(directory / "state")},
            "proxy": {"mode": "none"},
            "targets": [_target(number, authority) for number in range(targets)],
            "metrics": {"listen": f"unix:{directory / 'metrics.sock'}"},
            "emit": [
                {"type": "file", "path": str(directory / "samples.ndjson")},
                {"type": "http", "url": collector},
            ],
        },
        indent=1,
    )


def _target(number: int, authority: Path) -> dict[str, Any]:
    name, address = name_of(number), address_of(number)
    kinds: tuple[dict[str, Any], ...] = (
        {"url": f"https://{name}/", "ca_file": str(authority)},
        {"host": name, "port": 443, "protocol": "tcp"},
        {"host": address, "protocol": "udp"},
        {"url": f"http://{name}/"},
        {"host": address, "protocol": "icmp"},
    )
    return {"name": f"t{number}", **kinds[number % len(kinds)]}
