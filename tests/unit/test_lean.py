"""What the engine may load: each of these takes longer than all of its own modules (docs/adr/0014)."""

import subprocess
import sys
from pathlib import Path

import pytest

import probes

SLOW = {"enum", "typing", "dataclasses", "collections", "contextlib", "socket", "pathlib", "array", "re", "json"}
SLOW |= {"ctypes", "asyncio", "functools", "inspect", "psutil", "click", "scapy", "icmplib", "dns", "pydantic"}
DRIVERS = ("raw_icmp", "raw_udp", "raw_tcp", "ping_socket", "unprivileged_udp", "tcp_connect")
ENGINE = ("probes.trace.run", "probes.trace.account", "probes.drivers.ladder", "probes.drivers.waiter")


@pytest.mark.parametrize("module", [*ENGINE, *(f"probes.drivers.{name}" for name in DRIVERS)])
def test_it_loads_nothing_that_is_slow(module: str) -> None:
    loaded = loaded_with(module)
    assert module in loaded
    assert not SLOW & loaded


def test_judging_loads_nothing_that_only_reads_rules() -> None:
    """The shipped rules are kept compiled: a sample's verdict waits neither for YAML nor for who checks it."""
    loaded = loaded_with("rules.engine, rules.shipped")
    assert {"rules.engine", "rules.shipped"} <= loaded
    assert not {"rules.load", "rules.yaml_reader", "rules.yaml_marks", "yaml"} & loaded


# What only reads answers, and what only tells of a trace: no probe waits for it (docs/adr/0049).
READING = {"probes.answer_facts", "probes.wire.answers", "probes.trace.judge", "probes.trace.match"}
READING |= {f"probes.drivers.{name}" for name in ("own_host", "errqueue")}
READING |= {f"probes.drivers.{name}_answers" for name in ("raw", "echo", "udp", "connect")}
TELLING = {"probes.facts", "probes.trace.account", "probes.trace.plan_facts", "probes.trace.hops", "probes.trace.leg"}
SELDOM = {"probes.trace.near_hops", "probes.trace.control"}


@pytest.mark.parametrize("driver", DRIVERS)
def test_nothing_that_sending_does_not_need_is_loaded_before_the_first_probe(driver: str) -> None:
    loaded = printed_by(f"from tests.unit.first_probe import main; main({driver!r})")
    assert {f"probes.drivers.{driver}", "probes.trace.plan", "probes.trace.stages"} <= loaded
    assert not (READING | TELLING | SELDOM) & loaded


def test_these_are_modules_that_a_trace_loads_in_the_end() -> None:
    """Else the names above would say nothing."""
    modules = sorted(READING | TELLING | SELDOM)
    assert set(modules) <= loaded_with(", ".join(modules))


def loaded_with(modules: str) -> set[str]:
    """Return everything that importing these modules loads."""
    return printed_by(f"import {modules}; print(*sys.modules)")


def printed_by(script: str) -> set[str]:
    """Return the words that a script prints in a fresh interpreter without site packages."""
    # What is installed is elsewhere than its tests.
    homes = [str(Path(__file__).parents[2]), str(Path(probes.__file__).parents[1])]
    command = (sys.executable, "-I", "-S", "-c", f"import sys; sys.path += {homes!r}; {script}")
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
