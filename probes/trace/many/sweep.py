"""The wide engine's loop: many traces, one carrier; what leaves when, whose answer came, whose time is up."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from math import inf

from probes.facts import RejectReason, StampSource
from probes.seam import LocalError, Stamp
from probes.trace.ending import ending_of
from probes.trace.many.slots import Slots
from probes.trace.many.state import ManyTrace, code_of
from probes.trace.settings import TraceSettings
from probes.wire.icmp import answer_kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.clock import Clock
    from probes.failure import Failure
    from probes.many_seam import Carrier, Lane, Sighting, Waiter

# A turn sends no more than this before it reads again, so that replies do not overflow the receive buffer.
_SENDS_PER_TURN: Final = 256
# More readings than a full receive buffer takes, each of 256 messages at most: a flood cannot hold the turn.
_READS_PER_TURN: Final = 96
# Traces start while the queue is shorter than this: probes leave soon after they are wanted, and RTTs stay honest.
_QUEUE_ENOUGH: Final = 512
_TOKEN_LENGTH: Final = 8
# Echo replies (RFC 792, RFC 4443); neither number means an error in the other family.
_DIRECT: Final = frozenset({0, 129})
# Nobody waits for the end of one trace among thousands: answers may take the whole timeout, and a stalled host or
# network shows no loss that is none.
UNHURRIED: Final = TraceSettings(least_wait_s=1.0, silence_wait_s=1.0)
# Whoever is ahead of the rate looks again after so long, and sends what has become due by then: a look for each probe
# would cost more than the probe.
_BREATH_S: Final = 0.0005
# How long to leave a host alone that has no room for another packet.
_FULL_PAUSE_S: Final = 0.001


class Sweep:
    """Traces many targets at once. Add targets, take turns, take what is finished.

    Args:
        carrier: Carries the probes; every target is of its family.
        settings: The numbers to obey, for every trace; at most `burst_limit` queries.
        random_bytes: Returns so many unguessable bytes, as `os.urandom`.
        rate_per_s: Probes a second at most; infinity: as fast as they leave.

    Raises:
        ValueError: More queries than a router's bucket holds.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        settings: TraceSettings,
        random_bytes: Callable[[int], bytes],
        rate_per_s: float = 20_000.0,
    ) -> None:
        if settings.queries > settings.burst_limit:
            raise ValueError(f"at most {settings.burst_limit} queries: a router's bucket holds no more")
        self.carrier = carrier
        # Messages that no trace could be told of, by reason; `ManyTrace.rejected` has the others.
        self.rejected: dict[RejectReason, int] = {}
        # Targets that never got as far as a probe: key, failure, words.
        self.unreachable: list[tuple[object, Failure, str]] = []
        self.sent = 0
        self._settings = settings
        self._random_bytes = random_bytes
        self._rate_per_s = rate_per_s
        self._slots = Slots(carrier.slots, random_bytes)
        # Even if every trace took all the probes it may, each would find a slot.
        self._most_traces = carrier.slots // most_probes(settings)
        self._waiting: deque[tuple[object, str, int | None]] = deque()
        self._queue: deque[tuple[ManyTrace, int]] = deque()
        self._timers: list[tuple[float, int, ManyTrace]] = []
        self._timer_number = 0
        self._active: set[ManyTrace] = set()
        self._finished: list[ManyTrace] = []
        self._endings: dict[tuple[int, bool], int] = {}
        # When the next probe is due by the rate, and when it is looked whether it is.
        self._due_at = self._look_at = -inf

    # --- for the caller -----------------------------------------------------------------------------------------------

    def add(self, key: object, address: str, *, hint: int | None = None) -> None:
        """Trace a target as soon as there is room.

        Args:
            key: The caller's name for it.
            address: As inet_ntop writes it, with a zone where it needs one.
            hint: Its distance as remembered.
        """
        self._waiting.append((key, address, hint))

    def take(self) -> list[ManyTrace]:
        """Return the traces that have finished since the last call; their late answers are no longer waited for."""
        finished, self._finished = self._finished, []
        for trace in finished:
            self._slots.take_back(trace.slots)
        return finished

    def turn(self, now: float) -> float | None:
        """Read, learn, and send what is due.

        Returns:
            When the next turn is due at the latest, if nothing arrives before; None when there is nothing left to do.
        """
        self._hear(now)
        self._wake(now)
        self._admit(now)
        may_send_at = self._send(now)
        if self.idle:
            return None
        if self._queue:
            return may_send_at
        return self._timers[0][0] if self._timers else now

    @property
    def idle(self) -> bool:
        """Return whether nothing is being traced and nothing waits to be."""
        return not (self._active or self._waiting)

    def stop(self, now: float) -> None:
        """End every trace now, with what it has; those that have not begun are forgotten."""
        from probes.facts import EndReason  # noqa: PLC0415 - an interruption can wait for it

        self._waiting.clear()
        self._queue.clear()
        for trace in tuple(self._active):
            trace.stop(EndReason.ABORTED, now)
            self._go_on(trace, b"")

    # --- reading ------------------------------------------------------------------------------------------------------

    def _hear(self, now: float) -> None:
        """Take in what has arrived: all of it, unless it comes faster than it can be read."""
        receive = self.carrier.receive
        owners, numbers, endings = self._slots.owners, self._slots.numbers, self._endings
        for _ in range(_READS_PER_TURN):
            sightings = receive()
            if not sightings:
                return
            for slot, kind, sender, source, destination, token, at, evidence in sightings:
                trace = owners[slot]
                ending = None
                # A whole token and the quoted destination prove the probe. What falls short is looked at with care.
                if trace is not None and token == trace.lane.token and destination == trace.lane.destination:
                    ending = endings.get((kind, sender == destination))
                if trace is None or ending is None or sender == trace.lane.source:
                    self._doubt((slot, kind, sender, source, destination, token, at, evidence), now)
                    continue
                wanted = trace.answered(numbers[slot], ending, at, evidence, now)
                if wanted is not None:
                    self._go_on(trace, wanted)

    def _doubt(self, sighting: Sighting, now: float) -> None:
        """Take in a message that is not plainly an answer: believe it, or count why not."""
        slot, kind, sender, source, destination, token, at, evidence = sighting
        trace = self._slots.owners[slot]
        if trace is None:
            self._reject(None, RejectReason.UNKNOWN_PROBE)
            return
        reason = _contradiction(trace.lane, kind, source, destination, token)
        number = self._slots.numbers[slot]
        if reason is None and sender == trace.lane.source and sender != destination:
            event = self.carrier.read(trace.lane, evidence, Stamp(at, 0, StampSource.KERNEL))
            if isinstance(event, LocalError):
                self._go_on(trace, trace.failed(number, event.failure, event.offender, now))
                return
        ending = self._ending(kind, from_target=sender == destination)
        if reason is None and ending is None:
            reason = RejectReason.NOT_AN_ANSWER
        if reason is not None or ending is None:
            self._reject(trace, reason or RejectReason.NOT_AN_ANSWER)
            return
        self._go_on(trace, trace.answered(number, ending, at, evidence, now) or b"")

    def _ending(self, kind: int, *, from_target: bool) -> int | None:
        """Return what a type and code mean for the path, None where they are no answer; remember what they mean."""
        from probes.facts import Answer, Icmp  # noqa: PLC0415 - asked once for each kind of answer

        icmp = Icmp(type=kind >> 8, code=kind & 0xFF)
        answer = answer_kind(self.carrier.family, icmp.type, icmp.code)
        if answer is Answer.OTHER_ICMP:
            return None
        ending = code_of(ending_of(answer, icmp, from_target=from_target))
        self._endings[kind, from_target] = ending
        return ending

    def _reject(self, trace: ManyTrace | None, reason: RejectReason) -> None:
        if trace is None:
            self.rejected[reason] = self.rejected.get(reason, 0) + 1
            return
        trace.rejected = trace.rejected or {}
        trace.rejected[reason] = trace.rejected.get(reason, 0) + 1

    # --- timing -------------------------------------------------------------------------------------------------------

    def _wake(self, now: float) -> None:
        """Let the traces go on whose deadline has passed."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            at, _, trace = heappop(timers)
            if at != trace.armed_at:
                continue
            trace.armed_at = inf
            if trace.outcome is None and not trace.queued:
                self._go_on(trace, trace.due(now))

    def _go_on(self, trace: ManyTrace, ttls: bytes) -> None:
        """Queue what a trace wants, or note its next deadline, or its end."""
        if ttls:
            self._queue.extend([(trace, ttl) for ttl in ttls])
        elif trace.outcome is None:
            if trace.deadline < trace.armed_at:
                self._arm(trace)
        elif trace in self._active:
            self._active.remove(trace)
            self._finished.append(trace)

    def _arm(self, trace: ManyTrace) -> None:
        """Set a trace's timer; one for a later instant, set before, is passed over when its time comes."""
        self._timer_number += 1
        trace.armed_at = trace.deadline
        heappush(self._timers, (trace.deadline, self._timer_number, trace))

    def _admit(self, now: float) -> None:
        """Begin traces while there are slots for all of their probes, and few probes wait to leave."""
        while self._waiting and self._has_room:
            key, address, hint = self._waiting.popleft()
            lane = self.carrier.lane(address, self._random_bytes(_TOKEN_LENGTH))
            if isinstance(lane, tuple):
                self.unreachable.append((key, *lane))
                continue
            trace = ManyTrace(key, lane, self._settings, hint=hint)
            self._active.add(trace)
            self._go_on(trace, trace.begin(now))

    @property
    def _has_room(self) -> bool:
        slots, queued = self._slots, len(self._queue)
        traces = len(self._active) + len(self._finished)
        return queued < _QUEUE_ENOUGH and traces < self._most_traces and slots.used + queued < slots.limit

    # --- sending ------------------------------------------------------------------------------------------------------

    def _send(self, now: float) -> float:
        """Send what the rate allows, at most so many; return when to look for more."""
        if now < self._look_at:
            return self._look_at
        queue, slots, send = self._queue, self._slots, self.carrier.send
        step_s, series_ttl = 1.0 / self._rate_per_s, self._settings.series_ttl
        # A late turn may catch up, by one turn's worth of probes.
        at = max(self._due_at, now - _SENDS_PER_TURN * step_s)
        left = _SENDS_PER_TURN
        while queue and left and at <= now:
            trace, ttl = queue[0]
            if trace.outcome is None:
                slot = slots.give(trace, len(trace.ttls))
                sent = send(trace.lane, ttl or series_ttl, slot)
                if sent is None:
                    slots.keep(slot)
                    at = now + _FULL_PAUSE_S
                    break
                if isinstance(sent, float):
                    trace.left(ttl, slot, sent)
                else:
                    trace.refused(ttl, slot, sent, now)
                if not trace.queued or trace.outcome is not None:
                    self._go_on(trace, b"")
                left -= 1
                at += step_s
            queue.popleft()
        self._due_at = at
        self._look_at = max(at, now + _BREATH_S) if queue and at > now else at
        return self._look_at


def _contradiction(
    lane: Lane, kind: int, source: bytes | None, destination: bytes, token: bytes | None
) -> RejectReason | None:
    """Return what speaks against a message: the same rules and words as in `probes.trace.match`."""
    if token is not None and not lane.token.startswith(token):
        return RejectReason.WRONG_IDENTITY
    if kind >> 8 in _DIRECT:
        # A direct answer bears the whole payload, and comes from where the probe went.
        if token is None:
            return RejectReason.SHORT_QUOTE
        return None if destination == lane.destination else RejectReason.WRONG_SOURCE
    if destination != lane.destination:
        return RejectReason.FOREIGN_FLOW
    # A translated source is believed only with an identity too large to guess.
    translated = source is not None and source != lane.source
    return RejectReason.FOREIGN_FLOW if translated and token is None else None


def most_probes(settings: TraceSettings) -> int:
    """Return how many probes one trace may take: every TTL asked as often as a bucket holds, series and top-up."""
    ttls = settings.max_ttl - settings.first_ttl + 1
    return ttls * settings.burst_limit + settings.series_count + settings.queries


def run(sweep: Sweep, *, clock: Clock, waiter: Waiter, done: Callable[[ManyTrace], None]) -> None:
    """Take turns until every target of a sweep is traced.

    Args:
        sweep: What to trace.
        clock: Who tells the time.
        waiter: Waits for the carrier, or a time.
        done: Gets each trace as soon as it has finished; no later answer is credited to it.
    """
    while (at := sweep.turn(clock.monotonic())) is not None:
        for trace in sweep.take():
            done(trace)
        waiter.wait((sweep.carrier,), until=at)
    for trace in sweep.take():
        done(trace)
