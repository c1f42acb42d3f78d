"""A change of the network as a document, and as what the store keeps."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from agent.change_record import CHANGE_SCHEMA, change_entry
from agent.record import AgentIdentity
from agent.store.entry import Kind
from probes.frozen import replace
from probes.host_facts import ChangeKind
from probes.network_burst import HostChange

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs/schema/cloudpath.change-1.schema.json").read_text())
ID = "019b8d2b-8c00-7001-8203-040506070809"
IDENTITY = AgentIdentity(id="a1", version="1.2.3", hostname="host", boot_id=None)
CHANGE = HostChange(
    at="2026-01-05T08:00:00.000Z",
    kind=ChangeKind.ROUTE,
    subject="default route, IPv4",
    what="route changed",
    before="via 10.0.0.1 dev eth0 table 254",
    after=None,
    matters=True,
    times=2,
    epoch_before="0011",
    epoch_after="2233",
    aborted=("crm", "mail"),
)


def test_the_document_says_all_of_it_in_one_line() -> None:
    entry = change_entry(7, CHANGE, IDENTITY, ID)
    assert (entry.seq, entry.kind, entry.id, entry.at) == (7, Kind.CHANGE, ID, CHANGE.at)
    assert entry.target is None
    assert b"\n" not in entry.data
    assert json.loads(entry.data) == {
        "schema": CHANGE_SCHEMA,
        "id": ID,
        "seq": 7,
        "agent": {"id": "a1", "version": "1.2.3", "hostname": "host", "boot_id": None},
        "at": "2026-01-05T08:00:00.000Z",
        "epoch": {"before": "0011", "after": "2233"},
        "kind": "route",
        "subject": "default route, IPv4",
        "what": "route changed",
        "before": "via 10.0.0.1 dev eth0 table 254",
        "after": None,
        "matters": True,
        "times": 2,
        "aborted": ["crm", "mail"],
    }


def test_the_document_fits_its_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(json.loads(change_entry(1, CHANGE, IDENTITY, ID).data))


@pytest.mark.parametrize(
    ("key", "value"), [("schema", "cloudpath.change/2"), ("kind", "weather"), ("times", -1), ("matters", None)]
)
def test_the_schema_refuses(key: str, value: object) -> None:
    document = json.loads(change_entry(1, CHANGE, IDENTITY, ID).data) | {key: value}
    assert not Draft202012Validator(SCHEMA).is_valid(document)


def test_names_that_are_no_text_stay_one_line_of_ascii() -> None:
    strange = replace(CHANGE, subject="eth\udcff\n\x1b")
    data = change_entry(1, strange, IDENTITY, ID).data
    assert data.isascii()
    assert b"\n" not in data
