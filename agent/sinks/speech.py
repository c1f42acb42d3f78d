"""What the log hears of a sink: its changes of state, and nothing twice."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.clock import Clock

# Another reason for the same state is worth a line now and then.
_ANOTHER_REASON_S: Final = 60.0
# A sink that takes all but one entry of each batch would fill the log.
_SAME_AGAIN_S: Final = 3_600.0


class Speech:
    """Tells the log of one sink."""

    def __init__(self, name: str, clock: Clock, log: Callable[[str, str], None]) -> None:
        """Begin with a sink of which nothing is known; `log` takes a level and a line."""
        self._name = name
        self._clock = clock
        self._log = log
        self._last: dict[str, tuple[float, str]] = {}
        self._untold: dict[str, int] = {}

    def down(self, why: str) -> None:
        """Say that it takes nothing, once, and again when the reason is another one."""
        known = self._last.get("down")
        if known is not None and (known[1] == why or self._clock.monotonic() - known[0] < _ANOTHER_REASON_S):
            return
        self._last["down"] = self._clock.monotonic(), why
        still = "takes nothing" if known is None else "still takes nothing"
        self._log("warning", f"sink {self._name} {still}, what is for it is kept: {why}")

    def up(self, failing_since_s: float | None) -> None:
        """Say that it is back, if it was away since monotonic time `failing_since_s`."""
        if failing_since_s is not None:
            self._last.pop("down", None)
            away_s = self._clock.monotonic() - failing_since_s
            self._log("info", f"sink {self._name} takes entries again, after {away_s:.0f} s")

    def parked(self, count: int, why: str) -> None:
        """Say that entries were put aside."""
        self._counted("parked", count, f"sink {self._name} refuses entries, kept aside", why)

    def rejected(self, count: int, why: str) -> None:
        """Say that the sink dropped entries of a batch without saying which."""
        self._counted("rejected", count, f"sink {self._name} dropped entries of a batch that it took", why)

    def _counted(self, kind: str, count: int, words: str, why: str) -> None:
        """Say it at once for a new reason, once an hour for the same, with how many there were since."""
        self._untold[kind] = count = self._untold.get(kind, 0) + count
        known = self._last.get(kind)
        if known is not None:
            wait_s = _SAME_AGAIN_S if known[1] == why else _ANOTHER_REASON_S
            if self._clock.monotonic() - known[0] < wait_s:
                return
        self._last[kind] = self._clock.monotonic(), why
        self._untold[kind] = 0
        self._log("error", f"{words}: {count}, {why}" if why else f"{words}: {count}")
