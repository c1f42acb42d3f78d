"""One question to one resolver until it is settled: when it is asked again, by what transport, when it is given up.

A resolver that is silent or cannot help is asked a second time (RFC 1035 section 4.2.1 and RFC 1123 section 6.1.3.3
leave the number open; the C library's default is two); an answer cut short is fetched by TCP (RFC 7766 section 5); one
that does not understand EDNS is asked without (RFC 6891 section 7). An answer to the first attempt is welcome during
the second.
"""

from __future__ import annotations

from probes.failure import Failure
from probes.frozen import frozen, mutable
from probes.name_facts import DnsQuery, Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from probes.host_facts import Resolver
    from probes.name_facts import ExtendedDnsError


# Long for any resolver near the host, and twice is still well under the three seconds in which a person gets a verdict.
ATTEMPT_TIMEOUT_S: Final = 1.0
_ATTEMPTS: Final = 2

# Answers that settle a question; every other RCODE is a resolver that could not answer this time.
_DEFINITE: Final = frozenset({"NOERROR", "NXDOMAIN"})
_NO_EDNS: Final = frozenset({"FORMERR", "NOTIMP", "BADVERS"})
_FAILURES: Final = {"NXDOMAIN": Failure.NXDOMAIN, "SERVFAIL": Failure.SERVFAIL, "REFUSED": Failure.REFUSED}
# Failures that may be gone at once. The others are the host's own and certain: it will refuse the second packet too.
_WORTH_ANOTHER_TRY: Final = frozenset(
    {Failure.TIMED_OUT, Failure.CONNECTION_REFUSED, Failure.CONNECTION_RESET, Failure.MALFORMED_REPLY}
)


@frozen
class Question:
    """One message to send. `number` is unique inside the plan; `name` is absolute, without its last dot."""

    number: int
    resolver: Resolver
    name: str
    type: str
    transport: Transport
    attempt: int
    edns: bool


@frozen
class Reply:
    """What one message from a resolver said; `canonical_name` is the end of the CNAME chain, None without one."""

    rcode: str
    answers: tuple[str, ...] = ()
    canonical_name: str | None = None
    truncated: bool = False
    extended_errors: tuple[ExtendedDnsError, ...] = ()


@mutable
class _Try:
    """One message sent; `expired` once its time was up, after which an answer still counts."""

    question: Question
    sent_at: float
    deadline: float
    reply: Reply | None = None
    failure: Failure | None = None
    answered_at: float | None = None
    garbled: bool = False
    expired: bool = False

    @property
    def waiting(self) -> bool:
        return self.reply is None and self.failure is None


class Exchange:
    """One (resolver, name, type). Calls for a number that is not its own are a mistake of the caller's."""

    def __init__(self, resolver: Resolver, name: str, kind: str, numbers: Iterator[int], give_up_at: float) -> None:
        """Begin with nothing sent; whatever happens, it is settled at `give_up_at`."""
        self.resolver = resolver
        self.name = name
        self.type = kind
        self._numbers = numbers
        self._give_up_at = give_up_at
        self._tries: list[_Try] = []
        self._next: tuple[Transport, int, bool] | None = (Transport.UDP, 1, True)
        self._settled_by: _Try | None = None

    @property
    def settled(self) -> bool:
        """Return whether nothing more will be asked or heard."""
        return self._settled_by is not None

    @property
    def reply(self) -> Reply | None:
        """Return the reply that settled it, None where it failed or is not settled."""
        return self._settled_by.reply if self._settled_by else None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the answers, empty for none."""
        return self.reply.answers if self.reply and self.reply.rcode == "NOERROR" else ()

    @property
    def definite(self) -> bool:
        """Return whether the resolver has said what is or what is not."""
        return self.reply is not None and self.reply.rcode in _DEFINITE

    @property
    def failure(self) -> Failure | None:
        """Return why there is no answer, None where there is one or nothing is settled yet."""
        if self._settled_by is None or self.addresses:
            return None
        if self.reply is None:
            return self._settled_by.failure
        if self.reply.rcode == "NOERROR":
            return Failure.NO_DATA
        return _FAILURES.get(self.reply.rcode, Failure.RCODE_OTHER)

    @property
    def took_s(self) -> float:
        """Return how long the settling message took, 0.0 where nothing was answered."""
        one = self._settled_by
        return 0.0 if one is None or one.answered_at is None else one.answered_at - one.sent_at

    def to_send(self, now: float) -> Question | None:
        """Return the message to send now, None for none."""
        self._expire(now)
        if self._next is None or self.settled:
            return None
        (transport, attempt, edns), self._next = self._next, None
        question = Question(
            number=next(self._numbers),
            resolver=self.resolver,
            name=self.name,
            type=self.type,
            transport=transport,
            attempt=attempt,
            edns=edns,
        )
        deadline = min(now + ATTEMPT_TIMEOUT_S, self._give_up_at)
        self._tries.append(_Try(question=question, sent_at=now, deadline=deadline))
        return question

    def sent(self, number: int, now: float) -> None:
        """Take in when the message really left: building it takes time, and the first one loads a library."""
        one = self._try(number)
        one.sent_at, one.deadline = now, min(now + ATTEMPT_TIMEOUT_S, self._give_up_at)

    def replied(self, number: int, reply: Reply, now: float) -> None:
        """Take in the answer to one message."""
        one = self._try(number)
        if not one.waiting or self.settled:
            return
        one.reply, one.answered_at = reply, now
        if reply.truncated and one.question.transport is Transport.UDP:
            self._next = (Transport.TCP, one.question.attempt, one.question.edns)
        elif reply.rcode in _DEFINITE or not self._again(edns=reply.rcode not in _NO_EDNS):
            self._settled_by = one

    def failed(self, number: int, failure: Failure, now: float) -> None:
        """Take in that one message could not be sent, or brought an error back."""
        one = self._try(number)
        if not one.waiting or self.settled:
            return
        one.failure, one.answered_at = failure, now
        if failure not in _WORTH_ANOTHER_TRY or not self._again(edns=True):
            self._settled_by = one

    def garbled(self, number: int) -> None:
        """Take in that something came that answers nothing: it is waited on, and silence then has this name."""
        self._try(number).garbled = True

    def next_deadline(self) -> float | None:
        """Return when something is due, None for never."""
        if self.settled:
            return None
        if self._next is not None:
            return float("-inf")
        return min((one.deadline for one in self._tries if one.waiting and not one.expired), default=None)

    def queries(self, now: float) -> tuple[DnsQuery, ...]:
        """Return every message as a fact; one whose answer was not waited for is ABORTED, never TIMED_OUT."""
        self._expire(now)
        return tuple(_fact(one, now) for one in self._tries)

    def _again(self, *, edns: bool) -> bool:
        """Return whether there is or will be another attempt; the end of the first brings on the second."""
        if self._next is not None or any(one.waiting and not one.expired for one in self._tries):
            return True
        attempt = self._tries[-1].question.attempt + 1
        if attempt > _ATTEMPTS:
            return False
        self._next = (Transport.UDP, attempt, edns)
        return True

    def _expire(self, now: float) -> None:
        for one in self._tries:
            if self.settled or not one.waiting or one.expired or now < one.deadline:
                continue
            one.expired = True
            if not self._again(edns=True):
                self._settled_by = one
                one.failure = _silence(one)

    def _try(self, number: int) -> _Try:
        return next(one for one in self._tries if one.question.number == number)


def _silence(one: _Try) -> Failure:
    return Failure.MALFORMED_REPLY if one.garbled else Failure.TIMED_OUT


def _unanswered(one: _Try, now: float) -> Failure:
    return _silence(one) if one.expired or now >= one.deadline else Failure.ABORTED


def _fact(one: _Try, now: float) -> DnsQuery:
    reply = one.reply or Reply(rcode="")
    question = one.question
    return DnsQuery(
        resolver=question.resolver.address,
        question_name=question.name,
        question_type=question.type,
        transport=question.transport,
        attempt=question.attempt,
        rcode=reply.rcode or None,
        answers=reply.answers,
        canonical_name=reply.canonical_name,
        truncated=reply.truncated,
        extended_errors=reply.extended_errors,
        failure=one.failure or (_unanswered(one, now) if one.reply is None else None),
        duration_us=None if one.reply is None or one.answered_at is None else _us(one.answered_at - one.sent_at),
    )


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
