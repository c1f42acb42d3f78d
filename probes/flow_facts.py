"""The vocabulary of sending: what is traced, how its probes leave, and why a trace stopped.

`probes.facts` has these words too, and everybody but the engine reads them there: here they are apart because a trace
needs them before its first probe leaves, and the other facts only at its end (docs/adr/0049).
"""

from probes.failure import Failure
from probes.frozen import frozen
from probes.word import Word


class Family(Word):
    """Internet protocol versions."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


class Protocol(Word):
    """What a probe looks like on the wire."""

    ICMP = "icmp"
    UDP = "udp"
    TCP = "tcp"


class ProtocolChoice(Word):
    """What a person may ask for; `adaptive` lets the evidence choose."""

    ADAPTIVE = "adaptive"
    ICMP = "icmp"
    UDP = "udp"
    TCP = "tcp"


class Node(Word):
    """The places on a Cloud Path that an error can be anchored to."""

    CLIENT = "client"
    GATEWAY = "gateway"
    EGRESS = "egress"
    EXTERNAL_PROXY = "external_proxy"
    DATA_CENTER_EGRESS = "data_center_egress"
    SERVICE_EDGE = "service_edge"
    PRIVATE_EDGE = "private_edge"
    APP_CONNECTOR = "app_connector"
    DESTINATION = "destination"


class Role(Word):
    """What an address or a name is to the sample."""

    DESTINATION = "destination"
    SERVICE_EDGE = "service_edge"
    PROXY = "proxy"
    EGRESS = "egress"
    GATEWAY = "gateway"
    RESOLVER = "resolver"
    CONTROL = "control"


class Method(Word):
    """How probes leave and replies arrive: the rungs of the fallback ladder, and the portable engine beside it."""

    RAW = "raw"
    ERROR_QUEUE = "error_queue"
    PING_SOCKET = "ping_socket"
    CONNECT = "connect"
    SCAPY = "scapy"


class FlowKind(Word):
    """Which probes have the same flow identifiers, so that load balancers keep them on one path.

    `paris`: all. `per_round`: those of one round of TTLs; the rounds differ. `per_probe`: none.
    """

    PARIS = "paris"
    PER_ROUND = "per_round"
    PER_PROBE = "per_probe"


class StampSource(Word):
    """Who read the clock when a packet left or arrived."""

    KERNEL = "kernel"
    USER = "user"


@frozen
class Clocks:
    """Who stamped sending and receiving, so that a reader can judge the RTTs."""

    sent: StampSource
    received: StampSource


@frozen
class Refusal:
    """One rung of the fallback ladder that could not be used, and why."""

    protocol: Protocol
    method: Method
    failure: Failure
    detail: str


class EndReason(Word):
    """Why a trace stopped."""

    REACHED = "reached"
    UNREACHABLE = "unreachable"
    GAP_LIMIT = "gap_limit"
    MAX_TTL = "max_ttl"
    SEND_FAILED = "send_failed"
    NOT_OPENED = "not_opened"
    ABORTED = "aborted"
    NOT_TRACED = "not_traced"
