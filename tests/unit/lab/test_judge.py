"""The judge of the rows can say no: each thing that may be wrong with a run is a complaint of its own."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.lab.judge import against_the_schema, unhealthy, value_at, verdict_complaints
from tests.lab.scenario import Row, parse
from tests.lab.stage import Run

_EXPECTED = "{code: CP-03, reason: nxdomain, leg: [client, destination]}"
_ROW = f"{{title: a row, network: cloud, command: trace a, expect: [{_EXPECTED}]}}"
_ERROR = {
    "code": "CP-03",
    "severity": "critical",
    "reason": "nxdomain",
    "confidence": "certain",
    "explanation": "there is none",
    "anchor": {"leg": 0, "node": "destination", "ttl": None},
}
_RECORD = {
    "status": "critical",
    "errors": [_ERROR],
    "rejected": [{"code": "CP-05", "because": "suppressed by CP-03"}],
    "not_evaluated": [{"code": "CP-20", "missing": ["egress.traced_by_edge"]}],
    "legs": [{"from": "client", "to": "destination", "reached": None}],
}


def row_of(more: str = "") -> Row:
    (row,) = parse("cp-99", f"rows: [{_ROW[:-1]}{more}}}]")
    return row


def complaints(record: Mapping[str, Any], row: Row | None = None, **run: Any) -> list[str]:
    """Return what is said of a run that printed this record."""
    known: dict[str, Any] = {"output": json.dumps(record), "complaints": "", "exit_code": 1, "took_s": 0.5} | run
    return list(verdict_complaints(dict(record), row or row_of(), Run(**known)))


def with_error(**changes: Any) -> dict[str, Any]:
    return _RECORD | {"errors": [_ERROR | changes]}


def test_a_run_that_is_as_its_row_says_gives_no_complaint() -> None:
    assert complaints(_RECORD) == []


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (with_error(reason="silence"), "reason is silence and not nxdomain"),
        (with_error(anchor={"leg": None, "node": "destination"}), "leg is None and not ('client', 'destination')"),
        (with_error(anchor={"leg": 0, "node": "client"}), "node is client and not destination"),
        (with_error(code="CP-05"), "CP-03 (nxdomain) is missing; ruled out"),
        (_RECORD | {"errors": [_ERROR, _ERROR | {"code": "CP-04"}]}, "nobody expected CP-04"),
        (_RECORD | {"errors": [_ERROR, _ERROR]}, "CP-03 is there twice"),
        (_RECORD | {"status": "failed"}, "the exit code is 1, and 3 belongs to status failed"),
    ],
)
def test_each_difference_is_a_complaint(record: Mapping[str, Any], complaint: str) -> None:
    assert complaint in "\n".join(complaints(record))


def test_an_error_that_lost_or_could_not_be_told_is_missing_with_what_the_record_says_of_it() -> None:
    lost = _RECORD | {"errors": [], "rejected": [{"code": "CP-03", "because": "suppressed by CP-02"}]}
    assert "rejected, suppressed by CP-02" in "\n".join(complaints(lost))
    unknown = _RECORD | {"errors": [], "not_evaluated": [{"code": "CP-03", "missing": ["name.resolved"]}]}
    assert "not evaluated, ['name.resolved']" in "\n".join(complaints(unknown))


def test_a_run_that_took_too_long_is_a_complaint() -> None:
    assert complaints(_RECORD, took_s=4.01) == ["it took 4.01 s, more than 4.0 s"]


def test_words_on_standard_error_are_a_complaint() -> None:
    assert complaints(_RECORD, complaints="oh") == ["standard error holds 'oh'"]


def test_a_confidence_counts_where_the_row_names_one() -> None:
    (expected,) = row_of().expected
    sure, unsure = (
        replace(row_of(), expected=(replace(expected, confidence=confidence),)) for confidence in ("certain", "likely")
    )
    assert complaints(_RECORD, sure) == []
    assert complaints(_RECORD, unsure) == ["CP-03: confidence is certain and not likely"]


def test_a_fact_of_the_row_counts() -> None:
    row = row_of(", record: {legs.0.reached: true}")
    assert complaints(_RECORD, row) == ["legs.0.reached is None and not True"]


def test_where_nothing_is_expected_every_traced_leg_must_arrive() -> None:
    (row,) = parse("cp-99", "rows: [{title: a row, network: cloud, command: trace a, expect: []}]")
    healthy = {"status": "ok", "errors": [], "rejected": [], "not_evaluated": []}
    legs = [{"reached": True}, {"reached": None}]
    assert complaints(healthy | {"legs": legs}, row, exit_code=0) == []
    legs = [{"reached": True}, {"reached": False}]
    assert complaints(healthy | {"legs": legs}, row, exit_code=0) == ["legs.1.reached is False and not True"]


@pytest.mark.parametrize(("path", "value"), [("a.0.b", 1), ("a.1.b", ...), ("a.-1.b", 1), ("b", ...), ("a.0.b.c", ...)])
def test_a_place_in_a_record(path: str, value: object) -> None:
    assert value_at({"a": [{"b": 1}]}, path) == value


def test_what_is_no_record_fits_no_schema() -> None:
    assert list(against_the_schema({"schema": "cloudpath.sample/1"}))


def test_before_anything_is_broken_infos_are_all_right_and_errors_are_not() -> None:
    info = {"errors": [_ERROR | {"severity": "info"}]}
    assert list(unhealthy(Run(output=json.dumps(info), complaints="", exit_code=0, took_s=0.1))) == []
    assert list(unhealthy(Run(output=json.dumps(_RECORD), complaints="", exit_code=1, took_s=0.1)))
    assert list(unhealthy(Run(output="", complaints="cannot", exit_code=2, took_s=0.1)))
