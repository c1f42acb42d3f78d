"""How often the same event is told: once a minute, and then with how many more there were. Pure: `now` is told."""

from __future__ import annotations

from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

WINDOW_S: Final = 60.0
# More different events than this within a minute are no repetition any more; the oldest is forgotten first.
MOST_EVENTS: Final = 2_048


@frozen
class Event:
    """What makes two lines the same event: the words before anything is filled in, and what they are about."""

    logger: str
    level: int
    words: str
    about: str | None = None


@frozen
class Repeated:
    """An event that came again within a minute, `times` unsaid; `newest` is the last of its lines."""

    event: Event
    newest: str
    times: int


class RepeatLimit:
    """Remembers which events were told within the last minute."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        """Remember nothing yet."""
        self._window_s = window_s
        # When each event was told, the earliest first, and what was left unsaid since then.
        self._told: dict[Event, tuple[float, Repeated | None]] = {}

    def admit(self, event: Event, line: str, now: float) -> bool:
        """Return whether a line is to be told; else it is counted. `over` was asked first."""
        if event not in self._told:
            self._told[event] = (now, None)
            return True
        told_s, before = self._told[event]
        times = 1 if before is None else before.times + 1
        self._told[event] = (told_s, Repeated(event=event, newest=line, times=times))
        return False

    def over(self, now: float) -> tuple[Repeated, ...]:
        """Return what came again within a minute that is over: telling of that begins another one."""
        repeated = []
        while self._told and self._is_over(next(iter(self._told.values()))[0], now):
            _, again = self._told.pop(next(iter(self._told)))
            if again is not None:
                repeated.append(again)
        for again in repeated:
            self._told[again.event] = (now, None)
        return tuple(repeated)

    def _is_over(self, told_s: float, now: float) -> bool:
        return now >= told_s + self._window_s or len(self._told) > MOST_EVENTS
