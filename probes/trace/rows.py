"""What is known of each TTL while a trace runs, and of the end of the path."""

from __future__ import annotations

from math import inf

from probes.frozen import field, mutable
from probes.trace.attempt import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.trace.attempt import Attempt
    from probes.trace.waits import Waits


@mutable
class Row:
    """One TTL. `waiting` are its probes that may still be answered, oldest first; `queries` excludes retries."""

    probe_ttl: int
    attempts: list[Attempt] = field(default_factory=list)
    waiting: list[Attempt] = field(default_factory=list)
    queries: int = 0
    answers: dict[Ending, int] = field(default_factory=dict)
    own_port_tried: bool = False

    @property
    def answered(self) -> int:
        """Return the number of believed answers, late ones included."""
        return sum(self.answers.values())


class Rows:
    """Every TTL of a trace, first to last."""

    def __init__(self, first_ttl: int, max_ttl: int, *, from_ttl: int | None = None) -> None:
        """Begin with no answer; the hops before `from_ttl` count as having answered to somebody else."""
        self.first_ttl = first_ttl
        self.max_ttl = max_ttl
        self.highest = (first_ttl if from_ttl is None else from_ttl) - 1
        # The TTL at which the path ends and how, None while unknown.
        self.end: tuple[int, Ending] | None = None
        self._rows = {ttl: Row(probe_ttl=ttl) for ttl in range(first_ttl, max_ttl + 1)}
        self._reached_ttl: int | None = None
        self._passed_ttl = first_ttl - 1
        self._blocked_ttls: set[int] = set()

    def __getitem__(self, probe_ttl: int) -> Row:
        """Return the row of one TTL."""
        return self._rows[probe_ttl]

    def sent(self, attempt: Attempt, *, retry: bool) -> None:
        """Note that a probe is about to leave."""
        row = self._rows[attempt.probe.probe_ttl]
        row.attempts.append(attempt)
        row.waiting.append(attempt)
        row.queries += not retry

    def gone(self, attempt: Attempt) -> None:
        """Note that a probe needs no more waiting: answered, refused or given up."""
        row = self._rows[attempt.probe.probe_ttl]
        if attempt in row.waiting:
            row.waiting.remove(attempt)

    def answered(self, attempt: Attempt, ending: Ending) -> bool:
        """Note a believed answer; return whether it lies farther away than any before."""
        self.gone(attempt)
        ttl = attempt.probe.probe_ttl
        answers = self._rows[ttl].answers
        answers[ending] = answers.get(ending, 0) + 1
        self._note_ending(ttl, ending)
        farther = ttl > self.highest
        self.highest = max(self.highest, ttl)
        return farther

    def _note_ending(self, ttl: int, ending: Ending) -> None:
        if ending is Ending.REACHED:
            self._reached_ttl = ttl if self._reached_ttl is None else min(ttl, self._reached_ttl)
        elif ending is Ending.BLOCKED:
            self._blocked_ttls.add(ttl)
        else:
            self._passed_ttl = max(self._passed_ttl, ttl)
        self.end = self._find_end()

    def _find_end(self) -> tuple[int, Ending] | None:
        """Return the end of the path as the answers so far show it.

        The target's distance is the lowest TTL that it answered. A block ends the path only where no probe passed it:
        one path of several may be blocked.
        """
        if self._reached_ttl is not None:
            return self._reached_ttl, Ending.REACHED
        blocked = min((ttl for ttl in self._blocked_ttls if ttl >= self._passed_ttl), default=None)
        return None if blocked is None else (blocked, Ending.BLOCKED)

    def settled_at(self, last_ttl: int, waits: Waits) -> float:
        """Return when the last wait of all TTLs up to this one is over; minus infinity: none waits."""
        return max((self._over_at(ttl, waits) for ttl in range(self.first_ttl, last_ttl + 1)), default=-inf)

    def open_between(self, first_ttl: int, last_ttl: int) -> list[Attempt]:
        """Return the probes to these TTLs that still wait."""
        return [attempt for ttl in range(first_ttl, last_ttl + 1) for attempt in self._rows[ttl].waiting]

    def samples_from(self, ttl: int, ending: Ending) -> int:
        """Return how many answers of one kind came from this TTL and beyond."""
        return sum(self._rows[at].answers.get(ending, 0) for at in range(ttl, self.max_ttl + 1))

    def responders(self, ttl: int) -> set[str]:
        """Return who answered at this TTL."""
        return {attempt.reply.sender for attempt in self._rows[ttl].attempts if attempt.reply is not None}

    def last_sent_from(self, ttl: int) -> float:
        """Return when the last probe to this TTL or beyond left."""
        times = (row.attempts[-1].at for at in range(ttl, self.max_ttl + 1) if (row := self._rows[at]).attempts)
        return max(times, default=-inf)

    def _over_at(self, ttl: int, waits: Waits) -> float:
        waiting = self._rows[ttl].waiting
        return waiting[-1].at + waits.wait_s(ttl) if waiting else -inf
