"""Rule files: what is wrong with them, all at once and in its place; and what an operator can add."""

from pathlib import Path

import pytest

from rules.diagnosis import Confidence, Severity
from rules.engine import diagnose
from rules.load import RuleFileError, load_rules
from tests.cases.facts_text import sample_of

GOOD = """\
code: SITE-01
about: The branch router is gone.
group: edge
suppresses: [CP-13]
entry:
  message: The branch router is gone.
  description: Nothing behind the branch router answers.
  solution:
    - Look at the branch router.
    - Call the provider.
  severity: warning
  anchor: gateway
reasons:
  - reason: silent_branch
    confidence: likely
    hop: last_answering
    when: {all: [route.via_gateway, not: target.answered]}
    explanation: "{target} is silent: {route.via_gateway}."
"""


def problems_of(tmp_path: Path, *texts: str) -> list[str]:
    paths = []
    for number, text in enumerate(texts):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(text)
    with pytest.raises(RuleFileError) as caught:
        load_rules(paths)
    return [problem.text.replace(f"{tmp_path}/", "") for problem in caught.value.problems]


def with_reason(reason: str) -> str:
    return f"code: CP-05\nabout: Words.\nreasons:\n{reason}"


def with_condition(when: str, given: str | None = None) -> str:
    reason = f"  - reason: x\n    confidence: likely\n    when: {when}\n    explanation: Words.\n"
    return with_reason(reason) + (f"given: {given}\n" if given else "")


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ("gateway.slient", "7:11: reasons.0.when: unknown proposition gateway.slient (did you mean gateway.silent?)"),
        ("nonsense", "7:11: reasons.0.when: unknown proposition nonsense"),
        ("{any: []}", "7:17: reasons.0.when.any: must be a list with at least one item"),
        ("{al: [path.answered]}", "7:12: reasons.0.when.al: must be all, any or not (did you mean all?)"),
        (
            "{all: [path.answered], not: path.answered}",
            "7:11: reasons.0.when: must be the name of a proposition, or one of all, any, not",
        ),
        ("12", "7:11: reasons.0.when: must be the name of a proposition, or one of all, any, not"),
        (
            "{all: [path.answered, not: path.answered]}",
            "7:11: reasons.0.when: can never be true: it contradicts itself (or `given`)",
        ),
    ],
)
def test_a_wrong_condition(tmp_path: Path, when: str, problem: str) -> None:
    assert problems_of(tmp_path, "# one\n" + with_condition(when)) == [f"0.yaml:{problem}"]


def test_a_condition_that_contradicts_what_is_given(tmp_path: Path) -> None:
    text = with_condition("{any: [path.answered, not: target.literal]}", "{all: [target.literal, not: path.answered]}")
    assert problems_of(tmp_path, text) == [
        "0.yaml:6:11: reasons.0.when: can never be true: it contradicts itself (or `given`)"
    ]


def test_a_reason_that_an_earlier_one_always_hides(tmp_path: Path) -> None:
    text = with_reason(
        "  - {reason: a, confidence: likely, when: path.answered, explanation: Words.}\n"
        "  - {reason: b, confidence: likely, when: {all: [path.answered, target.literal]}, explanation: Words.}\n"
    )
    assert problems_of(tmp_path, text) == [
        "0.yaml:5:43: reasons.1.when: is never reached: reasons.0 is true whenever this is"
    ]


def test_every_problem_of_every_file_at_once(tmp_path: Path) -> None:
    first = (
        "code: CP-2\nabot: x\nreasons:\n"
        "  - {reason: Bad Name, confidence: sure, when: path.answered, explanation: '{dns.x}'}\n"
    )
    second = "code: CP-05\ncode: CP-06\nabout: x\nreasons: []\n"
    assert problems_of(tmp_path, first, second, "just text") == [
        "0.yaml:2:1: abot: unknown key (did you mean about?)",
        "0.yaml:1:1: about is missing",
        "0.yaml:1:7: code: CP-2 is not in the catalogue (did you mean CP-02?); a new code needs `entry`",
        "0.yaml:4:14: reasons.0.reason: must be small letters, digits and underscores",
        "0.yaml:4:36: reasons.0.confidence: must be one of certain, likely, tentative",
        "1.yaml:2:1: code: key given twice, first in line 1",
        "1.yaml:4:10: reasons: must be a list with at least one item",
        "2.yaml:1:1: must be a mapping with code, about, reasons",
    ]


def test_a_placeholder_must_be_read_by_the_condition(tmp_path: Path) -> None:
    text = with_reason(
        "  - {reason: a, confidence: likely, when: path.answered, explanation: '{target}: {path.answerd}'}\n"
    )
    (problem,) = problems_of(tmp_path, text)
    where, what = problem.split("explanation: ")
    assert where == "0.yaml:4:71: reasons.0."
    assert what == "{path.answerd} is no proposition of this condition (did you mean path.answered?)"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuleFileError) as caught:
        load_rules([tmp_path / "none.yaml"])
    assert "none.yaml:1:1: cannot be read: No such file or directory" in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RuleFileError, match="cannot be read: not UTF-8 text"):
        load_rules([tmp_path / "x.yaml"])


# --- an operator's own ------------------------------------------------------------------------------------------------


def test_an_operators_own_error(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(GOOD)
    rules = load_rules([tmp_path])
    entry = rules.catalogue["SITE-01"]
    assert (entry.severity, entry.solution) == (Severity.WARNING, "Look at the branch router. Call the provider.")
    assert rules.precedence.group_of("SITE-01") == "edge"
    leg = {
        "protocol": "icmp",
        "address": "192.0.2.80",
        "end": "gap_limit",
        "hops": ["10.0.0.1", "198.51.100.1", "*", "*"],
    }
    diagnosis = diagnose(sample_of({"legs": [leg | {"to": "gateway"}]}), rules)
    (error,) = diagnosis.errors
    assert (error.code, error.reason, error.confidence) == ("SITE-01", "silent_branch", Confidence.LIKELY)
    assert (error.anchor.leg, error.anchor.ttl) == (0, 2)
    assert error.explanation == "crm.example.com is silent: the gateway is 10.0.0.1."


def test_an_operators_reason_for_a_documented_error(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(with_condition("target.answered"))
    rules = load_rules([tmp_path / "own.yaml"])
    assert [error.code for error in diagnose(sample_of({}), rules).errors] == ["CP-05"]
    assert "CP-05" not in [entry.code for entry in diagnose(sample_of({}), rules).not_evaluated]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ("SITE-01", "CP-21"),
            "1:7: code: a code of your own is capitals, a hyphen and a number, and not CP-… or ZPA-…",
        ),
        (("SITE-01", "CP-13"), "5:1: entry: CP-13 is in the catalogue already: its texts cannot be changed"),
        (
            ("group: edge", "group: egde"),
            (
                "3:8: group: must be one of validity, eligibility, host, proxy, egress, edge, url, "
                "topology, session (did you mean edge?)"
            ),
        ),
        (("[CP-13]", "[CP-31]"), "4:14: suppresses.0: CP-31 is not in the catalogue"),
        (("  severity: warning\n", ""), "6:3: entry: severity is missing"),
        (
            ("gateway\n", "moon\n"),
            (
                "12:11: entry.anchor: must be one of client, gateway, egress, external_proxy, "
                "data_center_egress, service_edge, private_edge, app_connector, destination"
            ),
        ),
    ],
)
def test_mistakes_in_an_error_of_ones_own(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    assert problems_of(tmp_path, GOOD.replace(*change)) == [f"0.yaml:{problem}"]


def test_the_order_of_documented_errors_is_not_an_operators(tmp_path: Path) -> None:
    text = with_condition("path.answered") + "suppresses: [CP-02]\ngroup: host\n"
    assert problems_of(tmp_path, text) == [
        "0.yaml:9:1: group: only a code with an `entry` of its own may have this",
        "0.yaml:8:1: suppresses: only a code with an `entry` of its own may have this",
    ]


def test_errors_that_hide_each_other(tmp_path: Path) -> None:
    one = GOOD.replace("[CP-13]", "[SITE-02]")
    other = GOOD.replace("SITE-01", "SITE-02").replace("[CP-13]", "[SITE-01]")
    (problem,) = problems_of(tmp_path, one, other)
    assert problem == "0.yaml:1:1: suppresses: a cycle hides all of SITE-01, SITE-02"
