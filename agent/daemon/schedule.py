"""When each target is due: slots that never drift, and no target twice at once. Pure: `now` is monotonic seconds.

A target's slots lie `interval_s` apart, from an offset that its name and the agent's id decide, so that neither one
agent's targets nor a fleet's agents come all at once; each is put off by a small random part of the interval, so that
nothing is ever measured in step with something else that comes round as regularly (RFC 2330 section 11.1.1).
"""

from __future__ import annotations

import heapq
from hashlib import blake2b

from probes.frozen import frozen
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

# How far into its interval a slot may be put off.
JITTER_RATIO: Final = 0.05
# What is later than this or than half of an interval was stopped with the whole process: its round is over. The next
# rounds are spread as ever, whereas making good for what was missed would bring all targets at once.
GRACE_S: Final = 15.0


@frozen
class TargetTiming:
    """How one target keeps its time.

    Attributes:
        late_s: How much later than its slot the newest sample began; 0.0 before the first.
        skipped: How many rounds went by without a sample.
        next_at_s: Its next slot, or the instant that it is held or taken again.
        running: Whether a sample was handed out and has not finished.
    """

    late_s: float
    skipped: int
    next_at_s: float
    running: bool


class _State(Word):
    IDLE = "idle"
    # Handed out by `due`, and not finished.
    TAKEN = "taken"
    # Handed out, and not admitted yet.
    HELD = "held"
    # Finished, and to be taken once more before its next slot.
    AGAIN = "again"


class _Target:
    """One target: its slots, and what it is at.

    Attributes:
        round: The number of the next slot.
        slot_s: Where that one lies.
        extra_s: When it is handed out beside its slots, None where it is not.
        planned_s: When the sample that is or was handed out last had to begin.
    """

    __slots__ = (
        "base_s",
        "extra_s",
        "interval_s",
        "late_s",
        "name",
        "planned_s",
        "round",
        "skipped",
        "slot_s",
        "state",
    )

    def __init__(self, name: str, interval_s: float, base_s: float) -> None:
        self.name = name
        self.interval_s = interval_s
        self.base_s = base_s
        self.round = 0
        self.slot_s = base_s
        self.extra_s: float | None = None
        self.planned_s = base_s
        self.late_s = 0.0
        self.skipped = 0
        self.state = _State.IDLE


class Schedule:
    """Says which targets are due, and counts the rounds that went by."""

    def __init__(
        self, targets: Iterable[tuple[str, float]], agent_id: str, now: float, random: Callable[[], float]
    ) -> None:
        """Lay out the first round.

        Args:
            targets: The name of each, unique, and its interval in seconds.
            agent_id: What tells this agent's splay from another one's.
            now: The instant that the first round begins with.
            random: Returns a number from 0 to below 1.
        """
        self._agent_id = agent_id
        self._random = random
        self._targets: dict[str, _Target] = {}
        # Instants with a number that decides between equal ones; an entry whose instant its target no longer has is
        # passed over.
        self._heap: list[tuple[float, int, _Target]] = []
        self._pushed = 0
        # An ordered set.
        self._skipped: dict[str, None] = {}
        self.replace(targets, now)

    def replace(self, targets: Iterable[tuple[str, float]], now: float) -> None:
        """Take other targets: one whose name and interval stay keeps its slots and whatever it is at."""
        before, self._targets = self._targets, {}
        for name, interval_s in targets:
            old = before.get(name)
            if old is None or old.interval_s != interval_s:
                self._targets[name] = self._made(name, interval_s, now, old)
            else:
                self._targets[name] = old
        # Made anew: entries of what is gone would pile up over a thousand reloads.
        self._heap = []
        for target in self._targets.values():
            self._push(target.slot_s, target)
            if target.extra_s is not None:
                self._push(target.extra_s, target)

    def due(self, now: float) -> list[str]:
        """Return the names whose time has come, the earliest first; each is `finished`, `hold` or `again` afterwards.

        A target whose sample is under way is never returned: its round is skipped.
        """
        due = []
        while self._heap and self._heap[0][0] <= now:
            at, _, target = heapq.heappop(self._heap)
            if target.extra_s == at:
                taken = self._take_extra(target, now)
            elif target.slot_s == at:
                taken = self._take_slot(target, now)
            else:
                continue
            if taken:
                target.planned_s = at if target.state is not _State.HELD else target.planned_s
                target.state = _State.TAKEN
                due.append(target.name)
        return due

    def started(self, name: str, now: float) -> None:
        """Note when the sample of a target really began."""
        target = self._targets.get(name)
        if target is not None:
            target.late_s = max(0.0, now - target.planned_s)

    def finished(self, name: str) -> None:
        """Let the target be due again; nothing happens for one that was removed."""
        target = self._targets.get(name)
        if target is None or target.state is not _State.TAKEN:
            return
        target.state = _State.IDLE
        if target.extra_s is not None:
            target.state = _State.AGAIN
            self._push(target.extra_s, target)

    def hold(self, name: str, until: float) -> None:
        """Hand out a target that `due` returned once more at `until`; it is late by its slot all the same."""
        target = self._targets.get(name)
        if target is None or target.state is not _State.TAKEN:
            return
        target.state = _State.HELD
        target.extra_s = until
        self._push(until, target)

    def again(self, name: str, at: float) -> None:
        """Hand out a target once more at `at`, beside its slots: its sample was discarded.

        Its own slot comes first where that is earlier. Where the sample is under way still, it is handed out after it.
        """
        target = self._targets.get(name)
        if target is None or target.state is _State.HELD:
            return
        target.extra_s = at
        if target.state is not _State.TAKEN:
            target.state = _State.AGAIN
            self._push(at, target)

    def next_deadline(self) -> float | None:
        """Return when `due` has something to do next, None without targets."""
        while self._heap:
            at, _, target = self._heap[0]
            if at in {target.slot_s, target.extra_s}:
                return at
            heapq.heappop(self._heap)
        return None

    def take_skipped(self) -> list[str]:
        """Return whose rounds were skipped since it was last asked, in the order in which that was noticed."""
        names = [name for name in self._skipped if name in self._targets]
        self._skipped.clear()
        return names

    def timing(self, name: str) -> TargetTiming:
        """Return how a target keeps its time; KeyError for one that there is not."""
        target = self._targets[name]
        extra_s = target.slot_s if target.extra_s is None else target.extra_s
        return TargetTiming(
            late_s=target.late_s,
            skipped=target.skipped,
            next_at_s=min(target.slot_s, extra_s),
            running=target.state is _State.TAKEN,
        )

    def _made(self, name: str, interval_s: float, now: float, old: _Target | None) -> _Target:
        """Return a target whose first slot is splayed from `now`; counts and a sample under way are kept from `old`."""
        made = _Target(name, interval_s, now + splay_s(self._agent_id, name, interval_s))
        made.slot_s = self._slot_s(made)
        if old is not None:
            made.skipped, made.late_s, made.planned_s = old.skipped, old.late_s, old.planned_s
            made.state, made.extra_s = old.state, old.extra_s
        return made

    def _take_extra(self, target: _Target, now: float) -> bool:
        """Return whether a target is handed out beside its slots."""
        if target.state is _State.TAKEN or target.extra_s is None:
            # Still under way: `finished` brings it back.
            return False
        over = now - target.extra_s > _grace_s(target)
        target.extra_s = None
        if over:
            # A sample that was to be taken again has had its round.
            if target.state is _State.HELD:
                self._skip(target, 1)
            target.state = _State.IDLE
        return not over

    def _take_slot(self, target: _Target, now: float) -> bool:
        """Return whether a target's slot is taken, after laying out the next one."""
        oldest_s = now - _grace_s(target)
        over = target.slot_s < oldest_s
        target.round += 1
        if over:
            # On with the first one that is not over, however many went by.
            gone = max(0, int((oldest_s - target.base_s) // target.interval_s) + 1 - target.round)
            target.round += gone
            self._skip(target, gone)
        target.slot_s = self._slot_s(target)
        self._push(target.slot_s, target)
        if over or target.state in {_State.TAKEN, _State.HELD}:
            self._skip(target, 1)
            return False
        target.extra_s = None
        return True

    def _skip(self, target: _Target, rounds: int) -> None:
        target.skipped += rounds
        self._skipped[target.name] = None

    def _slot_s(self, target: _Target) -> float:
        """Return where the slot of the target's round lies."""
        put_off = JITTER_RATIO * target.interval_s * self._random()
        return target.base_s + target.round * target.interval_s + put_off

    def _push(self, at: float, target: _Target) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (at, self._pushed, target))


def _grace_s(target: _Target) -> float:
    """Return how late a sample of a target may begin at the most."""
    return min(GRACE_S, target.interval_s / 2)


def splay_s(agent_id: str, name: str, interval_s: float) -> float:
    """Return how long after the start of its interval a target comes, 0 to below `interval_s`: always the same."""
    digest = blake2b(f"{agent_id}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * interval_s
