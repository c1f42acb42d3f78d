"""scapy's sr() as a traceroute: `scapy_trace.py PROTOCOL SOURCE DESTINATION` prints the hops as JSON.

As a person who knows scapy would write it: 30 TTLs at once, a second of patience, and only the layers that it needs
(`scapy.all` takes 400 ms more to import).
"""

import json
import logging
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402 - scapy warns while it is imported
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6  # noqa: E402
from scapy.packet import Packet  # noqa: E402
from scapy.sendrecv import sr  # noqa: E402

MAX_TTL = 30
TIMEOUT_S = 1
BASE_PORT = 34_000
IPV6 = 6


def main() -> None:
    """Trace and print."""
    protocol, source, destination = sys.argv[1:]
    probes = [_probe(protocol, source, destination, ttl) for ttl in range(1, MAX_TTL + 1)]
    answered, _ = sr(probes, timeout=TIMEOUT_S, verbose=0)
    found = {_ttl(probe): (reply.src, reply.time - probe.sent_time) for probe, reply in answered}
    reached = [ttl for ttl, (address, _) in found.items() if address == destination]
    last = min(reached, default=max(found, default=0))
    told = [found[ttl][0] if ttl in found else None for ttl in range(1, last + 1)]
    print(json.dumps({"hops": told, "target_rtt_ms": float(found[last][1]) * 1000 if reached else None}))


def _ttl(probe: Packet) -> int:
    ttl: int = probe.hlim if probe.version == IPV6 else probe.ttl
    return ttl


def _probe(protocol: str, source: str, destination: str, ttl: int) -> Packet:
    """Return one probe, told from the others by what a quote and an answer both show: the sequence number or port."""
    six = ":" in destination
    header = IPv6(src=source, dst=destination, hlim=ttl) if six else IP(src=source, dst=destination, ttl=ttl)
    if protocol == "icmp":
        return header / (ICMPv6EchoRequest(seq=ttl) if six else ICMP(seq=ttl))
    return header / (UDP(sport=BASE_PORT + ttl) if protocol == "udp" else TCP(sport=BASE_PORT + ttl, dport=443))


if __name__ == "__main__":
    main()
