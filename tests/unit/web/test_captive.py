"""The check for a captive portal: what counts as one, and what says nothing."""

import pytest

from probes.captive import judged
from probes.clock import SystemClock
from probes.drivers.web import check_captive
from probes.failure import Failure
from probes.web_check import place_of
from probes.web_facts import CaptivePortal
from tests.unit.web.servers import Behaviour, found, redirect, says, serving

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\n<h1>Please sign in</h1>"


def ask(behave: Behaviour, path: str = "/generate_204") -> CaptivePortal:
    with serving(behave) as server:
        return check_captive(f"http://check.example.com:{server.port}{path}", clock=SystemClock(), resolve=found)


def test_nothing_is_in_the_way() -> None:
    made = ask(says(NO_CONTENT))
    assert (made.detected, made.status, made.portal, made.failure) == (False, 204, None, None)
    assert made.duration_us is not None


def test_a_redirect_leads_to_the_portal_and_is_not_followed() -> None:
    made = ask(says(redirect("http://portal.example.net/login?from=x")))
    assert (made.detected, made.status, made.portal) == (True, 302, "http://portal.example.net/login?from=x")


def test_a_page_in_place_of_the_answer_is_a_portal() -> None:
    made = ask(says(PAGE))
    assert (made.detected, made.status, made.portal) == (True, 200, None)


def test_the_network_itself_may_say_so() -> None:
    made = ask(says(b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n"))
    assert (made.detected, made.status) == (True, 511)


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_an_error_of_the_check_s_own_server_says_nothing(status: int) -> None:
    made = ask(says(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()))
    assert (made.detected, made.status) == (None, status)


def test_a_move_to_https_on_the_same_host_says_nothing() -> None:
    assert ask(says(redirect("https://check.example.com/generate_204", 301))).detected is None


def test_a_text_that_nobody_knows_says_nothing() -> None:
    plain = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\npong"
    assert ask(says(plain), "/ping").detected is None


def test_no_answer_is_a_failure_and_no_verdict() -> None:
    made = ask(says())
    assert (made.detected, made.status, made.failure) == (None, None, Failure.CONNECTION_RESET)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/hotspot-detect.html", "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>"),
        ("/success.txt?ipv4", "success\n"),
        ("/connecttest.txt", "Microsoft Connect Test"),
        ("/ncsi.txt", "Microsoft NCSI"),
        ("/check_network_status.txt", "NetworkManager is online\n"),
    ],
)
def test_the_well_known_checks_answer_with_a_text(path: str, text: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n"
    assert ask(says((head + text).encode()), path).detected is False
    assert ask(says(PAGE), path).detected is True


def test_a_redirect_to_nowhere_is_nobody_s_answer_to_a_check() -> None:
    place = place_of("http://check.example.com/generate_204")
    assert place is not None
    made = judged(place, 302, {"location": "portal-app://x"}, b"", 5)
    assert (made.detected, made.portal, made.duration_us) == (True, None, 5)


def test_a_url_that_is_none_is_a_setting() -> None:
    made = check_captive("check.example.com", clock=SystemClock(), resolve=found)
    assert (made.detected, made.failure) == (None, Failure.INVALID_SETTING)
