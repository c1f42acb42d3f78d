"""Facts written the way a person notes them down, for the golden cases: one line a fact, read into a Sample.

healthy.yaml holds every key with a healthy value; a case gives the keys in which it differs. What has no short form of
its own is written as in a record: mappings with the record's keys, what is left out as the vocabulary has it.
"""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter

from probes.egress_facts import Edge, Egress
from probes.facts import (
    Answer,
    Direction,
    EndReason,
    EndToEnd,
    Family,
    Hop,
    Icmp,
    Leg,
    LossClass,
    Method,
    Middlebox,
    Node,
    Prober,
    Protocol,
    ProtocolChoice,
    Reachability,
    ReachedBy,
    Refusal,
    Responder,
    Role,
    RouteKind,
    SendFailure,
    Trial,
    TrialOutcome,
)
from probes.failure import Failure
from probes.host_facts import (
    ChangeKind,
    Interface,
    InterfaceAddress,
    Neighbour,
    NeighbourState,
    Network,
    NetworkChange,
    Resolver,
    Route,
)
from probes.name_facts import DnsCheck, DnsQuery, ExtendedDnsError, NameSource, Transport
from probes.sample import AgentFailure, NdrSetting, Sample, Target, Topology
from probes.session_facts import PrivateAccess, SessionEvent
from probes.web_facts import (
    CaptivePortal,
    Pac,
    Proxy,
    ProxyControl,
    ProxyMode,
    ProxyStatus,
    TlsSession,
    WebCheck,
    WebStep,
)

HERE = Path(__file__).parent

RCODES = {"NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"}


def healthy_facts() -> dict[str, Any]:
    """Return the facts of the healthy base sample as text."""
    return deepcopy(_healthy())


@cache
def _healthy() -> dict[str, Any]:
    facts: dict[str, Any] = yaml.safe_load((HERE / "healthy.yaml").read_text())
    return facts


def sample_of(changed: Mapping[str, Any]) -> Sample:
    """Return the healthy sample with the given keys of the facts replaced; an unknown key is a KeyError."""
    facts = healthy_facts()
    for key in changed:
        if key not in facts:
            raise KeyError(f"no fact is called {key}")
    facts |= changed
    if is_address(facts["target"]) and "names" not in changed:
        facts["names"] = []
    target = target_of(facts)
    return Sample(
        started_at="2025-03-01T12:00:00.000Z",
        duration_us=40_000,
        target=target,
        network=network_of(facts),
        ndr=NdrSetting(facts["ndr"]),
        dns=tuple(check_of(check) for check in facts["names"]),
        proxy=proxy_of(facts["proxy"]),
        web=as_recorded(WebCheck | None, facts["web"]),
        captive_portal=as_recorded(CaptivePortal | None, facts["captive_portal"]),
        egress=as_recorded(Egress | None, facts["egress"]),
        edges=as_recorded(tuple[Edge, ...], facts["edges"]),
        private_access=as_recorded(PrivateAccess | None, facts["private_access"]),
        sessions=as_recorded(tuple[SessionEvent, ...], facts["sessions"]),
        topology=as_recorded(Topology | None, facts["topology"]),
        middlebox=as_recorded(Middlebox | None, facts["middlebox"]),
        reachability=tuple(reachability_of(line) for line in facts["reachability"]),
        legs=tuple(leg_of(leg) for leg in facts["legs"]),
        agent_failures=tuple(agent_failure_of(line) for line in facts["agent_failures"]),
    )


def as_recorded(kind: Any, value: object) -> Any:
    """Return facts from the form that they have in a record; an unknown key or a wrong type is a ValidationError."""
    return _reader(kind).validate_json(json.dumps([value]))[0]


@cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    strict = ConfigDict(strict=True, extra="forbid", alias_generator=lambda name: name.removesuffix("_"))
    return TypeAdapter(list[kind], config=strict)


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def family_of(address: str) -> Family:
    return Family.IPV6 if ":" in address else Family.IPV4


def target_of(facts: Mapping[str, Any]) -> Target:
    return Target(
        name=facts["target"],
        host=facts["target"],
        url=facts["url"],
        port=facts["port"],
        literal=is_address(facts["target"]),
        protocol=ProtocolChoice(facts["protocol"]),
        route=RouteKind(facts["route"]),
        family=Family(facts["family"]) if facts["family"] else None,
        edge_host=facts["edge"],
        edge_port=facts["edge_port"],
    )


# --- the host ---------------------------------------------------------------------------------------------------------


def network_of(facts: Mapping[str, Any]) -> Network:
    return Network(
        epoch="1",
        interfaces=tuple(interface_of(line, index) for index, line in enumerate(facts["interfaces"], 1)),
        routes=tuple(route_of(line) for line in facts["routes"]),
        default_routes=tuple(route_of(line) for line in facts["default_routes"]),
        neighbours=tuple(neighbour_of(line) for line in facts["neighbours"]),
        resolvers=tuple(Resolver(address=address) for address in facts["resolvers"]),
        changes=tuple(change_of(change) for change in facts["changes"]),
    )


def interface_of(line: str, index: int) -> Interface:
    """`eth0 up carrier 10.0.0.2/24`, `eth0 down no-carrier`, `tun0 up carrier-unknown 10.9.0.2/32`."""
    name, state, carrier, *addresses = line.split()
    assert state in ("up", "down"), line
    return Interface(
        name=name,
        index=index,
        up=state == "up",
        carrier={"carrier": True, "no-carrier": False, "carrier-unknown": None}[carrier],
        loopback=name == "lo",
        mtu=1500,
        addresses=tuple(
            InterfaceAddress(address=address, prefix_length=int(length))
            for address, length in (prefix.split("/") for prefix in addresses)
        ),
    )


def route_of(line: str) -> Route:
    """`192.0.2.80 via 10.0.0.1 dev eth0`, `10.0.0.9 dev eth0`, `192.0.2.80 fails network_unreachable`."""
    destination, *rest = line.split()
    words = dict(zip(rest[::2], rest[1::2], strict=True))
    assert set(words) <= {"via", "dev", "fails"}, line
    return Route(
        destination=destination,
        family=family_of(destination),
        interface=words.get("dev"),
        gateway=words.get("via"),
        failure=Failure(words["fails"]) if "fails" in words else None,
    )


def neighbour_of(line: str) -> Neighbour:
    """`10.0.0.1 dev eth0 reachable`."""
    address, dev, interface, state = line.split()
    assert dev == "dev", line
    return Neighbour(address=address, interface=interface, state=NeighbourState(state))


def change_of(change: Mapping[str, Any]) -> NetworkChange:
    return NetworkChange(
        at="2025-03-01T12:00:00.020Z",
        kind=ChangeKind(change["kind"]),
        subject=change["subject"],
        what=change["what"],
        before=change.get("before"),
        after=change.get("after"),
        affects_sample=change["used"],
    )


# --- names ------------------------------------------------------------------------------------------------------------


def check_of(check: Mapping[str, Any]) -> DnsCheck:
    attempts: dict[tuple[str, str], int] = {}
    queries = []
    for line in check.get("queries", []):
        resolver, kind, *_ = line.split()
        attempts[resolver, kind] = attempts.get((resolver, kind), 0) + 1
        queries.append(query_of(line, check["name"], attempts[resolver, kind]))
    return DnsCheck(
        role=Role(check.get("role", "destination")),
        name=check["name"],
        addresses=tuple(check.get("addresses", [])),
        source=NameSource(check["source"]) if "source" in check else None,
        failure=Failure(check["failure"]) if "failure" in check else None,
        system_addresses=tuple(check["system"]) if "system" in check else None,
        queries=tuple(queries),
    )


def query_of(line: str, name: str, attempt: int) -> DnsQuery:
    """`198.51.100.53 A NXDOMAIN`, `… A NOERROR 192.0.2.80`, `… AAAA timed_out`, `… A SERVFAIL ede 6`.

    `truncated` and `tcp` at the end say that the answer did not fit, and that it was asked for by TCP.
    """
    resolver, kind, outcome, *rest = line.split()
    marks = {word for word in rest if word in {"truncated", "tcp"}}
    rest = [word for word in rest if word not in marks]
    codes = rest[rest.index("ede") + 1 :] if "ede" in rest else []
    answers = rest[: rest.index("ede")] if "ede" in rest else rest
    return DnsQuery(
        resolver=resolver,
        question_name=name,
        question_type=kind,
        transport=Transport.TCP if "tcp" in marks else Transport.UDP,
        attempt=attempt,
        truncated="truncated" in marks,
        rcode=outcome if outcome in RCODES else None,
        failure=None if outcome in RCODES else Failure(outcome),
        answers=tuple(answers),
        extended_errors=tuple(ExtendedDnsError(code=int(code)) for code in codes),
    )


# --- reachability, proxy, agent ---------------------------------------------------------------------------------------

_REFUSED_BY = re.compile(r"(?P<type>\d+)/(?P<code>\d+) by (?P<offender>\S+)")


def reachability_of(line: str) -> Reachability:
    """`gateway 10.0.0.1 icmp answered`, `… tcp:53 silent`, `… icmp 3/13 by 10.0.0.1`, `… icmp untried not_permitted`.

    `silent once` was asked a single time, everything else three times.
    """
    role, address, how, outcome, *rest = line.split()
    protocol, _, port = how.partition(":")
    refused = _REFUSED_BY.search(line)
    assert refused or outcome in ("answered", "silent", "untried"), line
    return Reachability(
        role=Role(role),
        address=address,
        protocol=Protocol(protocol),
        port=int(port) if port else None,
        sent=1 if rest[-1:] == ["once"] else 3,
        received=3 if outcome == "answered" else 0,
        answered=None if outcome == "untried" else outcome == "answered",
        answer=Answer.DESTINATION_UNREACHABLE if refused else None,
        offender=refused["offender"] if refused else None,
        icmp=Icmp(type=int(refused["type"]), code=int(refused["code"])) if refused else None,
        failure=Failure(rest[0]) if outcome == "untried" else None,
    )


def proxy_of(proxy: Mapping[str, Any] | None) -> Proxy | None:
    """`{host, port, address, works, status, failure}` in short; `steps`, `tls`, `pac` … are written as in a record."""
    if proxy is None:
        return None
    return Proxy(
        mode=ProxyMode(proxy.get("mode", "explicit")),
        url=proxy.get("url"),
        host=proxy.get("host"),
        port=proxy.get("port", 3128) if "host" in proxy else None,
        address=proxy.get("address"),
        works=proxy.get("works"),
        connect_status=proxy.get("status"),
        steps=as_recorded(tuple[WebStep, ...], proxy.get("steps", [])),
        tls=as_recorded(TlsSession | None, proxy.get("tls")),
        proxy_status=as_recorded(tuple[ProxyStatus, ...], proxy.get("proxy_status", [])),
        error_token=proxy.get("error_token"),
        authenticate=tuple(proxy.get("authenticate", [])),
        controls=as_recorded(tuple[ProxyControl, ...], proxy.get("controls", [])),
        pac=as_recorded(Pac | None, proxy.get("pac")),
        failure=Failure(proxy["failure"]) if "failure" in proxy else None,
    )


def agent_failure_of(line: str) -> AgentFailure:
    """`sample internal_error ValueError: what it said`."""
    operation, failure, detail = line.split(" ", 2)
    return AgentFailure(operation=operation, failure=Failure(failure), detail=detail)


# --- legs -------------------------------------------------------------------------------------------------------------


# What the end of a leg says when it is reached; ICMP also for what a router on the way says of itself.
_REACHED_BY = {Protocol.ICMP: Answer.ECHO_REPLY, Protocol.TCP: Answer.SYN_ACK, Protocol.UDP: Answer.UDP_REPLY}


def leg_of(leg: Mapping[str, Any]) -> Leg:
    """A leg in short; `by: edge` and `direction: reverse` where it is not the agent's own way forward.

    `sent` holds for every hop. `reached_by` names another answer than an open end gives (`rst`, `echo_reply`, …), and
    `reply_ttl` is what was left of that answer's TTL, `rtt_us` how long it took. `tried`: `icmp no_answer`, one for
    each protocol.
    """
    end = EndReason(leg["end"])
    address = leg.get("address")
    protocol = Protocol(leg["protocol"]) if leg.get("protocol") else None
    sent = leg.get("sent", 3)
    reached = end is EndReason.REACHED
    answer = Answer(leg["reached_by"]) if "reached_by" in leg else _REACHED_BY[protocol or Protocol.ICMP]
    the_end = Responder(
        address=address or "",
        answer=answer,
        icmp=Icmp(type=0, code=0) if answer is Answer.ECHO_REPLY else None,
        reply_ttl=leg.get("reply_ttl"),
        rtt_us=(leg.get("rtt_us", 400),),
    )
    hops = tuple(hop_of(hop, ttl, sent, the_end) for ttl, hop in enumerate(leg.get("hops", []), 1))
    on_the_wire = end not in (EndReason.NOT_TRACED, EndReason.NOT_OPENED, EndReason.SEND_FAILED)
    return Leg(
        from_=Node(leg.get("from", "client")),
        to=Node(leg.get("to", "destination")),
        direction=Direction(leg.get("direction", "forward")),
        probed_by=Prober(leg.get("by", "agent")),
        protocol=protocol,
        family=family_of(address) if address else None,
        address=address,
        port=leg.get("port"),
        reached=reached if address and end is not EndReason.NOT_TRACED else None,
        reached_by=ReachedBy(address=address, answer=answer) if reached and address else None,
        end_reason=end,
        reason=leg.get("reason"),
        path_mtu=leg.get("path_mtu"),
        end_to_end=EndToEnd(
            protocol=protocol,
            sent=sent,
            received=sent if reached else 0,
            loss_ratio=0.0 if reached else 1.0,
        )
        if on_the_wire and protocol
        else None,
        hops=hops,
        refused=tuple(refusal_of(line) for line in leg.get("refused", [])),
        tried=tuple(trial_of(line) for line in leg.get("tried", [])),
        send_failures=tuple(send_failure_of(line) for line in leg.get("send_failures", [])),
    )


def hop_of(hop: str, ttl: int, sent: int, the_end: Responder) -> Hop:
    """`10.0.0.1` time exceeded (or the target's own answer), `*` nothing, `3/1 10.0.0.1` destination unreachable."""
    if hop == "*":
        return Hop(probe_ttl=ttl, sent=sent, received=0, loss_class=LossClass.UNKNOWN)
    icmp, _, address = hop.rpartition(" ")
    responder = the_end
    if icmp:
        kind, code = (int(number) for number in icmp.split("/"))
        responder = Responder(
            address=address, answer=Answer.DESTINATION_UNREACHABLE, icmp=Icmp(type=kind, code=code), rtt_us=(400,)
        )
    elif address != the_end.address:
        responder = Responder(address=address, answer=Answer.TIME_EXCEEDED, icmp=Icmp(type=11, code=0), rtt_us=(400,))
    return Hop(probe_ttl=ttl, sent=sent, received=sent, loss_class=LossClass.NONE, responders=(responder,))


def trial_of(line: str) -> Trial:
    """`icmp no_answer`."""
    protocol, outcome = line.split()
    return Trial(protocol=Protocol(protocol), outcome=TrialOutcome(outcome), reason=outcome)


def refusal_of(line: str) -> Refusal:
    """`icmp ping_socket not_permitted`."""
    protocol, method, failure = line.split()
    return Refusal(protocol=Protocol(protocol), method=Method(method), failure=Failure(failure), detail=failure)


def send_failure_of(line: str) -> SendFailure:
    """`blocked_locally`, `host_unreachable by 10.0.0.2`."""
    failure, *by = line.split()
    return SendFailure(failure=Failure(failure), count=3, first_probe_ttl=1, offender=by[1] if by else None)
