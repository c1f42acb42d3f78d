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


def loaded_with(modules: str) -> set[str]:
    """Return everything that importing these modules loads, in a fresh interpreter without site packages."""
    home = str(Path(probes.__file__).parents[1])
    script = f"import sys; sys.path.append({home!r}); import {modules}; print(*sys.modules)"
    command = (sys.executable, "-I", "-S", "-c", script)
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
