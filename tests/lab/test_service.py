"""The service as systemd and an operator meet it: real processes on a real network, signals, reloads, bad luck."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.lab.builder import Lab, User
from tests.lab.service_run import Service

pytestmark = pytest.mark.lab

# CLOUDPATH_LAB_RELOADS=1000 takes ten minutes.
RELOADS = int(os.environ.get("CLOUDPATH_LAB_RELOADS", "20"))

NEAR = {"name": "near", "host": "192.0.2.2"}
APP = {"name": "app", "host": "198.51.100.2", "port": 443, "protocol": "tcp"}
# Nobody has this address: its sample takes as long as a sample can.
DEAD = {"name": "dead", "url": "https://198.51.100.5/"}
UNKNOWN = {"name": "unknown", "host": "nowhere.example.test"}


@pytest.fixture(scope="module")
def lab(network: Callable[[str], Lab]) -> Lab:
    return network("office")


@pytest.fixture(scope="module")
def running(lab: Lab) -> Iterator[Service]:
    """A service that has samples of three targets, one of them dead, every ten seconds."""
    with Service(lab, "client", config(NEAR, APP, DEAD)) as service:
        yield service.ready()


def config(*targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"agent": {"interval_s": 10}, "targets": list(targets), **more}


def test_every_target_is_sampled_on_its_interval_and_a_dead_one_delays_nobody(running: Service) -> None:
    running.wait(lambda: len(running.samples("near")) > 2 and len(running.samples("dead")) > 1, "sampled", 45)
    for name in ("near", "app"):
        assert keeps_its_time(running.samples(name)), name
    assert {one["status"] for one in running.samples("near")} == {"ok"}
    assert {one["status"] for one in running.samples("app")} == {"ok"}
    assert all(one["duration_us"] > 1_000_000 for one in running.samples("dead"))
    assert [record["seq"] for record in running.records()] == list(range(1, len(running.records()) + 1))


def test_a_wrong_configuration_changes_nothing_and_a_right_one_keeps_what_it_leaves_alone(running: Service) -> None:
    before = len(running.samples("near"))
    running.config.write_text("agent: {interval_s: soon}\n")
    running.tell(signal.SIGHUP)
    running.wait(lambda: running.has_logged("the configuration before stays in force"), "told of the mistake", 10)
    assert running.has_logged("agent.yaml:1:21: agent.interval_s:")
    running.configure(config(NEAR, APP, {"name": "new", "host": "192.0.2.1"}))
    running.tell(signal.SIGHUP)
    running.wait(lambda: running.has_logged("1 added (new), 1 removed (dead)"), "reloaded", 10)
    running.wait(lambda: bool(running.samples("new")), "sampling the new target", 15)
    running.wait(lambda: len(running.samples("near")) >= before + 2, "still sampling", 25)
    assert keeps_its_time(running.samples("near"))
    told = [message.split("\n")[0] for _, message in running.told]
    assert told[:1] == ["READY=1"]
    assert told[1:5] == ["RELOADING=1", "READY=1", "RELOADING=1", "READY=1"]


def test_a_process_that_was_stopped_for_a_while_goes_on_without_a_burst(running: Service) -> None:
    running.tell(signal.SIGSTOP)
    stopped_after = len(running.records())
    time.sleep(21)
    running.tell(signal.SIGCONT)
    went_on = time.monotonic()
    running.wait(lambda: len(running.samples()) > stopped_after, "sampling again", 15)
    time.sleep(max(0.0, 11 - (time.monotonic() - went_on)))
    new = [record["target"]["name"] for record in running.samples()[stopped_after:]]
    # The round that it woke up in and the next one; two more went by meanwhile.
    assert sorted(set(new)) == ["app", "near", "new"]
    assert max(Counter(new).values()) <= 2, new


def test_it_ends_within_five_seconds_whatever_is_under_way(lab: Lab) -> None:
    many = [{"name": f"dead-{number}", "host": f"198.51.100.{number}"} for number in (3, 4, 5, 6)]
    with Service(lab, "client", config(*many)) as service:
        service.ready()
        service.wait(lambda: bool(service.samples()), "sampling", 15)
        code, took_s = service.end()
        assert code == 0
        assert took_s < 5
        assert service.has_told("STOPPING=1")


def test_the_watchdog_is_fed_as_often_as_systemd_wants(lab: Lab) -> None:
    with Service(lab, "client", config(NEAR)) as service:
        service.start(watchdog_s=2)
        service.wait(lambda: len([1 for _, told in service.told if told == "WATCHDOG=1"]) > 3, "feeding", 15)
        fed = [at for at, told in service.told if told == "WATCHDOG=1"]
        assert all(after - before < 2 for before, after in pairwise(fed)), fed
        # A process that does not run is not alive.
        service.tell(signal.SIGSTOP)
        count = len(service.told)
        time.sleep(2.5)
        assert len(service.told) == count


def test_two_services_do_not_share_a_store(running: Service) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "agent", "run", "-c", str(running.config)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert second.returncode == 75
    assert f"process {running.pid} uses this store" in second.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("targets: []\n", "agent.yaml: no target in it"),
        ("targets: [{name: a}]\n", "agent.yaml:1:11: targets.0: give exactly one of url and host"),
        ("agent: {interval_s: soon}\n", "agent.yaml:1:21: agent.interval_s: "),
    ],
)
def test_nothing_starts_on_a_bad_configuration(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(text)
    code, log = run_alone(file, 20)
    assert code == 78
    assert said in log


def test_a_place_that_takes_nothing_is_no_reason_not_to_start(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("agent: {state_dir: /proc/nowhere, interval_s: 10}\ntargets: [{name: a, host: 127.0.0.1}]\n")
    code, log = run_alone(file, 4)
    assert code == 0
    assert "samples are held in memory" in log
    assert "ended" in log


def run_alone(file: Path, longest_s: float) -> tuple[int, str]:
    """Run the service without a network until it ends, or is asked to; return its exit code and its log."""
    alone = ("unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
    command = (*alone, sys.executable, "-m", "agent", "run", "-c", str(file))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            _, log = process.communicate(timeout=longest_s)
        except subprocess.TimeoutExpired:
            process.terminate()
            _, log = process.communicate(timeout=10)
    return process.returncode, log


def test_who_may_not_write_there_is_told_which_directory(lab: Lab) -> None:
    with Service(lab, "client", config(NEAR), user=User.NOBODY) as closed:
        (closed.directory / "state").mkdir(mode=0o700)
        closed.start()
        assert closed.ended() == 77
        time.sleep(0.2)
        assert closed.has_logged(f"{closed.directory / 'state'}: this user may not write there")


def test_a_configuration_that_may_not_be_read_is_a_wrong_one(lab: Lab) -> None:
    with Service(lab, "client", config(NEAR), user=User.NOBODY) as closed:
        closed.config.chmod(0o600)
        closed.start()
        # Not 2, as for options that nobody knows: systemd would start it again and again.
        assert closed.ended() == 78
        time.sleep(0.2)
        assert closed.has_logged("agent.yaml: cannot read it: permission denied")


def test_one_round_files_delivers_and_ends(lab: Lab) -> None:
    with Service(lab, "client", config(NEAR, APP, UNKNOWN)) as service:
        command = [sys.executable, "-m", "agent", "run", "--once", "-c", str(service.config)]
        done = lab.run("client", ["env", f"HOME={service.directory}", *command])
        assert done.returncode == 1, done
        assert "2 of 3 targets ok" in done.stdout
        assert "CP-03 " in done.stdout
        assert sorted(one["target"]["name"] for one in service.samples()) == ["app", "near", "unknown"]


def keeps_its_time(samples: list[dict[str, Any]]) -> bool:
    """Return whether the samples lie an interval of ten seconds apart, over all.

    Each may come half a second late by its jitter, and five because it waits for routers on its way: none drifts.
    """
    first, *others = (seconds(sample["started_at"]) for sample in samples)
    return all(abs(at - first - 10 * number) < 5.6 for number, at in enumerate(others, 1))


def seconds(instant: str) -> float:
    minutes, rest = instant[14:16], instant[17:-1]
    return int(instant[11:13]) * 3600 + int(minutes) * 60 + float(rest)


@pytest.mark.timeout(100 + 3 * RELOADS)
def test_reloads_half_of_them_broken_leave_the_schedule_alone_and_leak_nothing(lab: Lab) -> None:
    with Service(lab, "client", config(NEAR)) as service:
        service.ready()
        service.wait(lambda: bool(service.samples()), "sampling", 15)
        before = descriptors(service.pid)
        for number in range(RELOADS):
            if number % 2:
                service.configure(config(NEAR, {"name": f"n{number}", "host": "192.0.2.1"}))
            else:
                service.config.write_text("targets: 7\n")
            count = len(service.told)
            service.tell(signal.SIGHUP)
            service.wait(partial(has_reloaded, service, count), "reloaded", 10)
        time.sleep(0.5)
        assert descriptors(service.pid) <= before + 1
        assert keeps_its_time(service.samples("near"))
        assert service.end()[0] == 0


def has_reloaded(service: Service, count: int) -> bool:
    """Return whether systemd was told of the end of a reload since it had been told so many things."""
    return any("READY=1" in told for _, told in service.told[count:])


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
