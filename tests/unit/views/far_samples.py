"""Samples as data: ways through edges and proxies, private access, and what the web says."""

from dataclasses import replace

from probes.egress_facts import Edge, EdgeTrace, Egress, EgressSource, SeenAddress, ServiceData, Tunnel, TunnelKind
from probes.facts import (
    Answer,
    Direction,
    EndReason,
    EndToEnd,
    Hop,
    Leg,
    LossClass,
    Node,
    Prober,
    Protocol,
    ReachedBy,
    Responder,
    RouteKind,
)
from probes.failure import Failure
from probes.sample import Sample, Topology, TopologyKind
from probes.session_facts import PrivateAccess, SessionEvent, SessionSource
from probes.web_facts import (
    CaptivePortal,
    Pac,
    Proxy,
    ProxyMode,
    ProxyStatus,
    Speaker,
    TlsInterception,
    TlsSession,
    WebCheck,
    WebExchange,
    WebPhase,
    WebStep,
)
from rules.diagnosis import Anchor, Confidence, Diagnosis, FiredError, Severity, Status
from tests.unit.views.samples import (
    CP_02,
    CP_14,
    DESTINATION,
    GATEWAY,
    HEALTHY,
    ISP,
    LEG,
    RESOLVED,
    TARGET,
    nobody,
    router,
    rtt,
)

EGRESS_ADDRESS = "198.51.100.10"
EDGE_ADDRESS = "203.0.113.9"
PROXY_ADDRESS = "192.0.2.40"


def series(protocol: Protocol, *times_us: int) -> EndToEnd:
    return EndToEnd(protocol=protocol, sent=10, received=10, loss_ratio=0.0, rtt_us=rtt(*times_us))


def arrival(ttl: int, address: str, answer: Answer, *times_us: int, name: str | None = None) -> Hop:
    responder = Responder(address=address, answer=answer, name=name, reply_ttl=58, rtt_us=times_us)
    return Hop(
        probe_ttl=ttl,
        sent=3,
        received=3,
        loss_class=LossClass.NONE,
        responders=(responder,),
        rtt_us=rtt(*times_us),
    )


# --- through a service edge -------------------------------------------------------------------------------------------

TO_EGRESS = replace(
    LEG,
    to=Node.EGRESS,
    protocol=Protocol.ICMP,
    protocol_reason="icmp reached it, and no other protocol is used for an egress",
    address=EGRESS_ADDRESS,
    port=None,
    source_port=None,
    refused=(),
    reached_by=ReachedBy(address=EGRESS_ADDRESS, answer=Answer.ECHO_REPLY, probe_ttl=2),
    end_to_end=series(Protocol.ICMP, 1_900, 2_010, 1_950),
    hops=(GATEWAY, arrival(2, EGRESS_ADDRESS, Answer.ECHO_REPLY, 1_900, 2_010, 1_950)),
)
TO_EDGE = replace(
    LEG,
    to=Node.SERVICE_EDGE,
    address=EDGE_ADDRESS,
    refused=(),
    reached_by=ReachedBy(address=EDGE_ADDRESS, answer=Answer.SYN_ACK, probe_ttl=4),
    end_to_end=series(Protocol.TCP, 9_100, 9_200, 9_150),
    hops=(
        GATEWAY,
        ISP,
        router(3, "198.51.100.77", "be-12.core3.fra.isp.example.net", 8_800, 8_900, 8_950),
        arrival(4, EDGE_ADDRESS, Answer.SYN_ACK, 9_100, 9_200, 9_150, name="edge-1.example.com"),
    ),
)
BACK_TO_EGRESS = replace(
    TO_EGRESS,
    from_=Node.SERVICE_EDGE,
    direction=Direction.REVERSE,
    probed_by=Prober.EDGE,
    source_address=EDGE_ADDRESS,
    reached_by=ReachedBy(address=EGRESS_ADDRESS, answer=Answer.ECHO_REPLY, probe_ttl=3),
    end_to_end=series(Protocol.ICMP, 7_200, 7_300, 7_250),
    hops=(
        router(1, "203.0.113.1", None, 300, 310, 305),
        router(2, "198.51.100.78", "be-1.core3.fra.isp.example.net", 6_800, 6_900, 6_950),
        arrival(3, EGRESS_ADDRESS, Answer.ECHO_REPLY, 7_200, 7_300, 7_250),
    ),
)
ON_TO_DESTINATION = replace(
    LEG,
    from_=Node.SERVICE_EDGE,
    probed_by=Prober.EDGE,
    source_address=EDGE_ADDRESS,
    refused=(),
    reached_by=ReachedBy(address=DESTINATION, answer=Answer.SYN_ACK, probe_ttl=3),
    end_to_end=series(Protocol.TCP, 4_100, 4_200, 4_150),
    hops=(
        router(1, "203.0.113.1", None, 300, 310, 305),
        nobody(2),
        arrival(3, DESTINATION, Answer.SYN_ACK, 4_100, 4_200, 4_150, name="crm.example.com"),
    ),
)
SERVICE_DATA = ServiceData(
    url="https://edge.example.com:8443/v1/service-data",
    fetched=True,
    attempts=1,
    status=200,
    address=EGRESS_ADDRESS,
    tcp_port=443,
    udp_port=33_500,
    icmp=True,
    duration_us=31_000,
)
EDGE = Edge(
    host="edge.example.com",
    port=443,
    api="https://edge.example.com:8443",
    name="edge-1",
    used=True,
    service_data=SERVICE_DATA,
    reverse=EdgeTrace(status=200, cached=True, age_s=12, duration_us=9_000),
    forward=EdgeTrace(status=200, duration_us=812_000),
)
EGRESS = Egress(
    address=EGRESS_ADDRESS,
    source=EgressSource.SERVICE_DATA,
    agree=True,
    by={
        "service_data": SeenAddress(address=EGRESS_ADDRESS, edge="edge.example.com", duration_us=31_000),
        "stun": SeenAddress(address=EGRESS_ADDRESS, edge="edge.example.com", duration_us=9_300),
        "tcp": SeenAddress(address=EGRESS_ADDRESS, edge="edge.example.com", duration_us=18_400),
        "icmp": SeenAddress(edge="edge.example.com", failure=Failure.TIMED_OUT),
    },
)
STEPS = (
    WebStep(phase=WebPhase.RESOLVE, duration_us=1_900),
    WebStep(phase=WebPhase.CONNECT, duration_us=12_400),
    WebStep(phase=WebPhase.TLS, duration_us=25_000),
    WebStep(phase=WebPhase.REQUEST, duration_us=31_100),
)
TLS = TlsSession(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    subject="CN=crm.example.com",
    issuer="CN=Example Public CA R3,O=Example Trust",
    not_after="2026-03-01T00:00:00Z",
    verified=True,
)
EXCHANGE = WebExchange(
    url="https://crm.example.com/login",
    method="GET",
    address=DESTINATION,
    port=443,
    steps=STEPS,
    tls=TLS,
    http_version="1.1",
    status=200,
    answered_by=Speaker.ORIGIN,
    duration_us=70_400,
)
WEB = WebCheck(url="https://crm.example.com/login", exchanges=(EXCHANGE,), status=200, duration_us=70_400)

THROUGH_EDGE = replace(
    HEALTHY,
    target=replace(TARGET, route=RouteKind.SERVICE_EDGE, edge_host="edge.example.com", edge_port=443),
    web=WEB,
    egress=EGRESS,
    edges=(EDGE,),
    topology=Topology(
        kind=TopologyKind.SERVICE_EDGE,
        certain=True,
        evidence="the configuration leads through edge.example.com, and no proxy applies",
    ),
    legs=(TO_EGRESS, TO_EDGE, BACK_TO_EGRESS, ON_TO_DESTINATION),
)

# The edge is inside a tunnel, its data old, other eyes see another address, and its router tells it nothing.
TUNNELLED = replace(
    THROUGH_EDGE,
    egress=replace(
        EGRESS,
        agree=False,
        by={**(EGRESS.by or {}), "stun": SeenAddress(address="198.51.100.11", edge="edge.example.com")},
    ),
    edges=(
        replace(
            EDGE,
            service_data=replace(
                SERVICE_DATA,
                tunnel=Tunnel(kind=TunnelKind.GRE, inner="10.20.0.0/16", egress=EGRESS_ADDRESS),
                stale=True,
                age_s=120,
                failure=Failure.TIMED_OUT,
            ),
        ),
    ),
    legs=(
        replace(
            TO_EGRESS,
            reached=False,
            reached_by=None,
            end_reason=EndReason.GAP_LIMIT,
            loss_ratio=1.0,
            end_to_end=EndToEnd(protocol=Protocol.ICMP, sent=3, received=0, loss_ratio=1.0),
            hops=(
                GATEWAY,
                arrival(2, EDGE_ADDRESS, Answer.TIME_EXCEEDED, 9_100, 9_300, 9_200),
                nobody(3, LossClass.UNKNOWN),
            ),
        ),
        TO_EDGE,
        replace(
            BACK_TO_EGRESS,
            reached=False,
            reached_by=None,
            end_reason=EndReason.GAP_LIMIT,
            loss_ratio=1.0,
            end_to_end=EndToEnd(protocol=Protocol.ICMP, sent=3, received=0, loss_ratio=1.0),
            hops=(*BACK_TO_EGRESS.hops[:2], nobody(3, LossClass.UNKNOWN)),
        ),
        ON_TO_DESTINATION,
    ),
)


def fired(
    code: str, severity: Severity, message: str, anchor: Anchor, explanation: str, **changes: object
) -> FiredError:
    error = replace(
        CP_02,
        code=code,
        severity=severity,
        message=message,
        anchor=anchor,
        explanation=explanation,
        solution="No action required.",
        evidence=(),
    )
    return replace(error, **changes)  # type: ignore[arg-type]


CP_07 = fired(
    "CP-07",
    Severity.WARNING,
    "The network path to the client egress cannot be traced. Configuring a GRE/IPSec tunnel bypass rule for the "
    "client egress router is recommended.",
    Anchor(leg=0, node=Node.EGRESS, ttl=2),
    "On its way to 198.51.100.10 the trace meets the service edge at hop 2, before the egress itself.",
    reason="edge_before_egress",
    solution="Configure an access list for your router or SD-WAN device to bypass ICMP/UDP from the tunnel "
    "(GRE/IPSec) for your client egress IP address.",
)
CP_20 = fired(
    "CP-20",
    Severity.WARNING,
    "The client egress router did not respond to Cloud Path probes coming from the ZIA Public Service Edge.",
    Anchor(leg=2, node=Node.EGRESS, ttl=3),
    "198.51.100.78, the router before the egress, answered the edge; the egress itself left 3 of 3 probes unanswered.",
    reason="egress_silent",
    confidence=Confidence.LIKELY,
    solution="Configure the router to return ICMP TTL expired messages for packets with IP TTL1.",
)
TUNNELLED_DIAGNOSIS = Diagnosis(status=Status.WARNING, errors=(CP_07, CP_20))

# The edge answers no probes, but gave service data.
SILENT_EDGE = replace(
    THROUGH_EDGE,
    legs=(
        TO_EGRESS,
        replace(
            TO_EDGE,
            protocol=Protocol.ICMP,
            port=None,
            reached=False,
            reached_by=None,
            end_reason=EndReason.GAP_LIMIT,
            end_to_end=EndToEnd(protocol=Protocol.ICMP, sent=3, received=0, loss_ratio=1.0),
            hops=(*TO_EDGE.hops[:3], nobody(4, LossClass.UNKNOWN)),
        ),
        *THROUGH_EDGE.legs[2:],
    ),
)

# --- proxies ----------------------------------------------------------------------------------------------------------

PROXY = Proxy(
    mode=ProxyMode.EXPLICIT,
    url="http://proxy.example.com:3128",
    host="proxy.example.com",
    port=3_128,
    address=PROXY_ADDRESS,
    works=True,
    connect_status=200,
    steps=(
        WebStep(phase=WebPhase.RESOLVE, duration_us=900),
        WebStep(phase=WebPhase.CONNECT, duration_us=6_000),
        WebStep(phase=WebPhase.PROXY_CONNECT, duration_us=14_000),
    ),
)
TO_PROXY = replace(
    LEG,
    to=Node.EXTERNAL_PROXY,
    protocol=Protocol.ICMP,
    address=PROXY_ADDRESS,
    port=None,
    refused=(),
    reached_by=ReachedBy(address=PROXY_ADDRESS, answer=Answer.ECHO_REPLY, probe_ttl=3),
    end_to_end=series(Protocol.ICMP, 5_900, 6_010, 5_950),
    hops=(
        GATEWAY,
        router(2, "10.8.0.1", "wan.office.example", 5_100, 5_200, 5_150),
        arrival(3, PROXY_ADDRESS, Answer.ECHO_REPLY, 5_900, 6_010, 5_950, name="proxy.example.com"),
    ),
)
NOT_DISCOVERABLE = "not discoverable: no trace can pass an application-layer proxy"
THROUGH_PROXY = replace(
    WEB,
    exchanges=(
        replace(
            EXCHANGE,
            through_proxy=True,
            address=PROXY_ADDRESS,
            port=3_128,
            connect_status=200,
            steps=(*PROXY.steps, *STEPS[2:]),
        ),
    ),
)
CLOUD_PROXY = replace(
    HEALTHY,
    proxy=replace(
        PROXY,
        mode=ProxyMode.PAC,
        pac=Pac(source="http://pac.example.com/proxy.pac", result="PROXY proxy.example.com:3128; DIRECT", direct=True),
    ),
    web=THROUGH_PROXY,
    topology=Topology(
        kind=TopologyKind.CLOUD_PROXY,
        certain=True,
        evidence="192.0.2.40 is a public address, and another address than 198.51.100.10 is seen through it",
    ),
    legs=(
        TO_EGRESS,
        TO_PROXY,
        Leg(from_=Node.EXTERNAL_PROXY, to=Node.DESTINATION, reason=NOT_DISCOVERABLE),
    ),
)
ALL_INFORMATION = Diagnosis(status=Status.OK, errors=(replace(CP_14, anchor=Anchor(leg=2, node=Node.EXTERNAL_PROXY)),))

ON_PREMISES = replace(
    CLOUD_PROXY,
    proxy=PROXY,
    topology=Topology(
        kind=TopologyKind.ON_PREMISES_PROXY,
        certain=False,
        evidence="the proxy's address is private, and nobody told which address is seen through it",
    ),
    legs=(
        TO_PROXY,
        Leg(from_=Node.EXTERNAL_PROXY, to=Node.EGRESS, reason=NOT_DISCOVERABLE),
        Leg(from_=Node.EGRESS, to=Node.DESTINATION, reason=NOT_DISCOVERABLE),
    ),
)
CP_15 = fired(
    "CP-15",
    Severity.INFO,
    "Data from external proxy to egress is not discoverable.",
    Anchor(leg=1, node=Node.EXTERNAL_PROXY),
    "The proxy stands before the egress, and no trace can pass an application-layer proxy.",
)
CP_19 = fired(
    "CP-19",
    Severity.INFO,
    "Data from egress to destination is not discoverable when external proxy is present.",
    Anchor(leg=2, node=Node.EGRESS),
    "What leaves the egress is the proxy's own traffic, which no trace from here can be part of.",
)
ON_PREMISES_DIAGNOSIS = Diagnosis(status=Status.OK, errors=(CP_15, CP_19))

# Two things to know, and one to act on: the proxy wants a password.
CP_04 = fired(
    "CP-04",
    Severity.CRITICAL,
    "Proxy connection failed.",
    Anchor(leg=0, node=Node.EXTERNAL_PROXY),
    "proxy.example.com:3128 asks for a sign-in (status 407), and none is configured.",
    reason="authentication",
    solution="Verify your proxy policy and authentication mechanism and that access is allowed for this application "
    "URL.",
)
CP_17 = replace(CP_15, code="CP-17", message="Data from external proxy to data center egress is not discoverable.")
CP_18 = replace(
    CP_19,
    code="CP-18",
    message="Data from data center egress to destination is not discoverable when external proxy is present.",
    anchor=Anchor(leg=2, node=Node.DATA_CENTER_EGRESS),
)
DATA_CENTER = replace(
    CLOUD_PROXY,
    proxy=replace(
        PROXY,
        works=False,
        connect_status=407,
        failure=Failure.UNEXPECTED_STATUS,
        authenticate=("Basic",),
        proxy_status=(ProxyStatus(proxy="proxy.example.com", error="http_request_denied", details="no credentials"),),
    ),
    web=None,
    topology=Topology(
        kind=TopologyKind.DATA_CENTER_PROXY,
        certain=True,
        evidence="192.0.2.60 is seen through the proxy, and 198.51.100.10 without it",
    ),
    legs=(
        TO_PROXY,
        Leg(from_=Node.EXTERNAL_PROXY, to=Node.DATA_CENTER_EGRESS, reason=NOT_DISCOVERABLE),
        Leg(from_=Node.DATA_CENTER_EGRESS, to=Node.DESTINATION, reason=NOT_DISCOVERABLE),
    ),
)
DATA_CENTER_DIAGNOSIS = Diagnosis(status=Status.CRITICAL, errors=(CP_04, CP_17, CP_18))

# The proxy works; what is behind it does not, and it says so.
BEHIND_PROXY = replace(
    ON_PREMISES,
    web=replace(
        THROUGH_PROXY,
        exchanges=(
            replace(
                THROUGH_PROXY.exchanges[0],
                steps=THROUGH_PROXY.exchanges[0].steps[:3],
                tls=None,
                connect_status=504,
                status=504,
                answered_by=Speaker.PROXY,
                proxy_status=(
                    ProxyStatus(proxy="proxy.example.com", error="destination_ip_unroutable", next_hop=DESTINATION),
                ),
            ),
        ),
        status=504,
    ),
)

# --- private access ---------------------------------------------------------------------------------------------------

CP_10 = fired(
    "CP-10",
    Severity.INFO,
    "Hop information from ZPA Public Service Edge to the application is not collected by ZDX.",
    Anchor(leg=1, node=Node.PRIVATE_EDGE),
    "crm.example.com is reached by private access (100.64.0.0/16 by zcc0), which shows nothing of the way behind it.",
)
ZPA_08 = fired(
    "ZPA-08",
    Severity.WARNING,
    "Application policy blocked access.",
    Anchor(leg=1, node=Node.PRIVATE_EDGE),
    "The newest session of crm.example.com ended with BRK_MT_SETUP_FAIL_REJECTED_BY_POLICY.",
    reason="rejected_by_policy",
    solution="Update the policy to allow the user access.",
)
PRIVATE = replace(
    HEALTHY,
    target=replace(TARGET, route=RouteKind.PRIVATE_ACCESS),
    private_access=PrivateAccess(
        configured=True, synthetic_ranges=("100.64.0.0/16",), resolved_into="100.64.0.0/16", interface="zcc0"
    ),
    sessions=(
        SessionEvent(
            source=SessionSource.LOG_STREAMING_SERVICE,
            line=12,
            internal_reason="BRK_MT_SETUP_FAIL_REJECTED_BY_POLICY",
            at="2026-01-05T07:59:30.000Z",
            application="crm\x1b[2J",
            connection_status="close",
        ),
    ),
    topology=Topology(
        kind=TopologyKind.PRIVATE_ACCESS, certain=True, evidence="the configuration says so, and zcc0 leads there"
    ),
    legs=(
        Leg(from_=Node.CLIENT, to=Node.PRIVATE_EDGE, reason="not traced: the address of the private edge is not known"),
        Leg(
            from_=Node.PRIVATE_EDGE,
            to=Node.DESTINATION,
            reason="not discoverable: private access tells nothing of the way behind its edge",
        ),
    ),
)
REFUSED_SESSION = Diagnosis(status=Status.WARNING, errors=(CP_10, ZPA_08))
PRIVATE_DIAGNOSIS = Diagnosis(status=Status.OK, errors=(CP_10,))

# --- the web ----------------------------------------------------------------------------------------------------------

REDIRECTED = replace(
    HEALTHY,
    web=replace(
        WEB,
        exchanges=(
            replace(
                EXCHANGE,
                url="http://crm.example.com/",
                steps=(*STEPS[:2], STEPS[3]),
                tls=None,
                status=301,
                location="https://crm.example.com/",
                duration_us=14_300,
            ),
            replace(EXCHANGE, status=302, location="/login\x1b[31m", duration_us=66_000),
            EXCHANGE,
        ),
    ),
)


def answering(status: int) -> Sample:
    """The healthy sample whose application answers with a status."""
    return replace(HEALTHY, web=replace(WEB, exchanges=(replace(EXCHANGE, status=status),), status=status))


UNAVAILABLE = answering(503)
EXPIRED = replace(
    HEALTHY,
    web=replace(
        WEB,
        exchanges=(
            replace(
                EXCHANGE,
                steps=(
                    *STEPS[:2],
                    WebStep(
                        phase=WebPhase.TLS,
                        duration_us=24_000,
                        failure=Failure.TLS_FAILED,
                        detail="certificate has expired",
                    ),
                ),
                tls=replace(TLS, verified=False, verify_error="certificate has expired"),
                status=None,
                answered_by=None,
                failure=Failure.TLS_FAILED,
            ),
        ),
        status=None,
        failure=Failure.TLS_FAILED,
    ),
)
INTERCEPTED = replace(
    HEALTHY,
    web=replace(
        WEB,
        interception=TlsInterception(
            issuer="CN=Office Inspection CA",
            evidence="this machine trusts the issuer, and no public list of authorities has it",
        ),
    ),
)
SIGN_IN = replace(
    HEALTHY,
    captive_portal=CaptivePortal(
        url="http://check.example.com/generate_204",
        detected=True,
        status=302,
        portal="http://portal.hotel.example/login",
        evidence="http://check.example.com/generate_204 answered 302 in place of 204",
    ),
)
CP_05 = fired(
    "CP-05",
    Severity.CRITICAL,
    "Invalid HTTP URL. Check the Web probe configuration.",
    Anchor(leg=0, node=Node.DESTINATION),
    "crm.example.com answers, and says of https://crm.example.com/login that there is no such page (status 404).",
    reason="not_found",
    solution="Verify that your URL for the Web probe is correct.",
)
NOT_FOUND = answering(404)
NOT_FOUND_DIAGNOSIS = Diagnosis(status=Status.CRITICAL, errors=(CP_05,))

# One resolver of two is dead, and everything works.
HALF_RESOLVED = replace(
    HEALTHY,
    dns=(
        replace(
            RESOLVED,
            queries=(
                *(
                    replace(query, resolver="10.0.0.2", rcode=None, answers=(), failure=Failure.TIMED_OUT)
                    for query in RESOLVED.queries
                ),
                *RESOLVED.queries,
            ),
        ),
    ),
)
