"""Many traces by one set of sockets: the wide engine in a thread of its own, asked one target at a time."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from probes.facts import Leg, Prober, ProtocolChoice, Refusal
from probes.frozen import replace
from probes.trace.many.facts import many_check, many_leg
from probes.trace.many.sweep import Sweep
from probes.trace.settings import TraceSettings
from probes.trace.trials import traced_trial

if TYPE_CHECKING:
    from typing import Protocol as Interface

    from probes.clock import Clock
    from probes.many_seam import Carrier, Waiter
    from probes.trace.line import Stretch
    from probes.trace.many.state import ManyTrace

    class ClosableWaiter(Waiter, Interface):
        """Waits for a carrier, a time, or whoever rings."""

        def close(self) -> None:
            """Give everything back."""

    # Makes a waiter that watches some descriptors besides.
    OpenWaiter = Callable[[tuple[int, ...]], ClosableWaiter]

# One process traces for many, and a stalled turn must not look like a lost answer; a silent hop costs this much.
SETTINGS: Final = TraceSettings(least_wait_s=0.25)
# A turn that nobody asks for is due at least this often, to see whether it is over.
_IDLE_S: Final = 1.0

# None: the wide engine could not say, for the host knows no way or it is being stopped.
Traced = Future[Leg | None]


class Wide:
    """Traces targets of one family by ICMP, all at once, until it is stopped."""

    def __init__(
        self, carrier: "Carrier", refused: tuple[Refusal, ...], clock: "Clock", open_waiter: "OpenWaiter"
    ) -> None:
        """Begin with nothing to do; `refused` are the better ways to send that could not be opened."""
        self._carrier = carrier
        self._refused = refused
        self._clock = clock
        self._asked: deque[tuple[Traced, Stretch, ProtocolChoice]] = deque()
        self._lock = Lock()
        self._stopping = False
        self._waiting: set[Traced] = set()
        self._bell, self._ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._waiter = open_waiter((self._bell,))
        self._sweep = Sweep(carrier, settings=SETTINGS, random_bytes=os.urandom)
        self._thread = Thread(target=self._run, name="wide", daemon=True)
        self._thread.start()

    def trace(self, stretch: "Stretch", choice: ProtocolChoice) -> Traced:
        """Return what will be the leg of a stretch, traced by ICMP, which was asked for or comes first by `choice`."""
        traced: Traced = Future()
        # Whoever waits may go; the result is somebody else's, too.
        traced.set_running_or_notify_cancel()
        with self._lock:
            if self._stopping:
                traced.set_result(None)
                return traced
            self._asked.append((traced, stretch, choice))
            self._call()
        return traced

    def stop(self) -> None:
        """End every trace with what it has, and give everything back."""
        with self._lock:
            self._stopping = True
            self._call()
        self._thread.join()
        # Not in the thread: it may have seen that it is over before it was rung for.
        self._waiter.close()
        os.close(self._bell)
        os.close(self._ring)

    def _call(self) -> None:
        """Wake the thread; a bell that is full rings already."""
        try:
            os.write(self._ring, b"\0")
        except BlockingIOError:
            return

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn()
            self._sweep.stop(self._clock.monotonic())
            self._give_back()
        finally:
            # Whatever ended it: nobody waits for what will not come, and nothing more is taken.
            with self._lock:
                self._stopping = True
                self._waiting |= {asked[0] for asked in self._asked}
            for traced in self._waiting:
                traced.set_result(None)
            self._carrier.close()

    def _turn(self) -> None:
        self._take_in()
        at = self._sweep.turn(self._clock.monotonic())
        self._give_back()
        self._waiter.wait((self._carrier,), until=self._clock.monotonic() + _IDLE_S if at is None else at)

    def _take_in(self) -> None:
        """Begin what was asked for since the last turn."""
        try:
            os.read(self._bell, 4_096)
        except BlockingIOError:
            return
        while self._asked:
            asked = self._asked.popleft()
            self._waiting.add(asked[0])
            self._sweep.add(asked, asked[1].address)

    def _give_back(self) -> None:
        for trace in self._sweep.take():
            traced, stretch, choice = _key(trace.key)
            self._waiting.discard(traced)
            _settle(traced, partial(self._leg, trace, stretch, choice))
        for key, _, _ in self._sweep.unreachable:
            traced = _key(key)[0]
            self._waiting.discard(traced)
            traced.set_result(None)
        self._sweep.unreachable.clear()

    def _leg(self, trace: "ManyTrace", stretch: "Stretch", choice: ProtocolChoice) -> Leg:
        adaptive = choice is ProtocolChoice.ADAPTIVE
        reason = "icmp comes first, because the target names no port" if adaptive else "icmp was asked for"
        leg = many_leg(trace, self._carrier, stretch, protocol_reason=reason, refused=self._refused)
        met = traced_trial(leg, many_check(trace, self._carrier, stretch))
        return replace(leg, tried=(replace(met, chosen=True),), probed_by=Prober.EDGE)


def _settle(traced: Traced, make: Callable[[], Leg]) -> None:
    """Give a result, or the mistake that was made on the way to it, to whoever waits."""
    try:
        traced.set_result(make())
    except Exception as error:  # noqa: BLE001 - the thread traces for others, too
        traced.set_exception(error)


def _key(key: object) -> "tuple[Traced, Stretch, ProtocolChoice]":
    if not isinstance(key, tuple):
        raise TypeError(f"{type(key).__name__} is no key of this sweep")
    traced, stretch, choice = key
    return traced, stretch, choice
