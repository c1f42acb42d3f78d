"""The document of one sample: the keys that the contract promises, what a discarded sample keeps, the formats."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.formats.json_text import json_text, ndjson_line
from agent.record import DISCARDED_REASON, Document, document, plain, uuid7
from agent.record_reader import read_samples
from probes.facts import Leg, Node
from rules.diagnosis import Diagnosis
from tests.unit.views import samples

ROOT = Path(__file__).resolve().parents[3]


def record(sample: Any = samples.HEALTHY, diagnosis: Diagnosis = samples.FINE) -> dict[str, Any]:
    return document(sample, diagnosis, samples.HEADER)


def test_keys_are_those_of_the_contract_in_its_order() -> None:
    assert list(record()) == [
        "schema",
        "id",
        "seq",
        "agent",
        "started_at",
        "duration_us",
        "target",
        "status",
        "errors",
        "rejected",
        "not_evaluated",
        "network",
        "ndr",
        "dns",
        "proxy",
        "web",
        "captive_portal",
        "egress",
        "edges",
        "private_access",
        "sessions",
        "topology",
        "middlebox",
        "reachability",
        "legs",
        "agent_failures",
    ]


def test_header_says_who_and_which() -> None:
    head = record()
    assert head["schema"] == "cloudpath.sample/1"
    assert head["id"] == samples.HEADER.id
    assert head["seq"] == 812
    assert head["agent"] == {"id": "agent-1", "version": "0.1.0", "hostname": "desk-23", "boot_id": "b00t"}


def test_what_was_not_measured_is_there_and_null() -> None:
    made = record()
    assert [made[key] for key in ("proxy", "web", "egress", "middlebox")] == [None] * 4


def test_hop_is_written_as_the_contract_shows_it() -> None:
    hop = record()["legs"][0]["hops"][0]
    assert hop == {
        "probe_ttl": 1,
        "sent": 3,
        "received": 3,
        "loss_class": "none",
        "responders": [
            {
                "address": "10.0.0.1",
                "answer": "time_exceeded",
                "icmp": {"type": 11, "code": 0},
                "name": "gateway.office.example",
                "asn": None,
                "as_name": None,
                "place": None,
                "reply_ttl": 255,
                "reply_tos": None,
                "quoted_ttl": 1,
                "quoted_tos": None,
                "quoted_source": None,
                "mpls": [],
                "interfaces": [],
                "other_extensions": [],
                "malformed_extensions": False,
                "rtt_us": [411, 380, 402],
            }
        ],
        "rtt_us": {"min": 380, "avg": 398, "max": 411, "stddev": 13, "jitter": 26},
        "late": 0,
        "duplicates": 0,
        "shared_with": None,
        "shared_age_us": None,
    }


def test_leg_says_from_and_to() -> None:
    leg = record(samples.PROXIED)["legs"][1]
    assert (leg["from"], leg["to"], leg["direction"]) == ("external_proxy", "destination", "forward")
    assert (leg["reached"], leg["hops"]) == (None, [])
    assert leg["reason"].startswith("not discoverable")


def test_error_is_written_with_anchor_and_evidence() -> None:
    error = record(samples.NO_ROUTE, samples.BROKEN)["errors"][0]
    assert error["code"] == "CP-02"
    assert error["severity"] == "critical"
    assert error["anchor"] == {"leg": 0, "node": "client", "ttl": None}
    assert error["evidence"][1] == {
        "proposition": "route.default_present",
        "value": "false",
        "statement": "no routing table holds a default route for ipv4",
        "facts": ["/network/default_routes"],
    }


def test_discarded_sample_keeps_its_changes_and_scores_no_path() -> None:
    made = record(samples.CHANGED, samples.DISCARDED)
    leg = made["legs"][0]
    assert made["status"] == "discarded"
    assert made["network"]["changes"][0]["what"] == "source address removed"
    assert (leg["hops"], leg["loss_ratio"], leg["end_to_end"], leg["path_mtu"], leg["mtu"]) == (
        [],
        None,
        None,
        None,
        None,
    )
    assert leg["reason"] == DISCARDED_REASON
    assert (leg["address"], leg["protocol"]) == ("192.0.2.80", "tcp")
    (read,) = read_samples(json_text(made).encode(), "record")
    assert read.network.changes == samples.CHANGED.network.changes


def test_bytes_that_are_no_text_become_visible_and_valid() -> None:
    reason = b"x\xe9".decode("utf-8", "surrogateescape")
    made = plain(Leg(from_=Node.CLIENT, to=Node.DESTINATION, reason=reason))
    assert isinstance(made, dict)
    assert made["reason"] == "x\\udce9"
    json.dumps(made, ensure_ascii=False).encode()


def test_a_value_without_a_place_in_a_record_is_our_mistake() -> None:
    with pytest.raises(TypeError, match="set has no place in a record"):
        plain({1})


def test_json_is_indented_and_ndjson_is_one_line() -> None:
    made: Document = record()
    assert json_text(made).startswith('{\n  "schema": "cloudpath.sample/1",\n')
    assert ndjson_line(made).count("\n") == 1
    assert json.loads(json_text(made)) == json.loads(ndjson_line(made)) == made


@pytest.mark.parametrize(
    ("realtime_ns", "random", "expected"),
    [
        # RFC 9562 appendix A.6: 2022-02-22 14:22:22 -05:00, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
        (
            1_645_557_742_000_000_000,
            bytes.fromhex("0cc318c4dc0c0c07398f"),
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        ),
        (0, bytes(10), "00000000-0000-7000-8000-000000000000"),
        (0, b"\xff" * 10, "00000000-0000-7fff-bfff-ffffffffffff"),
    ],
)
def test_uuid7_is_that_of_the_rfc(realtime_ns: int, random: bytes, expected: str) -> None:
    assert uuid7(realtime_ns, random) == expected


def test_writing_a_record_imports_neither_pydantic_nor_rich() -> None:
    script = (
        "import sys, agent.record, agent.formats.json_text, agent.views.command_line, agent.views.progress;"
        "print(sorted({'pydantic', 'rich', 'yaml', 'dns', 'psutil', 'socket', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
