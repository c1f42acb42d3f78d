"""The client's tunnel log: a session's end is joined to its request, and never to another's."""

import pytest

from probes.json_line import LineProblem
from probes.session_facts import SessionEvent, SessionSource
from probes.session_lines import BadLine
from tests.unit.zpa.session_events import end, events, read, request, tunnel


def test_an_end_has_the_application_of_its_request() -> None:
    (found,) = events(tunnel(request(65_536)), tunnel(end(65_536, "APP_NOT_REACHABLE"), at="10:00:01.250000"))
    assert found == SessionEvent(
        source=SessionSource.CLIENT_LOG,
        line=2,
        internal_reason="APP_NOT_REACHABLE",
        at="2025-03-01T10:00:01.250Z",
        application="crm.example.com",
        host="crm.example.com",
        port=443,
        connection_status="close",
        tag_id="65536",
        tag_use=1,
    )


def test_the_time_is_told_in_utc() -> None:
    (found,) = events(tunnel(end(1, "APP_NOT_REACHABLE"), at="00:30:00.9", zone="+0200"))
    assert found.at == "2025-02-28T22:30:00.900Z"


def test_both_lines_of_one_end_are_one_session() -> None:
    both = events(
        tunnel(request(65_536)),
        tunnel(end(65_536, "APP_NOT_REACHABLE", drop=0), at="10:00:01.000000"),
        tunnel("zpn_mtunnel_end error: APP_NOT_REACHABLE", at="10:00:01.010000"),
        tunnel(end(65_536, "APP_NOT_REACHABLE", drop=1), at="10:00:01.030000"),
    )
    assert [(one.tag_id, one.tag_use, one.line) for one in both] == [("65536", 1, 2), ("65536", 1, 4)]


def test_a_tag_that_is_given_out_again_is_another_session() -> None:
    first, second = events(
        tunnel(request(65_536)),
        tunnel(end(65_536, "APP_NOT_REACHABLE")),
        tunnel(request(65_536, "db.example.com", 5432)),
        tunnel(end(65_536, "BRK_MT_CLOSED_FROM_CLIENT")),
    )
    assert (first.host, first.port, first.tag_use) == ("crm.example.com", 443, 1)
    assert (second.host, second.port, second.tag_use) == ("db.example.com", 5432, 2)


def test_an_end_long_after_another_without_a_request_belongs_to_nobody_known() -> None:
    _, late = events(
        tunnel(request(65_536)),
        tunnel(end(65_536, "APP_NOT_REACHABLE"), at="10:00:01.000000"),
        tunnel(end(65_536, "BRK_MT_SETUP_FAIL_SAML_EXPIRED"), at="10:00:03.000000"),
    )
    assert (late.application, late.host, late.port, late.tag_use) == (None, None, None, 2)


def test_a_request_that_was_agreed_to_is_an_open_session() -> None:
    agreed = '{"zpn_mtunnel_request_ack":{"tag_id":7,"mtunnel_id":"a,b","err_code":1,"reauth_timeout_s":43200}}'
    (found,) = events(tunnel(request(7)), tunnel(f"ZPN:0: Control Message Response Data: {agreed}"))
    assert (found.internal_reason, found.connection_status, found.connection_id) == ("", "open", "a,b")
    assert found.host == "crm.example.com"


def test_a_request_that_was_refused_has_its_code() -> None:
    refused = '{"zpn_mtunnel_request_ack":{"tag_id":7,"error":"BRK_MT_SETUP_FAIL_NO_POLICY_FOUND","err_code":4005}}'
    (found,) = events(tunnel(request(7)), tunnel(refused))
    assert (found.internal_reason, found.connection_status) == ("BRK_MT_SETUP_FAIL_NO_POLICY_FOUND", "close")


def test_an_answer_without_success_and_without_a_code_says_nothing() -> None:
    assert events(tunnel(request(7)), tunnel('{"zpn_mtunnel_request_ack":{"tag_id":7,"err_code":0}}')) == []


def test_an_opened_connection_names_its_application_where_the_request_is_missing() -> None:
    opened = "===> ID=9, ZPN Connection local:5->100.64.1.1:443 App Name=wiki.example.com, DoubleEncrypt=0 TAG-ID=65744"
    (found,) = events(tunnel(opened), tunnel(end(65_744, "APP_NOT_REACHABLE")))
    assert found.host == "wiki.example.com"


def test_the_clients_own_wish_to_end_is_no_event() -> None:
    wish = 'Sending mtunnel end json: Data: { "zpn_mtunnel_end": { "drop_data": 0, "tag_id": 2 } } :isbrokerSwitch 0'
    assert events(tunnel(request(2)), tunnel(wish)) == []


def test_all_else_in_the_log_is_of_no_concern() -> None:
    assert events(tunnel("Got data for tag_id: 7"), b"a second line of the same message", b"") == []


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (end(7, "APP_NOT_REACHABLE")[:-6], LineProblem.NOT_JSON),
        ('{"zpn_mtunnel_end":{"tag_id":7,"tag_id":8,"error":"X"}}', LineProblem.REPEATED_KEY),
        ('{"zpn_mtunnel_end":{"error":"APP_NOT_REACHABLE"}}', LineProblem.WRONG_VALUE),
        ('{"zpn_mtunnel_end":{"tag_id":"7","error":"APP_NOT_REACHABLE"}}', LineProblem.WRONG_VALUE),
        ('{"zpn_mtunnel_end":["APP_NOT_REACHABLE"]}', LineProblem.WRONG_VALUE),
        ('{"zpn_mtunnel_end":{"tag_id":7,"error":{"a":1}}}', LineProblem.WRONG_VALUE),
        ('"zpn_mtunnel_end" and no more', LineProblem.NOT_JSON),
    ],
)
def test_a_broken_line_that_would_say_something_is_told(message: str, problem: LineProblem) -> None:
    (found,) = read(tunnel(message))
    assert isinstance(found, BadLine)
    assert found.problem is problem


def test_a_day_that_does_not_exist_is_no_time() -> None:
    (found,) = events(b"2025-02-31 10:00:00.0(+0000)[1:2] INF " + end(1, "APP_NOT_REACHABLE").encode())
    assert found.at is None


def test_the_tags_that_are_remembered_are_bounded() -> None:
    found = events(
        tunnel(request(1, "first.example.com")),
        *(tunnel(request(tag)) for tag in range(2, 4_100)),
        tunnel(end(1, "APP_NOT_REACHABLE")),
        tunnel(end(4_099, "APP_NOT_REACHABLE")),
    )
    assert [one.host for one in found] == [None, "crm.example.com"]
