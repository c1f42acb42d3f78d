"""Kernel stamps in monotonic time, and when they are not believed."""

import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from probes.drivers.lateness import Lateness
from probes.drivers.stamps import StampReader
from probes.facts import StampSource

SECOND_NS = 1_000_000_000
EPOCH_NS = 1_700_000_000 * SECOND_NS


@dataclass
class HandClock:
    """A clock whose two hands are set by hand."""

    monotonic_s: float = 100.0
    realtime: int = EPOCH_NS

    def monotonic(self) -> float:
        return self.monotonic_s

    def realtime_ns(self) -> int:
        return self.realtime

    def boottime(self) -> float:
        return self.monotonic_s

    def advance(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.realtime += round(seconds * SECOND_NS)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_a_stamp_is_told_in_both_clocks(clock: HandClock) -> None:
    stamps = StampReader(clock)
    clock.advance(2)
    stamps.start_batch()
    stamp = stamps.at(EPOCH_NS + 1_500_000_000)
    assert stamp.monotonic_s == pytest.approx(101.5, abs=1e-6)
    assert (stamp.realtime_ns, stamp.source) == (EPOCH_NS + 1_500_000_000, StampSource.KERNEL)


def test_without_a_stamp_it_is_now(clock: HandClock) -> None:
    stamps = StampReader(clock)
    clock.advance(1)
    stamps.start_batch()
    assert stamps.at(None) == stamps.now()
    assert stamps.now().source is StampSource.USER


@pytest.mark.parametrize("step_s", [-3600, -0.01, 0.01, 3600])
def test_a_step_of_the_wall_clock_takes_the_stamps_belief(clock: HandClock, step_s: float) -> None:
    stamps = StampReader(clock)
    clock.advance(1)
    arrived = clock.realtime
    clock.advance(1)
    clock.realtime += round(step_s * SECOND_NS)
    stamps.start_batch()
    assert stamps.at(arrived) == stamps.now()


@pytest.mark.parametrize("step_s", [-3600, 3600])
def test_after_the_step_stamps_are_believed_again(clock: HandClock, step_s: float) -> None:
    stamps = StampReader(clock)
    clock.realtime += round(step_s * SECOND_NS)
    stamps.start_batch()
    clock.advance(2)
    stamps.start_batch()
    stamp = stamps.at(clock.realtime - SECOND_NS)
    assert stamp.monotonic_s == pytest.approx(101.0, abs=1e-6)
    assert stamp.source is StampSource.KERNEL


def test_slewing_is_no_step(clock: HandClock) -> None:
    stamps = StampReader(clock)
    clock.advance(1)
    clock.realtime += 500_000
    stamps.start_batch()
    assert stamps.at(clock.realtime - 1_000_000).source is StampSource.KERNEL


@pytest.mark.parametrize("off_s", [-60, 60], ids=["before the socket", "from the future"])
def test_an_absurd_stamp_is_now(clock: HandClock, off_s: int) -> None:
    stamps = StampReader(clock)
    clock.advance(1)
    stamps.start_batch()
    assert stamps.at(clock.realtime + off_s * SECOND_NS) == stamps.now()


def test_a_stamp_that_the_kernel_made_while_reading_is_the_users(clock: HandClock) -> None:
    stamps = StampReader(clock)
    clock.advance(1)
    stamps.start_batch()
    clock.advance(0.001)
    stamp = stamps.at(clock.realtime)
    assert stamp.source is StampSource.USER
    assert stamp.monotonic_s == pytest.approx(101.001, abs=1e-6)


# --- when a probe left ------------------------------------------------------------------------------------------------


def test_a_departure_is_told_in_both_clocks(clock: HandClock) -> None:
    stamps = StampReader(clock)
    asked = stamps.now()
    clock.advance(0.010)
    left = stamps.departure(asked, EPOCH_NS + 4_000_000)
    assert left is not None
    assert left.monotonic_s == pytest.approx(100.004, abs=1e-9)
    assert (left.realtime_ns, left.source, left.off_by_s) == (EPOCH_NS + 4_000_000, StampSource.KERNEL, 0)


@pytest.mark.parametrize("off_ns", [-1, 10_000_001], ids=["an earlier probe's", "after the call returned"])
def test_a_departure_outside_the_call_is_another_probes(clock: HandClock, off_ns: int) -> None:
    stamps = StampReader(clock)
    asked = stamps.now()
    clock.advance(0.010)
    assert stamps.departure(asked, EPOCH_NS + off_ns) is None
    assert stamps.departure(asked, None) is None


def test_without_a_departure_stamp_the_whole_call_is_in_doubt(clock: HandClock) -> None:
    stamps = StampReader(clock)
    asked = stamps.now()
    clock.advance(0.003)
    left = stamps.unstamped(asked)
    assert (left.monotonic_s, left.source) == (100.0, StampSource.USER)
    assert left.off_by_s == pytest.approx(0.003)


# --- how late this process may be -------------------------------------------------------------------------------------


def test_what_comes_while_the_process_works_may_have_waited_for_the_work() -> None:
    lateness = Lateness()
    began_s = time.thread_time()
    while time.thread_time() - began_s < 0.02:
        pass
    assert lateness.since_last_s() >= 0.02


def test_sleeping_is_not_lateness() -> None:
    """Only the wait for a processor is, and the work: on however busy a machine, no more than all but the sleep."""
    began_s = time.monotonic()
    lateness = Lateness()
    time.sleep(0.2)
    late_s = lateness.since_last_s()
    took_s = time.monotonic() - began_s
    assert 0 <= late_s <= took_s - 0.2 + 0.001


# --- stamping from the start ------------------------------------------------------------------------------------------


def test_one_socket_keeps_the_kernel_stamping_however_often_it_is_asked() -> None:
    script = (
        "import os\nfrom probes.drivers.stamps import keep_stamping\n"
        "before = len(os.listdir('/proc/self/fd'))\nkeep_stamping()\nkeep_stamping()\n"
        "print(len(os.listdir('/proc/self/fd')) - before)\n"
    )
    done = subprocess.run((sys.executable, "-W", "error", "-c", script), capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1\n", "")
