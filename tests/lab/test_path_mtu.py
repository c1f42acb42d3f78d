"""The path MTU on real kernels: reported drops, black holes, lies, loss; with and without root, both families."""

import re
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

from probes.facts import Family
from tests.lab import ours
from tests.lab.behaviour import KERNEL_SETTINGS
from tests.lab.builder import Lab, User
from tests.lab.network_map import Behaviour, read_map
from tests.lab.stage import ruleset

pytestmark = pytest.mark.lab

REPORTED: Final = "reported"
BLACK_HOLE: Final = "black_hole"


def _faulty(hook: str, *lines: str) -> str:
    """Return the shell line that puts rules to a hook of a node's firewall."""
    chain = "\n".join((f"type filter hook {hook} priority 0;", *lines))
    return ruleset(f"table inet fault {{\nchain c {{\n{chain}\n}}\n}}")


NO_ECHO: Final = _faulty("input", "icmp type echo-request drop", "icmpv6 type echo-request drop")
# Neighbour discovery stays: the machine is there, it just never answers.
MUTE: Final = _faulty("input", "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept", "drop")
LOSS: Final = _faulty("forward", "numgen random mod 100 < 15 drop")


def measured(lab: Lab, destination: str, family: Family, *options: str, user: User = User.ROOT) -> ours.Traced:
    """Run our command with `--mtu`, from an address that no router has heard of."""
    source = lab.fresh_source("client", family)
    return ours.trace(lab, ("--mtu", "--source", source, *options, lab.address(destination, family)), user=user)


def steps(leg: ours.Record) -> list[tuple[int, int, str, str | None]]:
    """Return where the path narrows: hop, MTU, kind, who says so."""
    return [(step["probe_ttl"], step["mtu"], step["kind"], step["reported_by"]) for step in leg["mtu"]["steps"]]


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_every_reported_drop_is_found_and_named(
    network: Callable[[str], Lab], protocol: str, family: Family, user: User
) -> None:
    lab = network("narrow")
    leg = measured(lab, "server", family, "-p", protocol, user=user).leg
    hops = lab.map.expected("client", "server", family).hops
    assert leg["path_mtu"] == 1300
    assert steps(leg) == [(2, 1400, REPORTED, hops[1]), (4, 1300, REPORTED, hops[3])]
    assert (leg["mtu"]["link_mtu"], leg["mtu"]["certainty"], leg["mtu"]["protocol"]) == (1500, "exact", "icmp")
    assert leg["mtu"]["sent"] == 11


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
def test_a_black_hole_is_measured_and_placed(network: Callable[[str], Lab], family: Family, user: User) -> None:
    lab = network("narrow")
    leg = measured(lab, "dark", family, user=user).leg
    hops = lab.map.expected("client", "dark", family).hops
    assert leg["path_mtu"] == 1320
    assert steps(leg) == [(2, 1400, REPORTED, hops[1]), (4, 1320, BLACK_HOLE, None)]
    assert leg["mtu"]["certainty"] == "searched"


@pytest.mark.parametrize("family", Family)
def test_two_black_holes_are_told_apart(family: Family) -> None:
    with Lab(read_map("narrow")) as lab:
        lab.tell("r2", ruleset(KERNEL_SETTINGS[Behaviour.HOLE].nftables))
        leg = measured(lab, "dark", family).leg
    assert leg["path_mtu"] == 1320
    assert steps(leg) == [(2, 1400, BLACK_HOLE, None), (4, 1320, BLACK_HOLE, None)]


@pytest.mark.parametrize("family", Family)
def test_a_path_that_is_wide_everywhere_takes_three_packets(network: Callable[[str], Lab], family: Family) -> None:
    leg = measured(network("chain"), "server", family).leg
    assert (leg["path_mtu"], leg["mtu"]["steps"], leg["mtu"]["sent"]) == (1500, [], 3)


@pytest.mark.parametrize("family", Family)
def test_tracepath_sees_the_same_drops_and_its_traces_in_the_kernel_change_nothing(family: Family) -> None:
    with Lab(read_map("narrow")) as lab:
        said = lab.run("client", ("tracepath", "-n", ours.FLAG[family], lab.address("server", family))).stdout
        leg = measured(lab, "server", family).leg
    found = [(int(hop), int(mtu)) for hop, mtu in re.findall(r"^\s*(\d+):.*pmtu (\d+)", said, flags=re.MULTILINE)]
    # It says so at the TTL that the packet had left with: one more than the hop that refused it.
    assert [step[:2] for step in steps(leg)] == [(hop - 1, mtu) for hop, mtu in found], said
    assert f"pmtu {leg['path_mtu']}" in said.splitlines()[-1]


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("destination", ["server", "dark"])
def test_ping_agrees_to_the_octet(network: Callable[[str], Lab], destination: str, family: Family) -> None:
    lab = network("narrow")
    mtu = measured(lab, destination, family).leg["path_mtu"]
    headers = 28 if family is Family.IPV4 else 48

    def ping(size: int) -> int:
        options = ("-n", "-c", "1", "-W", "1", "-M", "do", "-s", str(size - headers))
        return lab.run("client", ("ping", *options, lab.address(destination, family))).returncode

    assert (ping(mtu), ping(mtu + 1)) == (0, 1)


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
def test_a_target_without_echo_is_measured_by_udp(family: Family, user: User) -> None:
    with Lab(read_map("narrow")) as lab:
        lab.tell("server", NO_ECHO)
        leg = measured(lab, "server", family, "-T", "-P", "443", user=user).leg
    assert (leg["path_mtu"], leg["mtu"]["protocol"]) == (1300, "udp")
    assert [step[:3] for step in steps(leg)] == [(2, 1400, REPORTED), (4, 1300, REPORTED)]


@pytest.mark.parametrize("family", Family)
def test_udp_does_where_this_host_permits_no_icmp(family: Family) -> None:
    with Lab(read_map("narrow")) as lab:
        lab.tell("client", 'sysctl -q -w net.ipv4.ping_group_range="1 0"')
        leg = measured(lab, "server", family, user=User.NOBODY).leg
    assert (leg["path_mtu"], leg["mtu"]["method"]) == (1300, "error_queue")


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize(
    ("rule", "named"), [("icmp mtu set 0", 0), ("icmp mtu set 600", 600), ("icmp mtu set 9000", 9000)]
)
def test_a_router_that_names_a_wrong_size_is_not_believed(rule: str, named: int, user: User) -> None:
    with Lab(read_map("narrow")) as lab:
        lab.tell("r2", _faulty("output", f"icmp type destination-unreachable icmp code 4 {rule}"))
        leg = measured(lab, "server", Family.IPV4, user=user).leg
    assert leg["path_mtu"] == 1300
    assert [step[:3] for step in steps(leg)] == [(2, 1400, REPORTED), (4, 1300, REPORTED)]
    assert leg["mtu"]["steps"][0]["reported_mtu"] == named


@pytest.mark.parametrize("family", Family)
def test_jumbo_frames_end_where_the_next_router_says(family: Family) -> None:
    with Lab(read_map("narrow")) as lab:
        lab.tell("client", "ip link set to-r1 mtu 9000")
        lab.tell("r1", "ip link set to-client mtu 9000")
        leg = measured(lab, "server", family).leg
    assert leg["mtu"]["link_mtu"] == 9000
    assert [step[:3] for step in steps(leg)] == [(1, 1500, REPORTED), (2, 1400, REPORTED), (4, 1300, REPORTED)]


@pytest.mark.parametrize("family", Family)
def test_a_first_link_whose_far_end_takes_less_is_a_black_hole_behind_this_machine(family: Family) -> None:
    """A veth's receiver drops what is more than its MTU and a VLAN tag: what a switch without jumbo frames does."""
    with Lab(read_map("narrow")) as lab:
        lab.tell("client", "ip link set to-r1 mtu 9000")
        leg = measured(lab, "server", family).leg
    assert leg["path_mtu"] == 1300
    assert steps(leg)[0][:3] == (0, 1504, BLACK_HOLE)


@pytest.mark.parametrize("family", Family)
def test_loss_is_no_black_hole(family: Family) -> None:
    with Lab(read_map("narrow")) as lab:
        lab.tell("r3", LOSS)
        leg = measured(lab, "server", family).leg
    assert leg["path_mtu"] == 1300
    assert [step[:3] for step in steps(leg)] == [(2, 1400, REPORTED), (4, 1300, REPORTED)]


@pytest.mark.parametrize("family", Family)
def test_a_silent_target_is_measured_up_to_the_last_hop_that_answers(family: Family) -> None:
    with Lab(read_map("narrow")) as lab:
        lab.tell("server", MUTE)
        leg = measured(lab, "server", family).leg
    assert leg["path_mtu"] is None
    assert (leg["mtu"]["at_least"], leg["mtu"]["up_to_ttl"], leg["mtu"]["certainty"]) == (1400, 4, "exact")


def test_the_view_says_it_in_a_line_and_marks_the_hop(network: Callable[[str], Lab]) -> None:
    lab = network("narrow")
    source = lab.fresh_source("client", Family.IPV4)
    command = (sys.executable, "-m", "agent", "trace", "-n", "--mtu", "--source", source, "203.0.113.2")
    said = lab.run("client", ("env", "PYTHONIOENCODING=utf-8", *command)).stdout
    assert "Path MTU 1320: 1500 → 1400 behind hop 2 (10.1.2.2 said so) → 1320 behind hop 4 (nobody says so)." in said
    assert "[black hole over 1320]" in said
    assert "those of more than 1320 bytes vanish behind hop 4" in said


def test_loopback_carries_the_longest_packet_there_is(network: Callable[[str], Lab]) -> None:
    leg: Any = ours.trace(network("chain"), ("--mtu", "127.0.0.1")).leg
    assert (leg["path_mtu"], leg["mtu"]["certainty"]) == (65_535, "exact")
