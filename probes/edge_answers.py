"""What an edge's API answers, read: service data, the address that it saw, the trace that it made.

All of it comes from outside: it is checked against what was asked, and refused as a whole where it does not fit.
"""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address, ip_network
from typing import Final

from probes.edge_access import EdgeTraceAsked
from probes.egress_facts import ServiceData, Tunnel, TunnelKind
from probes.facts import Direction, EndReason, Leg, Node, Prober, Protocol, ProtocolChoice
from probes.facts_reader import UnfitError, as_object, fact_of, parsed
from probes.frozen import frozen, replace
from probes.name_facts import DnsCheck

SCHEMA: Final = "cloudpath.edge/1"

_LARGEST_PORT: Final = 65_535
_LARGEST_TTL: Final = 255
_MOST_DIGITS: Final = 9
# A day: an answer that is good for longer is no answer about now.
_LONGEST_VALIDITY_S: Final = 86_400

_ENDS: Final = {Direction.REVERSE: Node.EGRESS, Direction.FORWARD: Node.DESTINATION}


@frozen
class TraceAnswer:
    """What an edge answered to a request for a trace."""

    leg: Leg
    dns: DnsCheck | None
    cached: bool
    age_s: int


def read_service_data(body: bytes, url: str) -> ServiceData:
    """Return what an edge tells of its caller; `url` is what was asked.

    Raises:
        UnfitError: It is not what the API promises.
    """
    answer = as_object(parsed(body), "the answer")
    if answer.get("schema") != SCHEMA:
        raise UnfitError(f"the answer's schema is {str(answer.get('schema'))[:40]!a}, and not {SCHEMA!a}")
    edge, client, stun = (as_object(answer.get(key), key) for key in ("edge", "client", "stun"))
    valid_for_s: int = fact_of(int, answer.get("valid_for_s"), "valid_for_s")
    if not 0 < valid_for_s <= _LONGEST_VALIDITY_S:
        raise UnfitError(f"valid_for_s is out of range: 1 to {_LONGEST_VALIDITY_S}")
    return ServiceData(
        url=url,
        fetched=True,
        name=fact_of(str, edge.get("name"), "edge.name"),
        told_at=_instant(answer.get("time"), "time"),
        valid_for_s=valid_for_s,
        address=_address(client.get("address"), "client.address"),
        tunnel=_tunnel(client.get("tunnel")),
        tcp_port=_port(stun.get("tcp_port"), "stun.tcp_port"),
        udp_port=_port(stun.get("udp_port"), "stun.udp_port"),
        icmp=fact_of(bool, answer.get("icmp"), "icmp"),
    )


def age_s(data: ServiceData, headers: Mapping[str, str]) -> int:
    """Return how old an answer was when it was given: by the edge's own clock, and by whoever kept it meanwhile.

    This host's clock has no say in it. Of two clocks that differ it is the likelier to be wrong, and every edge would
    seem to serve old data to a laptop that woke up in another year.

    Args:
        data: The answer.
        headers: Its header by names in small letters: `date` and `age` (RFC 9110 section 6.6.1, RFC 9111 section 5.1).
    """
    kept = headers.get("age", "")
    kept_s = int(kept) if kept.isascii() and kept.isdigit() and len(kept) <= _MOST_DIGITS else 0
    try:
        given = parsedate_to_datetime(headers.get("date", ""))
        told = datetime.fromisoformat(data.told_at or "")
        return max(0, round((given - told).total_seconds())) + kept_s
    except (ValueError, TypeError):
        # No instant at all, or one without a zone.
        return kept_s


def read_seen(body: bytes) -> str:
    """Return the address that an edge says it saw.

    Raises:
        UnfitError: It is not what the API promises.
    """
    answer = as_object(parsed(body), "the answer")
    _instant(answer.get("at"), "at")
    return _address(answer.get("address"), "address")


def read_trace(body: bytes, asked: EdgeTraceAsked) -> TraceAnswer:
    """Return the trace that an edge made, if it is the one that was asked for.

    Raises:
        UnfitError: It is not what the API promises, contradicts itself, or is another trace.
    """
    answer = as_object(parsed(body), "the answer")
    leg: Leg = fact_of(Leg, answer.get("leg"), "leg")
    dns: DnsCheck | None = fact_of(DnsCheck | None, answer.get("dns"), "dns")
    _check_asked(leg, asked)
    _check_leg(leg)
    return TraceAnswer(
        leg=replace(leg, address=None if leg.address is None else _address(leg.address, "leg.address")),
        dns=dns,
        cached=fact_of(bool, answer.get("cached"), "cached"),
        age_s=fact_of(int, answer.get("age_s"), "age_s"),
    )


def read_problem(body: bytes) -> str | None:
    """Return why an edge refused, in its own words (RFC 9457), None where it gives none that can be read."""
    try:
        problem = as_object(parsed(body), "the problem")
    except UnfitError:
        return None
    words = problem.get("detail") or problem.get("title")
    return words[:200] if isinstance(words, str) and words.strip() else None


# --- is it what was asked for? ----------------------------------------------------------------------------------------


def _check_asked(leg: Leg, asked: EdgeTraceAsked) -> None:
    end = _ENDS[asked.direction]
    found = (leg.from_, leg.to, leg.direction, leg.probed_by)
    if found != (Node.SERVICE_EDGE, end, asked.direction, Prober.EDGE):
        raise UnfitError(
            f"leg is {leg.direction} from {leg.from_} to {leg.to} by the {leg.probed_by}; "
            f"asked was {asked.direction} from service_edge to {end} by the edge"
        )
    wanted = None if asked.protocol is ProtocolChoice.ADAPTIVE else Protocol(asked.protocol)
    if wanted is not None and leg.protocol not in {wanted, None}:
        raise UnfitError(f"leg.protocol is {leg.protocol}; asked was {wanted}")


def _check_leg(leg: Leg) -> None:
    """Refuse figures that cannot be: rules and views rely on them."""
    ttls = [hop.probe_ttl for hop in leg.hops]
    if ttls != sorted(set(ttls)) or any(not 1 <= ttl <= _LARGEST_TTL for ttl in ttls):
        raise UnfitError("leg.hops are not in the order of their TTLs, 1 to 255")
    for index, hop in enumerate(leg.hops):
        if hop.received + hop.late > hop.sent or (hop.received and not hop.responders):
            raise UnfitError(f"leg.hops[{index}] has more answers than probes, or answers from nobody")
        for number, responder in enumerate(hop.responders):
            _address(responder.address, f"leg.hops[{index}].responders[{number}].address")
    series = leg.end_to_end
    if series is not None and series.received + series.late > series.sent:
        raise UnfitError("leg.end_to_end has more answers than probes")
    ratios = (leg.loss_ratio, None if series is None else series.loss_ratio)
    if any(ratio is not None and ratio > 1 for ratio in ratios):
        raise UnfitError("leg.loss_ratio is above 1")
    _check_end(leg)


def _check_end(leg: Leg) -> None:
    proven = leg.reached_by is not None
    if (leg.reached is True) != proven or (leg.end_reason is EndReason.REACHED and not proven):
        raise UnfitError("leg.reached, leg.reached_by and leg.end_reason contradict each other")
    if leg.reached is not None and leg.address is None:
        raise UnfitError("leg.address is missing, though something was traced")
    if leg.reached_by is not None:
        _address(leg.reached_by.address, "leg.reached_by.address")


# --- values -----------------------------------------------------------------------------------------------------------


def _address(value: object, place: str) -> str:
    """Return an address in its usual form (RFC 5952), an IPv4-mapped one as IPv4; a zone says nothing elsewhere."""
    text: str = fact_of(str, value, place)
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        raise UnfitError(f"{place} is {text[:40]!a}, which is no address") from None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _instant(value: object, place: str) -> str:
    text: str = fact_of(str, value, place)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise UnfitError(f"{place} is {text[:40]!a}, which is no instant of RFC 3339")
    return text


def _port(value: object, place: str) -> int | None:
    port: int | None = fact_of(int | None, value, place)
    if port is not None and not 1 <= port <= _LARGEST_PORT:
        raise UnfitError(f"{place} is {port}, which is no port")
    return port


def _tunnel(value: object) -> Tunnel | None:
    if value is None:
        return None
    members = as_object(value, "client.tunnel")
    inner: str = fact_of(str, members.get("inner"), "client.tunnel.inner")
    try:
        prefix = ip_network(inner)
    except ValueError:
        raise UnfitError(f"client.tunnel.inner is {inner[:40]!a}, which is no prefix") from None
    egress = members.get("egress")
    return Tunnel(
        kind=fact_of(TunnelKind, members.get("kind"), "client.tunnel.kind"),
        inner=str(prefix),
        egress=None if egress is None else _address(egress, "client.tunnel.egress"),
    )
