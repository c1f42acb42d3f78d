"""A bounded pool of threads that take samples: made when needed, ended when idle, and never all lost to one that hangs.

The loop submits and collects; it sleeps on `fileno()`, which is readable while a result waits to be collected.
"""

from __future__ import annotations

import os
from _thread import start_new_thread
from collections import deque
from queue import Empty, SimpleQueue
from threading import Condition
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from probes.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.clock import Clock

Result = TypeVar("Result")

# A sample takes 4 s, some 20 where a proxy is slow: one that runs longer than this does not come back by itself.
LIMIT_S: Final = 60.0
# A thread that had nothing to do for so long ends. Starting one takes 0.1 ms.
IDLE_S: Final = 10.0


@frozen
class Done(Generic[Result]):
    """What came of one piece of work: a result or an error; neither where it was cancelled before it began.

    Attributes:
        number: As `submit` returned it.
        submitted_s: Monotonic seconds, as the other instants.
    """

    number: int
    name: str
    submitted_s: float
    started_s: float
    finished_s: float
    result: Result | None = None
    error: BaseException | None = None


class _Job(Generic[Result]):
    """One piece of work, and how far it is."""

    __slots__ = ("box", "cancelled", "name", "number", "started_s", "stuck", "submitted_s", "work")

    def __init__(self, number: int, name: str, work: Callable[[Callable[[], bool]], Result], now: float) -> None:
        self.number = number
        self.name = name
        self.work = work
        self.submitted_s = now
        self.started_s = now
        self.cancelled = False
        self.stuck = False
        self.box: object = None


# How a thread is given its jobs: one at a time, None to end.
_Box = SimpleQueue[_Job[Result] | None]


class Workers(Generic[Result]):
    """Runs work in at most `concurrent` threads, in the order in which it was submitted.

    What runs for longer than `limit_s` is stuck: it is asked to end, and another thread takes its place, so that the
    rest goes on. Once as many are stuck as may run, `exhausted` says so: then only a new process helps.
    """

    def __init__(self, concurrent: int, clock: Clock, *, limit_s: float = LIMIT_S, idle_s: float = IDLE_S) -> None:
        """Start nothing yet."""
        self._concurrent = concurrent
        self._clock = clock
        self._limit_s = limit_s
        self._idle_s = idle_s
        self._changed = Condition()
        self._queue: deque[_Job[Result]] = deque()
        self._busy: dict[int, _Job[Result]] = {}
        self._idle: list[_Box[Result]] = []
        self._done: list[Done[Result]] = []
        self._submitted = 0
        self._threads = 0
        self._refused = 0
        self._stopping = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    # -- for the loop

    def fileno(self) -> int:
        """Return the descriptor that is readable while there is something to collect."""
        return self._wake

    def submit(self, name: str, work: Callable[[Callable[[], bool]], Result]) -> int:
        """Run `work` as soon as a thread is free; return the number that its one `Done` will have.

        `work` is given whom to ask, often, whether it is to end: because the pool stops, it was cancelled or is stuck.
        """
        with self._changed:
            self._submitted += 1
            self._queue.append(_Job(self._submitted, name, work, self._clock.monotonic()))
            self._dispatch()
            return self._submitted

    def collect(self) -> list[Done[Result]]:
        """Return what was done since it was last asked, in the order in which it ended."""
        with self._changed:
            done, self._done = self._done, []
            if done:
                os.eventfd_read(self._wake)
            return done

    def turn(self, now: float) -> tuple[str, ...]:
        """Return the names of what is stuck since the last turn, after giving their places to others."""
        with self._changed:
            stuck = [job for job in self._busy.values() if not job.stuck and now >= job.started_s + self._limit_s]
            for job in stuck:
                job.stuck = True
            # Also what no thread could be made for in an earlier turn.
            self._dispatch()
            return tuple(job.name for job in stuck)

    def next_deadline(self) -> float | None:
        """Return when the next of what runs counts as stuck, None for nothing."""
        with self._changed:
            started = [job.started_s for job in self._busy.values() if not job.stuck]
            return min(started) + self._limit_s if started else None

    def cancel(self, name: str) -> None:
        """Ask what runs under a name to end, and let what waits under it be done without a result."""
        with self._changed:
            for job in [job for job in self._queue if job.name == name]:
                self._queue.remove(job)
                self._deliver(self._outcome(job))
            for job in self._busy.values():
                job.cancelled |= job.name == name

    def resize(self, concurrent: int) -> None:
        """Let another number run at once; what runs already is left alone."""
        with self._changed:
            self._concurrent = concurrent
            self._dispatch()

    def stop(self, by: float) -> tuple[str, ...]:
        """Ask everything to end, and wait for it until `by`, a monotonic instant; return the names of what did not.

        What waited for a thread is dropped. What ended is still there to be collected.
        """
        with self._changed:
            self._stopping = True
            self._queue.clear()
            for box in self._idle:
                box.put(None)
            self._idle.clear()
            while self._busy and (left_s := by - self._clock.monotonic()) > 0:
                self._changed.wait(left_s)
            return tuple(job.name for job in self._busy.values())

    @property
    def running(self) -> int:
        """Return how many run, those included that are stuck."""
        return len(self._busy)

    @property
    def waiting(self) -> int:
        """Return how many wait for a thread."""
        return len(self._queue)

    @property
    def threads(self) -> int:
        """Return how many threads there are."""
        return self._threads

    @property
    def refused(self) -> int:
        """Return how often the host refused to make a thread."""
        return self._refused

    @property
    def stuck(self) -> int:
        """Return how many have not come back long after they had to."""
        with self._changed:
            return self._stuck()

    @property
    def exhausted(self) -> bool:
        """Return whether so many are stuck that the process is past helping itself."""
        with self._changed:
            return self._stuck() >= self._concurrent

    # -- under the lock

    def _stuck(self) -> int:
        return sum(job.stuck for job in self._busy.values())

    def _dispatch(self) -> None:
        """Give what waits to threads, as long as more may run."""
        while self._queue and not self._stopping and len(self._busy) - self._stuck() < self._concurrent:
            box = self._idle.pop() if self._idle else self._make_thread()
            if box is None:
                return
            job = self._queue.popleft()
            job.started_s = self._clock.monotonic()
            job.box = box
            self._busy[job.number] = job
            box.put(job)

    def _give_up(self, box: _Box[Result]) -> None:
        """Let what a thread had still to do be done without a result: memory was out where the thread needed some."""
        for job in [job for job in self._busy.values() if job.box is box]:
            del self._busy[job.number]
            self._deliver(self._outcome(job, error=MemoryError()))

    def _deliver(self, done: Done[Result]) -> None:
        self._done.append(done)
        if len(self._done) == 1:
            os.eventfd_write(self._wake, 1)

    def _make_thread(self) -> _Box[Result] | None:
        """Return a new thread's box; None where the host gives no thread: the next turn tries again."""
        box: _Box[Result] = SimpleQueue()
        try:
            # Thread.start() waits until the new thread says that it runs, without end where memory is out before that
            # [measured: CPython 3.11 under RLIMIT_AS]. As there, what hangs does not keep the process from ending.
            start_new_thread(self._serve, (box,))
        except (RuntimeError, MemoryError):
            self._refused += 1
            return None
        self._threads += 1
        return box

    # -- in the threads

    def _serve(self, box: _Box[Result]) -> None:
        """Do one job after the other, until there is none for a while."""
        try:
            while (job := self._next(box)) is not None:
                if not self._finish(box, self._run(job)):
                    return
        finally:
            with self._changed:
                self._threads -= 1
                self._give_up(box)

    def _run(self, job: _Job[Result]) -> Done[Result]:
        """Return what came of a job; whatever it raises is its own affair."""
        result: Result | None = None
        error: BaseException | None = None
        try:
            result = job.work(lambda: self._stopping or job.cancelled or job.stuck)
        except BaseException as raised:  # noqa: BLE001 - the thread serves the next one, whatever this one did
            error = raised
        return self._outcome(job, result, error)

    def _outcome(
        self, job: _Job[Result], result: Result | None = None, error: BaseException | None = None
    ) -> Done[Result]:
        return Done(
            number=job.number,
            name=job.name,
            submitted_s=job.submitted_s,
            started_s=job.started_s,
            finished_s=self._clock.monotonic(),
            result=result,
            error=error,
        )

    def _finish(self, box: _Box[Result], done: Done[Result]) -> bool:
        """Take in what was done; return whether the thread is to wait for more."""
        with self._changed:
            del self._busy[done.number]
            self._deliver(done)
            # The newest to be idle is the first to be busy again: the others have time to end.
            self._idle.append(box)
            self._dispatch()
            self._changed.notify_all()
            return not self._stopping

    def _next(self, box: _Box[Result]) -> _Job[Result] | None:
        """Return what a thread is to do next, None where it is to end."""
        try:
            return box.get(timeout=self._idle_s)
        except Empty:
            with self._changed:
                if box in self._idle:
                    self._idle.remove(box)
                    return None
            # It was given something at this very moment.
            return box.get()
