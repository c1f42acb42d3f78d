"""Lines of the Log Streaming Service: every field as it is documented, and every bad line by its number."""

import json

import pytest

from probes.json_line import LineProblem
from probes.line_assembly import Line
from probes.session_facts import SessionEvent, SessionSource
from probes.session_lines import BadLine, SessionFormat, SessionLines
from tests.unit.zpa.session_events import ACTIVITY, activity, blocked, events, read


def problem_of(line: bytes) -> LineProblem:
    (found,) = read(line, form=SessionFormat.LSS)
    assert isinstance(found, BadLine)
    return found.problem


def test_a_healthy_line_has_every_field() -> None:
    (found,) = events(activity())
    assert found == SessionEvent(
        source=SessionSource.LOG_STREAMING_SERVICE,
        line=1,
        internal_reason="",
        at="2019-05-31T17:35:42.000Z",
        application="CRM",
        app_group="Office",
        host="crm.example.com",
        port=443,
        connection_status="active",
        policy="Everybody",
        connector="Connector-1",
        server="10.1.2.3",
        username="ann@example.com",
        session_id="session-1",
        connection_id="session-1,connection-1",
    )


def test_a_block_has_its_code_and_nobody_chosen() -> None:
    (found,) = events(blocked("BRK_MT_SETUP_FAIL_REJECTED_BY_POLICY"))
    assert found.internal_reason == "BRK_MT_SETUP_FAIL_REJECTED_BY_POLICY"
    assert (found.connection_status, found.policy, found.connector, found.server) == ("close", None, None, None)


@pytest.mark.parametrize("policy", [0, "0", "", None])
def test_nothing_is_written_in_several_ways(policy: object) -> None:
    (found,) = events(activity(Policy=policy))
    assert found.policy is None


def test_the_code_is_kept_as_it_came() -> None:
    (found,) = events(activity(InternalReason=" brk_mt_Setup\u202e "))
    assert found.internal_reason == " brk_mt_Setup\u202e "


@pytest.mark.parametrize(("port", "expected"), [(443, 443), ("443", 443), (0, None), (65_535, 65_535)])
def test_a_port_may_be_a_number_or_its_digits(port: object, expected: int | None) -> None:
    (found,) = events(activity(ServicePort=port))
    assert found.port == expected


def test_other_logs_of_the_service_are_of_no_concern() -> None:
    reader = SessionLines()
    status = json.dumps({"LogTimestamp": ACTIVITY["LogTimestamp"], "SessionStatus": "ZPN_STATUS_AUTHENTICATED"})
    assert [reader.read(Line(line)) for line in (status.encode(), b"", b"  \r")] == [None, None, None]
    assert (reader.lines, reader.others) == (3, 3)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"not json", LineProblem.NOT_JSON),
        (activity()[:-1], LineProblem.NOT_JSON),
        (activity() + b"x", LineProblem.NOT_JSON),
        (activity() + activity(), LineProblem.NOT_JSON),
        (activity().replace(b"45.0", b"NaN"), LineProblem.NOT_JSON),
        (b"[" * 100_000, LineProblem.NOT_JSON),
        (b'{"InternalReason": "", "n": ' + b"9" * 5_000 + b"}", LineProblem.NOT_JSON),
        (b"[]", LineProblem.NOT_AN_OBJECT),
        (b'"InternalReason"', LineProblem.NOT_AN_OBJECT),
        (b'{"InternalReason": "", "InternalReason": "APP_NOT_REACHABLE"}', LineProblem.REPEATED_KEY),
        (b'{"InternalReason": "", "more": {"a": 1, "a": 2}}', LineProblem.REPEATED_KEY),
        (activity(InternalReason=None), LineProblem.MISSING_KEY),
        (b'{"ConnectionStatus": "close"}', LineProblem.MISSING_KEY),
        (activity(InternalReason=7), LineProblem.WRONG_VALUE),
        (activity(InternalReason=["APP_NOT_REACHABLE"]), LineProblem.WRONG_VALUE),
        (activity(Host={"name": "crm.example.com"}), LineProblem.WRONG_VALUE),
        (activity(Application=True), LineProblem.WRONG_VALUE),
        (activity(ServicePort=70_000), LineProblem.WRONG_VALUE),
        (activity(ServicePort=-1), LineProblem.WRONG_VALUE),
        (activity(ServicePort=44.3), LineProblem.WRONG_VALUE),
        (activity(ServicePort="https"), LineProblem.WRONG_VALUE),
        (activity(Host="x" * 2_049), LineProblem.WRONG_VALUE),
        (activity().replace(b"crm", b"cr\0m"), LineProblem.NUL_BYTE),
        (activity().replace(b"crm", b"cr\xffm"), LineProblem.NOT_UTF8),
    ],
    ids=repr,
)
def test_a_bad_line_has_its_problem(line: bytes, problem: LineProblem) -> None:
    assert problem_of(line[:65_536]) is problem


def test_bad_lines_are_numbered_and_cost_no_other_line() -> None:
    found = read(activity(), b"broken", b"", blocked("APP_NOT_REACHABLE"), b"\xff", activity())
    assert [one.line for one in found if isinstance(one, BadLine)] == [2, 5]
    assert [one.line for one in found if isinstance(one, SessionEvent)] == [1, 4, 6]


def test_a_line_of_a_megabyte_is_told_as_too_long() -> None:
    reader = SessionLines(SessionFormat.LSS)
    found = reader.read(Line(b"x" * 65_536, cut=True))
    assert found == BadLine(line=1, problem=LineProblem.TOO_LONG, detail="it is longer than 65536 bytes")


def test_where_the_stream_stops_in_a_line_that_is_what_is_said() -> None:
    reader = SessionLines(SessionFormat.LSS)
    assert reader.read(Line(activity()[:-1], ended=False)) == BadLine(
        line=1, problem=LineProblem.CUT_OFF, detail="it ends in the middle"
    )
    # A last line without a line break is whole all the same.
    assert isinstance(reader.read(Line(activity(), ended=False)), SessionEvent)


def test_a_byte_order_mark_and_a_carriage_return_are_no_part_of_a_line() -> None:
    (found,) = events(b"\xef\xbb\xbf" + activity() + b"\r")
    assert found.internal_reason == ""


def test_auto_goes_by_the_first_line_that_shows_it() -> None:
    found = read(b"# a heading", activity(), b"# more")
    assert [one.problem for one in found if isinstance(one, BadLine)] == [
        LineProblem.NOT_RECOGNISED,
        LineProblem.NOT_JSON,
    ]


def test_events_whose_time_is_not_understood_are_counted() -> None:
    reader = SessionLines()
    found = reader.read(Line(activity(LogTimestamp="yesterday")))
    assert isinstance(found, SessionEvent)
    assert (found.at, reader.undated) == (None, 1)
