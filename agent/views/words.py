"""The words of the views: values of the vocabulary as a person would say them."""

from typing import Final

from agent.views.escape import escape, escape_text
from probes.egress_facts import EgressSource, TunnelKind
from probes.facts import (
    Answer,
    EndReason,
    EndToEnd,
    Hop,
    Icmp,
    InterfaceRole,
    Leg,
    LossClass,
    MtuCertainty,
    MtuStepKind,
    Node,
    Protocol,
    Responder,
    RouteKind,
    SignKind,
    Trial,
    TrialOutcome,
)
from probes.failure import Failure
from probes.sample import Target
from probes.session_facts import SessionSource

NODES: Final[dict[Node, str]] = {
    Node.CLIENT: "this machine",
    Node.GATEWAY: "the gateway",
    Node.EGRESS: "the Internet egress",
    Node.EXTERNAL_PROXY: "the external proxy",
    Node.DATA_CENTER_EGRESS: "the data center egress",
    Node.SERVICE_EDGE: "the service edge",
    Node.PRIVATE_EDGE: "the private edge",
    Node.APP_CONNECTOR: "the app connector",
    Node.DESTINATION: "the destination",
}

# The same where several stand in a row.
SHORT_NODES: Final[dict[Node, str]] = {
    **{node: named.removeprefix("the ") for node, named in NODES.items()},
    Node.EGRESS: "egress",
    Node.EXTERNAL_PROXY: "proxy",
}

ROUTES: Final[dict[RouteKind, str]] = {
    RouteKind.DIRECT: "direct",
    RouteKind.SERVICE_EDGE: "through the service edge",
    RouteKind.PRIVATE_ACCESS: "through private access",
}

EGRESS_SOURCES: Final[dict[EgressSource, str]] = {
    EgressSource.CONFIGURED: "as configured",
    EgressSource.SERVICE_DATA: "HTTPS",
    EgressSource.STUN: "UDP",
    EgressSource.TCP: "TCP",
    EgressSource.ICMP: "ICMP",
    EgressSource.PROXY: "HTTPS through the proxy",
}

TUNNELS: Final[dict[TunnelKind, str]] = {
    TunnelKind.GRE: "a GRE tunnel",
    TunnelKind.IPSEC: "an IPsec tunnel",
    TunnelKind.OTHER: "a tunnel",
}

SESSION_SOURCES: Final[dict[SessionSource, str]] = {
    SessionSource.LOG_STREAMING_SERVICE: "the Log Streaming Service",
    SessionSource.CLIENT_LOG: "the client's tunnel log",
}

PROTOCOLS: Final[dict[Protocol, str]] = {Protocol.ICMP: "ICMP", Protocol.UDP: "UDP", Protocol.TCP: "TCP"}

TRIALS: Final[dict[TrialOutcome, str]] = {
    TrialOutcome.REACHED: "reached",
    TrialOutcome.NO_ANSWER: "no answer",
    TrialOutcome.UNREACHABLE: "refused on the way",
    TrialOutcome.MIDDLEBOX: "answered by somebody else",
    TrialOutcome.BLOCKED_LOCALLY: "blocked by this machine's firewall",
    TrialOutcome.SEND_FAILED: "could not be sent",
    TrialOutcome.NOT_OPENED: "not permitted or not possible here",
    TrialOutcome.CUT_SHORT: "not awaited",
}

CLASSES: Final[dict[LossClass, str]] = {
    LossClass.NONE: "none",
    LossClass.RATE_LIMITED: "rate limited",
    LossClass.SILENT: "silent",
    LossClass.RETURN_PATH: "return path",
    LossClass.LOSS: "loss",
    LossClass.UNKNOWN: "unknown",
}

# What a class of loss means to somebody who has never read a traceroute: for one hop, and for several.
CLASS_NOTES: Final[dict[LossClass, tuple[str, str]]] = {
    LossClass.RATE_LIMITED: (
        "Hop {hop} answers only now and then, to spare itself work. The hops behind it miss nothing: no loss.",
        "Hops {hops} answer only now and then, to spare themselves work. The hops behind them miss nothing: no loss.",
    ),
    LossClass.SILENT: (
        "Hop {hop} answers no probes but passes them on: the hops behind it answer. This is common and no fault.",
        "Hops {hops} answer no probes but pass them on: the hops behind them answer. This is common and no fault.",
    ),
    LossClass.RETURN_PATH: (
        "Hop {hop}: answers get lost on this router's own way back. The hops behind it are not affected.",
        "Hops {hops}: answers get lost on these routers' own way back. The hops behind them are not affected.",
    ),
    LossClass.LOSS: (
        "Packets are lost at hop {hop}: this loss is real, for it goes on to the end.",
        "Packets are lost from hop {hop} on (hops {hops}): this loss is real, for it goes on to the end.",
    ),
}
# Nothing lies behind the end of a path that could show that nothing is lost: the limiter has to be named.
LIMITED_END: Final = "Hop {hop} is the end and limits how often it answers: what is missing there shows no loss."

# Behind "Path MTU" and before the number.
MTU_CERTAINTIES: Final[dict[MtuCertainty, str]] = {
    MtuCertainty.EXACT: "",
    MtuCertainty.SEARCHED: "",
    MtuCertainty.AT_LEAST: " at least",
    MtuCertainty.UNKNOWN: " not known",
}
# Behind the name of who reports, or alone.
MTU_STEPS: Final[dict[MtuStepKind, str]] = {
    MtuStepKind.LOCAL: "this machine says so itself",
    MtuStepKind.REPORTED: "said so",
    MtuStepKind.BLACK_HOLE: "nobody says so",
}

# RFC 792 and RFC 1812 section 5.2.7.1 (ICMP type 3), RFC 4443 section 3.1 (ICMPv6 type 1).
UNREACHABLE_V4: Final[dict[int, str]] = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    4: "fragmentation needed",
    5: "source route failed",
    6: "network unknown",
    7: "host unknown",
    8: "source isolated",
    9: "network administratively prohibited",
    10: "host administratively prohibited",
    11: "network unreachable for this type of service",
    12: "host unreachable for this type of service",
    13: "administratively prohibited",
    14: "host precedence violation",
    15: "precedence cutoff",
}
UNREACHABLE_V6: Final[dict[int, str]] = {
    0: "no route",
    1: "administratively prohibited",
    2: "beyond the scope of the source address",
    3: "address unreachable",
    4: "port unreachable",
    5: "source address refused by policy",
    6: "route rejects the destination",
    7: "source routing header error",
}

ANSWERS: Final[dict[Answer, str]] = {
    Answer.TIME_EXCEEDED: "time exceeded",
    Answer.REASSEMBLY_TIME_EXCEEDED: "reassembly time exceeded",
    Answer.DESTINATION_UNREACHABLE: "destination unreachable",
    Answer.PACKET_TOO_BIG: "packet too big",
    Answer.PARAMETER_PROBLEM: "parameter problem",
    Answer.ECHO_REPLY: "echo reply",
    Answer.SYN_ACK: "SYN-ACK",
    Answer.RST: "RST",
    Answer.UDP_REPLY: "UDP reply",
    Answer.OTHER_ICMP: "other ICMP message",
}

SIGNS: Final[dict[SignKind, str]] = {
    SignKind.SOURCE_TRANSLATED: "A translator changes the source address (NAT)",
    SignKind.DESTINATION_TRANSLATED: "A translator changes the destination address (DNAT)",
    SignKind.DSCP_REWRITTEN: "The priority (DSCP) is changed on the way",
    SignKind.ECN_REWRITTEN: "The congestion bits (ECN) are changed on the way",
    SignKind.CONGESTION_MARKED: "A router marked congestion",
    SignKind.TTL_HIDDEN: "There are routers that do not show (MPLS)",
    SignKind.TTL_REWRITTEN: "The TTL is changed on the way, so routers behind that do not show",
    SignKind.ASYMMETRIC_RETURN: "The way back is another than the way there",
    SignKind.NAT64: "An IPv6/IPv4 translator is on the way (NAT64)",
    SignKind.TARGET_ANSWERS_EARLY: "The target's address belongs to a translator (DNAT)",
    SignKind.SEVERAL_TARGETS: "Several machines answer under the target's address",
    SignKind.LOAD_BALANCED: "Several routers share the load",
    SignKind.MIDDLEBOX: "Somebody on the way answers for the target",
}

INTERFACE_ROLES: Final[dict[InterfaceRole, str]] = {
    InterfaceRole.INCOMING: "in by",
    InterfaceRole.SUB_IP_INCOMING: "in by part",
    InterfaceRole.OUTGOING: "out by",
    InterfaceRole.NEXT_HOP: "on to",
}

FAILURES: Final[dict[Failure, str]] = {
    Failure.NOT_PERMITTED: "the system does not permit it",
    Failure.TOO_MANY_FILES: "too many files are open",
    Failure.OUT_OF_MEMORY: "the system has no memory left for it",
    Failure.FAMILY_UNSUPPORTED: "the system does not support this protocol family",
    Failure.NETWORK_UNREACHABLE: "there is no route to it",
    Failure.HOST_UNREACHABLE: "it cannot be reached from here",
    Failure.ROUTE_PROHIBITED: "a route of this machine prohibits it",
    Failure.ROUTE_BLACKHOLE: "a route of this machine discards it",
    Failure.BLOCKED_LOCALLY: "the firewall of this machine blocks it",
    Failure.NETWORK_DOWN: "the network interface is down",
    Failure.NO_SUCH_INTERFACE: "there is no such network interface",
    Failure.ADDRESS_NOT_AVAILABLE: "this machine does not have the source address",
    Failure.ADDRESS_IN_USE: "the address is in use",
    Failure.MESSAGE_TOO_LONG: "the packet is too big for the link",
    Failure.CONNECTION_REFUSED: "the connection was refused",
    Failure.CONNECTION_RESET: "the connection was reset",
    Failure.TIMED_OUT: "no answer in time",
    Failure.NAME_SYNTAX: "the name is not a valid domain name",
    Failure.NXDOMAIN: "the name does not exist",
    Failure.NO_DATA: "the name has no address",
    Failure.SERVFAIL: "the resolver could not find out",
    Failure.REFUSED: "the resolver refused to answer",
    Failure.RCODE_OTHER: "the resolver answered with an error",
    Failure.NO_RESOLVER: "no resolver is configured",
    Failure.UNEXPECTED_STATUS: "the answer has an unexpected status",
    Failure.TLS_FAILED: "the TLS handshake failed",
    Failure.CERTIFICATE_INVALID: "its certificate is not valid",
    Failure.PLAIN_HTTP: "it speaks plain HTTP where TLS was asked for",
    Failure.TLS_EXPECTED: "it wants TLS where plain HTTP was asked for",
    Failure.INVALID_SETTING: "its setting is wrong",
    Failure.UNSUPPORTED: "the agent does not speak its protocol",
    Failure.SCRIPT_FAILED: "its script is faulty",
    Failure.UNREADABLE_INPUT: "it could not be read, or not all of it",
    Failure.MALFORMED_REPLY: "the answer could not be understood",
    Failure.EXPIRED: "the answer is older than it may be",
    Failure.ABORTED: "interrupted",
    Failure.DEADLINE_OVERRUN: "it took longer than allowed",
    Failure.INTERNAL_ERROR: "the agent made a mistake",
    Failure.OTHER: "it failed for another reason",
}

END_REASONS: Final[dict[EndReason, str]] = {
    EndReason.REACHED: "reached",
    EndReason.UNREACHABLE: "a router reported that it cannot pass the packets on",
    EndReason.GAP_LIMIT: "nothing answers behind the last hop shown",
    EndReason.MAX_TTL: "the highest hop number allowed was reached first",
    EndReason.SEND_FAILED: "this machine could not send the packets",
    EndReason.NOT_OPENED: "this machine did not let the agent send packets",
    EndReason.ABORTED: "the trace was interrupted",
    EndReason.NOT_TRACED: "not traced",
}


# What a failure of the agent's own takes from the table, where no error of the sample says so, by what was being done.
MISSING: Final[dict[str, str]] = {"address_database": "Networks and places may be missing: {detail}."}


# A delay is never shown as 0.00.
_TOO_SHORT_FOR_TWO_DECIMALS_US: Final = 100


def milliseconds(us: float) -> str:
    """Return a delay in ms with two or three figures that tell: `0.041`, `0.41`, `9.87`, `40.1`, `123`."""
    return f"{us / 1000:.3f}" if us < _TOO_SHORT_FOR_TWO_DECIMALS_US else spread_ms(us)


def spread_ms(us: float) -> str:
    """Return a deviation or jitter in ms: where it is below 0.01 its exact size tells nothing."""
    ms = us / 1000
    if ms < 9.995:  # noqa: PLR2004 - what rounds to 10.0 needs one decimal less
        return f"{ms:.2f}"
    return f"{ms:.1f}" if ms < 99.95 else f"{ms:.0f}"  # noqa: PLR2004 - likewise


def percent(part: int, whole: int) -> str:
    """Return `part` of `whole` in per cent; 0 and 100 only where they are exact; a dash for a part of nothing."""
    if whole <= 0:
        return "-"
    ratio = 100 * part / whole
    if part > 0 and ratio < 1:
        return "<1%"
    return ">99%" if part < whole and ratio > 99 else f"{ratio:.0f}%"  # noqa: PLR2004 - 99.5 would round to 100


def counted(number: int, noun: str) -> str:
    """Return `1 hop` or `2 hops`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(numbers: list[int]) -> str:
    """Return ascending numbers as `3`, `3, 5-7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def hop_words(ttls: list[int]) -> str:
    """Return `hop 3` or `hops 3, 5-7`."""
    return f"hop {ttls[0]}" if len(ttls) == 1 else f"hops {listed(ttls)}"


def protocol_and_port(protocol: Protocol | None, port: int | None) -> str:
    """Return `TCP to port 443`, `ICMP`, or `no protocol` where none was chosen."""
    if protocol is None:
        return "no protocol"
    named = PROTOCOLS[protocol]
    return named if port is None or protocol is Protocol.ICMP else f"{named} to port {port}"


def trial_words(trial: Trial) -> str:
    """Return `ICMP reached in 12.3 ms`, `TCP no answer`."""
    delay = "" if trial.rtt_us is None or not trial.reached else f" in {milliseconds(trial.rtt_us)} ms"
    return f"{PROTOCOLS[trial.protocol]} {TRIALS[trial.outcome]}{delay}"


def target_words(target: Target, address: str | None) -> str:
    """Return `crm.example.com (192.0.2.80)`, or one of them where they are the same or the address is unknown."""
    return host_words(target.host, address)


def host_words(host: str, address: str | None) -> str:
    """Return the same of any host."""
    named = escape(host)
    return named if address is None or address == host else f"{named} ({escape(address)})"


def leg_words(leg: Leg) -> str:
    """Return `this machine to the destination`."""
    return f"{NODES[leg.from_]} to {NODES[leg.to]}"


def icmp_words(answer: Answer, icmp: Icmp | None, *, ipv6: bool) -> str:
    """Return what a message says: `administratively prohibited (ICMP 3/13)`, `SYN-ACK`."""
    if icmp is None:
        return ANSWERS[answer]
    table = UNREACHABLE_V6 if ipv6 else UNREACHABLE_V4
    unreachable = answer is Answer.DESTINATION_UNREACHABLE
    words = table.get(icmp.code, ANSWERS[answer]) if unreachable else ANSWERS[answer]
    return f"{words} ({'ICMPv6' if ipv6 else 'ICMP'} {icmp.type}/{icmp.code})"


def responder_answer(responder: Responder) -> str:
    """Return what one responder's message says."""
    return icmp_words(responder.answer, responder.icmp, ipv6=":" in responder.address)


def unanswered(asked: Hop | EndToEnd) -> int:
    """Return how many packets nobody answered; a late answer is one."""
    return asked.sent - asked.received - asked.late


def series_words(series: EndToEnd) -> str:
    """Return `no loss`, `10% loss (1 of 10 packets)` or why nothing is known."""
    why = escape_text(series.reason) if series.reason else "not measured"
    if not series.sent:
        return why
    if series.loss_ratio is None:
        return f"loss not known ({why})"
    failed = unanswered(series)
    if not failed:
        return "no loss"
    return f"{percent(failed, series.sent)} loss ({failed} of {counted(series.sent, 'packet')})"
