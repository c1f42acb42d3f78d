"""What is worth remembering of a traced leg, how long it is worth anything, and when it is dropped."""

from __future__ import annotations

from probes.flow_facts import EndReason, ProtocolChoice
from probes.frozen import frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.facts import Leg
    from probes.flow_facts import Protocol
    from probes.host_facts import Network
    from probes.trace.settings import TraceSettings

# A protocol that worked is taken without comparison for so long; then the trial is made anew. Firewalls change by hand,
# in hours, and a daemon that traces every five minutes spends one trace in twelve on looking again.
_TRUSTED_S: Final = 3600
# A distance only saves probes, and a wrong one costs 0.1 s: it may be older. Paths keep their length for days.
_KEPT_S: Final = 86_400

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


@frozen
class Surroundings:
    """From where a leg was traced; what was learned from elsewhere says nothing here."""

    epoch: str
    interface: str | None
    gateway: str | None
    source: str | None


@frozen
class Lesson:
    """What one leg taught: a protocol that its target answered, how far away and how fast, and when.

    `distance` is the target's TTL, None where only the series reached it. Instants are whole seconds of the wall clock
    since 1970; `tried_at_s` is when the protocol was last chosen by trial and not by memory.
    """

    protocol: Protocol
    distance: int | None
    rtt_us: int | None
    reached_at_s: int
    tried_at_s: int


@frozen
class Remembered:
    """What a leg taught, and from where it was traced then."""

    lesson: Lesson
    learned_in: Surroundings


def leg_key(
    choice: ProtocolChoice, address: str, port: int | None, interface: str | None = None, source: str | None = None
) -> str:
    """Return what a leg is found by: what was asked for, and how."""
    return " ".join((choice, address, str(port or "-"), interface or "-", source or "-"))


def surroundings(network: Network) -> Surroundings:
    """Return from where a leg is traced: the network, and its look-up of the one address that is traced."""
    route = next(iter(network.routes), None)
    if route is None:
        return Surroundings(epoch=network.epoch, interface=None, gateway=None, source=None)
    return Surroundings(epoch=network.epoch, interface=route.interface, gateway=route.gateway, source=route.source)


def in_force(remembered: Remembered | None, here: Surroundings, now_s: int) -> Lesson | None:
    """Return the lesson if it may still be used: learned in this very network, not too long ago, not in the future."""
    if remembered is None or remembered.learned_in != here:
        return None
    lesson = remembered.lesson
    fresh = 0 <= now_s - lesson.reached_at_s < _KEPT_S and lesson.tried_at_s <= now_s
    return lesson if fresh else None


def trusted(lesson: Lesson, now_s: int) -> bool:
    """Return whether the protocol is taken without a trial."""
    return 0 <= now_s - lesson.tried_at_s < _TRUSTED_S


def learned(leg: Leg, before: Lesson | None, *, first_ttl: int, now_s: int) -> Lesson | None:
    """Return what to remember of a leg that was traced to its end; None: forget it.

    Args:
        leg: The leg as it goes into the record.
        before: What was remembered and in force, if anything was.
        first_ttl: The first TTL that was asked; a target nearer than that has no known distance.
        now_s: The wall clock.
    """
    shown = next((trial for trial in leg.tried if trial.chosen), None)
    if shown is None or leg.reached is not True or shown.reached is not True:
        # Not reached, or somebody answered in the target's place.
        return None
    same = before if before is not None and before.protocol is shown.protocol else None
    distance, known = _distance(leg, first_ttl), None if same is None else same.distance
    if None not in {distance, known} and distance != known:
        # A path that changes its length is not known: the next trace looks with open eyes.
        return None
    return Lesson(
        protocol=shown.protocol,
        distance=known if distance is None else distance,
        rtt_us=shown.rtt_us,
        reached_at_s=now_s,
        tried_at_s=same.tried_at_s if same is not None and trusted(same, now_s) else now_s,
    )


def _distance(leg: Leg, first_ttl: int) -> int | None:
    if leg.end_reason is not EndReason.REACHED or not leg.hops:
        return None
    last = leg.hops[-1].probe_ttl
    return None if last == first_ttl and first_ttl > 1 else last


class Memory:
    """What is remembered of one leg, as its trace uses it.

    Args:
        lesson: What is remembered and in force, None for nothing.
        choice: What a person asked for: a protocol that was asked for is never replaced by a remembered one.
        now_s: The wall clock.
    """

    def __init__(self, lesson: Lesson | None, choice: ProtocolChoice, *, now_s: int) -> None:
        self._lesson = lesson
        self._now_s = now_s
        free = choice is ProtocolChoice.ADAPTIVE
        # The protocol to trace with before any other, None where the trial decides.
        self.protocol = lesson.protocol if lesson is not None and free and trusted(lesson, now_s) else None

    @property
    def rtt_us(self) -> int | None:
        """Return how fast the target answered then."""
        return None if self._lesson is None else self._lesson.rtt_us

    def hinted(self, settings: TraceSettings, protocol: Protocol) -> TraceSettings:
        """Return the settings with the remembered distance as a hint, where it was learned by this protocol."""
        lesson = self._lesson
        if lesson is None or lesson.protocol is not protocol or (lesson.distance or 0) < settings.first_ttl:
            return settings
        return replace(settings, distance_hint=lesson.distance)

    def reason(self, protocol: Protocol, otherwise: str) -> str:
        """Return why a trace starts with a protocol, saying what of it comes from memory; else `otherwise`."""
        lesson = self._lesson
        if lesson is None or lesson.protocol is not protocol:
            return otherwise
        words = in_words(lesson, self._now_s)
        return f"{protocol} {words}" if self.protocol is protocol else f"{otherwise}; it {words}"

    def failed(self, reason: str) -> str:
        """Return why a trace is shown, after what memory put first was not answered."""
        return (
            reason
            if self._lesson is None
            else f"{self._lesson.protocol} {in_words(self._lesson, self._now_s)}, and does not now; {reason}"
        )

    def after(self, leg: Leg, *, first_ttl: int) -> Lesson | None:
        """Return what to remember after this trace; None: forget the leg."""
        return learned(leg, self._lesson, first_ttl=first_ttl, now_s=self._now_s)


def in_words(lesson: Lesson, now_s: int) -> str:
    """Return `reached the target 3 minutes ago, 12 hops away`."""
    away = "" if lesson.distance is None else f", {_counted(lesson.distance, 'hop')} away"
    return f"reached the target {_ago(now_s - lesson.reached_at_s)}{away}"


def _ago(seconds: int) -> str:
    if seconds < 1:
        return "a moment ago"
    for unit_s, noun in ((_DAY_S, "day"), (_HOUR_S, "hour"), (_MINUTE_S, "minute")):
        if seconds >= unit_s:
            return f"{_counted(seconds // unit_s, noun)} ago"
    return f"{_counted(seconds, 'second')} ago"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
