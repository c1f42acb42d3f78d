"""Samples as data for the tests of views and record: each a situation that a person may see."""

from dataclasses import replace
from itertools import pairwise

from agent.record import AgentIdentity, RecordHeader
from probes.facts import (
    Answer,
    Clocks,
    EndReason,
    EndToEnd,
    Family,
    FlowKind,
    Hop,
    Icmp,
    InterfaceInformation,
    InterfaceRole,
    Leg,
    LossClass,
    Method,
    Middlebox,
    MplsLabel,
    MtuCertainty,
    MtuStep,
    MtuStepKind,
    Node,
    PathMtu,
    PathSign,
    Place,
    Protocol,
    Reachability,
    ReachedBy,
    Refusal,
    Responder,
    Role,
    RouteKind,
    RttSummary,
    SendFailure,
    SignKind,
    StampSource,
)
from probes.failure import Failure
from probes.host_facts import ChangeKind, Network, NetworkChange, Resolver, Route
from probes.name_facts import DnsCheck, DnsQuery, ExtendedDnsError, NameSource, Transport
from probes.sample import Sample, Target
from probes.web_facts import Proxy, ProxyMode
from rules.diagnosis import (
    Anchor,
    Confidence,
    Diagnosis,
    EvidenceItem,
    FiredError,
    NotEvaluated,
    Rejected,
    Severity,
    Status,
    Truth,
)

DESTINATION = "192.0.2.80"
TIME_EXCEEDED = Icmp(type=11, code=0)


def rtt(*times_us: int) -> RttSummary:
    average = sum(times_us) / len(times_us)
    deviation = (sum((t - average) ** 2 for t in times_us) / len(times_us)) ** 0.5
    steps = [abs(a - b) for a, b in pairwise(times_us)]
    return RttSummary(
        min=min(times_us),
        avg=round(average),
        max=max(times_us),
        stddev=round(deviation),
        jitter=round(sum(steps) / len(steps)) if steps else None,
    )


def router(ttl: int, address: str, name: str | None, *times_us: int, **changes: object) -> Hop:
    """A hop with one responder; fewer than three times mean missing answers."""
    responder = Responder(
        address=address,
        answer=Answer.TIME_EXCEEDED,
        icmp=TIME_EXCEEDED,
        name=name,
        reply_ttl=256 - ttl,
        quoted_ttl=1,
        rtt_us=times_us,
    )
    hop = Hop(
        probe_ttl=ttl,
        sent=3,
        received=len(times_us),
        loss_class=LossClass.NONE,
        responders=(responder,),
        rtt_us=rtt(*times_us),
    )
    return replace(hop, **changes)  # type: ignore[arg-type]


def nobody(ttl: int, loss_class: LossClass = LossClass.SILENT) -> Hop:
    return Hop(probe_ttl=ttl, sent=3, received=0, loss_class=loss_class)


def end(ttl: int, *times_us: int, answer: Answer = Answer.SYN_ACK, address: str = DESTINATION) -> Hop:
    responder = Responder(address=address, answer=answer, name="crm.example.com", reply_ttl=58, rtt_us=times_us)
    return Hop(
        probe_ttl=ttl,
        sent=3,
        received=3,
        loss_class=LossClass.NONE,
        responders=(responder,),
        rtt_us=rtt(*times_us),
    )


GATEWAY = router(1, "10.0.0.1", "gateway.office.example", 411, 380, 402)
ISP = router(2, "198.51.100.1", "ae-1.r20.access.isp.example.net", 8_120, 8_340, 7_990)
CORE = router(3, "198.51.100.77", "be-12.core3.fra.isp.example.net", 11_800, 12_010, 11_950)
PEER = router(4, "203.0.113.9", None, 12_210, 12_400, 12_190)
END = end(5, 12_300, 12_350, 12_280)

SERIES = EndToEnd(
    protocol=Protocol.TCP,
    sent=10,
    received=10,
    loss_ratio=0.0,
    rtt_us=rtt(12_300, 12_350, 12_280, 12_410, 12_290, 12_330, 12_300, 12_390, 12_280, 12_300),
)
LOST_SERIES = EndToEnd(protocol=Protocol.TCP, sent=3, received=0, loss_ratio=1.0)

NETWORK = Network(
    epoch="4d2c",
    routes=(
        Route(
            destination=DESTINATION,
            family=Family.IPV4,
            interface="eth0",
            source="10.0.0.23",
            gateway="10.0.0.1",
            table=254,
            metric=100,
        ),
    ),
    default_routes=(Route(destination="0.0.0.0/0", family=Family.IPV4, interface="eth0", gateway="10.0.0.1"),),
    resolvers=(Resolver(address="10.0.0.1"),),
)

TARGET = Target(
    name="crm.example.com",
    host="crm.example.com",
    url="https://crm.example.com/login",
    port=443,
)

LEG = Leg(
    from_=Node.CLIENT,
    to=Node.DESTINATION,
    protocol=Protocol.TCP,
    protocol_reason="the target names a TCP port, and TCP reached it",
    family=Family.IPV4,
    address=DESTINATION,
    port=443,
    source_address="10.0.0.23",
    source_port=41_234,
    method=Method.CONNECT,
    flow=FlowKind.PARIS,
    clocks=Clocks(sent=StampSource.USER, received=StampSource.KERNEL),
    refused=(
        Refusal(
            protocol=Protocol.TCP,
            method=Method.RAW,
            failure=Failure.NOT_PERMITTED,
            detail="raw sockets need CAP_NET_RAW",
        ),
    ),
    reached=True,
    reached_by=ReachedBy(address=DESTINATION, answer=Answer.SYN_ACK, probe_ttl=5),
    end_reason=EndReason.REACHED,
    loss_ratio=0.0,
    end_to_end=SERIES,
    hops=(GATEWAY, ISP, CORE, PEER, END),
    duration_us=61_000,
)

# What `--mtu` found: two drops that routers report, one of them with a wrong size; and a black hole.
NARROW_MTU = PathMtu(
    protocol=Protocol.ICMP,
    method=Method.RAW,
    link_mtu=1500,
    steps=(
        MtuStep(probe_ttl=2, mtu=1492, kind=MtuStepKind.REPORTED, reported_by="198.51.100.1", reported_mtu=1492),
        MtuStep(probe_ttl=4, mtu=1400, kind=MtuStepKind.REPORTED, reported_by="203.0.113.9", reported_mtu=600),
    ),
    certainty=MtuCertainty.EXACT,
    at_least=1400,
    sent=21,
    duration_us=64_000,
)
HOLE_MTU = replace(
    NARROW_MTU,
    steps=(NARROW_MTU.steps[0], MtuStep(probe_ttl=3, mtu=1433, kind=MtuStepKind.BLACK_HOLE)),
    certainty=MtuCertainty.SEARCHED,
    at_least=1433,
)
UNFINISHED_MTU = replace(NARROW_MTU, certainty=MtuCertainty.AT_LEAST, steps=(), at_least=1280, reason="interrupted")
UP_TO_A_HOP_MTU = replace(NARROW_MTU, steps=(), at_least=1500, up_to_ttl=4)

RESOLVED = DnsCheck(
    role=Role.DESTINATION,
    name="crm.example.com",
    addresses=(DESTINATION,),
    source=NameSource.RESOLVER,
    queries=(
        DnsQuery(
            resolver="10.0.0.1",
            question_name="crm.example.com",
            question_type="A",
            transport=Transport.UDP,
            attempt=1,
            rcode="NOERROR",
            answers=(DESTINATION,),
            duration_us=1_830,
        ),
        DnsQuery(
            resolver="10.0.0.1",
            question_name="crm.example.com",
            question_type="AAAA",
            transport=Transport.UDP,
            attempt=1,
            rcode="NOERROR",
            duration_us=1_910,
        ),
    ),
    duration_us=1_950,
)

HEALTHY = Sample(
    started_at="2026-01-05T08:00:00.000Z",
    duration_us=184_211,
    target=TARGET,
    network=NETWORK,
    dns=(RESOLVED,),
    legs=(LEG,),
)
FINE = Diagnosis(
    status=Status.OK,
    not_evaluated=(
        NotEvaluated(code="CP-04", missing=("rule",)),
        NotEvaluated(code="CP-20", missing=("reverse_trace.asked",)),
    ),
)


def with_leg(**changes: object) -> Sample:
    """The healthy sample with another leg."""
    return replace(HEALTHY, legs=(replace(LEG, **changes),))  # type: ignore[arg-type]


# Hops 2 and 3 never answer, hop 4 only once.
SILENT_HOPS = with_leg(
    hops=(
        GATEWAY,
        nobody(2),
        nobody(3),
        router(4, "203.0.113.9", None, 12_210, received=1, loss_class=LossClass.RATE_LIMITED, late=1),
        END,
    )
)

# Nothing answers behind hop 3.
DEAD_END = with_leg(
    reached=False,
    reached_by=None,
    end_reason=EndReason.GAP_LIMIT,
    loss_ratio=1.0,
    end_to_end=LOST_SERIES,
    hops=(GATEWAY, ISP, CORE, *(nobody(ttl, LossClass.UNKNOWN) for ttl in range(4, 9))),
)

# The same, but the destination answers echo requests.
DEAD_END_BUT_ALIVE = replace(
    DEAD_END,
    reachability=(
        Reachability(
            role=Role.DESTINATION,
            address=DESTINATION,
            protocol=Protocol.ICMP,
            sent=3,
            received=3,
            answered=True,
            answer=Answer.ECHO_REPLY,
            rtt_us=(12_400, 12_300, 12_500),
        ),
    ),
)

# The same, and it answers nothing else either.
DEAD_IN_EVERY_WAY = replace(
    DEAD_END,
    reachability=tuple(
        Reachability(role=Role.DESTINATION, address=DESTINATION, protocol=protocol, port=port, sent=3, answered=False)
        for protocol, port in ((Protocol.TCP, 443), (Protocol.ICMP, None), (Protocol.UDP, 33_434))
    ),
)

# A firewall at hop 3 says so.
PROHIBITED = with_leg(
    reached=False,
    reached_by=None,
    end_reason=EndReason.UNREACHABLE,
    loss_ratio=1.0,
    end_to_end=LOST_SERIES,
    hops=(
        GATEWAY,
        ISP,
        replace(
            CORE,
            responders=(
                replace(
                    CORE.responders[0], answer=Answer.DESTINATION_UNREACHABLE, icmp=Icmp(type=3, code=13), name=None
                ),
            ),
        ),
    ),
)

CLOSED_PORT = with_leg(
    reached_by=ReachedBy(address=DESTINATION, answer=Answer.RST, probe_ttl=5),
    hops=(GATEWAY, ISP, CORE, PEER, end(5, 12_300, 12_350, 12_280, answer=Answer.RST)),
)

LOSSY = with_leg(
    loss_ratio=0.3,
    end_to_end=replace(SERIES, received=7, loss_ratio=0.3),
    hops=(
        GATEWAY,
        ISP,
        router(3, "198.51.100.77", None, 11_800, 12_010, loss_class=LossClass.LOSS),
        router(4, "203.0.113.9", None, 12_210, 12_400, loss_class=LossClass.LOSS),
        replace(END, received=2, loss_class=LossClass.LOSS),
    ),
)

# The measurement before emptied the target's limiter: two of three probes got no answer, and nothing is lost.
LIMITED_END = replace(
    with_leg(
        protocol=Protocol.UDP,
        protocol_reason="udp was asked for",
        port=33_434,
        reached_by=ReachedBy(
            address=DESTINATION, answer=Answer.DESTINATION_UNREACHABLE, icmp=Icmp(type=3, code=3), probe_ttl=2
        ),
        loss_ratio=None,
        end_to_end=EndToEnd(
            protocol=Protocol.UDP,
            sent=3,
            received=1,
            loss_ratio=None,
            rtt_us=rtt(12_300),
            reason="its limiter is known",
        ),
        hops=(
            GATEWAY,
            replace(
                end(2, 12_300, answer=Answer.DESTINATION_UNREACHABLE), received=1, loss_class=LossClass.RATE_LIMITED
            ),
        ),
    ),
    target=replace(TARGET, url=None, port=None),
)

# Two probes of the series came back when nobody waited for them any more: late is not lost.
LATE_SERIES = with_leg(end_to_end=replace(SERIES, received=8, late=2))

# The service edge answered; nobody could look farther.
EDGE_REACHED = replace(
    with_leg(
        to=Node.SERVICE_EDGE,
        address="198.51.100.9",
        reached_by=ReachedBy(address="198.51.100.9", answer=Answer.SYN_ACK, probe_ttl=1),
        hops=(end(1, 12_300, 12_350, 12_280, address="198.51.100.9"),),
    ),
    target=replace(TARGET, route=RouteKind.SERVICE_EDGE, edge_host="edge.example.com", edge_port=443),
)
EDGE_REACHED = replace(
    EDGE_REACHED,
    legs=(
        *EDGE_REACHED.legs,
        Leg(from_=Node.SERVICE_EDGE, to=Node.DESTINATION, reason="not discoverable: nobody asked"),
    ),
)

# Nobody knew the edge's name.
EDGE_UNRESOLVED = replace(
    EDGE_REACHED,
    legs=(
        Leg(from_=Node.CLIENT, to=Node.SERVICE_EDGE, reason="no address to trace: edge.example.com did not resolve"),
        EDGE_REACHED.legs[1],
    ),
)

# The path is fine, and the application cannot use it: its proxy refuses.
PROXY = Proxy(mode=ProxyMode.ENVIRONMENT, host="proxy.example.com", port=3_128, works=True, connect_status=200)
DEAD_PROXY = replace(
    HEALTHY,
    proxy=replace(PROXY, works=False, connect_status=None, failure=Failure.CONNECTION_REFUSED),
)

# What quotes and replies give away, hostile names among it.
TELLING = replace(
    with_leg(
        hops=(
            GATEWAY,
            ISP,
            replace(
                CORE,
                responders=(
                    replace(
                        CORE.responders[0],
                        mpls=(
                            MplsLabel(label=16_001, traffic_class=5, bottom=False, mpls_ttl=1),
                            MplsLabel(label=24_017, traffic_class=0, bottom=True, mpls_ttl=1),
                        ),
                        interfaces=(
                            InterfaceInformation(
                                role=InterfaceRole.INCOMING, index=7, name="ge-0/0/1\x1b[31m" + "x" * 40, mtu=9_000
                            ),
                            InterfaceInformation(role=InterfaceRole.OUTGOING),
                        ),
                    ),
                ),
            ),
            PEER,
            *LEG.hops[4:],
        ),
        signs=(
            PathSign(
                kind=SignKind.DSCP_REWRITTEN,
                probe_ttl=2,
                address="203.0.113.1",
                sent=46,
                seen=0,
                evidence="hop 2 quotes DSCP 0; DSCP 46 was sent",
            ),
            PathSign(
                kind=SignKind.SOURCE_TRANSLATED,
                probe_ttl=2,
                address="203.0.113.1",
                sent="10.0.0.23",
                seen="203.0.113.40",
                evidence="the probe that hop 2 quotes came from 203.0.113.40, and was sent from 10.0.0.23",
            ),
            PathSign(
                kind=SignKind.ASYMMETRIC_RETURN,
                probe_ttl=4,
                address="198.51.100.1",
                sent=4,
                seen=9,
                evidence="answers of hop 4 arrive with TTL 247: 9 hops back if they start with 255, 4 there",
            ),
            PathSign(
                kind=SignKind.MIDDLEBOX,
                probe_ttl=4,
                address="198.51.100.1",
                sent=DESTINATION,
                seen="198.51.100.1",
                evidence=(
                    f"TCP to port 443 with TTL 4 was answered (syn ack) under {DESTINATION} after 4.10 ms, and ICMP "
                    "with TTL 4 expired at 198.51.100.1 after 4.20 ms"
                ),
            ),
        ),
    ),
    middlebox=Middlebox(
        target=DESTINATION,
        protocol=Protocol.TCP,
        port=443,
        answer=Answer.SYN_ACK,
        probe_ttl=4,
        address="198.51.100.1",
        control_protocol=Protocol.ICMP,
        target_ttl=None,
        rtt_us=4_100,
        control_rtt_us=4_200,
        evidence="TCP was answered at TTL 4, and ICMP expired there",
    ),
)

# Two routers share hop 3, with labels.
BALANCED = with_leg(
    hops=(
        GATEWAY,
        ISP,
        replace(
            CORE,
            responders=(
                replace(
                    CORE.responders[0],
                    rtt_us=(11_800, 12_010),
                    asn=64_500,
                    mpls=(MplsLabel(label=24_017, traffic_class=0, bottom=True, mpls_ttl=1),),
                ),
                Responder(
                    address="198.51.100.78",
                    answer=Answer.TIME_EXCEEDED,
                    icmp=TIME_EXCEEDED,
                    name="be-13.core3.fra.isp.example.net",
                    reply_ttl=253,
                    rtt_us=(11_950,),
                ),
            ),
        ),
        PEER,
        END,
    )
)


# What a hostile reverse zone may answer: a terminal escape, a line break, a right-to-left override, a long name.
def located(hop: Hop, asn: int, as_name: str, place: Place | None) -> Hop:
    """The hop with what a database says of its only responder."""
    return replace(hop, responders=(replace(hop.responders[0], asn=asn, as_name=as_name, place=place),))


LOCATED = with_leg(
    hops=(
        GATEWAY,
        located(ISP, 64_500, "Example Access GmbH & Co. Kommunikationsnetze KG", Place(country="DE", city="Munich")),
        located(CORE, 64_500, "\x1b[2JExample\nAccess", Place(country="BR", city="S\u00e3o Paulo")),
        located(PEER, 4_200_000_000, "Example Exchange", Place(country="NL")),
        located(END, 64_501, "Example Hosting", None),
    )
)
HOSTILE = with_leg(
    hops=(
        router(1, "10.0.0.1", "\x1b[2J\x1b[31mowned\x07", 411, 380, 402),
        router(2, "198.51.100.1", "line\r\nbreak.example", 8_120, 8_340, 7_990),
        router(3, "198.51.100.77", "\u202emoc.elpmaxe\u202c.example", 11_800, 12_010, 11_950),
        router(4, "203.0.113.9", "a" * 300, 12_210, 12_400, 12_190),
        END,
    )
)

IPV6_END = "2001:db8:20:30::80"
IPV6 = replace(
    with_leg(
        family=Family.IPV6,
        address=IPV6_END,
        source_address="2001:db8:10:0:5054:ff:fe12:3456",
        reached_by=ReachedBy(address=IPV6_END, answer=Answer.SYN_ACK, probe_ttl=3),
        hops=(
            router(1, "2001:db8:10::1", None, 411, 380, 402),
            router(2, "2001:db8:ffff:1234:5678:9abc:def0:1", "lo0.r1.example.net", 8_120, 8_340, 7_990),
            end(3, 12_300, 12_350, 12_280, address=IPV6_END),
        ),
    ),
    network=replace(
        NETWORK,
        routes=(
            Route(
                destination=IPV6_END,
                family=Family.IPV6,
                interface="eth0",
                source="2001:db8:10:0:5054:ff:fe12:3456",
                gateway="fe80::1",
            ),
        ),
    ),
)

NO_ROUTE = replace(
    with_leg(
        protocol=Protocol.ICMP,
        protocol_reason="nothing reached the destination; ICMP tells most",
        port=None,
        source_address=None,
        source_port=None,
        method=Method.PING_SOCKET,
        reached=False,
        reached_by=None,
        end_reason=EndReason.SEND_FAILED,
        loss_ratio=None,
        end_to_end=None,
        hops=(),
        send_failures=(SendFailure(failure=Failure.NETWORK_UNREACHABLE, count=3, first_probe_ttl=1),),
    ),
    network=Network(
        epoch="4d2c",
        routes=(Route(destination=DESTINATION, family=Family.IPV4, failure=Failure.NETWORK_UNREACHABLE),),
    ),
)
CP_02 = FiredError(
    code="CP-02",
    severity=Severity.CRITICAL,
    message="Network communication failure. Either network interface is down or traffic is blocked.",
    description="There is a network error. One of the interfaces is down, the probes are not receiving a response, or "
    "the ISP upstream connectivity might be down.",
    solution="Verify your ISP connectivity and that the ICMP/UDP protocol configured for the probe is not blocked on "
    "the network.",
    anchor=Anchor(leg=0, node=Node.CLIENT),
    confidence=Confidence.CERTAIN,
    reason="no_route",
    explanation="This machine has no route to 192.0.2.80, so no packet could leave. If this network has no default "
    "route on purpose, set ndr: true and name the proxy.",
    evidence=(
        EvidenceItem(
            proposition="route.target_usable",
            value=Truth.FALSE,
            statement="asked for the way to 192.0.2.80, the kernel answers: network_unreachable",
            facts=("/network/routes/0",),
        ),
        EvidenceItem(
            proposition="route.default_present",
            value=Truth.FALSE,
            statement="no routing table holds a default route for ipv4",
            facts=("/network/default_routes",),
        ),
    ),
)
BROKEN = Diagnosis(
    status=Status.CRITICAL,
    errors=(CP_02,),
    rejected=(Rejected(code="CP-03", because="suppressed by CP-02"),),
    not_evaluated=FINE.not_evaluated,
)

# A hop in the middle carries the icon.
CP_13 = replace(
    CP_02,
    code="CP-13",
    severity=Severity.WARNING,
    message="Traceroute packets are not reaching the Zscaler Service Edge.",
    solution="Ensure the underlying network permits the configured protocol.",
    anchor=Anchor(leg=0, node=Node.SERVICE_EDGE, ttl=3),
    confidence=Confidence.LIKELY,
    reason="filtered",
    explanation="TCP connects, but the trace ends at hop 3, which reports that a filter stops it.",
    evidence=(
        EvidenceItem(
            proposition="trace.prohibited",
            value=Truth.TRUE,
            statement="198.51.100.77 answered 3/13 at hop 3 to 3 of 3 probes",
            facts=("/legs/0/hops/2",),
        ),
    ),
)
CP_14 = replace(
    CP_02,
    code="CP-14",
    severity=Severity.INFO,
    message="Data from external proxy to destination is not discoverable.",
    description="Path is not available.",
    solution="No action required.",
    anchor=Anchor(leg=1, node=Node.EXTERNAL_PROXY),
    reason="proxy_in_use",
    explanation="An explicit proxy stands before the destination, and no trace can pass an application-layer proxy.",
    evidence=(),
)

# Two legs, the second not discoverable.
PROXIED = replace(
    HEALTHY,
    legs=(
        replace(LEG, to=Node.EXTERNAL_PROXY),
        Leg(
            from_=Node.EXTERNAL_PROXY,
            to=Node.DESTINATION,
            reason="not discoverable: no trace can pass an application-layer proxy",
        ),
    ),
)
PROXIED_DIAGNOSIS = Diagnosis(status=Status.OK, errors=(CP_14,))

UNRESOLVED = replace(
    HEALTHY,
    dns=(
        replace(
            RESOLVED,
            addresses=(),
            source=None,
            failure=Failure.NXDOMAIN,
            queries=tuple(
                replace(
                    query,
                    rcode="NXDOMAIN",
                    answers=(),
                    extended_errors=(ExtendedDnsError(code=15, text="Blocked by \x1b[31mpolicy"),),
                )
                for query in RESOLVED.queries
            ),
        ),
    ),
    legs=(Leg(from_=Node.CLIENT, to=Node.DESTINATION, reason="no address to trace: crm.example.com did not resolve"),),
)

# The address went away while the trace ran.
CHANGED = replace(
    HEALTHY,
    network=replace(
        NETWORK,
        changes=(
            NetworkChange(
                at="2026-01-05T08:00:00.040Z",
                kind=ChangeKind.ADDRESS,
                subject="eth0",
                what="source address removed",
                before="10.0.0.23/24",
                after=None,
                affects_sample=True,
            ),
        ),
    ),
)
CP_06 = replace(
    CP_02,
    code="CP-06",
    severity=Severity.INFO,
    message="The probe result was discarded due to a device network change.",
    description="The network changed during the Cloud Path probe run. Cloud Path probes for that sample were aborted.",
    solution="Zscaler Client Connector detected the network change. No action is required.",
    anchor=Anchor(leg=None, node=Node.CLIENT),
    reason="address",
    explanation="The network of this machine changed while the path was measured.",
    evidence=(
        EvidenceItem(
            proposition="network.changed",
            value=Truth.TRUE,
            statement="at 2026-01-05T08:00:00.040Z eth0: source address removed (10.0.0.23/24)",
            facts=("/network/changes/0",),
        ),
    ),
)
DISCARDED = Diagnosis(status=Status.DISCARDED, errors=(CP_06,))

# Who writes the records of the tests.
HEADER = RecordHeader(
    id="019b8d2b-8c00-7001-8203-040506070809",
    seq=812,
    agent=AgentIdentity(id="agent-1", version="0.1.0", hostname="desk-23", boot_id="b00t"),
)
