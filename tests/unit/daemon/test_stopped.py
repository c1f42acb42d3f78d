"""A real process with schedule and threads that is stopped for a while: no burst, nothing uncounted, on time again."""

import json
import signal
import subprocess
import sys
import time

SERVICE = """
import json, random, select, sys, time
from agent.daemon.schedule import Schedule
from agent.daemon.signals import SignalInbox
from agent.daemon.workers import Workers
from probes.clock import SystemClock

names = [f"target-{n}" for n in range(100)]
workers, begun, largest = Workers(8, SystemClock()), 0, 0
schedule = Schedule([(name, 1.0) for name in names], "agent", time.monotonic(), random.random)
with SignalInbox() as signals:
    print("ready", flush=True)
    while signals.take().stop is None:
        wait_s = (schedule.next_deadline() or 0.0) - time.monotonic()
        select.select([signals, workers], [], [], max(0.0, wait_s))
        for done in workers.collect():
            schedule.started(done.name, done.started_s)
            schedule.finished(done.name)
        due = schedule.due(time.monotonic())
        largest = max(largest, len(due))
        for name in due:
            begun += 1
            workers.submit(name, lambda _: None)
    timings = [schedule.timing(name) for name in names]
    late_s = sorted(timing.late_s for timing in timings)
    print(json.dumps({
        "begun": begun, "largest": largest, "skipped": sum(timing.skipped for timing in timings),
        "late_s": late_s[len(late_s) // 2],
    }), flush=True)
"""


def test_a_stop_is_skipped_and_counted_and_everything_is_on_time_afterwards() -> None:
    with subprocess.Popen((sys.executable, "-c", SERVICE), stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        began = time.monotonic()
        time.sleep(1.2)
        service.send_signal(signal.SIGSTOP)
        time.sleep(3.0)
        service.send_signal(signal.SIGCONT)
        time.sleep(1.5)
        service.send_signal(signal.SIGTERM)
        told = json.loads(service.stdout.readline())
        lasted_s = time.monotonic() - began
        assert service.wait(10) == 0
    # Half an interval's worth at the most, of a hundred targets; three each were missed.
    assert told["largest"] <= 75
    assert 200 <= told["skipped"] <= 350
    # Each target has a round for each second, but for the first one's splay and what was still to come.
    assert abs(told["begun"] + told["skipped"] - 100 * lasted_s) <= 100
    assert told["late_s"] < 0.2
