"""Each step of an exchange with a real server on the loopback: its time, its failure, and what ends it."""

import socket
import time
from contextlib import closing

import pytest

from probes.facts import Family, Role
from probes.failure import Failure
from probes.name_facts import DnsCheck
from probes.web_check import WebAsked
from probes.web_facts import RedirectProblem, Speaker, WebCheck, WebExchange, WebPhase
from tests.unit.web.servers import OK, Behaviour, by_path, check, found, redirect, says, serving


def only(made: WebCheck) -> WebExchange:
    (exchange,) = made.exchanges
    return exchange


def phases(exchange: WebExchange) -> list[WebPhase]:
    return [step.phase for step in exchange.steps]


def test_a_plain_exchange_has_three_steps_with_their_times() -> None:
    with serving(says(OK)) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/login?next=%2F"))
    exchange = only(made)
    assert (made.status, made.failure, made.redirect_problem) == (200, None, None)
    assert phases(exchange) == [WebPhase.RESOLVE, WebPhase.CONNECT, WebPhase.REQUEST]
    assert all(step.failure is None and step.duration_us is not None for step in exchange.steps)
    assert (exchange.address, exchange.port, exchange.http_version) == ("127.0.0.1", server.port, "1.1")
    assert (exchange.server, exchange.answered_by, exchange.through_proxy) == ("made-up/1.0", Speaker.ORIGIN, False)
    total_us = sum(step.duration_us or 0 for step in exchange.steps)
    assert made.duration_us is not None
    assert 0 < total_us <= made.duration_us < 2_000_000


def test_the_request_is_that_of_a_browser_without_a_past() -> None:
    with serving(says(OK)) as server:
        check(WebAsked(url=f"http://crm.example.com:{server.port}/a?b=c#d", user_agent="cloudpath-agent/1.2"))
    ((request, *headers),) = (heard.decode().split("\r\n") for heard in server.heard)
    assert request == "GET /a?b=c HTTP/1.1"
    assert headers[:2] == [f"Host: crm.example.com:{server.port}", "User-Agent: cloudpath-agent/1.2"]
    assert not [header for header in headers if header.lower().startswith(("cookie", "authorization", "referer"))]


def test_what_is_known_of_the_name_is_not_asked_again_and_keeps_its_time() -> None:
    with serving(says(OK)) as server:
        known = DnsCheck(role=Role.DESTINATION, name="crm.example.com", addresses=("127.0.0.1",), duration_us=7_000)
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/", resolved=known))
    assert only(made).steps[0].duration_us == 7_000


def test_a_name_that_does_not_resolve_ends_at_the_first_step() -> None:
    nothing = DnsCheck(role=Role.DESTINATION, name="crm.example.com", failure=Failure.NXDOMAIN)
    made = check(WebAsked(url="http://crm.example.com/", resolved=nothing))
    assert (made.failure, phases(only(made))) == (Failure.NXDOMAIN, [WebPhase.RESOLVE])


def test_an_address_of_the_other_family_is_not_used() -> None:
    asked = WebAsked(url="http://crm.example.com/", resolved=found("crm.example.com"), family=Family.IPV6)
    made = check(asked)
    assert (made.failure, phases(only(made))) == (Failure.NO_DATA, [WebPhase.RESOLVE])


def test_a_refused_connection_says_so() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    made = check(WebAsked(url=f"http://crm.example.com:{port}/"))
    step = only(made).steps[-1]
    assert (made.failure, step.phase, step.detail) == (
        Failure.CONNECTION_REFUSED,
        WebPhase.CONNECT,
        "connection refused",
    )


def test_ipv6_is_spoken_too_and_its_host_stands_in_brackets() -> None:
    with serving(says(OK), address="::1") as server:
        made = check(WebAsked(url=f"http://[::1]:{server.port}/"))
    assert (made.status, only(made).address) == (200, "::1")
    assert f"Host: [::1]:{server.port}\r\n".encode() in server.heard[0]


def test_the_next_address_is_tried_where_the_first_refuses() -> None:
    with serving(says(OK)) as server:
        two = found("crm.example.com", "127.0.0.2", "127.0.0.1")
        with closing(socket.create_server(("127.0.0.2", 0))) as taken:
            assert taken.getsockname()[1] != server.port
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/", resolved=two))
    connected = only(made).steps[1]
    assert (made.status, only(made).address) == (200, "127.0.0.1")
    assert (connected.failure, connected.detail) == (None, "127.0.0.2: connection refused")


# --- who does not speak properly --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behave", "failure", "detail"),
    [
        pytest.param(says(), Failure.CONNECTION_RESET, "the connection was closed without an answer", id="closes"),
        pytest.param(says(b"garbage\r\n\r\n"), Failure.MALFORMED_REPLY, "what came is no HTTP", id="garbage"),
        pytest.param(says(b"SSH-2.0-x\r\n"), Failure.MALFORMED_REPLY, "what came is no HTTP", id="another protocol"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\nServ"), Failure.MALFORMED_REPLY, None, id="ends in the header"),
        pytest.param(says(b"HTTP/1.1 abc OK\r\n\r\n"), Failure.MALFORMED_REPLY, None, id="status of letters"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n"), Failure.MALFORMED_REPLY, None, id="blank in a name"),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"x" * 8000 + b"\r\n"] * 20),
            Failure.MALFORMED_REPLY,
            None,
            id="header without end",
        ),
        pytest.param(
            says(*[b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 9000 + b"\r\n\r\n"] * 40),
            Failure.MALFORMED_REPLY,
            "more than 256 kB, and no response",
            id="interim responses without end",
        ),
    ],
)
def test_a_server_that_does_not_answer_properly(behave: Behaviour, failure: Failure, detail: str | None) -> None:
    with serving(behave) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    step = only(made).steps[-1]
    assert (made.failure, made.status, step.phase, step.failure) == (failure, None, WebPhase.REQUEST, failure)
    assert step.detail
    assert detail is None or step.detail == detail


def test_interim_responses_are_passed_over() -> None:
    with serving(says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", OK)) as server:
        assert check(WebAsked(url=f"http://crm.example.com:{server.port}/")).status == 200


def test_a_header_of_many_kilobytes_is_read() -> None:
    long = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 4000) for n in range(10)) + b"\r\n"
    with serving(says(long)) as server:
        assert check(WebAsked(url=f"http://crm.example.com:{server.port}/")).status == 200


def test_no_body_is_waited_for() -> None:
    def behave(client: socket.socket, _: bytes) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        client.recv(1)

    with serving(behave) as server:
        began = time.monotonic()
        assert check(WebAsked(url=f"http://crm.example.com:{server.port}/", timeout_s=3)).status == 200
    assert time.monotonic() - began < 1.5


def test_silence_ends_at_the_deadline() -> None:
    def behave(client: socket.socket, _: bytes) -> None:
        client.recv(1)

    with serving(behave) as server:
        began = time.monotonic()
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/", timeout_s=0.4))
        took_s = time.monotonic() - began
    assert (made.failure, only(made).steps[-1].phase) == (Failure.TIMED_OUT, WebPhase.REQUEST)
    assert 0.4 <= took_s < 0.9


def test_a_dripping_server_gets_no_more_time_for_its_drops() -> None:
    def behave(client: socket.socket, _: bytes) -> None:
        for letter in OK * 10:
            client.sendall(bytes([letter]))
            time.sleep(0.02)

    with serving(behave) as server:
        began = time.monotonic()
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/", timeout_s=0.5))
        took_s = time.monotonic() - began
    assert made.failure is Failure.TIMED_OUT
    assert 0.5 <= took_s < 1.0


def test_whoever_wants_to_end_is_heard_at_once() -> None:
    def behave(client: socket.socket, _: bytes) -> None:
        client.recv(1)

    began = time.monotonic()
    with serving(behave) as server:
        asked = WebAsked(url=f"http://crm.example.com:{server.port}/", timeout_s=5)
        made = check(asked, stop=lambda: time.monotonic() > began + 0.2)
        took_s = time.monotonic() - began
    assert made.failure is Failure.ABORTED
    assert took_s < 0.7


def test_a_url_that_is_none_is_a_setting_and_nothing_is_sent() -> None:
    made = check(WebAsked(url="ftp://crm.example.com/"))
    assert (made.failure, made.exchanges) == (Failure.INVALID_SETTING, ())


# --- redirects --------------------------------------------------------------------------------------------------------


def test_redirects_are_followed_to_their_end() -> None:
    answers = {"/": redirect("/a?x=1"), "/a?x=1": redirect("b", 307), "/b": OK}
    with serving(by_path(answers)) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert [(one.status, one.location) for one in made.exchanges] == [(302, "/a?x=1"), (307, "b"), (200, None)]
    assert (made.status, made.failure, made.redirect_problem) == (200, None, None)


def test_a_redirect_to_another_host_asks_for_that_one() -> None:
    with serving(says(OK)) as other, serving(says(redirect(f"http://login.example.com:{other.port}/"))) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert made.status == 200
    assert b"Host: login.example.com" in other.heard[0]


def test_a_circle_ends_where_it_closes() -> None:
    with serving(by_path({"/": redirect("/a"), "/a": redirect("/")})) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert (made.redirect_problem, made.status, len(made.exchanges)) == (RedirectProblem.LOOP, 302, 2)


def test_a_cookie_makes_the_same_url_another_question() -> None:
    """Sign-in pages set a cookie and lead back: a client without cookies would call that a circle."""

    def behave(client: socket.socket, heard: bytes) -> None:
        known = b"Cookie: seen=yes" in heard
        client.sendall(OK if known else redirect("/", 302, "Set-Cookie: seen=yes; Path=/; HttpOnly"))

    with serving(behave) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert (made.redirect_problem, made.status, len(made.exchanges)) == (None, 200, 2)


def test_a_cookie_of_one_host_is_not_told_to_another() -> None:
    with serving(says(OK)) as other:
        lead = redirect(f"http://evil.example.net:{other.port}/", 302, "Set-Cookie: secret=1; Path=/")
        with serving(says(lead)) as server:
            check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert b"secret" not in other.heard[0]


def test_a_circle_that_sets_the_same_cookie_again_is_one() -> None:
    with serving(says(redirect("/", 302, "Set-Cookie: seen=yes; Path=/"))) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert (made.redirect_problem, len(made.exchanges)) == (RedirectProblem.LOOP, 2)


def test_ten_redirects_are_followed_and_no_eleventh() -> None:
    def behave(client: socket.socket, heard: bytes) -> None:
        number = int(heard.split(b" ")[1].rpartition(b"/")[2] or b"0")
        client.sendall(OK if number == 10 else redirect(f"/{number + 1}"))

    with serving(behave) as server:
        fine = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
        endless = check(WebAsked(url=f"http://crm.example.com:{server.port}/11"))
    assert (fine.status, fine.redirect_problem, len(fine.exchanges)) == (200, None, 11)
    assert (endless.redirect_problem, len(endless.exchanges)) == (RedirectProblem.TOO_MANY, 11)


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("http://", RedirectProblem.UNPARSABLE),
        ("http://[::1/", RedirectProblem.UNPARSABLE),
        ("http://a b.example.com/", RedirectProblem.UNPARSABLE),
        ("http://crm.example.com:99999/", RedirectProblem.UNPARSABLE),
        ("http://somebody:secret@crm.example.com/", RedirectProblem.UNPARSABLE),
        ("crm-app://open", RedirectProblem.OTHER_SCHEME),
        ("mailto:help@example.com", RedirectProblem.OTHER_SCHEME),
        ("javascript:alert(1)", RedirectProblem.OTHER_SCHEME),
    ],
)
def test_a_redirect_that_leads_nowhere(location: str, problem: RedirectProblem) -> None:
    with serving(says(redirect(location))) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert (made.redirect_problem, len(made.exchanges), made.exchanges[0].location) == (problem, 1, location)


@pytest.mark.parametrize("status", [300, 304, 305])
def test_a_status_that_leaves_the_choice_to_people_leads_nowhere_else(status: int) -> None:
    with serving(says(redirect("/a", status))) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert (made.status, made.redirect_problem, len(made.exchanges)) == (status, None, 1)


def test_a_redirect_that_does_not_say_where_is_an_answer() -> None:
    with serving(says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert (made.status, made.redirect_problem, len(made.exchanges)) == (302, None, 1)


def test_a_chain_that_breaks_off_says_at_which_exchange() -> None:
    with serving(by_path({"/": redirect("http://crm.example.com:1/")})) as server:
        made = check(WebAsked(url=f"http://crm.example.com:{server.port}/"))
    assert [one.failure for one in made.exchanges] == [None, Failure.CONNECTION_REFUSED]
    assert (made.failure, made.status) == (Failure.CONNECTION_REFUSED, None)
