"""A round of `run --once`: whoever the routers let in begins, and nobody is waited for for ever, whatever hangs."""

import logging
import os
import signal
import threading
import time
from _thread import start_new_thread
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from agent.config.reading import parse_configuration
from agent.daemon.once import gravest, let_in, samples_of
from agent.daemon.plan import ServicePlan, TargetPlan
from agent.daemon.plan_making import service_plan
from agent.daemon.sampling import Taken
from agent.daemon.service import LONGEST_HOLD_S
from agent.daemon.signals import Wishes
from agent.daemon.workers import LIMIT_S, Workers
from agent.exit_codes import ExitCode
from rules.diagnosis import Status
from tests.unit.daemon.clocks import SetClock

if TYPE_CHECKING:
    from agent.daemon.parts import Parts

WAITING = ("a", "b", "c")


def ready(*names: str) -> Callable[[str, float], float]:
    """Return routers that are ready for these names, and for the others in a moment, whenever they are asked."""
    return lambda name, now: now if name in names else now + 0.1


def test_whoever_is_ready_is_let_in_and_the_others_wait() -> None:
    assert let_in(WAITING, ready("a", "c"), 5.0, 5.0) == ["a", "c"]
    assert let_in(WAITING, ready(), 5.0, 5.0) == []


def test_where_nobody_is_let_in_for_long_the_first_goes_all_the_same() -> None:
    assert let_in(WAITING, ready(), 4.9 + LONGEST_HOLD_S, 5.0) == []
    assert let_in(WAITING, ready(), 5.0 + LONGEST_HOLD_S, 5.0) == ["a"]
    assert let_in(WAITING, ready("b"), 5.0 + LONGEST_HOLD_S, 5.0) == ["b"]
    assert let_in((), ready(), 5.0 + LONGEST_HOLD_S, 5.0) == []


class Patience:
    """Signals that want the end once a round has taken ten seconds: no test waits for what never comes."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0)
        self._until = time.monotonic() + 10.0

    def fileno(self) -> int:
        return self._descriptor

    def take(self) -> Wishes:
        return Wishes(stop=signal.SIGTERM if time.monotonic() >= self._until else None)


class RoundParts:
    """What a round needs of the service's parts; a clock that stands still, real threads, and samples from a test.

    Attributes:
        on_result: Called each time results were taken in.
    """

    def __init__(self, sample: Callable[[str], Status]) -> None:
        self.clock = SetClock()
        self.workers: Workers[Taken | None] = Workers(4, self.clock)
        self.signals = Patience()
        self.shared = self.deliveries = self
        self.on_result: Callable[[], None] = lambda: None
        self._sample = sample

    def ready_at(self, _name: str, now: float) -> float:
        return now

    def wake(self) -> None:
        self.on_result()

    def sample(self, plan: TargetPlan, _: Callable[[], bool]) -> Taken:
        return Taken(target=plan.name, status=self._sample(plan.name), errors=(), duration_us=0, entry=None)


def plan_of(*names: str) -> ServicePlan:
    targets = ", ".join(f"{{name: {name}, host: 192.0.2.1}}" for name in names)
    return service_plan(parse_configuration(f"targets: [{targets}]\n", "agent.yaml", Path("/nowhere"), {}))


def round_of(parts: RoundParts, *names: str) -> list[str]:
    """Return of which targets a round found samples, before anybody lost patience."""
    taken = samples_of(plan_of(*names), cast("Parts", parts))
    os.close(parts.signals.fileno())
    assert parts.signals.take().stop is None
    return [one.target for one in taken]


def refuse_threads(monkeypatch: pytest.MonkeyPatch, told: Callable[[], bool]) -> None:
    """Let the host refuse each thread that is asked for, as long as who is told of that wants it to."""

    def start(serve: Callable[[object], None], arguments: tuple[object]) -> int:
        if told():
            raise RuntimeError("can't start new thread")
        return start_new_thread(serve, arguments)

    monkeypatch.setattr("agent.daemon.workers.start_new_thread", start)


def test_a_sample_that_never_returns_is_missing_and_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()

    def sample(name: str) -> Status:
        assert name == "quick" or gate.wait(20)
        return Status.OK

    def a_minute_goes_by() -> None:
        parts.clock.now += LIMIT_S

    parts = RoundParts(sample)
    parts.on_result = a_minute_goes_by
    assert round_of(parts, "hung", "quick") == ["quick"]
    gate.set()
    assert [record.getMessage() for record in caplog.records] == ["hung: its sample does not come back"]


def test_a_host_that_refuses_a_thread_at_first_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = RoundParts(lambda _: Status.OK)
    refuse_threads(monkeypatch, lambda: parts.workers.refused < 2)
    assert round_of(parts, "crm", "mail") == ["crm", "mail"]
    assert parts.workers.refused == 2


def test_a_host_that_gives_no_thread_at_all_ends_a_round(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    parts = RoundParts(lambda _: Status.OK)

    def time_passes() -> bool:
        parts.clock.now += LIMIT_S / 4
        return True

    refuse_threads(monkeypatch, time_passes)
    assert round_of(parts, "crm", "mail") == []
    assert parts.workers.refused >= 4
    assert [record.getMessage() for record in caplog.records] == ["the host gives no thread to take samples in"]


def test_a_target_without_a_sample_was_not_measured() -> None:
    ok = Taken(target="crm", status=Status.OK, errors=(), duration_us=0, entry=None)
    bad = Taken(target="mail", status=Status.CRITICAL, errors=(), duration_us=0, entry=None)
    assert gravest((), 0) == ExitCode.CLEAN
    assert gravest((ok,), 1) == ExitCode.CLEAN
    assert gravest((ok, bad), 2) == ExitCode.FOUND
    assert gravest((ok, bad), 3) == ExitCode.NOT_MEASURED
    assert gravest((), 1) == ExitCode.NOT_MEASURED
