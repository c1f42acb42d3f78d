"""A watched path where no screen is: records one a line as they come, or lines and a table in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.formats.json_text import ndjson_line
from agent.output import deliver
from agent.record import RecordHeader, document, uuid7
from agent.watch.news import Check

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from agent.watch.live import Inbox
    from agent.watch.measuring import Measuring
    from agent.watch.news import News
    from agent.watch.watching import Watching
    from agent.world import World

_NAP_S: Final = 0.1


def run_plain(
    watching: Watching,
    measuring: Measuring,
    inbox: Inbox,
    interrupted: Callable[[], bool],
    on_news: Callable[[News], None],
) -> None:
    """Take news until somebody interrupts or nothing more comes; each is passed on once it was added up."""
    while not interrupted():
        over = measuring.over
        news = inbox.get(_NAP_S)
        if news is not None:
            watching.take(news)
            on_news(news)
        elif over:
            return


class Records:
    """Writes each check as a record on a line of its own, numbered from 1."""

    def __init__(self, world: World) -> None:
        """Take who the agent is from the world."""
        self._world = world
        self._identity = world.identity()
        self._number = 0

    def __call__(self, news: News) -> None:
        """Write a check; anything else is in the next one.

        Raises:
            OutputClosedError: The reader has gone.
            OutputError: The device is full or broken.
        """
        if not isinstance(news, Check):
            return
        self._number += 1
        world = self._world
        identity = uuid7(world.clock.realtime_ns(), world.random_bytes(10))
        header = RecordHeader(id=identity, seq=self._number, agent=self._identity)
        deliver(ndjson_line(document(news.sample, news.diagnosis, header)))
