"""Signals, sent to real processes: wishes that wake whoever sleeps, and a second one that ends at once."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest

from agent.daemon.signals import SignalInbox, Wishes

SERVICE = """
import select, sys, time
from agent.daemon.signals import SignalInbox
with SignalInbox() as signals:
    print("ready", flush=True)
    while True:
        select.select([signals], [], [])
        wishes = signals.take()
        print(wishes.stop and wishes.stop.name, wishes.reload, wishes.report, flush=True)
        if wishes.stop and "stubborn" not in sys.argv:
            break
"""


@pytest.mark.parametrize(
    ("sent", "wishes"),
    [
        (signal.SIGHUP, Wishes(reload=True)),
        (signal.SIGUSR1, Wishes(report=True)),
        (signal.SIGTERM, Wishes(stop=signal.SIGTERM)),
        (signal.SIGINT, Wishes(stop=signal.SIGINT)),
    ],
)
def test_a_signal_is_a_wish_and_wakes_the_loop(sent: signal.Signals, wishes: Wishes) -> None:
    with SignalInbox() as signals:
        assert signals.take() == Wishes()
        os.kill(os.getpid(), sent)
        assert select.select([signals], [], [], 5)[0] == [signals]
        assert signals.take() == wishes
        assert select.select([signals], [], [], 0)[0] == []
        # Only the wish to end is not forgotten.
        assert signals.take() == Wishes(stop=wishes.stop)


def test_a_closed_pipe_is_an_error_and_no_end() -> None:
    with SignalInbox():
        reader, writer = os.pipe()
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            os.write(writer, b"x")
        os.close(writer)


def test_everything_is_as_before_afterwards() -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE)
    before = [signal.getsignal(number) for number in numbers]
    with SignalInbox():
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before


def test_ten_thousand_signals_leave_the_loop_awake_and_nothing_else() -> None:
    with SignalInbox() as signals:
        for _ in range(10_000):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signals.take() == Wishes(reload=True)
        assert signals.take() == Wishes()


def started(*arguments: str) -> subprocess.Popen[str]:
    service = subprocess.Popen((sys.executable, "-c", SERVICE, *arguments), stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    assert service.stdout.readline() == "ready\n"
    return service


def said(service: subprocess.Popen[str]) -> str:
    assert service.stdout is not None
    return service.stdout.readline().rstrip("\n")


def test_a_service_reloads_and_ends_by_itself() -> None:
    with started() as service:
        service.send_signal(signal.SIGHUP)
        assert said(service) == "None True False"
        service.send_signal(signal.SIGTERM)
        assert said(service) == "SIGTERM False False"
        assert service.wait(10) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_second_wish_to_end_is_none_any_more(second: signal.Signals) -> None:
    with started("stubborn") as service:
        service.send_signal(signal.SIGTERM)
        assert said(service) == "SIGTERM False False"
        service.send_signal(second)
        assert service.wait(10) == -second


def test_a_service_that_was_stopped_hears_what_was_sent_meanwhile() -> None:
    with started() as service:
        service.send_signal(signal.SIGSTOP)
        service.send_signal(signal.SIGHUP)
        time.sleep(0.1)
        service.send_signal(signal.SIGCONT)
        assert said(service) == "None True False"
        service.send_signal(signal.SIGTERM)
        assert service.wait(10) == 0
