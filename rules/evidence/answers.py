"""Who was asked anything during a sample, by whatever check, and who was heard."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from probes.facts import Answer, EndReason, Icmp, Leg, Node, Protocol, Reachability, Role
from probes.failure import Failure
from probes.name_facts import DnsQuery
from probes.web_facts import WebExchange, WebPhase
from rules.evidence.places import role_of

if TYPE_CHECKING:
    from rules.evidence.scene import Scene

# Ends of a leg that are the far side's doing: whatever was asked, it had its chance to answer.
_SILENT_ENDS: Final = frozenset({EndReason.GAP_LIMIT, EndReason.MAX_TTL, EndReason.UNREACHABLE})

# What only the end of a path says: under interception, whoever intercepts says it.
_END_ANSWERS: Final = frozenset({Answer.SYN_ACK, Answer.RST, Answer.ECHO_REPLY, Answer.UDP_REPLY})

# A DNS message, however strange, or a closed port: the resolver's host is there.
_HEARD_FAILURES: Final = frozenset({Failure.CONNECTION_REFUSED, Failure.CONNECTION_RESET, Failure.MALFORMED_REPLY})
_SILENT_FAILURES: Final = frozenset({Failure.TIMED_OUT, Failure.HOST_UNREACHABLE})


class Asked(NamedTuple):
    """One address that was asked something, how often, and whether it answered.

    `counts` is False where silence says nothing: a resolver may well ignore an echo and still resolve names.
    `doubtful`: there was an answer, which somebody on the way may have given in its place.
    """

    address: str
    role: Role
    answered: bool
    attempts: int
    fact: str
    counts: bool = True
    doubtful: bool = False
    protocol: Protocol | None = None


class Heard(NamedTuple):
    """One address that sent something, with the TTL of the probe where a trace heard it."""

    address: str
    fact: str
    probe_ttl: int | None = None
    answer: Answer | None = None
    icmp: Icmp | None = None
    about: str | None = None


class Answers:
    """Everything asked and heard in one sample, whoever asked."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene
        found = (
            *self._checks(),
            *self._names(),
            *self._legs(),
            *self._proxy(),
            *self._web(),
            *self._edges(),
            *self._middlebox_end(),
        )
        asked = tuple(self._weighed(entry) for entry in found)
        self.asked = tuple(entry for entry in asked if not scene.on_host(entry.address))
        heard = (*self._hops(), *self._offenders(), *(Heard(a.address, a.fact) for a in asked if a.answered))
        self.heard = tuple(entry for entry in heard if not scene.on_host(entry.address))

    def doubtful_of(self, addresses: Iterable[str]) -> Asked | None:
        """Return an answer that one of the addresses seems to have given, and somebody on the way may have."""
        wanted = set(addresses)
        return next((entry for entry in self.asked if entry.doubtful and entry.address in wanted), None)

    def doubtful_beyond_gateway(self) -> Asked | None:
        """Return an answer that seems to come from behind the gateway, and that somebody on the way may have given."""
        beyond = (entry for entry in self.asked if entry.doubtful and self._scene.beyond_gateway(entry.address))
        return next(beyond, None)

    def endpoints(self, *, beyond_gateway: bool) -> dict[str, Asked]:
        """Return each address but the gateway's that was asked, its checks added up; on request only far ones."""
        merged: dict[str, Asked] = {}
        for entry in self.asked:
            if self._scene.is_gateway(entry.address) or entry.role is Role.GATEWAY:
                continue
            if not beyond_gateway or self._scene.beyond_gateway(entry.address):
                merged[entry.address] = _merged(merged.get(entry.address), entry)
        return merged

    def heard_beyond_gateway(self) -> tuple[Heard, ...]:
        """Return what was heard from behind the gateway, traces past it included."""
        return tuple(entry for entry in self.heard if self._is_beyond(entry))

    def heard_of_gateway(self) -> tuple[Heard, ...]:
        """Return what the gateway itself sent."""
        return tuple(entry for entry in self.heard if self._scene.is_gateway(entry.address))

    def _is_beyond(self, entry: Heard) -> bool:
        if self._scene.is_gateway(entry.address) or self._scene.gateway is None:
            return False
        return (entry.probe_ttl or 0) > 1 or self._scene.beyond_gateway(entry.address)

    def _weighed(self, entry: Asked) -> Asked:
        """Return an entry with its answer taken for what it is worth: nothing, where others may have given it.

        What a handshake proves carries no protocol here, and is believed.
        """
        captive = self._scene.portal_seen and entry.protocol is Protocol.TCP
        if entry.answered and entry.protocol is not None and (captive or self._scene.intercepted(entry.protocol)):
            return entry._replace(answered=False, counts=False, doubtful=True)
        return entry

    # -- from each kind of fact

    def _checks(self) -> Iterator[Asked]:
        for index, check in enumerate(self._scene.sample.reachability):
            if check.answered is not None:
                yield _checked(check, f"/reachability/{index}")

    def _names(self) -> Iterator[Asked]:
        for number, check in enumerate(self._scene.sample.dns):
            for index, query in enumerate(check.queries):
                entry = _query(query, f"/dns/{number}/queries/{index}")
                if entry is not None:
                    yield entry

    def _legs(self) -> Iterator[Asked]:
        for index, leg in self._scene.own_legs:
            answered = bool(leg.reached) or bool(leg.end_to_end and leg.end_to_end.received)
            if leg.address and (answered or leg.end_reason in _SILENT_ENDS):
                # Routers are often told to answer nothing on the address that they show to the world.
                counts = leg.to is not Node.EGRESS
                fact, role = f"/legs/{index}", role_of(leg.to)
                yield Asked(leg.address, role, answered, _attempts(leg), fact, counts, protocol=leg.protocol)

    def _proxy(self) -> Iterator[Asked]:
        proxy = self._scene.sample.proxy
        if proxy is not None and proxy.address and (proxy.works or proxy.connect_status is not None):
            yield Asked(proxy.address, Role.PROXY, answered=True, attempts=1, fact="/proxy")

    def _web(self) -> Iterator[Asked]:
        web = self._scene.sample.web
        for index, exchange in enumerate(web.exchanges if web is not None else ()):
            entry = _exchange(exchange, f"/web/exchanges/{index}")
            if entry is not None:
                yield entry

    def _edges(self) -> Iterator[Asked]:
        """Service data is an edge's own word over TLS: nobody on the way can give it."""
        for index, edge in enumerate(self._scene.sample.edges):
            data = edge.service_data
            if data is not None and data.fetched and not data.stale and data.server_address:
                fact = f"/edges/{index}/service_data"
                yield Asked(data.server_address, Role.SERVICE_EDGE, answered=True, attempts=1, fact=fact)

    def _middlebox_end(self) -> Iterator[Asked]:
        """Yield the target of a middlebox, where it answered the other protocol itself."""
        box = self._scene.sample.middlebox
        if box is not None and box.target_ttl is not None:
            yield Asked(box.target, self._scene.target_role, answered=True, attempts=1, fact="/middlebox")

    def _hops(self) -> Iterator[Heard]:
        for index, leg in self._scene.own_legs:
            intercepted = self._scene.intercepted(leg.protocol)
            for number, hop in enumerate(leg.hops):
                for r in hop.responders:
                    fact = f"/legs/{index}/hops/{number}"
                    if not (intercepted and r.answer in _END_ANSWERS):
                        yield Heard(r.address, fact, hop.probe_ttl, r.answer, r.icmp, leg.address)
        box = self._scene.sample.middlebox
        if box is not None:
            yield Heard(box.address, "/middlebox", box.probe_ttl)

    def _offenders(self) -> Iterator[Heard]:
        for index, check in enumerate(self._scene.sample.reachability):
            if check.offender:
                fact = f"/reachability/{index}"
                yield Heard(check.offender, fact, None, check.answer, check.icmp, check.address)


def _merged(before: Asked | None, entry: Asked) -> Asked:
    if before is None:
        return entry
    return before._replace(
        answered=before.answered or entry.answered,
        attempts=before.attempts + entry.attempts,
        counts=(before.counts or entry.counts) and not (before.doubtful or entry.doubtful),
        doubtful=before.doubtful or entry.doubtful,
    )


def _checked(check: Reachability, fact: str) -> Asked:
    ignores = check.role is Role.RESOLVER and check.protocol is Protocol.ICMP
    counts = not ignores and check.role is not Role.EGRESS
    attempts = max(check.sent, 1)
    return Asked(check.address, check.role, bool(check.answered), attempts, fact, counts, protocol=check.protocol)


def _exchange(exchange: WebExchange, fact: str) -> Asked | None:
    """Return one web exchange as a question to whoever it connected to; None where no connection was tried."""
    connecting = next((step for step in exchange.steps if step.phase is WebPhase.CONNECT), None)
    if connecting is None or exchange.address is None:
        return None
    answered = connecting.failure is None or connecting.failure in _HEARD_FAILURES
    if not answered and connecting.failure not in _SILENT_FAILURES:
        return None
    proven = exchange.tls is not None and exchange.tls.verified is True
    role = Role.PROXY if exchange.through_proxy else Role.DESTINATION
    protocol = None if proven or exchange.through_proxy else Protocol.TCP
    return Asked(exchange.address, role, answered, 1, fact, protocol=protocol)


def _query(query: DnsQuery, fact: str) -> Asked | None:
    """Return one DNS query as a question to its resolver; None where the host could not even send it."""
    if query.rcode is not None or query.failure in _HEARD_FAILURES:
        return Asked(query.resolver, Role.RESOLVER, answered=True, attempts=1, fact=fact)
    if query.failure in _SILENT_FAILURES:
        return Asked(query.resolver, Role.RESOLVER, answered=False, attempts=1, fact=fact)
    return None


def _attempts(leg: Leg) -> int:
    """Return how often the end of a leg was asked: each hop from the last answering one on might have been it."""
    series = leg.end_to_end.sent if leg.end_to_end else 0
    last = max((hop.probe_ttl for hop in leg.hops if hop.received), default=0)
    return max([series, *(hop.sent for hop in leg.hops if hop.probe_ttl > last)], default=0)
