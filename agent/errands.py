"""What a sample does beside its main trace: each errand in a thread of its own, waited for no longer than one wants."""

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from agent.mistakes import own_failure
from agent.world import never
from probes.clock import Clock
from probes.sample import AgentFailure

_Result = TypeVar("_Result")

# Who waits looks up this often whether it is enough: a sample ends a tenth of a second after its network changed.
LONGEST_NAP_S = 0.02


def naps(clock: Clock, deadline: float) -> Iterator[float]:
    """Yield how long to wait each time until `deadline`, in seconds; each is waited for before the next is asked."""
    left_s = deadline - clock.monotonic()
    while left_s > 0:
        nap_s = min(left_s, LONGEST_NAP_S)
        yield nap_s
        # What was waited counts even where the clock is a simulated one.
        left_s = min(left_s - nap_s, deadline - clock.monotonic())


class Errand(Generic[_Result]):
    """One piece of work under way; its result is None until it is done, and if it failed."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._result: _Result | None = None

    @property
    def over(self) -> bool:
        """Return whether there is nothing to wait for."""
        return self._over.is_set()

    def result(self, left_s: float | None = None) -> _Result | None:
        """Return the result, waited for as long as `left_s` says (None: until it is there)."""
        self._over.wait(left_s if left_s is None else max(0.0, left_s))
        return self._result

    def _finish(self, result: _Result | None) -> None:
        self._result = result
        self._over.set()


class Errands:
    """Starts errands and keeps their failures: an exception in one is the agent's own mistake and becomes a fact."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: list[AgentFailure] = []
        self._stop: Callable[[], bool] = never

    def end_when(self, stop: Callable[[], bool]) -> None:
        """Wait for nothing any more once `stop` says so."""
        self._stop = stop

    @property
    def failures(self) -> tuple[AgentFailure, ...]:
        """Return what the agent itself could not do so far."""
        return tuple(self._failures)

    def start(self, operation: str, work: Callable[[], _Result]) -> Errand[_Result]:
        """Begin `work`; `operation` is what a failure of it will be called."""
        errand = Errand[_Result]()

        def run() -> None:
            result = None
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - the agent's own mistake: it becomes a fact, as in the cycle
                self._failures.append(own_failure(operation, error))
            finally:
                errand._finish(result)  # noqa: SLF001 - the two classes are one thing

        try:
            threading.Thread(target=run, daemon=True).start()
        except RuntimeError as error:
            # The host allows no further thread; what was to be asked stays unknown.
            self._failures.append(own_failure(operation, error))
            errand._finish(None)  # noqa: SLF001 - likewise
        return errand

    def until(self, errand: Errand[_Result] | None, deadline: float) -> _Result | None:
        """Return an errand's result, waited for until monotonic time `deadline` or the end; None for no errand."""
        if errand is None:
            return None
        for nap_s in naps(self._clock, deadline):
            if errand.over or self._stop():
                break
            errand.result(nap_s)
        return errand.result(0.0)
