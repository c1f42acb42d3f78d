"""Targets that change or hang while the service runs: samples go where the name leads now, and none waits long."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from probes.facts import Family
from tests.lab import program
from tests.lab.builder import Lab
from tests.lab.network_map import parse_map
from tests.lab.program import Program
from tests.lab.service_run import Service
from tests.lab.services import DNS_PORT

pytestmark = pytest.mark.lab

HANGING = Path(__file__).parent / "hanging.py"
NAME = "app.example.test"
BEFORE, AFTER = "198.51.100.2", "198.51.100.10"
HEALTHY = 5
INTERVAL_S = 10
# A twentieth of the interval is jitter; the routers and two processors may take a second besides.
ON_TIME_S = 1.5
MAP = {
    "nodes": {
        "client": {"resolver": ["192.0.2.2"]},
        "router": {"services": {"names": {NAME: [BEFORE]}}},
        "before": {"services": {"tcp": [443]}},
        "after": {"services": {"tcp": [443]}},
        "hanging": {"services": {"run": [{"command": [sys.executable, str(HANGING), "443"], "ready": "tcp:443"}]}},
    },
    "links": {
        "client -- router": {"ipv4": "192.0.2.0/24"},
        "router -- before": {"ipv4": "198.51.100.0/29"},
        "router -- after": {"ipv4": "198.51.100.8/29"},
        "router -- hanging": {"ipv4": "198.51.100.16/29"},
    },
}


@pytest.fixture(scope="module")
def lab(prepared: None) -> Iterator[Lab]:
    del prepared
    with Lab(parse_map("targets", json.dumps(MAP))) as built:
        yield built


def config(*targets: dict[str, Any], **agent: int) -> dict[str, Any]:
    return {"agent": {"interval_s": INTERVAL_S, **agent}, "targets": list(targets)}


def began_at(sample: dict[str, Any]) -> float:
    return datetime.fromisoformat(sample["started_at"]).timestamp()


def test_a_name_is_resolved_again_for_each_sample(lab: Lab) -> None:
    """Between two samples its resolver gives another address; nothing of the host's own network changes."""
    with Service(lab, "client", config({"name": "app", "host": NAME, "port": 443, "protocol": "tcp"})) as service:
        service.ready()
        service.wait(lambda: bool(service.samples("app")), "sampled", 15)
        with name_leads_to(lab, AFTER):
            service.wait(lambda: len(service.samples("app")) > 1, "sampled again", 15)
        assert service.end()[0] == 0
        first, second = service.samples("app")[:2]
        assert {record["schema"] for record in service.records()} == {"cloudpath.sample/1"}
    assert [(one["status"], one["legs"][-1]["address"]) for one in (first, second)] == [("ok", BEFORE), ("ok", AFTER)]
    assert [one["legs"][-1]["hops"][-1]["responders"][0]["address"] for one in (first, second)] == [BEFORE, AFTER]


@contextmanager
def name_leads_to(lab: Lab, address: str) -> Iterator[None]:
    """Let another resolver take the place of the one before, with another answer."""
    lab.stop("router", "names")
    options = ("--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--local=/#/")
    command = ("dnsmasq", *options, f"--host-record={NAME},{address}")
    resolver = Program(kind="names", command=command, transport="udp", port=DNS_PORT)
    log = lab.directory / "resolver.log"
    with program.start(lab.namespace("router"), resolver, log) as process:
        try:
            program.await_ready(process, resolver, log)
            yield
        finally:
            process.kill()


def test_a_target_that_takes_connections_and_never_answers_delays_nobody(lab: Lab) -> None:
    """With two threads for all samples, one of which it holds for most of the time."""
    hanging = {"name": "hanging", "url": f"https://{lab.map.address('hanging', Family.IPV4)}/"}
    names = [f"app{number}" for number in range(HEALTHY)]
    healthy = [{"name": name, "host": BEFORE, "port": 443, "protocol": "tcp"} for name in names]
    with Service(lab, "client", config(hanging, *healthy, concurrent=2)) as service:
        service.ready()
        service.wait(lambda: all(len(service.samples(name)) > 2 for name in names), "sampled three times", 45)
        hung = service.samples("hanging")
        assert service.end()[0] == 0
        for name in names:
            starts = [began_at(sample) for sample in service.samples(name)]
            assert all(abs(then - now - INTERVAL_S) <= ON_TIME_S for now, then in pairwise(starts)), (name, starts)
            assert {sample["status"] for sample in service.samples(name)} == {"ok"}
    assert [sample["web"]["failure"] for sample in hung] == ["timed_out"] * len(hung) != []
    assert all(sample["duration_us"] > 2_000_000 for sample in hung)
