"""Who was asked anything during a sample, by whatever check, and who was heard."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from probes.facts import Answer, EndReason, Icmp, Leg, Prober, Protocol, Reachability, Role
from probes.failure import Failure
from probes.name_facts import DnsQuery

if TYPE_CHECKING:
    from rules.evidence.scene import Scene

# Ends of a leg that are the far side's doing: whatever was asked, it had its chance to answer.
_SILENT_ENDS: Final = frozenset({EndReason.GAP_LIMIT, EndReason.MAX_TTL, EndReason.UNREACHABLE})

# A DNS message, however strange, or a closed port: the resolver's host is there.
_HEARD_FAILURES: Final = frozenset({Failure.CONNECTION_REFUSED, Failure.CONNECTION_RESET, Failure.MALFORMED_REPLY})
_SILENT_FAILURES: Final = frozenset({Failure.TIMED_OUT, Failure.HOST_UNREACHABLE})


class Asked(NamedTuple):
    """One address that was asked something, how often, and whether it answered.

    `counts` is False where silence says nothing: a resolver may well ignore an echo and still resolve names.
    """

    address: str
    role: Role
    answered: bool
    attempts: int
    fact: str
    counts: bool = True


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
        asked = (*self._echoes(), *self._names(), *self._legs(), *self._proxy())
        self.asked = tuple(entry for entry in asked if not scene.on_host(entry.address))
        heard = (*self._hops(), *self._offenders(), *(Heard(a.address, a.fact) for a in asked if a.answered))
        self.heard = tuple(entry for entry in heard if not scene.on_host(entry.address))

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

    # -- from each kind of fact

    def _echoes(self) -> Iterator[Asked]:
        for index, check in enumerate(self._scene.sample.reachability):
            if check.answered is not None:
                yield _echo(check, f"/reachability/{index}")

    def _names(self) -> Iterator[Asked]:
        for number, check in enumerate(self._scene.sample.dns):
            for index, query in enumerate(check.queries):
                entry = _query(query, f"/dns/{number}/queries/{index}")
                if entry is not None:
                    yield entry

    def _legs(self) -> Iterator[Asked]:
        for index, leg in self._own_legs():
            answered = bool(leg.reached) or bool(leg.end_to_end and leg.end_to_end.received)
            if leg.address and (answered or leg.end_reason in _SILENT_ENDS):
                yield Asked(leg.address, self._scene.target_role, answered, _attempts(leg), f"/legs/{index}")

    def _proxy(self) -> Iterator[Asked]:
        proxy = self._scene.sample.proxy
        if proxy is not None and proxy.address and (proxy.works or proxy.connect_status is not None):
            yield Asked(proxy.address, Role.PROXY, answered=True, attempts=1, fact="/proxy")

    def _hops(self) -> Iterator[Heard]:
        for index, leg in self._own_legs():
            for number, hop in enumerate(leg.hops):
                for r in hop.responders:
                    fact = f"/legs/{index}/hops/{number}"
                    yield Heard(r.address, fact, hop.probe_ttl, r.answer, r.icmp, leg.address)

    def _offenders(self) -> Iterator[Heard]:
        for index, check in enumerate(self._scene.sample.reachability):
            if check.offender:
                fact = f"/reachability/{index}"
                yield Heard(check.offender, fact, None, check.answer, check.icmp, check.address)

    def _own_legs(self) -> Iterator[tuple[int, Leg]]:
        numbered = enumerate(self._scene.sample.legs)
        return ((index, leg) for index, leg in numbered if leg.probed_by is Prober.AGENT)


def _merged(before: Asked | None, entry: Asked) -> Asked:
    if before is None:
        return entry
    return before._replace(
        answered=before.answered or entry.answered,
        attempts=before.attempts + entry.attempts,
        counts=before.counts or entry.counts,
    )


def _echo(check: Reachability, fact: str) -> Asked:
    counts = not (check.role is Role.RESOLVER and check.protocol is Protocol.ICMP)
    return Asked(check.address, check.role, bool(check.answered), max(check.sent, 1), fact, counts)


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
