"""Screens of watched paths as a person has read and approved them: each name is a file in `expected/`.

`python -m tests.unit.path_watch.pictures` draws them anew, to be read before they are committed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Final

import pyte

from agent.views.style import ASCII, UNICODE, Style
from agent.views.watch_frames import Frames
from agent.views.watch_report import watch_report
from agent.views.watch_table import Canvas
from agent.views.watch_view import watch_lines
from agent.watch.controls import Controls, Mode, Sheet
from agent.watch.news import Doing, Moved, Phase
from agent.watch.watching import Watching
from probes.frozen import replace
from probes.host_facts import ChangeKind, NetworkChange
from rules.diagnosis import Diagnosis, Status
from tests.unit.path_watch.told import NOON_S, ROUTERS, check_at, leg, round_at
from tests.unit.terminal.screen import Screen
from tests.unit.views import far_samples, samples

EXPECTED: Final = Path(__file__).parent / "expected"
NAMES: Final = {
    each.responders[0].address: each.responders[0].name or ""
    for each in (samples.GATEWAY, samples.ISP, samples.CORE, samples.END)
}
OTHER: Final = (*ROUTERS[:2], "198.51.100.99", ROUTERS[3])
HOSTILE: Final = "[red]evil[/red]\x1b[2J\x1b]0;owned\x07\u202egnp.exe" + "x" * 10_000
DOWN: Final = NetworkChange(
    at="2026-11-23T12:00:30.000Z",
    kind=ChangeKind.ROUTE,
    subject="192.0.2.80",
    what="route changed",
    before="via 10.0.0.1 dev eth0 src 10.0.0.23",
    after="via 172.16.0.1 dev wlan0 src 172.16.0.7",
    affects_sample=True,
)


def lossy() -> Watching:
    """Return a path on which a router spares itself, and the end now and then misses a probe."""
    watching = Watching("crm.example.com", NOON_S)
    watching.take(check_at(0.4))
    for second in range(1, 30):
        end_us = None if second % 9 == 4 else 12_300 + 700 * (second % 5)
        watching.take(round_at(second, leg(end_us, names=NAMES, missing=[2] if second % 4 else [])))
    watching.take(Doing(phase=Phase.WAITING, interval_s=1.0))
    return watching


def changed() -> Watching:
    """Return a path that changed at a hop, on a network that changed after that."""
    watching = Watching("crm.example.com", NOON_S)
    watching.take(check_at(0.4))
    for second in range(1, 20):
        watching.take(round_at(second, leg(names=NAMES, routers=ROUTERS if second < 12 else OTHER)))
    watching.take(Moved(at_s=NOON_S + 20, changes=(DOWN,)))
    return watching


def taking_turns() -> Watching:
    """Return a path on which two routers share the load."""
    watching = Watching("crm.example.com", NOON_S)
    watching.take(check_at(0.4))
    for second in range(1, 12):
        watching.take(round_at(second, leg(routers=OTHER if second % 2 else ROUTERS)))
    return watching


def broken() -> Watching:
    """Return a host that has lost its way out after a few good rounds."""
    watching = Watching("crm.example.com", NOON_S)
    watching.take(check_at(0.4))
    for second in range(1, 6):
        watching.take(round_at(second, leg(names=NAMES)))
    watching.take(check_at(6.4, samples.NO_ROUTE, samples.BROKEN))
    return watching


def refused() -> Watching:
    """Return a path on which a router refuses to pass packets on: its error's icon hangs there."""
    watching = Watching("crm.example.com", NOON_S)
    watching.take(check_at(1.4, samples.PROHIBITED, Diagnosis(status=Status.WARNING, errors=(samples.CP_13,))))
    return watching


def through_edge() -> Watching:
    """Return a way of several legs, of which one is followed."""
    watching = Watching("crm.example.com", NOON_S)
    watching.take(replace(check_at(0.8, far_samples.THROUGH_EDGE), leg=1))
    return watching


def hostile() -> Watching:
    """Return a path whose routers have names that were made to do harm, and one that has a name in another script."""
    watching = Watching("crm.example.com", NOON_S)
    names = {"10.0.0.1": HOSTILE, "198.51.100.1": "\u5317\u4eac.example", "198.51.100.77": "[bold]x[/bold]\x1b[31m"}
    for second in range(1, 4):
        watching.take(round_at(second, leg(names=names)))
    return watching


def long() -> Watching:
    """Return a path of more hops than a terminal has lines."""
    watching = Watching("crm.example.com", NOON_S)
    routers = [f"198.51.100.{number}" for number in range(1, 30)]
    for second in range(1, 4):
        watching.take(round_at(second, leg(routers=routers)))
    return watching


@dataclass(frozen=True, slots=True)
class Shot:
    """One screen: what is watched, what was chosen, and how large the terminal is."""

    watching: Callable[[], Watching]
    size: tuple[int, int] = (80, 24)
    controls: Controls = field(default_factory=Controls)
    unicode: bool = True

    def draw(self) -> Screen:
        """Return the terminal after it was sent the frame that the program would send."""
        columns, lines = self.size
        canvas = Canvas(
            width=columns,
            height=lines,
            symbols=UNICODE if self.unicode else ASCII,
            unicode=self.unicode,
            now_s=NOON_S + 33,
            zone=UTC,
        )
        frame = watch_lines(self.watching().picture(), self.controls, canvas)
        screen = Screen(columns, lines)
        stream = pyte.Stream(screen)
        for at, line in enumerate(Frames().ansi(frame, columns), 1):
            stream.feed(f"\x1b[{at};1H{line}")
        return screen


CHOSEN: Final = Controls(selected=1)
SHOTS: Final[dict[str, Shot]] = {
    "nothing_yet": Shot(lambda: Watching("crm.example.com", NOON_S)),
    "lossy": Shot(lossy),
    "lossy_40": Shot(lossy, (40, 12)),
    "lossy_200": Shot(lossy, (200, 60)),
    "lossy_ascii": Shot(lossy, unicode=False),
    "lossy_history": Shot(lossy, controls=Controls(mode=Mode.HISTORY)),
    "lossy_history_40": Shot(lossy, (40, 12), Controls(mode=Mode.HISTORY)),
    "lossy_chart": Shot(lossy, controls=Controls(mode=Mode.CHART)),
    "lossy_details": Shot(lossy, controls=CHOSEN),
    "lossy_details_40": Shot(lossy, (40, 12), CHOSEN),
    "lossy_details_200": Shot(lossy, (200, 60), CHOSEN),
    "lossy_without_names": Shot(lossy, controls=Controls(names=False)),
    "paused": Shot(lossy, controls=Controls(paused=True)),
    "changed": Shot(changed),
    "changes": Shot(changed, controls=Controls(sheet=Sheet.CHANGES, at=1)),
    "changes_40": Shot(changed, (40, 12), Controls(sheet=Sheet.CHANGES)),
    "taking_turns": Shot(taking_turns),
    "taking_turns_details": Shot(taking_turns, controls=Controls(selected=3)),
    "broken": Shot(broken),
    "broken_40": Shot(broken, (40, 12)),
    "errors": Shot(broken, controls=Controls(sheet=Sheet.ERRORS)),
    "refused": Shot(refused),
    "through_edge": Shot(through_edge),
    "help": Shot(lossy, controls=Controls(sheet=Sheet.HELP)),
    "help_40": Shot(lossy, (40, 12), Controls(sheet=Sheet.HELP, at=4)),
    "hostile": Shot(hostile),
    "hostile_200": Shot(hostile, (200, 60), Controls(selected=0)),
    "long": Shot(long),
    "long_chosen": Shot(long, controls=Controls(selected=20)),
    "tiny": Shot(lossy, (12, 3)),
}
REPORTS: Final[dict[str, Callable[[], str]]] = {
    "report": lambda: watch_report(lossy().picture(), Style(), now_s=NOON_S + 33, zone=UTC),
    "report_changed": lambda: watch_report(changed().picture(), Style(), now_s=NOON_S + 33, zone=UTC),
    "report_broken": lambda: watch_report(broken().picture(), Style(width=80), now_s=NOON_S + 33, zone=UTC),
    "report_nothing": lambda: watch_report(
        Watching("crm.example.com", NOON_S).picture(), Style(), now_s=NOON_S, zone=UTC
    ),
}


def text_of(name: str) -> str:
    """Return what is approved under a name, as it is drawn now."""
    return REPORTS[name]() if name in REPORTS else "\n".join(SHOTS[name].draw().shown) + "\n"


if __name__ == "__main__":
    for known in (*SHOTS, *REPORTS):
        (EXPECTED / f"{known}.txt").write_text(text_of(known), encoding="utf-8")
