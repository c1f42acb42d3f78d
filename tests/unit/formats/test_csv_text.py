"""CSV of typical samples: which rows there are, what stands in them, and what a hostile name cannot do."""

import csv
import io
from dataclasses import replace

import pytest

from agent.formats.csv_text import COLUMNS, csv_header, csv_rows, csv_text
from agent.record import record_of
from probes.facts import Leg, Node, Place
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from tests.unit.views import far_samples, samples

Row = dict[str, str]


def rows(sample: Sample, diagnosis: Diagnosis = samples.FINE) -> list[Row]:
    text = csv_text(record_of(sample, diagnosis, samples.HEADER))
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def named(name: str | None) -> str:
    """Return the cell of a reverse name, as a reader of CSV has it."""
    responder = replace(samples.GATEWAY.responders[0], name=name)
    leg = replace(samples.LEG, hops=(replace(samples.GATEWAY, responders=(responder,)),))
    (row,) = rows(replace(samples.HEALTHY, legs=(leg,)))
    return row["name"]


def test_a_row_of_a_healthy_hop() -> None:
    assert {key: value for key, value in rows(samples.HEALTHY)[0].items() if value} == {
        "sample_id": samples.HEADER.id,
        "started_at": samples.HEALTHY.started_at,
        "target": "crm.example.com",
        "status": "ok",
        "leg": "0",
        "from": "client",
        "to": "destination",
        "direction": "forward",
        "probed_by": "agent",
        "protocol": "tcp",
        "destination": "192.0.2.80",
        "port": "443",
        "reached": "true",
        "end_reason": "reached",
        "loss_ratio": "0.0",
        "probe_ttl": "1",
        "responder": "1",
        "address": "10.0.0.1",
        "name": "gateway.office.example",
        "sent": "3",
        "received": "3",
        "late": "0",
        "loss_class": "none",
        "answer": "time_exceeded",
        "icmp_type": "11",
        "icmp_code": "0",
        "reply_ttl": "255",
        "rtt_min_us": "380",
        "rtt_avg_us": "398",
        "rtt_max_us": "411",
        "rtt_stddev_us": "13",
        "rtt_us": "411 380 402",
    }


def test_each_responder_of_a_hop_has_a_row_with_its_own_delays() -> None:
    at_three = [row for row in rows(samples.BALANCED) if row["probe_ttl"] == "3"]
    assert [(row["responder"], row["address"], row["rtt_us"]) for row in at_three] == [
        ("1", "198.51.100.77", "11800 12010"),
        ("2", "198.51.100.78", "11950"),
    ]
    assert {(row["sent"], row["received"]) for row in at_three} == {("3", "3")}
    assert (at_three[0]["asn"], at_three[0]["mpls_labels"]) == ("64500", "24017")


def test_a_silent_hop_is_a_row_without_a_responder() -> None:
    silent = [row for row in rows(samples.SILENT_HOPS) if row["loss_class"] == "silent"]
    assert silent
    assert all(row["address"] == row["responder"] == row["rtt_us"] == "" and row["sent"] == "3" for row in silent)


def test_a_leg_that_was_not_traced_is_a_row_with_its_reason() -> None:
    rest = Leg(from_=Node.SERVICE_EDGE, to=Node.DESTINATION, reason="not discoverable, nobody was asked")
    last = rows(replace(samples.HEALTHY, legs=(samples.LEG, rest)))[-1]
    assert (last["leg"], last["from"], last["probe_ttl"]) == ("1", "service_edge", "")
    assert (last["reached"], last["reason"]) == ("", "not discoverable, nobody was asked")


def test_who_probed_a_leg_and_which_way_is_told() -> None:
    found = rows(far_samples.THROUGH_EDGE)
    assert {(row["leg"], row["from"], row["to"], row["direction"], row["probed_by"]) for row in found} == {
        ("0", "client", "egress", "forward", "agent"),
        ("1", "client", "service_edge", "forward", "agent"),
        ("2", "service_edge", "egress", "reverse", "edge"),
        ("3", "service_edge", "destination", "forward", "edge"),
    }
    assert [row["address"] for row in found if row["leg"] == "2"] == ["203.0.113.1", "198.51.100.78", "198.51.100.10"]


def test_legs_that_nobody_can_trace_are_rows_beside_one_that_was() -> None:
    found = rows(far_samples.ON_PREMISES)
    assert [(row["to"], row["reached"], row["probe_ttl"]) for row in found] == [
        ("external_proxy", "true", "1"),
        ("external_proxy", "true", "2"),
        ("external_proxy", "true", "3"),
        ("egress", "", ""),
        ("destination", "", ""),
    ]
    assert {row["reason"] for row in found[3:]} == {far_samples.NOT_DISCOVERABLE}


def test_errors_stand_in_each_row() -> None:
    (row,) = rows(samples.CHANGED, samples.DISCARDED)
    assert (row["status"], row["errors"], row["probe_ttl"]) == ("discarded", "CP-06", "")


def test_place_and_network_have_columns() -> None:
    responder = replace(
        samples.GATEWAY.responders[0],
        asn=64_500,
        as_name="Example, Inc.",
        place=Place(country="DE", city="S\N{LATIN SMALL LETTER A WITH TILDE}o"),
    )
    leg = replace(samples.LEG, hops=(replace(samples.GATEWAY, responders=(responder,)),))
    (row,) = rows(replace(samples.HEALTHY, legs=(leg,)))
    assert (row["asn"], row["as_name"], row["country"], row["city"]) == ("64500", "Example, Inc.", "DE", "São")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_name_that_would_be_a_formula_is_text(start: str) -> None:
    assert named(f"{start}cmd|'/C calc'!A0") == f"'{start}cmd|'/C calc'!A0"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("a\nb", "a\\u000ab"),
        ("\t=1+1", "\\u0009=1+1"),
        ("\r=1+1", "\\u000d=1+1"),
        ("\x1b[2J", "\\u001b[2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\udcff"),
        ("a\\u000ab", "a\\\\u000ab"),
        ('"=1+1', '"=1+1'),
        ('a","=1+1', 'a","=1+1'),
        (None, ""),
    ],
)
def test_a_hostile_name_is_one_inert_cell(name: str | None, cell: str) -> None:
    assert named(name) == cell


def test_rows_can_be_added_to_a_file_that_has_the_header_already() -> None:
    record = record_of(samples.HEALTHY, samples.FINE, samples.HEADER)
    assert csv_text(record) == csv_header() + csv_rows(record)
    assert csv_header() == ",".join(COLUMNS) + "\n"
    assert "\r" not in csv_text(record)
