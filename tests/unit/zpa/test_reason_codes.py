"""The table of public codes, and which event of a session decides."""

from collections import Counter

import pytest

from rules.catalogue import Entry
from rules.diagnosis import CodeGrade, Confidence
from rules.load import load_rules
from rules.zpa import CONFIDENCE, STATUSES, Outcome, outcome_of, reason_codes, session_of, standing
from tests.unit.zpa.session_events import event

GRADE_A = {
    "BRK_MT_SETUP_FAIL_CONNECTOR_GROUPS_MISSING": "ZPA-07",
    "BRK_MT_SETUP_FAIL_REJECTED_BY_POLICY": "ZPA-08",
    "BRK_MT_SETUP_FAIL_SAML_EXPIRED": "ZPA-09",
    "BRK_MT_SETUP_FAIL_APP_NOT_FOUND": "ZPA-10",
    "BRK_MT_SETUP_TIMEOUT": "ZPA-11",
}
GRADE_B = {
    "MT_CLOSED_INTERNAL_ERROR": "ZPA-01",
    "APP_NOT_REACHABLE": "ZPA-02",
    "BRK_MT_SETUP_FAIL_NO_POLICY_FOUND": "ZPA-06",
}


def catalogue() -> dict[str, Entry]:
    return load_rules().catalogue


def test_the_statuses_are_the_catalogue_s_messages() -> None:
    assert {catalogue()[code].message: code for code in STATUSES.values()} == STATUSES
    assert sorted(STATUSES.values()) == [f"ZPA-{number:02}" for number in range(1, 12)]


def test_the_table_has_every_public_code_once() -> None:
    assert len(reason_codes()) == 186
    assert all(token == code.token and token == token.strip().upper() for token, code in reason_codes().items())


@pytest.mark.parametrize(("grade", "expected"), [(CodeGrade.A, GRADE_A), (CodeGrade.B, GRADE_B)])
def test_the_codes_of_the_two_better_grades(grade: CodeGrade, expected: dict[str, str]) -> None:
    assert {code.token: code.status for code in reason_codes().values() if code.grade is grade} == expected


def test_grade_a_has_the_documented_words_and_nothing_else_has() -> None:
    for code in reason_codes().values():
        same = code.description.partition(": ")[2] + "." in STATUSES
        # Two of the connector's own, and one that is information, share words with a status of the edge's.
        if same and code.grade is not CodeGrade.A:
            assert code.token in {"AST_MT_SETUP_TIMEOUT", "FOHH_CLOSE_REASON_CONNECT_TIMEOUT"}
        assert same or code.grade is not CodeGrade.A


def test_a_status_and_a_grade_come_together_and_a_quiet_code_has_neither() -> None:
    for code in reason_codes().values():
        assert (code.status is None) == (code.grade is None)
        assert not (code.quiet and code.status)


def test_the_rules_have_a_reason_for_each_grade_that_the_table_gives_a_status() -> None:
    in_table = {status: set[CodeGrade]() for status in STATUSES.values()}
    for code in reason_codes().values():
        if code.status and code.grade:
            in_table[code.status].add(code.grade)
    in_rules = {
        status: {reason.grade for rule in load_rules().rules[status] for reason in rule.reasons} for status in in_table
    }
    assert in_rules == in_table


def test_the_rules_are_as_sure_as_the_grade() -> None:
    for status in STATUSES.values():
        for rule in load_rules().rules[status]:
            assert all(reason.grade and reason.confidence is CONFIDENCE[reason.grade] for reason in rule.reasons)
    assert CONFIDENCE == {
        CodeGrade.A: Confidence.CERTAIN,
        CodeGrade.B: Confidence.LIKELY,
        CodeGrade.C: Confidence.TENTATIVE,
    }


# --- one event --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "status", "outcome"),
    [
        ("", "open", Outcome.WORKS),
        ("", "active", Outcome.WORKS),
        ("OPEN_OR_ACTIVE_CONNECTION", "active", Outcome.WORKS),
        ("", "close", Outcome.NOTHING),
        ("", None, Outcome.NOTHING),
        ("", "Open", Outcome.NOTHING),
        ("MT_CLOSED_TERMINATED", "close", Outcome.NOTHING),
        ("FOHH_CLOSE_REASON_CONNECT_TIMEOUT", "close", Outcome.NOTHING),
        ("MT_CLOSED_TLS_CONN_GONE_UPGRADE", "close", Outcome.NOTHING),
        ("ZPN_ERR_SCIM_INACTIVE", "close", Outcome.NOTHING),
        ("AST_MT_SETUP_ERR_APP_NOT_FOUND", "close", Outcome.OTHER_ERROR),
        ("BRK_MT_SETUP_FAIL_ACCESS_DENIED", "close", Outcome.OTHER_ERROR),
        ("BRK_MT_SETUP_FAIL_APP_NOT_FOUND", "close", Outcome.STATUS),
        ("BRK_MT_SETUP_FAIL_APP_NOT_FOUND", "open", Outcome.STATUS),
        ("brk_mt_setup_fail_app_not_found", "close", Outcome.UNKNOWN_CODE),
        ("BRK_MT_SETUP_FAIL_APP_NOT_FOUND ", "close", Outcome.UNKNOWN_CODE),
        ("SE: Application not configured", "close", Outcome.UNKNOWN_CODE),
    ],
)
def test_what_one_event_says(reason: str, status: str | None, outcome: Outcome) -> None:
    assert outcome_of(event(reason, connection_status=status)) is outcome


@pytest.mark.parametrize("token", sorted(reason_codes()))
def test_only_the_exact_token_counts(token: str) -> None:
    for near in (f"{token}X", token[:-1], token.lower(), f" {token}", token.replace("_", "-")):
        if near not in reason_codes() and near != token:
            assert outcome_of(event(near)) is Outcome.UNKNOWN_CODE


def test_the_two_saml_tokens_lead_to_two_statuses() -> None:
    codes = reason_codes()
    assert codes["BRK_MT_SETUP_FAIL_SAML_EXPIRED"].status == "ZPA-09"
    assert codes["ZPN_ERR_AUTH_SAML_EXPIRED"].status == "ZPA-04"


# --- the event that decides -------------------------------------------------------------------------------------------

REJECTED = "BRK_MT_SETUP_FAIL_REJECTED_BY_POLICY"
NO_POLICY = "BRK_MT_SETUP_FAIL_NO_POLICY_FOUND"


def test_of_nothing_nothing_decides() -> None:
    assert standing(()) is None
    assert standing((event("MT_CLOSED_TERMINATED"),)) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_newest_decides_in_whatever_order_they_come(order: tuple[int, ...]) -> None:
    all_events = (event(REJECTED, 1), event("", 2), event(NO_POLICY, 3))
    decided = standing([all_events[index] for index in order])
    assert decided is not None
    assert decided.event.internal_reason == NO_POLICY
    assert order[decided.place] == 2


def test_without_times_the_lines_decide() -> None:
    decided = standing((event(REJECTED, 1), event("", 2, at=None)))
    assert decided is not None
    assert decided.outcome is Outcome.WORKS


def test_a_later_success_clears_and_a_later_normal_end_does_not() -> None:
    cleared = standing((event(REJECTED, 1), event("", 2)))
    assert cleared is not None
    assert cleared.outcome is Outcome.WORKS
    kept = standing((event(REJECTED, 1), event("MT_CLOSED_TERMINATED", 2)))
    assert kept is not None
    assert kept.event.internal_reason == REJECTED


def test_of_one_session_only_its_last_event_counts() -> None:
    same = {"connection_id": "c1"}
    assert standing((event(REJECTED, 1, **same), event("MT_CLOSED_TERMINATED", 2, **same))) is None


def test_a_known_error_without_a_status_stands_before_an_older_status() -> None:
    decided = standing((event(REJECTED, 1), event("CLT_READ_FAILED", 2)))
    assert decided is not None
    assert decided.outcome is Outcome.OTHER_ERROR


def test_sessions_are_told_apart() -> None:
    keys = Counter(
        session_of(one)
        for one in (
            event(line=1, tag_id="7", tag_use=1),
            event(line=2, tag_id="7", tag_use=1),
            event(line=3, tag_id="7", tag_use=2),
            event(line=4, connection_id="c", session_id="s"),
            event(line=5, connection_id="c", session_id="s"),
            event(line=6, connection_id="d", session_id="s"),
            event(line=7, connection_id=None),
            event(line=8, connection_id=None),
        )
    )
    assert sorted(keys.values()) == [1, 1, 1, 1, 2, 2]
