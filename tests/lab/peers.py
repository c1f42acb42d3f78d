"""The peers' view of a path: their command lines, and their output as hop lists."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from probes.facts import Protocol
from tests.lab.network_map import HopList, without_silent_tail

TCP_PORT: Final = 443
MAX_TTL: Final = 12
_TRACEROUTE_LINE: Final = re.compile(r"^\s*(?P<probe_ttl>\d+)\s+(?P<answers>.*)$", re.MULTILINE)
_ADDRESS: Final = re.compile(r"(?<!\S)(?:\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:.]+)(?!\S)")

_TRACEROUTE_PROTOCOL: Final[dict[Protocol, tuple[str, ...]]] = {
    Protocol.ICMP: ("-I",),
    Protocol.UDP: (),
    Protocol.TCP: ("-T", "-p", str(TCP_PORT)),
}
_MTR_PROTOCOL: Final[dict[Protocol, tuple[str, ...]]] = {
    Protocol.ICMP: (),
    Protocol.UDP: ("--udp",),
}
# Not `udp-paris`: over IPv6 it heard no answer at all (scamper 20211212), and nothing here balances load.
_SCAMPER_PROTOCOL: Final[dict[Protocol, str]] = {
    Protocol.ICMP: "-P icmp-paris",
    Protocol.UDP: "-P udp",
    Protocol.TCP: f"-P tcp -d {TCP_PORT}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One tool: how to ask it, how to read it, and by which protocols it can be believed."""

    name: str
    command: Callable[[str, str, Protocol], tuple[str, ...]]
    parse: Callable[[str], HopList]
    protocols: tuple[Protocol, ...] = tuple(Protocol)


def traceroute_command(source: str, destination: str, protocol: Protocol) -> tuple[str, ...]:
    """Return one query for each hop, a second of patience, all at once."""
    options = ("-n", "-q", "1", "-w", "1", "-N", str(MAX_TTL), "-m", str(MAX_TTL), "-s", source)
    return ("traceroute", *options, *_TRACEROUTE_PROTOCOL[protocol], destination)


def mtr_command(source: str, destination: str, protocol: Protocol) -> tuple[str, ...]:
    """Return three rounds of mtr, as many as our own queries, by ICMP or UDP.

    Not by TCP: of 160 traces one put a router's answer to another hop (mtr 0.95, IPv6, 16 at once).
    """
    options = ("--json", "-n", "-c", "3", "-i", "0.1", "-G", "0.5", "-Z", "1", "-m", str(MAX_TTL), "-a", source)
    return ("mtr", *options, *_MTR_PROTOCOL[protocol], destination)


def scamper_command(source: str, destination: str, protocol: Protocol) -> tuple[str, ...]:
    """Return one trace of scamper: one attempt for each hop, giving up after five silent ones.

    It wants a resolver named, though it asks nothing.
    """
    trace = f"trace {_SCAMPER_PROTOCOL[protocol]} -q 1 -w 1 -W 0 -g 5 -m {MAX_TTL} -S {source}"
    return ("scamper", "-O", "json", "-p", "1000", "-n", "127.0.0.1", "-c", trace, "-i", destination)


def parse_traceroute(text: str) -> HopList:
    """Return the hops of `traceroute -n`: the first address of each line, or None for a line of stars."""
    found: dict[int, str | None] = {}
    for line in _TRACEROUTE_LINE.finditer(text):
        address = _ADDRESS.search(line["answers"])
        found[int(line["probe_ttl"])] = address[0] if address else None
    return _hop_list(found)


def parse_mtr(text: str) -> HopList:
    """Return the hops of `mtr --json`: `???` is its word for silence."""
    hubs = json.loads(text)["report"]["hubs"]
    return _hop_list({int(hub["count"]): None if hub["host"] == "???" else hub["host"] for hub in hubs})


def parse_scamper(text: str) -> HopList:
    """Return the hops of the one trace in `scamper -O json`: a silent hop is left out."""
    trace = next(each for each in _documents(text) if each["type"] == "trace")
    return _hop_list({hop["probe_ttl"]: hop["addr"] for hop in trace.get("hops", ())})


def _documents(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        yield json.loads(line)


def _hop_list(found: dict[int, str | None]) -> HopList:
    return without_silent_tail([found.get(probe_ttl) for probe_ttl in range(1, max(found, default=0) + 1)])


PEERS: Final = (
    Peer(name="traceroute", command=traceroute_command, parse=parse_traceroute),
    Peer(name="mtr", command=mtr_command, parse=parse_mtr, protocols=tuple(_MTR_PROTOCOL)),
    Peer(name="scamper", command=scamper_command, parse=parse_scamper),
)
