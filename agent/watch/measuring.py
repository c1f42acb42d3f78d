"""Whoever measures: a thread that takes rounds and checks on their beat, and tells what came of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.watch.news import Broken, Doing, Phase
from agent.watch.pace import Pace, Step
from rules.diagnosis import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from agent.watch.news import Check, News, Round
    from agent.watch.rounds import Rounds
    from probes.facts import Leg

# How soon a wish (another interval, a pause, the end) is noticed.
_NAP_S: Final = 0.05
# A network that has just changed is looked at again once what changes it had time for the rest.
_SETTLE_S: Final = 0.2
# What a watch may wait for the thread at its end: a sample that is interrupted ends within a tenth of a second.
_LAST_S: Final = 1.0


class Measuring:
    """Runs in a thread of its own from `start` to `stop`; `tell` is called there with everything that happens.

    Args:
        rounds: Who asks the world.
        pace: When what is due.
        tell: Takes the news.
        cycles: After so many rounds (checks count) it ends by itself; None for never.
        checks_only: Rounds are left out: there is nobody who adds them up.
    """

    def __init__(
        self,
        rounds: Rounds,
        pace: Pace,
        tell: Callable[[News], None],
        *,
        cycles: int | None = None,
        stopped: threading.Event,
        checks_only: bool = False,
    ) -> None:
        self._rounds = rounds
        self._pace = pace
        self._tell = tell
        self._left = cycles
        self._checks_only = checks_only
        self._stopped = stopped
        self._paused = threading.Event()
        self._wanted_interval_s: float | None = None
        self._wanted_check = False
        self._last: Check | None = None
        self._met: set[tuple[int, str]] = set()
        self._thread = threading.Thread(target=self._run, name="measuring", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End what is under way and wait for it, a second at most."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(_LAST_S)

    @property
    def over(self) -> bool:
        """Return whether nothing more will be told."""
        return not self._thread.is_alive()

    def pause(self, *, paused: bool) -> None:
        """Begin no further round, or go on."""
        if paused:
            self._paused.set()
        else:
            self._paused.clear()

    def set_interval(self, interval_s: float) -> None:
        """Let rounds begin so far apart from now on."""
        self._wanted_interval_s = interval_s

    def check_now(self) -> None:
        """Make the next check now."""
        self._wanted_check = True

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopped.is_set() and self._left != 0:
                self._turn()
        except Exception as error:  # noqa: BLE001 - the thread's last boundary: whoever watches raises it again
            self._tell(Broken(error=error))
        finally:
            self._rounds.close()

    def _turn(self) -> None:
        due, step = self._pace.next(traceable=self._rounds.traceable and not self._checks_only)
        if self._wait(due):
            return
        now = self._now()
        self._pace.began(now)
        if step is Step.CHECK:
            self._say(Phase.CHECKING)
            self._check()
        else:
            self._say(Phase.ROUND)
            self._round()
        self._say(Phase.WAITING)

    def _check(self) -> None:
        noticed = self._rounds.noticed()
        if noticed is not None:
            self._tell(noticed)
        check = self._rounds.check()
        if self._stopped.is_set():
            # Half a sample accuses nobody.
            return
        self._tell(check)
        self._count()
        if check.diagnosis.status is Status.DISCARDED:
            self._settle()
            return
        self._last = check
        leg = check.main_leg
        self._meet(leg)
        self._pace.checked(self._now(), found=leg is not None)

    def _round(self) -> None:
        taken = self._rounds.round()
        if self._stopped.is_set():
            return
        if taken is None:
            # A round that is no more than the agent's own absence counts for nothing.
            if self._rounds.watch.disturbed():
                self._move()
            return
        self._tell(taken)
        self._count()
        if self._odd(taken):
            self._pace.check_soon(self._now())

    def _odd(self, taken: Round) -> bool:
        """Return whether a round shows something else than the last check, which is then made again."""
        leg = None if self._last is None else self._last.main_leg
        new = self._meet(taken.leg)
        return new or taken.leg.reached != (leg is not None and leg.reached)

    def _meet(self, leg: Leg | None) -> bool:
        """Return whether somebody answers where nobody has met him: routers that take turns are met once each."""
        hops = () if leg is None else leg.hops
        now = {(hop.probe_ttl, each.address) for hop in hops for each in hop.responders}
        new = not now <= self._met
        self._met |= now
        return new

    def _move(self) -> None:
        self._tell(self._rounds.moved())
        self._settle()

    def _settle(self) -> None:
        """Look again once the network had a moment to come to rest."""
        self._pace.check_now(self._now() + _SETTLE_S)

    def _count(self) -> None:
        if self._left is not None:
            self._left -= 1

    def _wait(self, due: float) -> bool:
        """Wait until then; return whether something came between."""
        watch = self._rounds.watch
        with self._rounds.world.waiter(watch) as waiter:
            while not self._stopped.is_set():
                if watch.disturbed():
                    self._move()
                    return True
                if self._heed_wishes():
                    return True
                now = self._now()
                if now >= due and not self._paused.is_set():
                    return False
                waiter.wait((), now + _NAP_S if self._paused.is_set() else min(due, now + _NAP_S))
        return True

    def _heed_wishes(self) -> bool:
        """Do what was asked for meanwhile; return whether that changes what is due."""
        wanted_s, self._wanted_interval_s = self._wanted_interval_s, None
        wanted_check, self._wanted_check = self._wanted_check, False
        if wanted_s is not None:
            self._pace.interval_s = wanted_s
            self._say(Phase.PAUSED if self._paused.is_set() else Phase.WAITING)
        if wanted_check:
            self._pace.check_now(self._now())
        return wanted_s is not None or wanted_check

    def _say(self, phase: Phase) -> None:
        self._tell(Doing(phase=phase, interval_s=self._pace.interval_s))

    def _now(self) -> float:
        return self._rounds.world.clock.monotonic()
