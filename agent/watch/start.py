"""Puts a watched path together: who measures, where it is shown, and how it ends."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

from agent.exit_codes import ExitCode, exit_code_of
from agent.interrupt import Interrupt
from agent.live_world import LiveWorld, path_memory
from agent.output import deliver
from agent.remembered_paths import RememberedPaths
from agent.watch.live import Inbox, Live, Shown
from agent.watch.measuring import Measuring
from agent.watch.pace import Pace
from agent.watch.plain import Records, run_plain
from agent.watch.rounds import Rounds
from agent.watch.watching import Watching
from probes.clock import SystemClock
from probes.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from agent.request import SampleRequest
    from agent.views.style import Style
    from agent.watch.news import News
    from rules.ruleset import RuleSet

_ENDINGS: Final = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


@frozen
class WatchOptions:
    """How a target is watched; times are seconds.

    Attributes:
        cycles: After so many rounds it ends; None: when somebody says so.
        networks: Whether networks are shown from the start.
    """

    interval_s: float
    check_s: float
    cycles: int | None = None
    as_json: bool = False
    networks: bool = False


def watch(
    request: SampleRequest, options: WatchOptions, style: Style, rules: RuleSet | None, *, on_screen: bool
) -> int:
    """Watch until somebody wants the end; return the exit code of the last verdict.

    Args:
        request: What to look at.
        options: How.
        style: How text may be drawn.
        rules: Who judges, None for the shipped rules.
        on_screen: Whether standard output is a terminal that can be drawn on.
    """
    # The command switches collection off, for it ends within seconds; this does not.
    gc.enable()
    clock, stopped = SystemClock(), threading.Event()
    paths = RememberedPaths(path_memory(), clock)
    inbox = Inbox()
    rounds = Rounds(
        request,
        partial(LiveWorld, paths=paths, flow_seed=int.from_bytes(os.urandom(4), "big")),
        rules,
        stopped.is_set,
        # Without rounds between them checks have the routers' answers to themselves.
        queries=request.settings.queries if options.as_json else 1,
    )
    pace = Pace(options.interval_s, options.check_s, clock.monotonic())
    measuring = Measuring(rounds, pace, inbox.put, cycles=options.cycles, stopped=stopped, checks_only=options.as_json)
    watching = Watching(request.target.name, clock.realtime_ns() / 1e9)
    try:
        if on_screen:
            ended = _on_screen(watching, measuring, inbox, style, options)
        else:
            ended = _plain(watching, measuring, inbox, style, options)
    finally:
        measuring.stop()
        paths.flush()
    return _exit_code(watching, ended)


def _on_screen(
    watching: Watching, measuring: Measuring, inbox: Inbox, style: Style, options: WatchOptions
) -> signal.Signals | None:
    from agent.views.watch_frames import Frames  # noqa: PLC0415 - rich, for screens alone
    from agent.watch.terminal import Terminal  # noqa: PLC0415 - likewise

    shown = Shown(unicode=style.unicode, ansi=Frames().ansi)
    with Terminal() as terminal:
        inbox.wake = terminal.wake
        measuring.start()
        live = Live(watching, measuring, inbox, terminal, shown, SystemClock(), networks=options.networks)
        ended = live.run()
    if ended is None and measuring.over:
        # Nobody was asked whether the screen may go: what it showed in the end stays.
        _report(watching, style, options)
    return ended


def _plain(
    watching: Watching, measuring: Measuring, inbox: Inbox, style: Style, options: WatchOptions
) -> signal.Signals | None:
    on_news: Callable[[News], None] = Records(LiveWorld()) if options.as_json else lambda _: None
    with Interrupt() as interrupted, Interrupt(signal.SIGTERM) as terminated:
        measuring.start()
        run_plain(watching, measuring, inbox, lambda: interrupted() or terminated(), on_news)
        if not options.as_json:
            _report(watching, style, options)
        if terminated():
            return signal.SIGTERM
        return signal.SIGINT if interrupted() else None


def _report(watching: Watching, style: Style, options: WatchOptions) -> None:
    from agent.views.watch_report import watch_report  # noqa: PLC0415 - most screens end by a key, records have none

    now_s = SystemClock().realtime_ns() / 1e9
    deliver(watch_report(watching.picture(), style, now_s=now_s, networks=options.networks))


def _exit_code(watching: Watching, ended: signal.Signals | None) -> int:
    """Return the exit code of the last verdict; a process that a signal ended ends by that signal."""
    if ended in _ENDINGS:
        sys.stdout.flush()
        signal.signal(ended, signal.SIG_DFL)
        os.kill(os.getpid(), ended)
    if ended is signal.SIGINT:
        return ExitCode.INTERRUPTED
    check = watching.picture().check
    return ExitCode.NOT_MEASURED if check is None else exit_code_of(check.diagnosis.status)
