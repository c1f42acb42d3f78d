"""A network that exists only as data: nodes on a path, their habits, and when what arrives."""

# ruff: noqa: ARG001 - every forgery takes the same arguments, whatever it makes of them

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from probes.facts import Answer, Family, Icmp, MplsLabel, Protocol, RejectReason, StampSource
from probes.failure import Failure
from probes.frozen import replace
from probes.seam import Event, Extensions, Flow, LocalError, Probe, Quote, Received, Stamp, Unreadable

# Linux counts a denied answer as nothing: the bucket holds six tokens and refills by one a second.
STOCK_LINUX = (6, 1.0)

# Monotonic time when a simulation begins; the times in a world count from here.
START_S = 1000.0

TARGET_ANSWERS = {
    "echo_reply": (Answer.ECHO_REPLY, None),
    "syn_ack": (Answer.SYN_ACK, None),
    "rst": (Answer.RST, None),
    "udp_reply": (Answer.UDP_REPLY, None),
    "port_unreachable": (Answer.DESTINATION_UNREACHABLE, (3, 3)),
    "port_unreachable_v6": (Answer.DESTINATION_UNREACHABLE, (1, 4)),
    "protocol_unreachable": (Answer.DESTINATION_UNREACHABLE, (3, 2)),
    "prohibited": (Answer.DESTINATION_UNREACHABLE, (3, 10)),
    "host_unreachable": (Answer.DESTINATION_UNREACHABLE, (3, 1)),
    "silent": None,
}


@dataclass(kw_only=True)
class Bucket:
    """A limiter of ICMP errors, one for all protocols of one prober."""

    burst: float
    per_s: float
    tokens: float = 0.0
    at: float | None = None

    def take(self, now: float) -> bool:
        self.tokens = self.burst if self.at is None else min(self.burst, self.tokens + (now - self.at) * self.per_s)
        self.at = now
        if self.tokens < 1.0 - 1e-9:
            return False
        self.tokens -= 1.0
        return True


@dataclass(kw_only=True)
class Node:
    """One router, or the target at the end. `lost` and `delays_ms` name its answers by their number, from 1.

    `answers_for` are the protocols that it answers in the target's name, and how. Its answers start with a TTL of 64,
    and the way back is as long as the way there unless `reply_ttl` says how much is left (`replies_ttl`: in turn).
    """

    address: str
    rtt_ms: float
    silent: bool = False
    limit: tuple[float, float] | None = STOCK_LINUX
    lost: frozenset[int] = frozenset()
    delays_ms: dict[int, float] = field(default_factory=dict)
    copies: int = 1
    one_syn_per_port: bool = False
    short_quotes: bool = False
    quotes_source: str | None = None
    quotes_destination: str | None = None
    quotes_ttl: int = 1
    quotes_tos: int | None = None
    replies_ttl: tuple[int, ...] = ()
    reply_ttl: int | None = None
    answers_for: dict[Protocol, str] = field(default_factory=dict)
    expires_with: tuple[int, int] | None = None
    mpls: tuple[MplsLabel, ...] = ()
    rejects: dict[Protocol, tuple[int, int]] = field(default_factory=dict)
    drops: frozenset[Protocol] = frozenset()
    drops_passing: frozenset[int] = frozenset()
    target: dict[Protocol, str] | None = None
    any_of: tuple[tuple["Node", ...], ...] = ()
    goes_by: dict[Protocol, int] = field(default_factory=dict)
    answered: int = 0
    passed: int = 0
    bucket: Bucket | None = None

    def may_answer(self, now: float) -> bool:
        """Count one more answer wanted; return whether it leaves and is not lost on its way."""
        if self.silent:
            return False
        if self.limit is not None:
            self.bucket = self.bucket or Bucket(burst=self.limit[0], per_s=self.limit[1])
            if not self.bucket.take(now):
                return False
        self.answered += 1
        return self.answered not in self.lost


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """What the host refuses: probes of a protocol from a TTL on."""

    failure: Failure
    from_ttl: int = 1


@dataclass(kw_only=True)
class World:
    """Everything between the prober and the target. `paths` are (from monotonic second, nodes near to far)."""

    family: Family = Family.IPV4
    source: str = "198.51.100.2"
    target: str = "192.0.2.80"
    paths: list[tuple[float, list[Node]]] = field(default_factory=list)
    refuses: dict[Protocol, Refusals] = field(default_factory=dict)
    local_errors: list[tuple[float, LocalError]] = field(default_factory=list)
    forgeries: tuple[str, ...] = ()
    opens_not: dict[Protocol, Failure] = field(default_factory=dict)
    unprivileged: bool = False
    tos: int = 0
    clock_step: tuple[float, float] | None = None

    def path_at(self, now: float) -> list[Node]:
        """Return the path in force."""
        return [nodes for since, nodes in self.paths if START_S + since <= now][-1]


class Sky:
    """What is in the air towards one driver, by time of arrival."""

    def __init__(self, world: World, flow: Flow, *, sees_number: bool, hides_headers: bool) -> None:
        self._world = world
        self._flow = flow
        self._sees_number = sees_number
        self._hides_headers = hides_headers
        self._queue: list[tuple[float, int, Event]] = []
        self._order = count()
        self._turns: Counter[int] = Counter()
        self._ports_taken: set[str] = set()
        for at, error in world.local_errors:
            self._put(START_S + at, error)

    def next_arrival(self) -> float | None:
        return self._queue[0][0] if self._queue else None

    def arrived(self, now: float) -> Iterator[tuple[float, Event]]:
        """Yield what has arrived, oldest first."""
        while self._queue and self._queue[0][0] <= now:
            at, _, event = heappop(self._queue)
            yield at, event

    def carry(self, probe: Probe, now: float, flow_hash: int) -> None:
        """Let one probe travel, and put into the air what answers it."""
        self._forge(probe, now)
        self._turns[probe.probe_ttl] += 1
        nodes = list(_unfold(self._world.path_at(now), flow_hash, self._flow.protocol))
        for distance, node in enumerate(nodes, start=1):
            last = distance == len(nodes)
            if node.target is not None and last:
                self._answer_as_target(node, probe, now, distance, node.target)
                return
            if self._flow.protocol in node.answers_for:
                self._answer_as_target(node, probe, now, distance, node.answers_for)
                return
            if probe.probe_ttl == distance:
                self._expire(node, probe, now, distance)
                return
            node.passed += 1
            protocol = self._flow.protocol
            if node.passed in node.drops_passing or protocol in node.drops:
                return
            if protocol in node.rejects:
                kind = Answer.DESTINATION_UNREACHABLE
                self._error(node, probe, now, distance, kind, node.rejects[protocol])
                return

    def _expire(self, node: Node, probe: Probe, now: float, distance: int) -> None:
        six = self._world.family is Family.IPV6
        kind = node.expires_with or ((3, 0) if six else (11, 0))
        self._error(node, probe, now, distance, Answer.TIME_EXCEEDED, kind)

    def _answer_as_target(
        self, node: Node, probe: Probe, now: float, distance: int, answers: dict[Protocol, str]
    ) -> None:
        said = TARGET_ANSWERS[answers.get(self._flow.protocol, "silent")]
        if said is None:
            return
        answer, icmp = said
        if icmp is not None:
            self._error(node, probe, now, distance, answer, icmp)
        elif not node.silent and not (node.one_syn_per_port and self._is_taken(probe)):
            node.answered += 1
            if node.answered not in node.lost:
                self._deliver(node, probe, now, distance, answer, None)

    def _is_taken(self, probe: Probe) -> bool:
        """Return whether a SYN came on this source port before: one port for each round, or one of the probe's own."""
        port = f"own {probe.number}" if probe.own_port else f"round {self._turns[probe.probe_ttl]}"
        taken = port in self._ports_taken
        self._ports_taken.add(port)
        return taken

    def _error(
        self, node: Node, probe: Probe, now: float, distance: int, answer: Answer, icmp: tuple[int, int]
    ) -> None:
        if node.may_answer(now + node.rtt_ms / 2000):
            self._deliver(node, probe, now, distance, answer, Icmp(type=icmp[0], code=icmp[1]))

    def _deliver(self, node: Node, probe: Probe, now: float, distance: int, answer: Answer, icmp: Icmp | None) -> None:
        delay_s = (node.rtt_ms + node.delays_ms.get(node.answered, 0.0)) / 1000
        quote = self._quote_of(node, probe, answer)
        for_the_target = self._flow.protocol in node.answers_for and answer is not Answer.TIME_EXCEEDED
        event = Received(
            sender=self._flow.destination if for_the_target else node.address,
            answer=answer,
            stamp=NO_STAMP,
            quote=quote,
            icmp=icmp,
            reply_ttl=self._reply_ttl(node, distance, answer),
            extensions=Extensions(mpls=node.mpls) if node.mpls else None,
        )
        for copy in range(node.copies):
            self._put(now + delay_s + copy * 0.0001, event)

    def _reply_ttl(self, node: Node, distance: int, answer: Answer) -> int | None:
        """Return what is left of an answer's TTL; a connection does not show it."""
        if self._sees_number and answer in {Answer.SYN_ACK, Answer.RST}:
            return None
        if node.replies_ttl:
            return node.replies_ttl[node.answered % len(node.replies_ttl)]
        return 64 - (distance - 1) if node.reply_ttl is None else node.reply_ttl

    def _quote_of(self, node: Node, probe: Probe, answer: Answer) -> Quote:
        """Return what the node quotes, as far as the channel shows it."""
        quote = self.quote(probe, answer, short=node.short_quotes, source=node.quotes_source)
        if quote.quoted_ttl is None:
            return quote
        destination = node.quotes_destination or quote.destination
        tos = self._flow.tos if node.quotes_tos is None else node.quotes_tos
        return replace(quote, quoted_ttl=node.quotes_ttl, quoted_tos=tos, destination=destination)

    def quote(self, probe: Probe, answer: Answer, *, short: bool = False, source: str | None = None) -> Quote:
        """Return what the channel shows of the probe that is answered."""
        flow = self._flow
        icmp, udp, tcp = (flow.protocol is protocol for protocol in (Protocol.ICMP, Protocol.UDP, Protocol.TCP))
        direct = answer in {Answer.ECHO_REPLY, Answer.SYN_ACK, Answer.RST, Answer.UDP_REPLY}
        hidden = self._hides_headers or direct
        port = flow.own_port(probe.number) if udp and probe.own_port else flow.destination_port
        # A host gives back all that an echo request held (RFC 792 p. 14), however little it would quote of it.
        echoes = (not short or direct) and not tcp and answer is not Answer.UDP_REPLY
        return Quote(
            source=None if hidden else source or flow.source,
            destination=None if direct else flow.destination,
            protocol=None
            if hidden
            else {Protocol.ICMP: 1, Protocol.UDP: 17, Protocol.TCP: 6}[flow.protocol]
            if flow.family is Family.IPV4
            else {Protocol.ICMP: 58, Protocol.UDP: 17, Protocol.TCP: 6}[flow.protocol],
            source_port=flow.source_port,
            destination_port=port,
            icmp_id=flow.icmp_id,
            sequence=probe.identity.sequence if icmp or (udp and not hidden) else None,
            tcp_sequence=probe.identity.tcp_sequence if tcp and not self._sees_number else None,
            token=probe.identity.token if echoes else None,
            quoted_ttl=None if hidden else 1,
            number=probe.number if self._sees_number else None,
        )

    def _forge(self, probe: Probe, now: float) -> None:
        for index, kind in enumerate(self._world.forgeries):
            self._put(now + 0.00005 * (index + 1), FORGERIES[kind](self, self._flow, probe))

    def _put(self, at: float, event: Event) -> None:
        heappush(self._queue, (at, next(self._order), event))


def _unfold(nodes: list[Node] | tuple[Node, ...], flow_hash: int, protocol: Protocol) -> Iterator[Node]:
    """Yield the nodes that one flow meets: where paths are equal, its protocol or else its hash chooses."""
    for node in nodes:
        if node.any_of:
            chosen = node.goes_by.get(protocol, flow_hash % len(node.any_of))
            yield from _unfold(node.any_of[chosen], flow_hash // len(node.any_of), protocol)
        else:
            yield node


NO_STAMP = Stamp(0.0, 0, StampSource.KERNEL)
_STRANGER = "203.0.113.66"


def _wrong_token(sky: Sky, flow: Flow, probe: Probe) -> Event:
    """Guess the 16-bit sequence right and the token wrong."""
    quote = Quote(destination=flow.destination, sequence=probe.identity.sequence, token=b"\x00" * 8)
    return _time_exceeded(quote)


def _never_sent(sky: Sky, flow: Flow, probe: Probe) -> Event:
    return _time_exceeded(Quote(destination=flow.destination, token=b"\x00" * 8))


def _other_target(sky: Sky, flow: Flow, probe: Probe) -> Event:
    """Quote another program's probe that happens to carry our identity."""
    right = sky.quote(probe, Answer.TIME_EXCEEDED)
    return _time_exceeded(Quote(destination=_STRANGER, sequence=right.sequence, token=right.token, number=probe.number))


def _from_stranger(sky: Sky, flow: Flow, probe: Probe) -> Event:
    """Answer directly, and rightly, from an address that is not the target's."""
    answer = {Protocol.ICMP: Answer.ECHO_REPLY, Protocol.UDP: Answer.UDP_REPLY, Protocol.TCP: Answer.RST}[flow.protocol]
    quote = Quote(token=probe.identity.token, number=probe.number)
    return Received(sender=_STRANGER, answer=answer, stamp=NO_STAMP, quote=quote)


def _redirect(sky: Sky, flow: Flow, probe: Probe) -> Event:
    quote = sky.quote(probe, Answer.OTHER_ICMP)
    icmp = Icmp(type=5, code=1)
    return Received(sender=_STRANGER, answer=Answer.OTHER_ICMP, stamp=NO_STAMP, quote=quote, icmp=icmp)


def _malformed(sky: Sky, flow: Flow, probe: Probe) -> Event:
    return Unreadable(RejectReason.MALFORMED)


def _time_exceeded(quote: Quote) -> Event:
    icmp = Icmp(type=11, code=0)
    return Received(sender=_STRANGER, answer=Answer.TIME_EXCEEDED, stamp=NO_STAMP, quote=quote, icmp=icmp)


FORGERIES: dict[str, Callable[[Sky, Flow, Probe], Event]] = {
    "wrong_identity": _wrong_token,
    "unknown_probe": _never_sent,
    "foreign_flow": _other_target,
    "wrong_source": _from_stranger,
    "not_an_answer": _redirect,
    "malformed": _malformed,
}
