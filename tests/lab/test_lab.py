"""The lab keeps its promises: quick to build, gone afterwards, exact delays, and a nobody who is one."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from probes.facts import Family
from tests.lab.builder import NAMESPACES, NETNS_FILES, Lab, User
from tests.lab.network_map import MapError, map_names, parse_map, read_map

pytestmark = pytest.mark.lab

_OPEN_RAW_SOCKET = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)"
_OPEN_PING_SOCKET = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)"
_DELAYED = """
nodes: {client: , far: }
links:
  client -- far: {ipv4: 192.0.2.0/24, ipv6: "2001:db8:c::/64", delay_ms: 20}
"""
_SEND = """
import socket, sys
with socket.create_connection((sys.argv[1], 5000)) as connection:
    connection.sendall(bytes(1_000_000))
"""
_RECEIVE = """
import socket, sys
with socket.create_server((sys.argv[1], 5000)) as server:
    print("ready", flush=True)
    connection, _ = server.accept()
    received = 0
    while data := connection.recv(65536):
        received += len(data)
    print(received)
"""
_TWICE_DELAYED = """
nodes: {client: , middle: , far: }
links:
  client -- middle: {ipv4: 192.0.2.0/24, ipv6: "2001:db8:c::/64", delay_ms: 8}
  middle -- far: {ipv4: 198.51.100.0/24, ipv6: "2001:db8:5::/64", delay_ms: 12}
"""
_LOSSY = """
nodes: {client: , far: }
links:
  client -- far: {ipv4: 192.0.2.0/24, ipv6: "2001:db8:c::/64", delay_ms: 1, loss: 0.2, duplicate: 0.2}
"""


def _traces_of(lab: Lab) -> list[Path]:
    return [*NAMESPACES.glob(f"{lab.namespace('client')}*"), *NETNS_FILES.glob(f"{lab.namespace('client')}*")]


def test_five_routers_are_up_in_half_a_second() -> None:
    started = time.perf_counter()
    with Lab(read_map("chain")):
        took_s = time.perf_counter() - started
    assert took_s < 0.5


@pytest.mark.parametrize("name", map_names())
def test_every_map_comes_up_and_leaves_nothing_behind(name: str) -> None:
    with Lab(read_map(name)) as lab:
        assert lab.run("client", ("true",)).returncode == 0
        assert _traces_of(lab)
    assert not _traces_of(lab)


def test_a_failure_inside_leaves_nothing_behind() -> None:
    lab = Lab(read_map("chain"))
    with pytest.raises(KeyboardInterrupt), lab:
        raise KeyboardInterrupt
    assert not _traces_of(lab)


def test_a_map_that_cannot_be_built_leaves_nothing_behind() -> None:
    text = _DELAYED.replace("client: ,", 'client: {routes: ["203.0.113.0/24 via 198.51.100.99"]},')
    lab = Lab(parse_map("broken", text))
    with pytest.raises(RuntimeError, match=r"203\.0\.113\.0/24"), lab:
        pytest.fail("the route has no next hop, yet the map came up")
    assert not _traces_of(lab)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes: {a: , b: }\nlinks: {'a - b': {}}", "is not written 'left -- right'"),
        ("nodes: {a: , b: }\nlinks: {'a -- c': {}}", "names c, which is no node"),
        ("nodes: {a: , b: , c: }\nlinks: {'a -- b': {}}", "without a link: c"),
        ("nodes: {a_name_too_long: , b: }\nlinks: {'a -- b': {}}", "longer than 12 characters"),
    ],
)
def test_a_wrong_map_is_refused(text: str, message: str) -> None:
    with pytest.raises(MapError, match=message):
        parse_map("wrong", text)


def test_root_may_open_raw_sockets_and_nobody_may_not(network: Callable[[str], Lab]) -> None:
    lab = network("chain")
    command = (sys.executable, "-c", _OPEN_RAW_SOCKET)
    assert lab.run("client", command, user=User.ROOT).returncode == 0
    assert "PermissionError" in lab.run("client", command, user=User.NOBODY).stderr


def test_nobody_has_no_capability_and_cannot_gain_one(network: Callable[[str], Lab]) -> None:
    done = network("chain").run("client", ("cat", "/proc/self/status"), user=User.NOBODY)
    status = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["65534"] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize(("group_range", "allowed"), [("1 0", False), ("0 2147483647", True)])
def test_ping_sockets_are_as_the_host_says(group_range: str, allowed: bool) -> None:  # noqa: FBT001
    with Lab(parse_map("pair", _DELAYED)) as lab:
        lab.tell("client", f'sysctl -q -w net.ipv4.ping_group_range="{group_range}"')
        done = lab.run("client", (sys.executable, "-c", _OPEN_PING_SOCKET), user=User.NOBODY)
    assert (done.returncode == 0) is allowed


@pytest.mark.parametrize("family", Family)
def test_the_delay_line_is_exact_within_a_millisecond(family: Family) -> None:
    with Lab(parse_map("delayed", _DELAYED)) as lab:
        done = lab.run("client", ("ping", "-n", "-c", "20", "-i", "0.02", lab.address("far", family)))
    times_ms = [float(line.partition("time=")[2].split()[0]) for line in done.stdout.splitlines() if "time=" in line]
    assert len(times_ms) == 20
    assert min(times_ms) >= 40
    assert statistics.median(times_ms) < 41
    assert all("ttl=64" in line for line in done.stdout.splitlines() if "time=" in line), "the wire is no hop"


@pytest.mark.parametrize("family", Family)
def test_a_burst_is_delayed_as_exactly_as_a_single_frame(family: Family) -> None:
    with Lab(parse_map("delayed", _TWICE_DELAYED)) as lab:
        # The first one pays for the look-up of the neighbour.
        lab.run("client", ("ping", "-n", "-c", "1", lab.address("far", family)))
        done = lab.run("client", ("ping", "-n", "-c", "100", "-l", "100", lab.address("far", family)))
    times_ms = sorted(
        float(line.partition("time=")[2].split()[0]) for line in done.stdout.splitlines() if "time=" in line
    )
    assert len(times_ms) == 100
    assert times_ms[0] >= 40
    assert times_ms[89] < 41, "as a single frame: within a millisecond"


def test_segments_left_to_the_device_pass_the_delay_line() -> None:
    with Lab(parse_map("delayed", _DELAYED)) as lab:
        address = lab.address("far", Family.IPV4)
        receiver = lab.start("far", (sys.executable, "-c", _RECEIVE, address))
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == "ready\n"
        done = lab.run("client", (sys.executable, "-c", _SEND, address))
        received, _ = receiver.communicate(timeout=10)
    assert done.returncode == 0, done.stderr
    assert int(received) == 1_000_000


def test_the_delay_line_loses_and_duplicates() -> None:
    with Lab(parse_map("lossy", _LOSSY)) as lab:
        done = lab.run("client", ("ping", "-n", "-c", "200", "-i", "0.005", lab.address("far", Family.IPV4)))
    answered = {line.partition("icmp_seq=")[2].split()[0] for line in done.stdout.splitlines() if "icmp_seq=" in line}
    # Two directions of 20 % loss leave 64 %, give or take; the chances are drawn from a fixed seed.
    assert 100 < len(answered) < 160
    assert "DUP!" in done.stdout
