"""How each target stands: its newest sample, and how many of each status there were; may be read from any thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.daemon.status import TargetStatus
from probes.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.daemon.plan import TargetPlan
    from agent.daemon.sampling import Taken
    from agent.daemon.schedule import TargetTiming


class Standings:
    """The targets of the plan at work, by name."""

    def __init__(self, targets: Iterable[TargetPlan]) -> None:
        """Begin with nothing known of any."""
        self._one_at_a_time = threading.Lock()
        self._targets: dict[str, TargetStatus] = {}
        self.replace(targets)

    def replace(self, targets: Iterable[TargetPlan]) -> None:
        """Take the targets of another plan; what is known of those that stay is kept."""
        with self._one_at_a_time:
            self._targets = {plan.name: _updated(self._targets.get(plan.name), plan) for plan in targets}

    def taken(self, taken: Taken, at_s: float) -> bool:
        """Note a sample that came back at monotonic time `at_s`; return whether it says other than the one before."""
        with self._one_at_a_time:
            before = self._targets.get(taken.target)
            if before is None:
                return False
            self._targets[taken.target] = replace(
                before,
                status=taken.status,
                codes=taken.codes,
                duration_s=taken.duration_us / 1e6,
                rtt_s=None if taken.rtt_us is None else taken.rtt_us / 1e6,
                loss_ratio=taken.loss_ratio,
                finished_at_s=at_s,
                samples=_counted(before.samples, (taken.status,)),
                errors=_counted(before.errors, taken.codes),
            )
            return (taken.status, taken.codes) != (before.status, before.codes)

    def timed(self, name: str, timing: TargetTiming) -> None:
        """Note how a target keeps its time."""
        with self._one_at_a_time:
            before = self._targets.get(name)
            if before is not None:
                self._targets[name] = replace(before, late_s=timing.late_s, skipped=timing.skipped)

    def all(self) -> tuple[TargetStatus, ...]:
        """Return every target as it stands."""
        with self._one_at_a_time:
            return tuple(self._targets.values())


def _updated(before: TargetStatus | None, plan: TargetPlan) -> TargetStatus:
    target = plan.request.target
    if before is None:
        return TargetStatus(name=plan.name, route=target.route, protocol=target.protocol, samples={})
    return replace(before, route=target.route, protocol=target.protocol)


def _counted(before: Mapping[str, int], words: Iterable[str]) -> dict[str, int]:
    return {**before, **{word: before.get(word, 0) + 1 for word in words}}
