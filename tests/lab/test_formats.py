"""The formats of real traces: RIPE's own parser reads each scenario of the lab, and CSV has the map's hops in it."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.formats.ripe_atlas import ripe_atlas_lines
from agent.record import record_of
from agent.record_reader import read_samples
from probes.facts import Family, Protocol
from probes.sample import Sample
from tests.lab import ours
from tests.lab.builder import Lab, User
from tests.lab.network_map import HopList, without_silent_tail
from tests.lab.test_trace import SCENARIOS, Scenario, arguments
from tests.unit.formats.sagan_view import assert_agrees, lines_of, measured, parsed
from tests.unit.views.samples import FINE, HEADER

pytestmark = pytest.mark.lab


def sagan_hop_list(result: Any) -> HopList:
    """Return the hop list that sagan reads: the one address of each hop, or None."""
    hops = [{packet.origin for packet in hop.packets} - {None} for hop in result.hops]
    assert all(len(addresses) <= 1 for addresses in hops)
    return without_silent_tail([next(iter(addresses), None) for addresses in hops])


def printed(lab: Lab, form: str, options: tuple[str, ...], user: User = User.ROOT) -> str:
    """Return what our command prints in one format, through a pipe."""
    done = lab.run("client", (*ours.COMMAND, "trace", "-n", "--format", form, *options), user=user)
    assert done.stdout, done.stderr
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_sagan_sees_what_the_record_and_the_map_say(
    network: Callable[[str], Lab], scenario: Scenario, protocol: Protocol, family: Family, user: User
) -> None:
    lab = network(scenario.map_name)
    expected = lab.map.expected("client", scenario.destination, family)
    traced = ours.trace(lab, arguments(lab, scenario, protocol, family), user=user)
    sample = sample_of(traced.record)
    (line,) = lines_of(ripe_atlas_lines(record_of(sample, FINE, HEADER)))
    result = parsed(line)
    assert_agrees(result, *measured(sample.legs))
    assert sagan_hop_list(result) == expected.hops
    assert result.destination_ip_responded is expected.reached
    # A hop that refuses answers too, with an error; only arriving, at a time that is known, is a success.
    assert result.is_success is (expected.reached and traced.leg["hops"][-1]["rtt_us"] is not None)


def sample_of(record: ours.Record) -> Sample:
    """Return the facts of a record that our command printed."""
    (sample,) = read_samples(json.dumps(record).encode(), "record")
    return sample


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_the_command_prints_what_sagan_reads(network: Callable[[str], Lab], scenario: Scenario, family: Family) -> None:
    lab = network(scenario.map_name)
    expected = lab.map.expected("client", scenario.destination, family)
    (line,) = lines_of(printed(lab, "ripe-atlas", arguments(lab, scenario, Protocol.ICMP, family)))
    result = parsed(line)
    assert result.destination_address == lab.address(scenario.destination, family)
    assert sagan_hop_list(result) == expected.hops


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.title)
def test_the_command_prints_the_maps_hops_as_csv(
    network: Callable[[str], Lab], scenario: Scenario, family: Family
) -> None:
    lab = network(scenario.map_name)
    expected = lab.map.expected("client", scenario.destination, family)
    text = printed(lab, "csv", arguments(lab, scenario, Protocol.ICMP, family), User.NOBODY)
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert [int(row["probe_ttl"]) for row in rows] == list(range(1, len(rows) + 1))
    assert without_silent_tail([row["address"] or None for row in rows]) == expected.hops
    assert {row["reached"] for row in rows} == {"true" if expected.reached else "false"}
    timed = [row for row in rows if row["rtt_us"]]
    assert timed
    assert all(int(row["rtt_min_us"]) <= int(row["rtt_avg_us"]) <= int(row["rtt_max_us"]) for row in timed)


def test_the_reader_of_a_pipe_may_go_after_the_header(network: Callable[[str], Lab]) -> None:
    lab = network("chain")
    told = f"{' '.join(ours.COMMAND)} trace -n --format csv {lab.address('server', Family.IPV4)} | head -1"
    done = lab.run("client", ("sh", "-c", told))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sample_id,started_at,")
    assert len(done.stdout.splitlines()) == 1
