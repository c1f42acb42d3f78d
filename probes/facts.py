"""The vocabulary of observations: what was seen, frozen, with nothing judged.

Every field is what a record (`docs/output.md`) prints under the same name: `from_` is printed as `from`. Durations are
integers of microseconds (`*_us`), instants are RFC 3339 UTC text. What was not measured is None and never 0 or -1
(RFC 2681 section 2.4: the delay of a lost packet is undefined). Standard library only.
"""

from probes.answer_facts import (
    Answer,
    ExtensionObject,
    Icmp,
    InterfaceInformation,
    InterfaceRole,
    MplsLabel,
    RejectReason,
)
from probes.failure import Failure
from probes.flow_facts import (
    Clocks,
    EndReason,
    Family,
    FlowKind,
    Method,
    Node,
    Protocol,
    ProtocolChoice,
    Refusal,
    Role,
    StampSource,
)
from probes.frozen import frozen
from probes.word import Word

__all__ = [
    "Answer",
    "Clocks",
    "Direction",
    "EndReason",
    "EndToEnd",
    "ExtensionObject",
    "Family",
    "FlowKind",
    "Hop",
    "Icmp",
    "InterfaceInformation",
    "InterfaceRole",
    "Leg",
    "LossClass",
    "Method",
    "Middlebox",
    "MplsLabel",
    "MtuCertainty",
    "MtuStep",
    "MtuStepKind",
    "Node",
    "PathMtu",
    "PathSign",
    "Place",
    "Prober",
    "Protocol",
    "ProtocolChoice",
    "Reachability",
    "ReachedBy",
    "Refusal",
    "RejectReason",
    "Responder",
    "Role",
    "RouteKind",
    "RttSummary",
    "SendFailure",
    "SharedCheck",
    "SignKind",
    "StampSource",
    "Trial",
    "TrialOutcome",
]


class RouteKind(Word):
    """How traffic reaches the application, as configured."""

    DIRECT = "direct"
    SERVICE_EDGE = "service_edge"
    PRIVATE_ACCESS = "private_access"


class Direction(Word):
    """Forward runs towards the destination, reverse runs back towards the client."""

    FORWARD = "forward"
    REVERSE = "reverse"


class Prober(Word):
    """Who sent the probes of a leg."""

    AGENT = "agent"
    EDGE = "edge"


# --- the trace --------------------------------------------------------------------------------------------------------


class LossClass(Word):
    """What a hop's missing answers mean.

    `none`: every probe was answered. `rate_limited`: answers missing here, not behind. `silent`: never answers, others
    behind it do. `return_path`: answers are lost on this router's own way back. `loss`: missing here and at every later
    answering hop, the target included. `unknown`: nothing behind it answered, so nothing can be told; or it was not
    asked.
    """

    NONE = "none"
    RATE_LIMITED = "rate_limited"
    SILENT = "silent"
    RETURN_PATH = "return_path"
    LOSS = "loss"
    UNKNOWN = "unknown"


class SharedCheck(Word):
    """What a trace knows itself of the near hops that it shows of another target's.

    `confirmed`: the last of them was asked once, and answered where another target's probes had met it. `unanswered`:
    it was asked and did not answer; who answered behind it is who was remembered there. `not_asked`: its router had no
    answer to spare; nothing behind it contradicts what is remembered.
    """

    CONFIRMED = "confirmed"
    UNANSWERED = "unanswered"
    NOT_ASKED = "not_asked"


@frozen
class Place:
    """Where an address is, by an operator's database: an ISO 3166-1 code, and a city's name in English."""

    country: str | None = None
    city: str | None = None


@frozen
class Responder:
    """One address that answered at one hop with one kind of message.

    What is quoted is what the probe had become when it arrived there; `quoted_source` is None where it still was ours.
    """

    address: str
    answer: Answer
    icmp: Icmp | None = None
    name: str | None = None
    asn: int | None = None
    as_name: str | None = None
    place: Place | None = None
    reply_ttl: int | None = None
    reply_tos: int | None = None
    quoted_ttl: int | None = None
    quoted_tos: int | None = None
    quoted_source: str | None = None
    mpls: tuple[MplsLabel, ...] = ()
    interfaces: tuple[InterfaceInformation, ...] = ()
    other_extensions: tuple[ExtensionObject, ...] = ()
    malformed_extensions: bool = False
    rtt_us: tuple[int, ...] = ()


@frozen
class RttSummary:
    """Round-trip times of one hop or series; `jitter` is the mean |difference| of neighbours, None below two."""

    min: int
    avg: int
    max: int
    stddev: int
    jitter: int | None = None


@frozen
class Hop:
    """Everything seen at one probe TTL (hop limit for IPv6).

    `shared_with` is the address of another target, whose probes of the same sweep these are: hops that several targets
    share are asked for one of them. None: asked for this leg. `shared_age_us` is how long before this leg's own probes
    those left, None where nobody noted it.
    """

    probe_ttl: int
    sent: int
    received: int
    loss_class: LossClass
    responders: tuple[Responder, ...] = ()
    rtt_us: RttSummary | None = None
    late: int = 0
    duplicates: int = 0
    shared_with: str | None = None
    shared_age_us: int | None = None


@frozen
class EndToEnd:
    """The separate series of probes to the destination: the only source of end-to-end loss."""

    protocol: Protocol
    sent: int
    received: int
    loss_ratio: float | None
    rtt_us: RttSummary | None = None
    late: int = 0
    reason: str | None = None


@frozen
class SendFailure:
    """Probes that the host itself refused to send or gave up on; `offender` is the address a local error names."""

    failure: Failure
    count: int
    first_probe_ttl: int
    offender: str | None = None


class TrialOutcome(Word):
    """What became of one protocol on one leg: it reached the target, or why it did not, or was not used.

    `no_answer`: silence, filtered or unheard. `unreachable`: somebody on the way refused to pass probes on.
    `middlebox`: somebody else answered for the target. `blocked_locally`: the host's own firewall refused.
    `send_failed`: the host refused for another reason. `not_opened`: no way to send could be opened. `cut_short`: ended
    before an answer could come.
    """

    REACHED = "reached"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    MIDDLEBOX = "middlebox"
    BLOCKED_LOCALLY = "blocked_locally"
    SEND_FAILED = "send_failed"
    NOT_OPENED = "not_opened"
    CUT_SHORT = "cut_short"


@frozen
class Trial:
    """What one protocol met on a leg: what its choice rests on.

    `traced`: it searched for the path, else it only asked the target; `chosen`: the leg shows its path. `rtt_us` is the
    lowest round trip of the target's answers, `hops_found` of `hops` answered: None where nothing was traced.
    """

    protocol: Protocol
    method: Method | None = None
    outcome: TrialOutcome
    chosen: bool = False
    traced: bool = False
    reached: bool | None = None
    rtt_us: int | None = None
    loss_ratio: float | None = None
    hops_found: int | None = None
    hops: int | None = None
    reason: str


@frozen
class ReachedBy:
    """The answer that proves that the leg's end was reached."""

    address: str
    answer: Answer
    icmp: Icmp | None = None
    probe_ttl: int | None = None


class SignKind(Word):
    """What quotes and replies give away of a path.

    `source_translated`: a quote has another source than was sent (NAT). `destination_translated`: a quote has another
    destination (DNAT). `dscp_rewritten`, `ecn_rewritten`: the quoted traffic class differs. `congestion_marked`: a
    router marked congestion (RFC 3168), as it may. `ttl_hidden`: a label-switched path hides routers (RFC 3443).
    `ttl_rewritten`: the TTL was raised on the way. `asymmetric_return`: the way back has another length. `nat64`:
    answers come through an IPv6/IPv4 translator (RFC 6052). `target_answers_early`: the target's own address says that
    the probe expired: it is a translator's. `several_targets`: more than one machine answers under the target's address
    (anycast, a balancer). `load_balanced`: several routers answer at one TTL. `middlebox`: somebody on the way answers
    for the target.
    """

    SOURCE_TRANSLATED = "source_translated"
    DESTINATION_TRANSLATED = "destination_translated"
    DSCP_REWRITTEN = "dscp_rewritten"
    ECN_REWRITTEN = "ecn_rewritten"
    CONGESTION_MARKED = "congestion_marked"
    TTL_HIDDEN = "ttl_hidden"
    TTL_REWRITTEN = "ttl_rewritten"
    ASYMMETRIC_RETURN = "asymmetric_return"
    NAT64 = "nat64"
    TARGET_ANSWERS_EARLY = "target_answers_early"
    SEVERAL_TARGETS = "several_targets"
    LOAD_BALANCED = "load_balanced"
    MIDDLEBOX = "middlebox"


@frozen
class PathSign:
    """One thing that quotes or replies give away, where it first shows: at which TTL, by whose answer.

    `sent` and `seen` are the two values that differ; `evidence` says it in one sentence.
    """

    kind: SignKind
    probe_ttl: int | None
    address: str | None
    sent: int | str | None
    seen: int | str | None
    evidence: str


@frozen
class Middlebox:
    """Somebody who answers for the target, found by probes of two protocols with the same TTL.

    At `probe_ttl` a probe of `protocol` was answered under the target's address, and one of `control_protocol` expired
    at `address`. `target_ttl` is the TTL at which the target itself answered the control protocol, None where it did
    not.
    """

    target: str
    protocol: Protocol
    port: int | None
    answer: Answer
    probe_ttl: int
    address: str
    control_protocol: Protocol
    target_ttl: int | None
    rtt_us: int
    control_rtt_us: int
    evidence: str


class MtuStepKind(Word):
    """How a path shows where it narrows.

    `local`: this host's own routes or tunnels say so. `reported`: a router says so (RFC 1191, RFC 4443 section 3.2).
    `black_hole`: larger packets vanish without a word (RFC 2923 section 2.1).
    """

    LOCAL = "local"
    REPORTED = "reported"
    BLACK_HOLE = "black_hole"


class MtuCertainty(Word):
    """How sure a path MTU is.

    `exact`: a packet of this size arrived, and somebody said that one octet more is too big. `searched`: the same, but
    the larger packet vanished again and again. `at_least`: a packet of this size arrived; no more could be told.
    `unknown`: nothing could be told.
    """

    EXACT = "exact"
    SEARCHED = "searched"
    AT_LEAST = "at_least"
    UNKNOWN = "unknown"


@frozen
class MtuStep:
    """One place where the path narrows: behind the hop `probe_ttl` (0: this host; None: it could not be told where).

    `mtu` is the largest packet that was seen to get past it. `reported_mtu` is what `reported_by` claims, which may be
    wrong: 0 from routers older than RFC 1191.
    """

    probe_ttl: int | None
    mtu: int
    kind: MtuStepKind
    reported_by: str | None = None
    reported_mtu: int | None = None


@frozen
class PathMtu:
    """What packets of different sizes say of a path; sizes are octets of whole IP packets.

    `link_mtu` is the first interface's. `steps` are in the order of the path. `at_least` is the largest packet that
    arrived, at the target, or at the hop `up_to_ttl` where the target answers no probe.
    """

    protocol: Protocol | None = None
    method: Method | None = None
    link_mtu: int | None = None
    steps: tuple[MtuStep, ...] = ()
    certainty: MtuCertainty = MtuCertainty.UNKNOWN
    at_least: int | None = None
    up_to_ttl: int | None = None
    sent: int = 0
    duration_us: int | None = None
    reason: str | None = None


@frozen
class Leg:
    """One stretch of the Cloud Path between two nodes, traced or not.

    A leg that could not be traced is there all the same: `reached` None, no hops, and the `reason` why. `signs` is None
    where nothing was traced; `signs_not_observable` are those that these probes could not have shown.
    """

    from_: Node
    to: Node
    direction: Direction = Direction.FORWARD
    probed_by: Prober = Prober.AGENT
    protocol: Protocol | None = None
    protocol_reason: str | None = None
    family: Family | None = None
    address: str | None = None
    port: int | None = None
    source_address: str | None = None
    source_port: int | None = None
    method: Method | None = None
    flow: FlowKind | None = None
    clocks: Clocks | None = None
    refused: tuple[Refusal, ...] = ()
    tried: tuple[Trial, ...] = ()
    reached: bool | None = None
    reached_by: ReachedBy | None = None
    end_reason: EndReason = EndReason.NOT_TRACED
    reason: str | None = None
    loss_ratio: float | None = None
    path_mtu: int | None = None
    mtu: PathMtu | None = None
    end_to_end: EndToEnd | None = None
    hops: tuple[Hop, ...] = ()
    shared_check: SharedCheck | None = None
    send_failures: tuple[SendFailure, ...] = ()
    rejected_replies: dict[str, int] | None = None
    signs: tuple[PathSign, ...] | None = None
    signs_not_observable: tuple[SignKind, ...] = ()
    duration_us: int | None = None


# --- reachability -----------------------------------------------------------------------------------------------------


@frozen
class Reachability:
    """A plain check whether one address answers at all by one protocol, apart from any trace.

    `answered` is None when the check could not be made (`failure` says why).
    """

    role: Role
    address: str
    protocol: Protocol
    port: int | None = None
    sent: int = 0
    received: int = 0
    answered: bool | None = None
    answer: Answer | None = None
    offender: str | None = None
    icmp: Icmp | None = None
    rtt_us: tuple[int, ...] = ()
    failure: Failure | None = None
