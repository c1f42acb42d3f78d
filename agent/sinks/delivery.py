"""Delivers what the store keeps to one sink, in a thread of its own: no sink waits for another."""

from __future__ import annotations

import threading

from agent.daemon.status import SinkStatus
from agent.sinks.backoff import Backoff
from agent.sinks.sink import Fate, Outcome
from agent.sinks.speech import Speech

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from agent.daemon.plan import SinkPlan
    from agent.sinks.sink import Sink
    from agent.store.entry import Batch, Store
    from probes.clock import Clock

MOST_ENTRIES: Final = 500
# Before it is compressed. A few dozen samples; a megabyte leaves an office's uplink in a second.
MOST_BYTES: Final = 1 << 20
# A wake-up that was missed, if there is such a thing, costs a minute.
_LONGEST_SLEEP_S: Final = 60.0
# What the way out of a sink and of this thread takes, of the time that the end may take.
_RESERVE_S: Final = 0.2

# A collector that is broken for a day costs some ninety entries, parked, not lost; one that chokes on a single entry of
# 500 has it out of its way in less than five hours.
_LONGEST_CHOKING_S: Final = 900.0


class Delivery:
    """One sink's delivery.

    A batch goes out again and again until the sink takes or refuses it. A refused batch is halved until the entry is
    found that the sink does not take: that one alone is parked. Entries that are parked without any delivered between
    them come ever more slowly, so a sink that refuses everything finds nearly everything still there once it is mended.
    """

    def __init__(
        self,
        store: Store,
        plan: SinkPlan,
        sink: Sink,
        clock: Clock,
        random: Callable[[], float],
        log: Callable[[str, str], None],
    ) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            store: What is to be delivered; the sink is registered there.
            plan: The sink's name and options.
            sink: Where it goes.
            clock: Tells how long things take.
            random: Returns numbers from 0 up to 1.
            log: Told a level (`info`, `warning`, `error`) and a line, when the sink's state changes.
        """
        self._store = store
        self._plan = plan
        self._sink = sink
        self._clock = clock
        self._backoff = Backoff(random)
        # Apart, so that whoever parks goes on slowly though each try has an answer.
        self._parking = Backoff(random)
        self._speech = Speech(plan.name, clock, log)
        self._most = self._limit = _number(plan.options.get("batch"), MOST_ENTRIES)
        self._parked_in_a_row = 0
        self._suspected = "", 0.0
        self._bell = threading.Condition()
        self._woken = True
        self._hurried = False
        self._may_hurry = True
        self._by: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"sink-{plan.name}"[:15], daemon=True)
        self._delivered = self._parked = self._rejected = self._attempts = self._failures = 0
        self._failing_since: float | None = None
        self._last_failure: str | None = None

    # -- from other threads

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def wake(self) -> None:
        """Say that the store has something new."""
        with self._bell:
            self._woken = True
            self._bell.notify()

    def retry_soon(self) -> None:
        """Say that a failing sink may be there again, as after a change of the network: it is tried within a second."""
        with self._bell:
            self._hurried = True
            self._bell.notify()

    def finish(self, by: float) -> bool:
        """Deliver what is there, if the sink takes it, and end by monotonic time `by`; return whether it did end."""
        with self._bell:
            self._by = by - _RESERVE_S
            # Whatever was filed last, nobody need have said so.
            self._woken = True
            self._bell.notify()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, by - self._clock.monotonic()))
        return not self._thread.is_alive()

    def status(self) -> SinkStatus:
        """Return how the sink is doing."""
        return SinkStatus(
            name=self._plan.name,
            type=self._plan.type,
            delivered=self._delivered,
            parked=self._parked,
            rejected=self._rejected,
            attempts=self._attempts,
            failures=self._failures,
            failing_since_s=self._failing_since,
            last_failure=self._last_failure,
        )

    # -- the thread

    def _run(self) -> None:
        try:
            while not self._over():
                self._rest(self._guarded_turn())
        finally:
            self._sink.close()

    def _over(self) -> bool:
        return self._by is not None and self._clock.monotonic() >= self._by

    def _rest(self, seconds: float | None) -> None:
        """Wait after a failure, or (None) for something to send; whoever is to end waits for nothing."""
        until = self._clock.monotonic() + (_LONGEST_SLEEP_S if seconds is None else seconds)
        earliest = self._clock.monotonic() + 1.0
        with self._bell:
            while (left_s := until - self._clock.monotonic()) > 0:
                if seconds is None and self._woken:
                    return
                if self._by is not None:
                    self._by = self._clock.monotonic()
                    return
                if self._hurried and self._may_hurry:
                    self._hurried = False
                    until = min(until, earliest)
                    continue
                self._bell.wait(left_s)

    def _guarded_turn(self) -> float | None:
        """Return what `turn` does; a mistake of the store's is said, and leaves the thread alive."""
        try:
            return self.turn()
        except Exception as mistake:  # noqa: BLE001 - a sink's thread ends with the service only
            return self._failed(Outcome(fate=Fate.UNAVAILABLE, why=f"a mistake of the agent's own: {_place(mistake)}"))

    def turn(self) -> float | None:
        """Take one batch on its way; return how many seconds to wait before the next, None until there is more."""
        self._woken = False
        batch = self._store.next_batch(self._plan.name, most_entries=self._limit, most_bytes=MOST_BYTES)
        if batch is None:
            return None
        outcome = self._sent(batch)
        if outcome.fate is Fate.DELIVERED:
            return self._taken(batch, outcome)
        if outcome.fate is Fate.REFUSED or self._chokes(batch, outcome):
            return self._refused(batch, outcome.why or "refused")
        return self._failed(outcome)

    def _chokes(self, batch: Batch, outcome: Outcome) -> bool:
        """Return whether a sink has failed over the same batch for so long that it may be the batch."""
        now = self._clock.monotonic()
        if not outcome.suspect:
            self._suspected = "", now
        elif self._suspected[0] != batch.id:
            self._suspected = batch.id, now
        return outcome.suspect and now >= self._suspected[1] + _LONGEST_CHOKING_S

    def _sent(self, batch: Batch) -> Outcome:
        self._attempts += 1
        try:
            return self._sink.send(batch, self._over)
        except Exception as mistake:  # noqa: BLE001 - whatever a sink does wrong, its entries stay
            return Outcome(fate=Fate.UNAVAILABLE, why=f"a mistake of the agent's own: {_place(mistake)}")

    def _taken(self, batch: Batch, outcome: Outcome) -> float:
        refused = outcome.refused
        if refused:
            self._store.park(batch, refused[0].why, only=tuple(entry.seq for entry in refused))
            self._speech.parked(len(refused), refused[0].why)
        else:
            self._store.delivered(batch)
        if outcome.rejected:
            self._speech.rejected(outcome.rejected, outcome.why or "")
        self._delivered += len(batch.entries) - len(refused) - outcome.rejected
        self._parked += len(refused)
        self._rejected += outcome.rejected
        self._backoff.succeeded()
        self._parking.succeeded()
        self._parked_in_a_row = 0
        self._limit = min(self._most, self._limit * 2)
        self._speech.up(self._failing_since)
        self._failing_since = self._last_failure = None
        return 0.0

    def _refused(self, batch: Batch, why: str) -> float:
        # It answers, so it is there.
        self._backoff.succeeded()
        count = len(batch.entries)
        if count > 1:
            self._store.shorten(batch)
            self._limit = max(1, count // 2)
            return 0.0
        self._store.park(batch, why)
        self._parked += 1
        self._parked_in_a_row += 1
        self._speech.parked(1, why)
        # The first one costs no time: it is likely to be the only one.
        return 0.0 if self._parked_in_a_row == 1 else self._parking.failed()

    def _failed(self, outcome: Outcome) -> float:
        if self._over():
            # It was us who cut it short.
            return 0.0
        self._failures += 1
        if self._failing_since is None:
            self._failing_since = self._clock.monotonic()
        self._last_failure = outcome.why or "it failed"
        self._speech.down(self._last_failure)
        # Who asked to be left alone is left alone, whatever the network does.
        self._may_hurry = outcome.retry_after_s is None
        return self._backoff.failed(outcome.retry_after_s)


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _place(mistake: Exception) -> str:
    """Return what a mistake is and where it was made: its text may hold what no log should."""
    at = mistake.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" ({at.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at.tb_lineno})" if at is not None else ""
    return f"{type(mistake).__name__}{where}"
