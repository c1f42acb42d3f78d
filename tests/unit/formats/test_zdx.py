"""The ZDX export of typical samples: the product's own SDK reads it, and sees what the record says."""

import json
from dataclasses import replace
from typing import Any

import pytest
from zscaler.zdx.models.devices import DeviceCloudPathProbesHopData

from agent.formats.zdx import zdx_text
from agent.record import record_of
from probes.facts import EndReason, EndToEnd, Leg, LossClass, Node, Protocol, RttSummary
from probes.host_facts import Neighbour, NeighbourState
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from tests.unit.views import far_samples, samples

TYPICAL = {
    name: value
    for name, value in {**vars(samples), **vars(far_samples)}.items()
    if isinstance(value, Sample) and not name.startswith("_")
}


def read(sample: Sample, diagnosis: Diagnosis = samples.FINE) -> Any:
    """Return the one object of the list, as the SDK models what the API answers."""
    (found,) = json.loads(zdx_text(record_of(sample, diagnosis, samples.HEADER)))
    return DeviceCloudPathProbesHopData(found)


def path_of(leg: Leg) -> Any:
    (path,) = read(replace(samples.HEALTHY, legs=(leg,))).cloudpath
    return path


@pytest.mark.parametrize("name", TYPICAL)
def test_the_sdk_sees_every_leg_that_somebody_tried_to_trace(name: str) -> None:
    sample = TYPICAL[name]
    found = read(sample)
    tried = [leg for leg in sample.legs if leg.end_reason is not EndReason.NOT_TRACED]
    assert [path.num_hops for path in found.cloudpath] == [len(leg.hops) for leg in tried]
    assert [len(path.hops) for path in found.cloudpath] == [len(leg.hops) for leg in tried]
    for path, leg in zip(found.cloudpath, tried, strict=True):
        assert path.num_unresp_hops == sum(hop.received == 0 for hop in leg.hops)
        assert [(hop.pkt_sent, hop.pkt_rcvd) for hop in path.hops] == [(hop.sent, hop.received) for hop in leg.hops]


def test_the_sdk_keeps_every_key_that_is_written_and_misses_none() -> None:
    text = zdx_text(record_of(samples.HEALTHY, samples.FINE, samples.HEADER))
    # Read twice: the SDK puts its models into what it is given.
    (written,), (given,) = json.loads(text), json.loads(text)
    model = DeviceCloudPathProbesHopData(given)
    assert set(written) == set(model.request_format())
    assert set(written["cloudpath"][0]) == set(model.cloudpath[0].request_format())
    assert set(written["cloudpath"][0]["hops"][0]) == set(model.cloudpath[0].hops[0].request_format())


def test_the_time_is_in_whole_seconds() -> None:
    assert read(samples.HEALTHY).timestamp == 1_767_600_000


def test_delays_are_milliseconds_and_loss_is_percent() -> None:
    series = EndToEnd(
        protocol=Protocol.TCP,
        sent=8,
        received=7,
        loss_ratio=0.125,
        rtt_us=RttSummary(min=1, avg=12_345, max=3, stddev=1),
    )
    path = path_of(replace(samples.LEG, end_to_end=series, loss_ratio=0.125))
    assert (path.latency, path.loss) == (12.345, 12.5)
    assert path.src == samples.LEG.source_address
    assert path.dst == samples.LEG.address


def test_no_answer_is_minus_one() -> None:
    silent = replace(samples.GATEWAY, received=0, responders=(), rtt_us=None, loss_class=LossClass.SILENT)
    path = path_of(replace(samples.LEG, hops=(silent,), end_to_end=None, loss_ratio=None))
    hop = path.hops[0]
    assert (path.latency, path.loss, path.num_unresp_hops) == (-1, -1, 1)
    assert (hop.latency_min, hop.latency_max, hop.latency_avg, hop.latency_diff) == (-1, -1, -1, -1)
    assert hop.ip is None


def test_a_hop_says_by_how_much_it_is_farther_than_the_one_before_that_answered() -> None:
    def at(ttl: int, avg_us: int | None) -> Any:
        rtt = None if avg_us is None else RttSummary(min=avg_us, avg=avg_us, max=avg_us, stddev=0)
        return replace(samples.GATEWAY, probe_ttl=ttl, rtt_us=rtt)

    path = path_of(replace(samples.LEG, hops=(at(1, 4_000), at(2, None), at(3, 9_000), at(4, 7_000), at(5, 8_400))))
    assert [hop.latency_diff for hop in path.hops] == [4, -1, 5, 0, 1]


def test_the_gateway_has_its_hardware_address() -> None:
    address = samples.GATEWAY.responders[0].address
    entry = Neighbour(
        address=address, interface="eth0", state=NeighbourState.REACHABLE, link_layer_address="02:00:00:00:00:01"
    )
    network = replace(samples.HEALTHY.network, neighbours=(entry,))
    (path,) = read(replace(samples.HEALTHY, network=network)).cloudpath
    assert [hop.gw_mac for hop in path.hops if hop.gw_mac] == ["02:00:00:00:00:01"]
    assert path.hops[0].ip == address


def test_an_end_without_an_address_goes_by_its_name() -> None:
    path = path_of(Leg(from_=Node.CLIENT, to=Node.EGRESS, end_reason=EndReason.SEND_FAILED))
    assert (path.src, path.dst, path.num_hops) == ("client", "egress", 0)


def test_a_leg_that_nobody_tried_to_trace_is_no_path() -> None:
    leg = Leg(from_=Node.EXTERNAL_PROXY, to=Node.DESTINATION, reason="not discoverable")
    assert read(replace(samples.HEALTHY, legs=(leg,))).cloudpath == []
