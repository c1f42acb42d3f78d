"""The right error with the right reason, soon enough; and none at all on the healthy twin."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from probes.facts import Family, Protocol
from tests.lab import ours
from tests.lab.builder import Lab, User
from tests.lab.faults import (
    APP_ADDRESS,
    HOST_FAULTS,
    NAME_FAULTS,
    NO_DEFAULT_ROUTE_FAULTS,
    NO_DNS,
    ONLY_TCP_LEAVES,
    PATH_FAULTS,
    PROXY,
    Fault,
)
from tests.lab.network_map import read_map

pytestmark = pytest.mark.lab

WITHIN_S: Final = 3.0
FAULTS: Final = (*NAME_FAULTS, *HOST_FAULTS, *PATH_FAULTS, *NO_DEFAULT_ROUTE_FAULTS)


def assert_healthy(traced: ours.Traced) -> None:
    assert traced.record["errors"] == []
    assert traced.record["status"] == "ok"
    assert traced.exit_code == 0
    assert traced.leg["reached"] is True


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_a_fault_gives_its_error_and_its_healthy_twin_none(fault: Fault, user: User) -> None:
    with Lab(read_map("office")) as lab:
        assert_healthy(ours.trace(lab, fault.healthy, user=user))
        for node, line in fault.steps:
            lab.tell(node, line)
        traced = ours.trace(lab, fault.faulty or fault.healthy, user=user)
    assert traced.codes == {fault.code: fault.reason}
    assert traced.exit_code == 1
    assert traced.took_s <= WITHIN_S


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("user", User)
def test_a_healthy_office_gives_no_error(user: User, family: Family, protocol: Protocol) -> None:
    with Lab(read_map("office")) as lab:
        assert_healthy(ours.trace(lab, (ours.FLAG[family], "-p", protocol, "app.example.test"), user=user))


def test_a_probe_by_tcp_is_no_eligibility_error_where_there_is_no_default_route() -> None:
    steps = NO_DEFAULT_ROUTE_FAULTS[0].steps
    with Lab(read_map("office")) as lab:
        for node, line in steps:
            lab.tell(node, line)
        traced = ours.trace(lab, ("-p", "tcp", "--proxy", PROXY, APP_ADDRESS))
    assert not {"CP-02", "CP-12"} & traced.codes.keys()


@pytest.mark.parametrize("user", User)
def test_a_firewall_that_drops_another_protocol_is_no_error(user: User) -> None:
    with Lab(read_map("office")) as lab:
        lab.tell("client", ONLY_TCP_LEAVES)
        assert_healthy(ours.trace(lab, ("-P", "443", APP_ADDRESS), user=user))


@pytest.mark.parametrize("user", User)
def test_a_dead_target_is_not_a_dead_network(user: User) -> None:
    with Lab(read_map("office")) as lab:
        lab.tell("core", f"ip route add blackhole {APP_ADDRESS}")
        traced = ours.trace(lab, ("-P", "443", APP_ADDRESS), user=user)
    assert traced.leg["reached"] is False
    assert not {"CP-01", "CP-02", "CP-03", "CP-06", "CP-12"} & traced.codes.keys()


@pytest.mark.parametrize("user", User)
def test_one_dead_resolver_of_two_is_no_error(user: User) -> None:
    with Lab(read_map("office")) as lab:
        lab.tell("resolver1", NO_DNS)
        assert_healthy(ours.trace(lab, ("app.example.test",), user=user))


# --- a change in flight -----------------------------------------------------------------------------------------------

_CHANGES: Final = (
    ("the address goes", "ip addr del 192.0.2.1/24 dev to-r1"),
    ("the address is another", "ip addr del 192.0.2.1/24 dev to-r1; ip addr add 192.0.2.9/24 dev to-r1"),
    ("the address flaps", "ip addr del 192.0.2.1/24 dev to-r1; ip addr add 192.0.2.1/24 dev to-r1"),
    ("the route goes", "ip route del default"),
    ("the link flaps", "ip link set to-r1 down; ip link set to-r1 up"),
)
_UNRELATED: Final = (
    (
        "an address elsewhere",
        "ip link add unrelated type veth peer name other; ip addr add 203.0.113.1/24 dev unrelated",
    ),
    ("a route elsewhere", "ip route add 203.0.113.0/24 via 192.0.2.2"),
    ("a neighbour", "ip neigh add 192.0.2.77 lladdr 02:00:00:00:00:01 dev to-r1"),
    ("the same address again", "ip addr change 192.0.2.1/24 dev to-r1 valid_lft 600 preferred_lft 600"),
)


def packets_sent(lab: Lab) -> int:
    """Return how many packets the client has sent to its first router."""
    devices = Path(f"/proc/{lab.shell('client')}/net/dev").read_text().splitlines()
    line = next(line for line in devices if line.strip().startswith("to-r1:"))
    return int(line.partition(":")[2].split()[8])


def await_quiet(lab: Lab) -> int:
    """Return how many packets the client has sent once it sends no more: late answers to an earlier run make resets."""
    longest_s = 1.5 * lab.map.round_trip_ms("client", "server", Family.IPV4) / 1000
    before = -1
    while (sent := packets_sent(lab)) != before:
        before = sent
        time.sleep(longest_s)
    return sent


def trace_disturbed(lab: Lab, arguments: Sequence[str], disturbance: str) -> ours.Traced:
    """Run our command, and disturb the client as soon as probes are on their way."""
    before = await_quiet(lab)
    started = time.perf_counter()
    running = lab.start("client", (*ours.COMMAND, "trace", "--json", "-n", *arguments))
    while packets_sent(lab) < before + 10:
        assert running.poll() is None, running.communicate()
        time.sleep(0.001)
    lab.tell("client", disturbance)
    output, complaints = running.communicate(timeout=10)
    return ours.read(output, complaints, running.returncode, time.perf_counter() - started)


@pytest.mark.parametrize(("title", "disturbance"), _CHANGES)
def test_a_change_in_flight_discards_the_sample(title: str, disturbance: str) -> None:
    with Lab(read_map("slow")) as lab:
        address = lab.address("server", Family.IPV4)
        assert_healthy(ours.trace(lab, (address,)))
        traced = trace_disturbed(lab, (address,), disturbance)
    assert set(traced.codes) == {"CP-06"}, title
    assert traced.record["status"] == "discarded"
    assert any(change["affects_sample"] for change in traced.record["network"]["changes"])
    assert all(leg["hops"] == [] for leg in traced.record["legs"])
    assert traced.took_s <= WITHIN_S


@pytest.mark.parametrize(("title", "disturbance"), _UNRELATED)
def test_a_change_that_does_not_concern_the_sample_keeps_it(title: str, disturbance: str) -> None:
    with Lab(read_map("slow")) as lab:
        traced = trace_disturbed(lab, (lab.address("server", Family.IPV4),), disturbance)
        assert ours.hop_list(traced.leg) == lab.map.expected("client", "server", Family.IPV4).hops, title
    assert_healthy(traced)
