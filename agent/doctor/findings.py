"""What would stop or blur a trace on this host, and what to do about it: facts in, findings out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from probes.facts import Family, Method, Protocol, Reachability
from probes.failure import Failure
from probes.host_facts import NeighbourState, Network
from probes.name_facts import DnsCheck
from probes.rights import Rights, SocketRight

# The kernel doubles what a socket asks for; below this a burst of replies overflows in silence [measured].
_ENOUGH_RECEIVE_BUFFER: Final = 212_992
_OLDEST_PYTHON: Final = (3, 11)
# A host with hundreds of addresses is named by some of them.
_MOST_ADDRESSES: Final = 4
_FAMILY_NAMES: Final = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


class Level(StrEnum):
    """How bad a finding is: `warn` blurs or narrows what a trace can tell, `fail` stops it."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: what was found, and what to do where that is not well."""

    check: str
    level: Level
    found: str
    advice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """Everything that the doctor looks at; `memory_problem`: why nothing is remembered of paths, None where it is."""

    rights: Rights
    network: Network
    resolver_check: DnsCheck | None
    gateways: tuple[Reachability, ...]
    memory_directory: str | None
    memory_problem: str | None = None


def examine(seen: Observations) -> tuple[Finding, ...]:
    """Return the findings, in the order in which a packet would meet them."""
    return (
        _python(seen.rights.python_version),
        *(_protocol(protocol, seen.rights) for protocol in Protocol),
        _receive_buffer(seen.rights.receive_buffer_bytes),
        _clock(seen.rights),
        _memory(seen),
        *(_family(family, seen.network) for family in Family),
        _default_route(seen.network),
        *_gateways(seen),
        _resolvers(seen),
    )


def worst(findings: Iterable[Finding]) -> Level:
    """Return the gravest level."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.FAIL, Level.WARN) if level in levels), Level.OK)


# --- the process ------------------------------------------------------------------------------------------------------


def _python(version: str) -> Finding:
    known = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if known >= _OLDEST_PYTHON:
        return Finding(check="python", level=Level.OK, found=f"Python {version}")
    advice = "install Python 3.11 or later"
    return Finding(check="python", level=Level.FAIL, found=f"Python {version} is too old", advice=advice)


_METHOD_WORDS: Final[Mapping[Method, str]] = {
    Method.RAW: "raw sockets",
    Method.PING_SOCKET: "ping sockets",
    Method.ERROR_QUEUE: "the error queue",
    Method.CONNECT: "connections",
}
_RIGHTS_ADVICE: Final = "run as root or with CAP_NET_RAW (in a unit: AmbientCapabilities=CAP_NET_RAW)"


def _protocol(protocol: Protocol, rights: Rights) -> Finding:
    """Say by which way a protocol can be probed; the first that opens is the one that a trace takes."""
    ways = [right for right in rights.sockets if right.protocol is protocol]
    working = {right.method for right in ways if right.failure is None}
    check = f"probe_{protocol}"
    if not working:
        found = f"no socket for {protocol.upper()} probes opens: {_reasons(ways)}"
        return Finding(check=check, level=_level_of_loss(protocol), found=found, advice=_advice(protocol, rights))
    if Method.RAW in working:
        return Finding(check=check, level=Level.OK, found=f"{protocol.upper()} by {_METHOD_WORDS[Method.RAW]}")
    # A lesser way shows the same hops; only details of the quoted packet are lost.
    way = next(method for method in _METHOD_WORDS if method in working)
    return Finding(check=check, level=Level.OK, found=f"{protocol.upper()} by {_METHOD_WORDS[way]}, without privilege")


def _level_of_loss(protocol: Protocol) -> Level:
    """Return how bad it is that a protocol cannot be probed: stock hosts refuse ICMP to all but root."""
    return Level.WARN if protocol is Protocol.ICMP else Level.FAIL


def _advice(protocol: Protocol, rights: Rights) -> str:
    if protocol is not Protocol.ICMP:
        return "raise the limit of open files, or look for a security module that forbids sockets"
    first, last = rights.ping_groups or (1, 0)
    allowed = f" (now {first} {last}: nobody)" if first > last else ""
    return f"{_RIGHTS_ADVICE}, or allow ping sockets: sysctl net.ipv4.ping_group_range='0 2147483647'{allowed}"


def _reasons(ways: Iterable[SocketRight]) -> str:
    reasons = dict.fromkeys(str(right.failure).replace("_", " ") for right in ways if right.failure)
    return ", ".join(reasons)


def _receive_buffer(size: int | None) -> Finding:
    check = "receive_buffer"
    if size is None:
        return Finding(check=check, level=Level.OK, found="the largest receive buffer is not told here")
    found = f"receive buffers of up to {size:,} bytes"
    if size >= _ENOUGH_RECEIVE_BUFFER:
        return Finding(check=check, level=Level.OK, found=found)
    advice = f"sysctl net.core.rmem_max={_ENOUGH_RECEIVE_BUFFER}: replies in a burst may be lost now"
    return Finding(check=check, level=Level.WARN, found=found, advice=advice)


def _clock(rights: Rights) -> Finding:
    check = "clock"
    if rights.clock_synchronised is None:
        return Finding(check=check, level=Level.OK, found="whether the clock is kept in step is not told here")
    if rights.clock_synchronised:
        error = f", within {rights.clock_error_us / 1000:.0f} ms" if rights.clock_error_us is not None else ""
        return Finding(check=check, level=Level.OK, found=f"the clock is kept in step{error}")
    advice = "start a time service (systemd-timesyncd, chrony); delays are right all the same, instants may not be"
    return Finding(check=check, level=Level.WARN, found="nothing keeps the clock in step", advice=advice)


def _memory(seen: Observations) -> Finding:
    """Say where paths are remembered; a trace without memory only takes a little longer."""
    said = (
        f"are not remembered: {seen.memory_problem}"
        if seen.memory_problem
        else f"are remembered in {seen.memory_directory}"
    )
    return Finding(check="path_memory", level=Level.OK, found=f"paths {said}")


# --- the network ------------------------------------------------------------------------------------------------------


def _family(family: Family, network: Network) -> Finding:
    """Say whether a family can be used; a host of one family only is healthy."""
    check, name = str(family), _FAMILY_NAMES[family]
    usable = tuple(_usable_addresses(network))
    own = [f"{address} on {interface}" for address, interface in usable if (":" in address) == (family is Family.IPV6)]
    if own:
        more = f" and {len(own) - _MOST_ADDRESSES} more" if len(own) > _MOST_ADDRESSES else ""
        return Finding(check=check, level=Level.OK, found=f"{name}: {', '.join(own[:_MOST_ADDRESSES])}{more}")
    if usable:
        return Finding(check=check, level=Level.OK, found=f"{name}: no address; only the other family can be traced")
    advice = "bring an interface up, with a carrier and an address (ip link, ip address)"
    return Finding(check=check, level=Level.WARN, found=f"{name}: no interface can be used", advice=advice)


def _usable_addresses(network: Network) -> Iterable[tuple[str, str]]:
    """Yield each address that packets can be sent from beyond their link, and its interface."""
    for interface in network.interfaces:
        if interface.up and interface.carrier is not False and not interface.loopback:
            for address in interface.addresses:
                if not address.address.startswith("fe80:"):
                    yield address.address, interface.name


def _default_route(network: Network) -> Finding:
    check = "default_route"
    routes = [route for route in network.default_routes if route.failure is None]
    if routes:
        ways = dict.fromkeys(
            f"{_FAMILY_NAMES[route.family]} by {route.interface}"
            + (f" through {route.gateway}" if route.gateway else "")
            for route in routes
        )
        return Finding(check=check, level=Level.OK, found=f"default route: {'; '.join(ways)}")
    advice = "add one (ip route add default via GATEWAY), or say ndr: true where that is meant"
    return Finding(check=check, level=Level.WARN, found="there is no default route", advice=advice)


def _gateways(seen: Observations) -> Iterable[Finding]:
    states = {neighbour.address: neighbour.state for neighbour in seen.network.neighbours}
    for gateway in seen.gateways:
        bare = gateway.address.partition("%")[0]
        if gateway.answered:
            rtt = f" in {min(gateway.rtt_us) / 1000:.1f} ms" if gateway.rtt_us else ""
            yield Finding(check="gateway", level=Level.OK, found=f"gateway {gateway.address} answers{rtt}")
        elif states.get(bare) in {NeighbourState.FAILED, NeighbourState.INCOMPLETE}:
            advice = "check the cable, the VLAN and the gateway's address"
            yield Finding(
                check="gateway", level=Level.WARN, found=f"gateway {gateway.address} is not on the link", advice=advice
            )
        else:
            # Many gateways answer no echo requests; on its own that proves nothing.
            yield Finding(check="gateway", level=Level.OK, found=f"gateway {gateway.address} answers no echo request")


def _resolvers(seen: Observations) -> Finding:
    check = "resolvers"
    configured = [resolver.address for resolver in seen.network.resolvers]
    if not configured:
        advice = "name one in /etc/resolv.conf; until then only addresses can be traced"
        return Finding(check=check, level=Level.WARN, found="no resolver is configured", advice=advice)
    if seen.resolver_check is None:
        return Finding(check=check, level=Level.OK, found=f"resolvers: {', '.join(configured)}, not asked")
    queries = seen.resolver_check.queries
    answering = {query.resolver for query in queries if query.rcode not in {None, "REFUSED", "SERVFAIL"}}
    dead = [address for address in configured if address not in answering]
    if not dead:
        return Finding(check=check, level=Level.OK, found=f"resolvers answer: {', '.join(configured)}")
    why = dict.fromkeys(_query_words(query.rcode, query.failure) for query in queries if query.resolver in dead)
    found = f"resolvers that do not answer: {', '.join(dead)} ({', '.join(why) or 'not asked'})"
    return Finding(check=check, level=Level.WARN, found=found, advice="check /etc/resolv.conf and the way to them")


def _query_words(rcode: str | None, failure: Failure | None) -> str:
    return rcode or (str(failure).replace("_", " ") if failure else "no answer")
