"""RIPE Atlas results of typical samples: RIPE's parser reads them, and nothing in them is made up."""

import json
from dataclasses import replace
from typing import Any

import pytest

from agent.formats.ripe_atlas import ripe_atlas_lines
from agent.record import record_of
from probes.egress_facts import EdgeTrace
from probes.facts import (
    Answer,
    EndReason,
    ExtensionObject,
    Hop,
    Icmp,
    InterfaceInformation,
    InterfaceRole,
    Leg,
    LossClass,
    MplsLabel,
    Node,
    Responder,
    SendFailure,
)
from probes.failure import Failure
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from tests.unit.formats.sagan_view import assert_agrees, lines_of, measured, parsed
from tests.unit.views import far_samples, samples

TYPICAL = {
    name: value
    for name, value in {**vars(samples), **vars(far_samples)}.items()
    if isinstance(value, Sample) and not name.startswith("_")
}


def lines(sample: Sample, diagnosis: Diagnosis = samples.FINE) -> list[str]:
    return lines_of(ripe_atlas_lines(record_of(sample, diagnosis, samples.HEADER)))


def result(leg: Leg) -> dict[str, Any]:
    (line,) = lines(replace(samples.HEALTHY, legs=(leg,)))
    read: dict[str, Any] = json.loads(line)
    return read


def answered(**changes: Any) -> list[dict[str, Any]]:
    """Return the replies of one hop whose only responder has these facts."""
    responder = replace(samples.GATEWAY.responders[0], **changes)
    hop = replace(samples.GATEWAY, responders=(responder,))
    replies: list[dict[str, Any]] = result(replace(samples.LEG, hops=(hop,)))["result"][0]["result"]
    return replies


@pytest.mark.parametrize("name", TYPICAL)
def test_sagan_reads_every_typical_sample_as_the_record_says(name: str) -> None:
    sample = TYPICAL[name]
    legs = measured(sample.legs)
    for line, leg in zip(lines(sample), legs, strict=True):
        assert_agrees(parsed(line), leg)


def test_a_healthy_leg_is_this_result() -> None:
    (line,) = lines(samples.HEALTHY)
    read = json.loads(line)
    hops = read.pop("result")
    assert read == {
        "fw": 5000,
        "lts": -1,
        "timestamp": 1_767_600_000,
        "endtime": 1_767_600_000,
        "dst_name": "crm.example.com",
        "dst_addr": "192.0.2.80",
        "src_addr": "10.0.0.23",
        "proto": "TCP",
        "af": 4,
        "paris_id": 1,
        "msm_name": "Traceroute",
        "type": "traceroute",
        "msm_id": None,
        "prb_id": None,
    }
    assert hops[0] == {
        "hop": 1,
        "result": [{"from": "10.0.0.1", "ttl": 255, "rtt": rtt} for rtt in (0.411, 0.38, 0.402)],
    }
    assert hops[4]["result"][0] == {"from": "192.0.2.80", "ttl": 58, "flags": "SA", "rtt": 12.3}


def test_a_reached_destination_is_success_for_sagan() -> None:
    assert parsed(lines(samples.HEALTHY)[0]).is_success


@pytest.mark.parametrize("sample", [samples.CLOSED_PORT])
def test_the_port_unreachable_of_the_destination_is_no_error(sample: Sample) -> None:
    leg = replace(
        sample.legs[0],
        hops=(
            replace(
                samples.END,
                responders=(
                    Responder(
                        address=samples.DESTINATION,
                        answer=Answer.DESTINATION_UNREACHABLE,
                        icmp=Icmp(type=3, code=3),
                        rtt_us=(12_300,),
                    ),
                ),
            ),
        ),
    )
    (line,) = lines(replace(sample, legs=(leg,)))
    assert "err" not in json.loads(line)["result"][0]["result"][0]
    assert parsed(line).is_success


@pytest.mark.parametrize(
    ("address", "icmp", "letter"),
    [
        ("203.0.113.9", Icmp(type=3, code=0), "N"),
        ("203.0.113.9", Icmp(type=3, code=1), "H"),
        ("203.0.113.9", Icmp(type=3, code=2), "P"),
        ("203.0.113.9", Icmp(type=3, code=3), "p"),
        ("203.0.113.9", Icmp(type=3, code=13), "A"),
        ("203.0.113.9", Icmp(type=3, code=10), 10),
        ("2001:db8::9", Icmp(type=1, code=0), "N"),
        ("2001:db8::9", Icmp(type=1, code=1), "A"),
        ("2001:db8::9", Icmp(type=1, code=2), "h"),
        ("2001:db8::9", Icmp(type=1, code=3), "H"),
        ("2001:db8::9", Icmp(type=1, code=4), "p"),
        ("2001:db8::9", Icmp(type=1, code=6), 6),
    ],
)
def test_an_unreachable_of_somebody_else_has_its_letter_or_number(address: str, icmp: Icmp, letter: str | int) -> None:
    reply = answered(address=address, answer=Answer.DESTINATION_UNREACHABLE, icmp=icmp)[0]
    assert reply["err"] == letter


@pytest.mark.parametrize("answer", [Answer.TIME_EXCEEDED, Answer.PACKET_TOO_BIG, Answer.ECHO_REPLY])
def test_other_answers_are_no_errors(answer: Answer) -> None:
    assert "err" not in answered(answer=answer, icmp=Icmp(type=11, code=0))[0]


@pytest.mark.parametrize(("quoted", "said"), [(None, None), (1, None), (0, 0), (4, 4)])
def test_the_quoted_ttl_is_left_out_where_it_is_one(quoted: int | None, said: int | None) -> None:
    assert answered(quoted_ttl=quoted)[0].get("ittl") == said


@pytest.mark.parametrize(
    ("told", "c_type"),
    [
        # RFC 5837 section 4.1: role, two reserved bits, index, address, name, MTU.
        (InterfaceInformation(role=InterfaceRole.INCOMING, index=7), 0b00_00_1000),
        (InterfaceInformation(role=InterfaceRole.SUB_IP_INCOMING, address="192.0.2.1"), 0b01_00_0100),
        (InterfaceInformation(role=InterfaceRole.OUTGOING, name="eth0"), 0b10_00_0010),
        (InterfaceInformation(role=InterfaceRole.NEXT_HOP, mtu=1_500), 0b11_00_0001),
        (
            InterfaceInformation(role=InterfaceRole.OUTGOING, index=1, address="2001:db8::1", name="e", mtu=9_000),
            0b10_00_1111,
        ),
    ],
)
def test_an_interface_is_an_object_of_the_c_type_that_it_came_with(told: InterfaceInformation, c_type: int) -> None:
    assert answered(interfaces=(told,))[0]["icmpext"] == {"version": 2, "obj": [{"class": 2, "type": c_type}]}


def test_objects_stand_one_behind_the_other_and_nothing_is_there_without_any() -> None:
    label = MplsLabel(label=24_017, traffic_class=3, bottom=True, mpls_ttl=1)
    other = ExtensionObject(class_number=3, c_type=1, octets=12)
    reply = answered(mpls=(label,), other_extensions=(other,), quoted_tos=16)[0]
    stack = {"class": 1, "type": 1, "mpls": [{"exp": 3, "label": 24_017, "s": 1, "ttl": 1}]}
    assert reply["icmpext"] == {"version": 2, "obj": [stack, {"class": 3, "type": 1}]}
    assert reply["itos"] == 16
    assert "icmpext" not in answered()[0]


def test_a_late_answer_is_a_timeout_and_somebody_heard_late() -> None:
    hop = replace(
        samples.GATEWAY,
        sent=2,
        received=0,
        late=1,
        rtt_us=None,
        responders=(replace(samples.GATEWAY.responders[0], rtt_us=()),),
    )
    (read,) = result(replace(samples.LEG, hops=(hop,)))["result"]
    assert read["result"] == [{"x": "*"}, {"x": "*"}, {"from": "10.0.0.1", "ttl": 255, "late": 1}]


def test_answers_in_time_without_a_time_have_no_rtt_and_are_no_timeouts() -> None:
    (first,) = samples.GATEWAY.responders
    other = replace(first, address="10.0.0.2")
    plain = {"from": "10.0.0.1", "ttl": 255}
    for responders, sent, expected in (
        ((replace(first, rtt_us=()),), 3, [plain] * 3),
        ((replace(first, rtt_us=(411,)),), 4, [plain | {"rtt": 0.411}, plain, plain, {"x": "*"}]),
        (
            (first, replace(other, rtt_us=())),
            4,
            [
                *(plain | {"rtt": rtt} for rtt in (0.411, 0.38, 0.402)),
                {"x": "*"},
                plain | {"from": "10.0.0.2", "late": 1},
            ],
        ),
    ):
        hop = replace(samples.GATEWAY, sent=sent, responders=responders)
        (read,) = result(replace(samples.LEG, hops=(hop,)))["result"]
        assert read["result"] == expected


def test_a_leg_of_nobody_is_no_result() -> None:
    rest = Leg(from_=Node.SERVICE_EDGE, to=Node.DESTINATION, reason="not discoverable")
    assert len(lines(replace(samples.HEALTHY, legs=(samples.LEG, rest)))) == 1
    assert lines(replace(samples.HEALTHY, legs=(rest,))) == []


def test_each_traced_leg_is_a_result_of_its_own() -> None:
    second = replace(samples.LEG, from_=Node.SERVICE_EDGE, address="192.0.2.90")
    first, other = lines(replace(samples.HEALTHY, legs=(samples.LEG, second)))
    assert (parsed(first).destination_address, parsed(other).destination_address) == ("192.0.2.80", "192.0.2.90")


def test_what_the_edge_traced_starts_at_the_edge_and_when_it_did() -> None:
    own, _, back, on = [json.loads(line) for line in lines(far_samples.THROUGH_EDGE)]
    assert [read["src_addr"] for read in (own, back, on)] == ["10.0.0.23", "203.0.113.9", "203.0.113.9"]
    # The way back was asked for 12 s ago, by somebody else or for another sample.
    assert own["timestamp"] - back["timestamp"] == 12
    assert own["endtime"] - back["endtime"] == 12
    assert own["timestamp"] == on["timestamp"]
    assert parsed(lines(far_samples.THROUGH_EDGE)[2]).is_success


@pytest.mark.parametrize(("age_s", "earlier_s"), [(None, 0), (0, 0), (86_400, 86_400), (10**30, 86_400)])
def test_an_age_from_outside_does_not_leave_the_calendar(age_s: int | None, earlier_s: int) -> None:
    edge = replace(far_samples.EDGE, reverse=EdgeTrace(status=200, cached=True, age_s=age_s))
    own, _, back, _ = [json.loads(line) for line in lines(replace(far_samples.THROUGH_EDGE, edges=(edge,)))]
    assert own["timestamp"] - back["timestamp"] == earlier_s


def test_a_proxy_is_called_by_its_name() -> None:
    (read,) = [json.loads(line) for line in lines(far_samples.ON_PREMISES)]
    assert (read["dst_name"], read["dst_addr"]) == ("proxy.example.com", "192.0.2.40")


def test_a_name_that_did_not_resolve_is_a_result_with_an_error() -> None:
    (line,) = lines(samples.UNRESOLVED)
    read = parsed(line)
    assert read.last_hop_errors == [samples.UNRESOLVED.legs[0].reason]
    assert (read.is_success, read.destination_address, read.protocol) == (False, None, None)


def test_a_discarded_sample_has_no_hops_to_score() -> None:
    (line,) = lines(samples.CHANGED, samples.DISCARDED)
    assert parsed(line).last_hop_errors == ["discarded: the network changed during the sample"]
    assert "rtt" not in line


def test_packets_that_could_not_be_sent_are_an_error_of_their_hop() -> None:
    failed = SendFailure(failure=Failure.NETWORK_UNREACHABLE, count=3, first_probe_ttl=1)
    nothing = Hop(probe_ttl=1, sent=0, received=0, loss_class=LossClass.UNKNOWN)
    leg = replace(samples.LEG, end_reason=EndReason.SEND_FAILED, reached=False, send_failures=(failed,))
    for hops in ((), (nothing,)):
        assert result(replace(leg, hops=hops))["result"] == [{"hop": 1, "error": "sendto failed: network unreachable"}]


def test_a_count_from_outside_does_not_fill_the_memory() -> None:
    hop = Hop(probe_ttl=1, sent=2**62, received=0, loss_class=LossClass.SILENT)
    (read,) = result(replace(samples.LEG, hops=(hop,)))["result"]
    assert len(read["result"]) == 1000
