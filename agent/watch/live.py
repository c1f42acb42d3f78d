"""A watched path on a terminal: news and keys go in, frames come out, four a second at most but for keys."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from agent.views.style import ASCII, UNICODE
from agent.views.watch_table import Canvas
from agent.views.watch_view import watch_lines
from agent.watch.controls import Controls, Wish, pressed
from agent.watch.news import Doing, Phase
from probes.frozen import frozen

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Sequence
    from typing import Final

    from rich.text import Text

    from agent.watch.measuring import Measuring
    from agent.watch.news import News
    from agent.watch.terminal import Heard, Terminal
    from agent.watch.watching import Watching
    from probes.clock import Clock

_BETWEEN_FRAMES_S: Final = 0.25
# The clock in the title shows seconds.
_LONGEST_S: Final = 1.0
INTERVALS_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Inbox:
    """News on their way from the thread that measures to the one that shows; `wake` is called with each."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[News] = SimpleQueue()
        self.wake: Callable[[], None] = lambda: None

    def put(self, news: News) -> None:
        """Take news in."""
        self._queue.put(news)
        self.wake()

    def get(self, timeout_s: float = 0.0) -> News | None:
        """Return the oldest news, None where there are none within that time."""
        try:
            return self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        except Empty:
            return None


@frozen
class Shown:
    """How frames are drawn: `ansi` makes lines of a width what a terminal is sent."""

    unicode: bool
    ansi: Callable[[Sequence[Text], int], list[str]]


class Live:
    """One watched path on one terminal; `run` returns when somebody wants the end or there is nothing more to come.

    Args:
        watching: Where news are added up.
        measuring: Who is told of wishes.
        inbox: Where news come from.
        terminal: Taken over already.
        shown: How frames are drawn.
        clock: The clock.
        networks: Whether networks are shown at first.
    """

    def __init__(
        self,
        watching: Watching,
        measuring: Measuring,
        inbox: Inbox,
        terminal: Terminal,
        shown: Shown,
        clock: Clock,
        *,
        networks: bool = False,
    ) -> None:
        self._watching = watching
        self._measuring = measuring
        self._inbox = inbox
        self._terminal = terminal
        self._shown = shown
        self._clock = clock
        self._controls = Controls(networks=networks)
        self._frame_at = clock.monotonic()

    def run(self) -> signal.Signals | None:
        """Return the signal that ended it, None where a key or the last round did."""
        self._draw()
        due = self._frame_at + _LONGEST_S
        while True:
            over = self._measuring.over
            heard = self._terminal.wait(due - self._clock.monotonic())
            told = self._take_news()
            if heard.end is not None or self._heed(heard) or over:
                return heard.end
            now = self._clock.monotonic()
            if told:
                due = min(due, max(now, self._frame_at + _BETWEEN_FRAMES_S))
            if heard.keys or heard.redraw or now >= due:
                self._draw()
                due = self._frame_at + _LONGEST_S

    def _take_news(self) -> bool:
        """Add up what was told; return whether a person would see the difference."""
        differs = False
        while (news := self._inbox.get()) is not None:
            self._watching.take(news)
            differs = differs or not (isinstance(news, Doing) and news.phase in {Phase.ROUND, Phase.WAITING})
        return differs

    def _heed(self, heard: Heard) -> bool:
        """Do what the keys ask for; return whether that is the end."""
        for key in heard.keys:
            before = self._controls
            self._controls, wish = pressed(before, key, self._watching.picture())
            if self._controls.paused != before.paused:
                self._measuring.pause(paused=self._controls.paused)
            if wish is Wish.QUIT:
                return True
            if wish is not None:
                self._grant(wish)
        return False

    def _grant(self, wish: Wish) -> None:
        match wish:
            case Wish.RESET:
                self._watching.reset(self._now_s())
            case Wish.CHECK:
                self._measuring.check_now()
            case Wish.FASTER | Wish.SLOWER:
                interval_s = next_interval(self._watching.picture().interval_s, slower=wish is Wish.SLOWER)
                self._watching.take(Doing(phase=Phase.WAITING, interval_s=interval_s))
                self._measuring.set_interval(interval_s)
            case _:
                return

    def _draw(self) -> None:
        columns, lines = self._terminal.size
        canvas = Canvas(
            width=columns,
            height=lines,
            symbols=UNICODE if self._shown.unicode else ASCII,
            unicode=self._shown.unicode,
            now_s=self._now_s(),
        )
        frame = watch_lines(self._watching.picture(), self._controls, canvas)
        self._terminal.draw(self._shown.ansi(frame, columns))
        self._frame_at = self._clock.monotonic()

    def _now_s(self) -> float:
        return self._clock.realtime_ns() / 1e9


def next_interval(interval_s: float, *, slower: bool) -> float:
    """Return the next of the usual intervals, the same where there is none."""
    if slower:
        return next((each for each in INTERVALS_S if each > interval_s), interval_s)
    return next((each for each in reversed(INTERVALS_S) if each < interval_s), interval_s)
