"""Reads the plan again beside the loop: a wrong configuration changes nothing, a slow disk delays nothing."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from agent.daemon.plan import PlanProblems, ServicePlan
from agent.daemon.plan_change import plan_difference

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable


class Reloading:
    """One reload at a time; what is asked for meanwhile begins when it is over.

    Attributes:
        taken: How many plans were put to work.
        refused: How many were wrong, or could not be read.
        problem: What was wrong with the newest one, None where nothing was.
    """

    def __init__(self, read: Callable[[], ServicePlan | PlanProblems]) -> None:
        """Take who reads the plan; it may take seconds."""
        self._read = read
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._under_way = False
        self._asked_again = False
        self._ended = False
        self._result: ServicePlan | PlanProblems | None = None
        self.taken = 0
        self.refused = 0
        self.problem: str | None = None

    def fileno(self) -> int:
        """Return the descriptor that is readable once a plan was read."""
        return self._wake

    def begin(self) -> None:
        """Begin to read, now or once the reading under way is over; refused where the host gives no thread."""
        if self._under_way:
            self._asked_again = True
            return
        self._under_way = True
        try:
            threading.Thread(target=self._run, name="reload", daemon=True).start()
        except (RuntimeError, MemoryError) as error:
            self._put(PlanProblems(lines=(f"the host gives no thread to read the configuration: {error}",)))

    def take(self, old: ServicePlan, log: logging.Logger) -> ServicePlan | None:
        """Return the plan that was read since the last look, fit to follow `old`; None for none, or a wrong one."""
        result = self._result
        if result is None:
            return None
        os.eventfd_read(self._wake)
        self._result, self._under_way = None, False
        self._ended = not self._asked_again
        if self._asked_again:
            self._asked_again = False
            self.begin()
        if not isinstance(result, ServicePlan):
            self._refuse(result, log)
            return None
        change = plan_difference(old, result)
        self.taken += 1
        self.problem = None
        log.info("reload %d: %s", self.taken + self.refused, change.text)
        return change.plan

    def over(self) -> bool:
        """Return, once for each, whether the reloads that were asked for are over."""
        ended, self._ended = self._ended, False
        return ended

    def _run(self) -> None:
        self._put(self._read())

    def _put(self, result: ServicePlan | PlanProblems) -> None:
        # In this order: who finds a result may count on the descriptor being readable.
        os.eventfd_write(self._wake, 1)
        self._result = result

    def _refuse(self, problems: PlanProblems, log: logging.Logger) -> None:
        self.refused += 1
        self.problem = problems.lines[0]
        # Numbered: whoever reloads the same mistake twice is told twice (`log_limit`).
        for line in problems.lines:
            log.error("reload %d: %s", self.taken + self.refused, line)
        log.error("reload %d: nothing changes: the configuration before stays in force", self.taken + self.refused)
