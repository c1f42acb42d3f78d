"""The traces that an edge makes for callers: one for all that ask the same at once, and remembered for some seconds."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from agent.record import plain
from probes.clock import Clock
from probes.facts import Direction, Leg, ProtocolChoice
from probes.frozen import frozen
from probes.name_facts import DnsCheck

# Each holds the text of one leg, some kilobytes.
_MOST_KEPT: Final = 2_048


@frozen
class Job:
    """One trace to make, the same for everybody who asks for it.

    `host` is the address to trace back to, or the name or address to trace on to.
    """

    direction: Direction
    protocol: ProtocolChoice
    host: str
    port: int | None
    max_ttl: int
    queries: int
    timeout_s: float


@frozen
class Made:
    """What came of a job: a leg and what the resolvers said of its name, or why it may not be traced."""

    leg: Leg | None = None
    dns: DnsCheck | None = None
    refused: str | None = None


Maker = Callable[[Job], Awaitable[Made]]


@frozen
class _Kept:
    made_at: float
    text: str
    refused: str | None


@frozen
class Answer:
    """A job's result as the API tells it, or why it may not be traced; `age_s` since it was made."""

    body: bytes
    cached: bool
    age_s: int
    refused: str | None


class Traces:
    """Makes traces, shares what is under way, and keeps results for `keep_s` seconds."""

    def __init__(self, make: Maker, clock: Clock, keep_s: float) -> None:
        """Let `make` do the work."""
        self.keep_s = keep_s
        self._make = make
        self._clock = clock
        self._kept: OrderedDict[Job, _Kept] = OrderedDict()
        self._running: dict[Job, asyncio.Task[_Kept]] = {}

    @property
    def running(self) -> int:
        """Return how many are under way."""
        return len(self._running)

    def known(self, job: Job) -> Answer | None:
        """Return a result that is young enough, None where the job has to be done."""
        kept, now = self._kept.get(job), self._clock.monotonic()
        if kept is None or now - kept.made_at >= self.keep_s:
            return None
        return _answer(kept, cached=True, age_s=int(now - kept.made_at))

    def under_way(self, job: Job) -> bool:
        """Return whether somebody asked for it and has no result yet."""
        return job in self._running

    def begin(self, job: Job, ended: Callable[[], None]) -> None:
        """Begin a job; `ended` is called when it is over, however it ends."""
        task = asyncio.create_task(self._do(job))
        self._running[job] = task

        def over(_: object) -> None:
            del self._running[job]
            ended()

        task.add_done_callback(over)

    async def result(self, job: Job, *, shared: bool) -> Answer:
        """Return what comes of a job that is under way; it goes on when whoever waits has gone."""
        kept = await asyncio.shield(self._running[job])
        return _answer(kept, cached=shared, age_s=0)

    async def _do(self, job: Job) -> _Kept:
        made = await self._make(job)
        text = json.dumps({"leg": plain(made.leg), "dns": plain(made.dns)}, separators=(",", ":"))
        kept = _Kept(made_at=self._clock.monotonic(), text=text, refused=made.refused)
        self._kept.pop(job, None)
        self._kept[job] = kept
        self._forget(kept.made_at)
        return kept

    def _forget(self, now: float) -> None:
        """Drop what is too old, and the oldest where there is too much; made last is kept last."""
        while self._kept:
            job, oldest = next(iter(self._kept.items()))
            if len(self._kept) <= _MOST_KEPT and now - oldest.made_at < self.keep_s:
                return
            del self._kept[job]


def _answer(kept: _Kept, *, cached: bool, age_s: int) -> Answer:
    """Return the document with what changes from answer to answer behind what does not."""
    tail = f',"cached":{"true" if cached else "false"},"age_s":{age_s}}}'
    return Answer(body=(kept.text[:-1] + tail).encode(), cached=cached, age_s=age_s, refused=kept.refused)
