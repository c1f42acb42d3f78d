"""What names belong to addresses: which resolver to ask, when to ask the next one, when to stop."""

from __future__ import annotations

import itertools
from ipaddress import ip_address

from probes.dns_exchange import Question
from probes.frozen import mutable
from probes.name_facts import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.dns_exchange import Reply
    from probes.failure import Failure
    from probes.host_facts import Resolver


# A resolver that has not answered by then has a neighbour asked as well; most answer from their cache in a few ms.
_NEXT_RESOLVER_AFTER_S: Final = 0.15


@mutable
class _Wanted:
    address: str
    asked: int = 0
    refused: int = 0
    next_at: float = float("-inf")
    name: str | None = None
    answered: bool = False


class ReverseNames:
    """The plan for the names of several addresses; ends at `until` whatever is still open: names are a courtesy."""

    def __init__(self, addresses: Sequence[str], resolvers: Sequence[Resolver], until: float) -> None:
        self._resolvers = tuple(resolvers)
        self._until = until
        self._wanted = [_Wanted(address) for address in dict.fromkeys(addresses)]
        self._numbers = itertools.count()
        self._by_number: dict[int, _Wanted] = {}

    def queries_to_send(self, now: float) -> tuple[Question, ...]:
        """Return the messages to send now."""
        due = [one for one in self._wanted if self._may_ask(one) and now >= one.next_at]
        return tuple(self._question(one, now) for one in due)

    def sent(self, number: int, now: float) -> None:
        """Take in when a message really left."""
        self._by_number[number].next_at = now + _NEXT_RESOLVER_AFTER_S

    def replied(self, number: int, reply: Reply, now: float) -> None:
        """Take in an answer; "there is no name" from one resolver is believed, "I cannot" is not."""
        wanted = self._by_number[number]
        if reply.rcode in {"NOERROR", "NXDOMAIN"} and not reply.truncated:
            wanted.answered, wanted.name = True, wanted.name or next(iter(reply.answers), None)
        else:
            self._refused(wanted, now)

    def failed(self, number: int, failure: Failure, now: float) -> None:
        """Take in that a message could not be sent or brought an error: the next resolver is asked at once."""
        del failure
        self._refused(self._by_number[number], now)

    def garbled(self, number: int) -> None:
        """Take in something unreadable: as good as silence."""

    def done(self, now: float) -> bool:
        """Return whether nothing is left to wait for."""
        closed = (one.answered or one.refused == len(self._resolvers) for one in self._wanted)
        return now >= self._until or all(closed)

    def next_deadline(self) -> float:
        """Return when to look again, in monotonic seconds."""
        return min((one.next_at for one in self._wanted if self._may_ask(one)), default=self._until)

    def names(self) -> dict[str, str]:
        """Return the names found, by address as given; as the DNS has them, so escape them before showing them."""
        return {one.address: one.name for one in self._wanted if one.name}

    def _refused(self, wanted: _Wanted, now: float) -> None:
        wanted.refused += 1
        wanted.next_at = now

    def _may_ask(self, wanted: _Wanted) -> bool:
        return not wanted.answered and wanted.asked < len(self._resolvers)

    def _question(self, wanted: _Wanted, now: float) -> Question:
        resolver = self._resolvers[wanted.asked]
        wanted.asked += 1
        wanted.next_at = now + _NEXT_RESOLVER_AFTER_S
        number = next(self._numbers)
        self._by_number[number] = wanted
        return Question(
            number=number,
            resolver=resolver,
            name=ip_address(wanted.address.partition("%")[0]).reverse_pointer,
            type="PTR",
            transport=Transport.UDP,
            attempt=1,
            edns=True,
        )
