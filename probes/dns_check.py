"""What to ask about one name, of whom and when, and what came of it.

Every configured resolver is asked directly, A and AAAA, all at once: the C library's own look-up cannot tell "there is
no such name" from "the resolver refuses" from "there is no way to the resolver" [measured]. It is a fact beside them.
"""

from __future__ import annotations

import itertools

from probes.dns_exchange import Exchange
from probes.facts import Family
from probes.failure import Failure
from probes.frozen import frozen
from probes.hosts_file import addresses_in_hosts
from probes.name_facts import DnsCheck, NameSource
from probes.target import TargetError, parse_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Final

    from probes.dns_exchange import Question, Reply
    from probes.facts import Role
    from probes.name_facts import DnsQuery
    from probes.resolv_conf import ResolvConf


# Two attempts of a second each and a margin for what the second one starts late: the verdict comes within 3 s.
TOTAL_S: Final = 2.2
# The system's own look-up works beside them and has their time, no more: where they all were silent, it waits for the
# same resolvers, 5 s for each (resolv.conf(5)).
SYSTEM_S: Final = 2.0
# Once one resolver has told all, the others get twice its time to speak, within these bounds; a dead one costs no more.
_GRACE_MIN_S: Final = 0.02
_GRACE_MAX_S: Final = 0.25
# Once there is one address, a resolver that keeps silent about the other family costs no more than this.
_HALF_ANSWER_GRACE_S: Final = 0.3
# More search domains than anybody has; the file has no bound of its own.
_MAX_SEARCHED: Final = 6

_TYPES: Final = {Family.IPV4: "A", Family.IPV6: "AAAA"}
BOTH_FAMILIES: Final = (Family.IPV4, Family.IPV6)

# What a name's failure is when resolvers differ: the first of these that any of them said. What is known of the name
# comes before what is known of a resolver.
_TELLING: Final = (
    Failure.NXDOMAIN,
    Failure.NO_DATA,
    Failure.SERVFAIL,
    Failure.REFUSED,
    Failure.RCODE_OTHER,
    Failure.MALFORMED_REPLY,
    Failure.TIMED_OUT,
)


@frozen
class NameAsked:
    """One name to check, what it is to the sample, and the families that its addresses may have."""

    role: Role
    name: str
    families: tuple[Family, ...] = BOTH_FAMILIES


class NameCheck:
    """The plan for one name: `queries_to_send` and `sent`, `replied`, `failed`, `next_deadline`, `facts`.

    Begin with `queries_to_send`; its `now` is the start. Nothing is asked for a literal, a name that cannot exist or
    one that the hosts file knows: such a check is `done` at once.
    """

    def __init__(self, asked: NameAsked, resolv: ResolvConf, hosts_text: str) -> None:
        self.asked = asked
        self._resolv = resolv
        self._numbers = itertools.count()
        self._exchanges: list[Exchange] = []
        self._by_number: dict[int, Exchange] = {}
        self._started_at: float | None = None
        self._settle_at: float | None = None
        self._system: tuple[str, ...] | None = None
        self._stages: list[tuple[str, ...]] = []
        self._known: tuple[tuple[str, ...], NameSource] | None = None
        self._failure: Failure | None = None
        self.system_name: str | None = None
        self._decide_what_to_ask(hosts_text)

    def _decide_what_to_ask(self, hosts_text: str) -> None:
        of_family = [one for one in addresses_in_hosts(hosts_text, self.asked.name) if _of(one, self.asked.families)]
        if of_family:
            self._known = tuple(of_family), NameSource.HOSTS_FILE
            return
        parsed = parse_target(self.asked.name)
        if isinstance(parsed, TargetError) or parsed.port is not None or parsed.url is not None:
            self._failure = Failure.NAME_SYNTAX
        elif parsed.literal:
            self._known = (parsed.host,), NameSource.LITERAL
        else:
            self.system_name = parsed.host
            self._stages = _stages(parsed.host, self._resolv)

    def queries_to_send(self, now: float) -> tuple[Question, ...]:
        """Return the messages to send now."""
        if self._started_at is None:
            self._started_at = now
            self._begin_stage()
        if self._stages and self._all_settled() and not any(one.addresses for one in self._exchanges):
            self._begin_stage()
        questions = tuple(filter(None, (one.to_send(now) for one in self._exchanges)))
        self._by_number |= {
            question.number: exchange
            for question in questions
            for exchange in self._exchanges
            if _asks(exchange, question)
        }
        return questions

    def sent(self, number: int, now: float) -> None:
        """Take in when a message really left."""
        self._by_number[number].sent(number, now)

    def replied(self, number: int, reply: Reply, now: float) -> None:
        """Take in the answer to one message."""
        self._by_number[number].replied(number, reply, now)
        self._shorten(now)

    def failed(self, number: int, failure: Failure, now: float) -> None:
        """Take in that one message could not be sent, or brought an error back."""
        self._by_number[number].failed(number, failure, now)
        self._shorten(now)

    def garbled(self, number: int) -> None:
        """Take in that something unreadable came where an answer should."""
        self._by_number[number].garbled(number)

    def system_answered(self, addresses: Iterable[str]) -> None:
        """Take in what the system's own look-up said, empty for nothing."""
        self._system = tuple(dict.fromkeys(one for one in addresses if _of(one, self.asked.families)))

    def done(self, now: float) -> bool:
        """Return whether there is nothing left that is worth waiting for."""
        if self._known is not None or self._failure is not None:
            return True
        if self._started_at is None:
            return False
        if now >= self._ends_at() or (self._settle_at is not None and now >= self._settle_at):
            return True
        if not self._all_settled():
            return False
        if any(one.addresses for one in self._exchanges):
            return True
        return not self._stages and (self._system is not None or now >= self._started_at + SYSTEM_S)

    def next_deadline(self) -> float | None:
        """Return when to look again though nothing was heard, in monotonic seconds; None for never."""
        if self._started_at is None:
            return None
        waits = [one.next_deadline() for one in self._exchanges]
        if self._all_settled():
            waits.append(self._started_at + SYSTEM_S)
        return min(at for at in (*waits, self._settle_at, self._ends_at()) if at is not None)

    def facts(self, now: float) -> DnsCheck:
        """Return what was asked and what came back; addresses in the resolvers' order, A before AAAA."""
        addresses, source = self._found()
        started = now if self._started_at is None else self._started_at
        return DnsCheck(
            role=self.asked.role,
            name=self.asked.name,
            addresses=addresses,
            source=source,
            failure=None if addresses else self._why_not(),
            system_addresses=self._system,
            queries=self._queries(now),
            duration_us=round((now - started) * 1_000_000),
        )

    # --- inside -------------------------------------------------------------------------------------------------------

    def _ends_at(self) -> float:
        return (self._started_at or 0.0) + TOTAL_S

    def _begin_stage(self) -> None:
        if not self._stages:
            return
        names = self._stages.pop(0)
        kinds = [_TYPES[family] for family in self.asked.families]
        self._exchanges += [
            Exchange(resolver, name, kind, self._numbers, self._ends_at())
            for name in names
            for resolver in self._resolv.resolvers
            for kind in kinds
        ]

    def _all_settled(self) -> bool:
        return all(one.settled for one in self._exchanges)

    def _shorten(self, now: float) -> None:
        """Set how long the others are waited for, once there is something to go on with."""
        waits = [wait for wait in map(self._grace, self._names()) if wait is not None]
        if waits:
            at = now + min(waits)
            self._settle_at = at if self._settle_at is None else min(at, self._settle_at)

    def _grace(self, name: str) -> float | None:
        of_name = [one for one in self._exchanges if one.name == name]
        if not any(one.addresses for one in of_name):
            return None
        waits = [_HALF_ANSWER_GRACE_S]
        for resolver in self._resolv.resolvers:
            mine = [one for one in of_name if one.resolver == resolver]
            if all(one.definite for one in mine) and any(one.addresses for one in mine) and self._comes_first(name):
                waits.append(min(max(_GRACE_MIN_S, 2 * max(one.took_s for one in mine)), _GRACE_MAX_S))
        return min(waits)

    def _comes_first(self, name: str) -> bool:
        """Return whether every name that the search list puts before this one is settled."""
        names = self._names()
        before = names[: names.index(name)]
        return all(one.settled for one in self._exchanges if one.name in before)

    def _names(self) -> list[str]:
        return list(dict.fromkeys(one.name for one in self._exchanges))

    def _found(self) -> tuple[tuple[str, ...], NameSource | None]:
        if self._known is not None:
            return self._known
        for name in self._names():
            found = self._addresses_of(name)
            if found:
                return found, NameSource.RESOLVER
        return (self._system, NameSource.SYSTEM) if self._system else ((), None)

    def _addresses_of(self, name: str) -> tuple[str, ...]:
        """Return of each family what the first resolver that knows any says."""
        found: list[str] = []
        for family in self.asked.families:
            of_type = [one for one in self._exchanges if one.name == name and one.type == _TYPES[family]]
            found += next((one.addresses for one in of_type if one.addresses), ())
        return tuple(dict.fromkeys(found))

    def _why_not(self) -> Failure:
        if self._failure is not None:
            return self._failure
        if not self._exchanges:
            return Failure.NO_RESOLVER
        # The name as it was typed is what the verdict is about; what the search list made of it failed as well.
        typed = [one for one in self._exchanges if one.name == self._typed()] or self._exchanges
        said = [one.failure or (Failure.TIMED_OUT if one.settled else Failure.ABORTED) for one in typed]
        return next((failure for failure in _TELLING if failure in said), said[0])

    def _typed(self) -> str:
        return (self.system_name or "").removesuffix(".")

    def _queries(self, now: float) -> tuple[DnsQuery, ...]:
        return tuple(query for one in self._exchanges for query in one.queries(now))


def _asks(exchange: Exchange, question: Question) -> bool:
    return (exchange.resolver, exchange.name, exchange.type) == (question.resolver, question.name, question.type)


def _of(address: str, families: Sequence[Family]) -> bool:
    return (Family.IPV6 if ":" in address else Family.IPV4) in families


def _stages(name: str, resolv: ResolvConf) -> list[tuple[str, ...]]:
    """Return the names to ask for, those of one stage at once, the next stage only if all of it fails.

    A name with as many dots as `ndots` is asked for as it is and then completed, another completed and as it is
    (resolv.conf(5)); a dot at the end says that it is complete.
    """
    bare = name.removesuffix(".")
    searched = () if bare != name else tuple(f"{bare}.{one}" for one in resolv.search_domains[:_MAX_SEARCHED])
    if bare.count(".") >= resolv.ndots:
        return [(bare,), searched] if searched else [(bare,)]
    return [(*searched, bare)]
