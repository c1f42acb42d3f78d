"""The network changes under a sample: whatever it does just now, it ends within a tenth of a second, and says why."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.lab.builder import Lab
from tests.lab.network_map import read_map
from tests.lab.ours import COMMAND
from tests.lab.test_command import await_first_socket

pytestmark = pytest.mark.lab

HANGING: Final = Path(__file__).with_name("hanging.py")
PORTS: Final = ("53", "80", "443", "3128", "8443")

# From the event to the end of the sample.
WITHIN_S: Final = 0.1

# Python's modules are loaded within this time.
LOADED_S: Final = 0.2

# What keeps a sample busy for longer than any test waits: its arguments, and its configuration.
HANGING_4, QUIET_4 = "198.51.100.2", "203.0.113.2"
HANGING_6, QUIET_6 = "2001:db8:5::2", "2001:db8:6::2"
EDGE = "service_edge: {host: 198.51.100.2, api: 'https://198.51.100.2:8443'}"
PHASES: Final = {
    "names": ("app.example.test", ""),
    "trace": (f"-n {QUIET_4}", ""),
    "trace, IPv6": (f"-n -6 {QUIET_6}", ""),
    "trace by TCP": (f"-n -p tcp -P 99 {QUIET_4}", ""),
    "trace by UDP": (f"-n -p udp {QUIET_4}", ""),
    "web connection": (f"-n http://{QUIET_4}/", ""),
    "TLS": (f"-n https://{HANGING_4}/", ""),
    "web answer": (f"-n http://{HANGING_4}/", ""),
    "proxy": (f"-n --proxy http://{HANGING_4}:3128 198.51.100.9", ""),
    "proxy script": ("-n 198.51.100.9", f"proxy: {{mode: pac, url: 'http://{HANGING_4}/proxy.pac'}}"),
    "captive portal": (f"-n {HANGING_4}", f"captive_check_url: http://{HANGING_4}/"),
    "service data": ("-n --route service_edge 198.51.100.9", EDGE),
    "egress": (f"-n {HANGING_4}", f"egress: {{address: {QUIET_4}}}"),
    "comparisons": (f"-n -q 1 -w 0.2 {QUIET_4}", "controls: [app.example.test]"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happens: `ip` commands, and those that undo it; the reason, and the change that tells of it."""

    lines: str
    undo: str
    reason: str
    subject: str
    before: str | None
    after: str | None


def instant(text: str) -> float:
    """Return an RFC 3339 instant in seconds since 1970."""
    found: float = datetime.fromisoformat(text).timestamp()
    return found


class Client:
    """The client of the map, and what is asked there."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def start(self, phase: str) -> "subprocess.Popen[str]":
        """Start a sample that stays in a phase."""
        arguments, configuration = PHASES[phase]
        options = []
        if configuration:
            path = self.lab.directory / "agent.yaml"
            path.write_text(configuration + "\n", encoding="utf-8")
            path.chmod(0o644)
            options = ["-c", str(path)]
        proxy = [] if "proxy" in phase else ["--proxy", "none"]
        return self.lab.start("client", (*COMMAND, "trace", "--json", *options, *proxy, *arguments.split()))

    def ip(self, lines: str) -> tuple[float, float]:
        """Run `ip` commands, one a line, as fast as they can be; return the time of the day before and after them."""
        with subprocess.Popen(
            ("ip", "-n", self.lab.namespace("client"), "-batch", "-"), stdin=subprocess.PIPE, text=True
        ) as waiting:
            # It is in the namespace, and reads: starting it is no part of the event.
            _await_reading(waiting.pid)
            before = time.time()
            waiting.communicate(lines + "\n")
            after = time.time()
        assert waiting.returncode == 0, lines
        return before, after

    def undo(self, event: Event) -> None:
        """Make the network what it was, and wait until its link carries again."""
        self.ip(event.undo)
        until = time.monotonic() + 10
        while "state UP" not in self.lab.run("client", ("ip", "link", "show", "dev", "to-r1")).stdout:
            assert time.monotonic() < until
            time.sleep(0.01)


def _await_reading(pid: int) -> None:
    until = time.monotonic() + 10
    while "pipe_read" not in Path(f"/proc/{pid}/wchan").read_text(encoding="ascii"):
        assert time.monotonic() < until
        time.sleep(0.001)


@pytest.fixture(scope="module")
def client(prepared: None) -> Iterator[Client]:
    del prepared
    with Lab(read_map("watched")) as lab:
        hanging = lab.start("hanging", (sys.executable, str(HANGING), *PORTS))
        assert hanging.stdout is not None
        assert hanging.stdout.readline() == "ready\n"
        try:
            yield Client(lab)
        finally:
            hanging.kill()
            hanging.communicate()


def ended(record: dict[str, Any]) -> float:
    """Return when a sample ended, in seconds since 1970."""
    took_s: float = record["duration_us"] / 1e6
    return instant(record["started_at"]) + took_s


EVENTS: Final = {
    "the link goes": Event(
        lines="link set to-r1 down",
        undo="""\
link set to-r1 up
route replace default via 192.0.2.2
address add 2001:db8:c::1/64 dev to-r1 nodad
route replace default via 2001:db8:c::2""",
        reason="link",
        subject="to-r1",
        before="up",
        after="down",
    ),
    "the link flaps": Event(
        lines="link set to-r1 down\nlink set to-r1 up",
        undo="""\
route replace default via 192.0.2.2
address add 2001:db8:c::1/64 dev to-r1 nodad
route replace default via 2001:db8:c::2""",
        reason="link",
        subject="to-r1",
        before="up",
        after="down",
    ),
    "the address goes": Event(
        lines="address delete 192.0.2.1/24 dev to-r1\naddress delete 2001:db8:c::1/64 dev to-r1",
        undo="""\
address add 192.0.2.1/24 dev to-r1
route replace default via 192.0.2.2
address add 2001:db8:c::1/64 dev to-r1 nodad
route replace default via 2001:db8:c::2""",
        reason="address",
        subject="to-r1",
        before="{source}",
        after=None,
    ),
    "another gateway": Event(
        lines="route replace default via 192.0.3.2\nroute replace default via 2001:db8:d::2",
        undo="route replace default via 192.0.2.2\nroute replace default via 2001:db8:c::2",
        reason="route",
        subject="{looked_up}",
        before="via {gateway} dev to-r1 src {source} table 254",
        after="via {spare_gateway} dev to-spare",
    ),
    "a way of its own": Event(
        lines="""\
route add 198.51.100.0/24 via 192.0.3.2
route add 203.0.113.0/24 via 192.0.3.2
route add 2001:db8:6::/64 via 2001:db8:d::2""",
        undo="""\
route delete 198.51.100.0/24 via 192.0.3.2
route delete 203.0.113.0/24 via 192.0.3.2
route delete 2001:db8:6::/64 via 2001:db8:d::2""",
        reason="route",
        subject="{looked_up}",
        before="via {gateway} dev to-r1 src {source} table 254",
        after="via {spare_gateway} dev to-spare",
    ),
    "a tunnel": Event(
        lines="""\
tuntap add tun0 mode tun
address add 172.16.9.2/24 dev tun0
link set tun0 up
route add 0.0.0.0/1 dev tun0
route add 128.0.0.0/1 dev tun0
route add 2000::/3 dev tun0""",
        undo="tuntap delete tun0 mode tun",
        reason="tunnel",
        subject="{looked_up}",
        before="via {gateway} dev to-r1 src {source} table 254",
        after="dev tun0",
    ),
}


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("phase", PHASES)
def test_a_sample_ends_with_its_network(client: Client, phase: str, name: str) -> None:
    event = EVENTS[name]
    sample = client.start(phase)
    await_first_socket(sample.pid)
    # At any moment once a command that has just started has loaded what it needs; the phases last longer than this.
    time.sleep(random.uniform(LOADED_S, LOADED_S + 0.4))  # noqa: S311 - no secret
    assert sample.poll() is None, "it ended before anything happened"
    began, done = client.ip(event.lines)
    out, complaints = sample.communicate(timeout=30)
    client.undo(event)
    record = json.loads(out)
    assert complaints == ""
    assert [(error["code"], error["reason"]) for error in record["errors"]] == [("CP-06", event.reason)]
    assert ended(record) - done < WITHIN_S
    counted = [change for change in record["network"]["changes"] if change["affects_sample"]]
    assert any(fits(change, event, six="IPv6" in phase) for change in counted), counted
    # Instants of records are cut to the millisecond.
    assert all(began - 0.001 <= instant(change["at"]) < done + WITHIN_S for change in counted)


def fits(change: dict[str, Any], event: Event, *, six: bool) -> bool:
    """Return whether a change tells what happened: to whom, what was before, what is now."""
    words = _WORDS[six]
    subject, before = event.subject.format(**words), (event.before or "").format(**words)
    after = None if event.after is None else event.after.format(**words)
    looked_up = subject == LOOKED_UP and change["subject"] in ADDRESSES
    right = looked_up or change["subject"] == subject
    if after is None or change["after"] is None:
        return right and change["before"] == before and change["after"] is after
    return right and change["before"] == before and str(change["after"]).startswith(after)


LOOKED_UP: Final = "any address of the sample"
ADDRESSES: Final = frozenset({HANGING_4, QUIET_4, QUIET_6, "198.51.100.9"})
_WORDS: Final = {
    False: {"source": "192.0.2.1", "gateway": "192.0.2.2", "spare_gateway": "192.0.3.2", "looked_up": LOOKED_UP},
    True: {
        "source": "2001:db8:c::1",
        "gateway": "2001:db8:c::2",
        "spare_gateway": "2001:db8:d::2",
        "looked_up": LOOKED_UP,
    },
}


# --- what does not touch the sample -----------------------------------------------------------------------------------

ROUNDS: Final = 40
# Each round is 25 events: links, addresses, lifetimes, routes, metrics, other tables, neighbours, rules, a bridge.
UNRELATED: Final = """\
link add cta{n} type veth peer name ctb{n}
link set cta{n} up
link set ctb{n} up
address add 172.17.{n}.1/24 dev cta{n}
address add 2001:db8:17:{n}::1/64 dev cta{n} nodad
neigh add 172.17.{n}.9 lladdr 02:00:00:00:00:01 dev cta{n}
route add 172.18.{n}.0/24 via 172.17.{n}.9
route add default via 172.17.{n}.9 table {table}
route add default via 192.0.2.2 metric {table}
route delete default via 192.0.2.2 metric {table}
address add 192.0.3.{host}/24 dev to-spare
address delete 192.0.3.{host}/24 dev to-spare
address change 192.0.2.1/24 dev to-r1 valid_lft 3600 preferred_lft 1800
address change 2001:db8:c::1/64 dev to-r1 valid_lft 3600 preferred_lft 1800
address add 2001:db8:d::{host}/64 dev to-spare nodad
address delete 2001:db8:d::{host}/64 dev to-spare
neigh replace 192.0.2.77 lladdr 02:00:00:00:00:02 dev to-r1
neigh delete 192.0.2.77 dev to-r1
link add br{n} type bridge
link set cta{n} master br{n}
link set br{n} up
route delete 172.18.{n}.0/24 via 172.17.{n}.9
rule add from 172.17.{n}.1 lookup {table} priority {table}
rule delete priority {table}
link delete br{n}
link delete cta{n}
"""


def test_a_thousand_unrelated_events_end_no_sample(client: Client) -> None:
    for phase in ("names", "trace", "web answer", "service data"):
        sample = client.start(phase)
        await_first_socket(sample.pid)
        for n in range(ROUNDS // 4):
            assert sample.poll() is None, "it ended before everything had happened"
            client.ip(UNRELATED.format(n=n, table=1000 + n, host=100 + n))
        out, complaints = sample.communicate(timeout=30)
        record = json.loads(out)
        assert complaints == ""
        assert "CP-06" not in {error["code"] for error in record["errors"]}
        counted = [change for change in record["network"]["changes"] if change["affects_sample"]]
        assert counted == []
        assert len(record["network"]["changes"]) == 20
    client.ip("address change 192.0.2.1/24 dev to-r1 valid_lft forever preferred_lft forever")


# --- the agent itself stands still ------------------------------------------------------------------------------------


def test_a_sample_in_which_the_agent_was_stopped_is_its_own_failure(client: Client) -> None:
    sample = client.start("trace")
    await_first_socket(sample.pid)
    time.sleep(LOADED_S)
    sample.send_signal(signal.SIGSTOP)
    time.sleep(2.0)
    sample.send_signal(signal.SIGCONT)
    out, complaints = sample.communicate(timeout=30)
    record = json.loads(out)
    assert complaints == ""
    assert [(error["code"], error["reason"]) for error in record["errors"]] == [("CP-01", "deadline_overrun")]
    (failure,) = record["agent_failures"]
    assert failure["detail"].startswith("the agent did not run for 2.")
    assert record["network"]["changes"] == []
