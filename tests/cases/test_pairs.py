"""Pairs of errors that look alike: each stands where the other does not; and a network change stands against all."""

import re
from functools import cache
from typing import Any

import pytest
import yaml

from probes.frozen import replace
from probes.host_facts import ChangeKind, NetworkChange
from rules.diagnosis import Diagnosis, Status
from rules.engine import diagnose
from rules.load import load_rules
from rules.ruleset import RuleSet
from tests.cases.facts_text import HERE, sample_of
from tests.cases.test_cases import cases

# "Pairs that need a test each, both ways", and three more that the same situations raise.
DEMANDED = {
    "CP-02 CP-13",
    "CP-02 CP-12",
    "CP-02 CP-11",
    "CP-12 CP-13",
    "CP-11 CP-13",
    "CP-09 CP-08",
    "CP-09 CP-07",
    "CP-09 CP-20",
    "CP-04 CP-16",
    "CP-04 CP-03",
    "CP-04 CP-05",
    "CP-03 CP-02",
    "CP-15 CP-17",
    "CP-18 CP-19",
    "CP-14 CP-19",
    "CP-01 CP-02",
    "ZPA-09 ZPA-04",
    "ZPA-06 ZPA-08",
}
_ROW = re.compile(r"^\| ([A-Z]+-\d\d [A-Z]+-\d\d) \| (\S+): (.+?) \| (\S+): (.+?) \|$", re.MULTILINE)


@cache
def rules() -> RuleSet:
    return load_rules()


def rows() -> list[tuple[str, ...]]:
    return _ROW.findall((HERE / "README.md").read_text(encoding="utf-8"))


def named(file: str, words: str) -> dict[str, Any]:
    """Return the one case of a file whose `about` has these words, or is these words."""
    found = [case for case in yaml.safe_load((HERE / f"{file}.yaml").read_text()) if words in case["about"]]
    exact = [case for case in found if case["about"] == words]
    (case,) = exact or found
    return dict(case)


def codes(case: dict[str, Any]) -> set[str]:
    return {error.code for error in diagnose(sample_of(case["facts"]), rules()).errors}


def test_every_pair_is_in_the_table_once() -> None:
    listed = [row[0] for row in rows()]
    assert sorted(listed) == sorted(DEMANDED)


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row[0]))
def test_each_of_a_pair_stands_where_the_other_does_not(row: tuple[str, ...]) -> None:
    pair, file, words, other_file, other_words = row
    first, second = pair.split()
    assert codes(named(file, words)) & {first, second} == {first}
    assert codes(named(other_file, other_words)) & {first, second} == {second}


def test_hops_behind_the_connector_leave_nothing_to_say() -> None:
    assert "CP-10" not in codes(named("cp-10", "10 against connector data"))
    assert "ZPA-10" not in codes(named("zpa-10", "10 against the connector's side"))


# --- a network change -------------------------------------------------------------------------------------------------


def changed(case: dict[str, Any], *, used: bool) -> Diagnosis:
    sample = sample_of(case["facts"])
    change = NetworkChange(
        at="2025-03-01T12:00:00.010Z",
        kind=ChangeKind.LINK,
        subject="eth0",
        what="carrier",
        before="yes",
        after="no",
        affects_sample=used,
    )
    network = replace(sample.network, changes=(*sample.network.changes, change))
    return diagnose(replace(sample, network=network), rules())


@pytest.mark.parametrize("case", cases())
def test_a_change_of_the_network_stands_alone(case: dict[str, Any]) -> None:
    diagnosis = changed(case, used=True)
    assert [error.code for error in diagnosis.errors] == ["CP-06"]
    assert diagnosis.status is Status.DISCARDED


@pytest.mark.parametrize("case", cases())
def test_a_change_of_something_else_changes_no_verdict(case: dict[str, Any]) -> None:
    before, after = diagnose(sample_of(case["facts"]), rules()), changed(case, used=False)
    assert [(e.code, e.reason, e.anchor) for e in before.errors] == [(e.code, e.reason, e.anchor) for e in after.errors]
    assert (before.status, before.rejected) == (after.status, after.rejected)
