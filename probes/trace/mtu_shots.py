"""The packets of the path MTU's search that are under way: sent in salvos, waited for, each with its control."""

from __future__ import annotations

from collections import deque
from math import ceil, inf, log

from probes.frozen import mutable
from probes.trace.attempt import Ending, Purpose, Reply
from probes.trace.rtt import round_trip_us

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from probes.failure import Failure
    from probes.seam import Received
    from probes.trace.attempt import Attempt
    from probes.trace.ledger import Ledger
    from probes.trace.mtu_settings import MtuSettings


@mutable
class Shot:
    """One packet of a salvo: how large, how far it may go, how long it is waited for; `to_end`: past all hops."""

    size: int
    probe_ttl: int
    to_end: bool
    deciding: bool
    salvo: int
    attempt: Attempt | None = None


class Shots:
    """Sends packets and waits for them.

    Args:
        ledger: Who knows their identities.
        settings: The numbers to obey.
        rtt_s: The largest round trip known.
        paced: The end's answers come out of a limiter's bucket: after a silence it gets time to refill.
    """

    def __init__(self, ledger: Ledger, settings: MtuSettings, *, rtt_s: float | None, paced: bool) -> None:
        self._ledger = ledger
        self._settings = settings
        self._rtt_s = rtt_s
        self._queue: deque[Shot] = deque()
        self._waiting: list[Shot] = []
        self._answered: dict[tuple[int, str | None], int] = {}
        self._salvos = 0
        self._unwitnessed = 0
        self._passing = {True: 0, False: 0}
        self._hold_until = -inf
        self.paced = paced
        self.own_ports = False
        self.by_number: dict[int, Shot] = {}

    @property
    def waiting(self) -> bool:
        """Return whether an answer is still awaited."""
        return bool(self._waiting)

    @property
    def under_way(self) -> list[Shot]:
        """Return what was asked and is neither answered nor given up."""
        return [*self._waiting, *self._queue]

    @property
    def spent(self) -> bool:
        """Return whether as many packets have left as may."""
        return len(self._ledger.attempts) >= self._settings.most_probes

    def aimed_at_end(self) -> set[int]:
        """Return the sizes under way to the end."""
        return {shot.size for shot in self.under_way if shot.to_end}

    def ask(self, sizes: Iterable[int], probe_ttl: int, *, to_end: bool, deciding: bool = False) -> None:
        """Send a salvo of packets of these sizes, in this order; `deciding`: with the longer wait."""
        self._salvos += 1
        self._queue.extend(
            Shot(size=size, probe_ttl=probe_ttl, to_end=to_end, deciding=deciding, salvo=self._salvos) for size in sizes
        )

    def leaving(self, now: float) -> list[Attempt]:
        """Return the probes that leave now."""
        left: list[Attempt] = []
        while self._queue and not (self._queue[0].to_end and now < self._hold_until) and not self.spent:
            shot = self._queue.popleft()
            attempt = self._ledger.issue(
                probe_ttl=shot.probe_ttl,
                purpose=Purpose.SERIES if shot.to_end else Purpose.HOP,
                now=now,
                own_port=self.own_ports,
                size=shot.size,
            )
            shot.attempt = attempt
            self.by_number[attempt.probe.number] = shot
            self._waiting.append(shot)
            left.append(attempt)
        return left

    def next_deadline(self) -> float:
        """Return when something is to be sent or given up; infinity where nothing is under way."""
        ends = [self._ends_at(shot) for shot in self._waiting]
        if self._queue and not self.spent:
            ends.append(self._hold_until if self._queue[0].to_end else -inf)
        return min(ends, default=inf)

    def expired(self, now: float) -> list[Shot]:
        """Return the packets whose time is up, in the order they left, and wait for them no more."""
        over = [shot for shot in self._waiting if now >= self._ends_at(shot)]
        for shot in over:
            self.close(shot)
            if self.paced and shot.to_end:
                self._hold_until = max(self._hold_until, _at(shot) + self._settings.pause_s)
        return over

    def close(self, shot: Shot) -> None:
        """Wait for a packet no more."""
        if shot in self._waiting:
            self._waiting.remove(shot)

    def refused(self, shot: Shot, failure: Failure) -> None:
        """Take in that the host did not send a packet."""
        if shot.attempt is not None:
            shot.attempt.failure = failure
        self.close(shot)

    def answered(self, shot: Shot, event: Received) -> None:
        """Take in the first answer to a packet, whatever it says."""
        self.close(shot)
        attempt = shot.attempt
        assert attempt is not None and attempt.sent is not None, "only what left is matched"  # noqa: S101, PT018
        rtt_us = round_trip_us(attempt.sent, event.stamp, self._settings.clock_tolerance_s)
        attempt.reply = Reply(
            sender=event.sender, answer=event.answer, ending=Ending.PASSED, rtt_us=rtt_us, late=False, icmp=event.icmp
        )
        if shot.to_end:
            self._rtt_s = max(rtt_us / 1e6, self._rtt_s or 0.0)

    def witness(self, shot: Shot, who: str | None) -> None:
        """Take in that somebody answered a packet: a router that refused it, or the end (None)."""
        key = shot.salvo, who
        self._answered[key] = max(self._answered.get(key, -1), _number(shot))
        if who is None:
            self._passing[True] += 1

    def end_missed(self) -> None:
        """Take in that a packet that can pass was not answered."""
        self._passing[False] += 1

    def witnessed(self, shot: Shot, witnesses: Iterable[str]) -> bool:
        """Return whether all who would have answered a packet were awake, limiters and all: its silence says something.

        That is the end, and every router that refuses its size; each has answered a later packet of the same salvo. One
        of a later salvo proves nothing: a limiter has refilled since.
        """
        return all(self._answered.get((shot.salvo, who), -1) > _number(shot) for who in (None, *witnesses))

    def give_time(self, *, told: bool, now: float) -> None:
        """Note whether a silence said something; after two in a row that did not, limiters and outages get time."""
        self._unwitnessed = 0 if told else self._unwitnessed + 1
        if self._unwitnessed > 1:
            self._hold_until = max(self._hold_until, now + self._settings.pause_s)

    def silences_needed(self) -> int:
        """Return how many silences tell a size too big from loss, by the loss of the packets that can pass."""
        settings = self._settings
        lost, passed = self._passing[False], self._passing[True]
        ratio = lost / (lost + passed) if lost else 0.0
        if not ratio:
            return settings.repeats
        enough = settings.most_repeats if ratio >= 1 else ceil(log(settings.doubt) / log(ratio))
        return min(max(settings.repeats, enough), settings.most_repeats)

    def _ends_at(self, shot: Shot) -> float:
        settings = self._settings
        if self._rtt_s is None:
            return _at(shot) + settings.timeout_s
        least_s = settings.confirm_wait_s if shot.deciding else settings.least_wait_s
        return _at(shot) + min(max(settings.rtt_factor * self._rtt_s, least_s), settings.timeout_s)


def _at(shot: Shot) -> float:
    return inf if shot.attempt is None else shot.attempt.at


def _number(shot: Shot) -> int:
    """Return its place in the order of sending, which stamps of one instant do not tell."""
    return -1 if shot.attempt is None else shot.attempt.probe.number
