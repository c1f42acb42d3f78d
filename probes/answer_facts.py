"""The vocabulary of what comes back: kinds of answers, and what routers say beside them.

`probes.facts` has these words too: here they are apart because a trace needs them with its first answer, and the other
facts only at its end (docs/adr/0049).
"""

from probes.frozen import frozen
from probes.word import Word


class Answer(Word):
    """What kind of message answered a probe (RFC 792, RFC 4443, RFC 9293)."""

    TIME_EXCEEDED = "time_exceeded"
    REASSEMBLY_TIME_EXCEEDED = "reassembly_time_exceeded"
    DESTINATION_UNREACHABLE = "destination_unreachable"
    PACKET_TOO_BIG = "packet_too_big"
    PARAMETER_PROBLEM = "parameter_problem"
    ECHO_REPLY = "echo_reply"
    SYN_ACK = "syn_ack"
    RST = "rst"
    UDP_REPLY = "udp_reply"
    OTHER_ICMP = "other_icmp"


class RejectReason(Word):
    """Why a datagram was not believed; `unread`: the kernel dropped it at the socket, its queue being full."""

    MALFORMED = "malformed"
    FOREIGN_FLOW = "foreign_flow"
    UNKNOWN_PROBE = "unknown_probe"
    WRONG_IDENTITY = "wrong_identity"
    WRONG_SOURCE = "wrong_source"
    SHORT_QUOTE = "short_quote"
    DUPLICATE = "duplicate"
    NOT_AN_ANSWER = "not_an_answer"
    UNREAD = "unread"


@frozen
class Icmp:
    """Type and code of an ICMP or ICMPv6 message, as numbers."""

    type: int
    code: int


@frozen
class MplsLabel:
    """One entry of an RFC 4950 label stack."""

    label: int
    traffic_class: int
    bottom: bool
    mpls_ttl: int


class InterfaceRole(Word):
    """What an interface was to the probe, as its router says (RFC 5837 section 4.1)."""

    INCOMING = "incoming"
    SUB_IP_INCOMING = "sub_ip_incoming"
    OUTGOING = "outgoing"
    NEXT_HOP = "next_hop"


@frozen
class InterfaceInformation:
    """What a router says of one of its interfaces (RFC 5837); None for what it leaves out."""

    role: InterfaceRole
    index: int | None = None
    address: str | None = None
    name: str | None = None
    mtu: int | None = None


@frozen
class ExtensionObject:
    """An RFC 4884 object that nobody here can read: its class, its c-type, the octets of its payload."""

    class_number: int
    c_type: int
    octets: int
