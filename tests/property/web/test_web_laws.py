"""Laws of the web check: whatever a server says, there is a fact of it, and nothing of it gets out of its place."""

from hypothesis import given
from hypothesis import strategies as st

from probes.captive import judged
from probes.drivers.web_cookies import Cookies
from probes.drivers.web_request import Response, ask
from probes.drivers.web_stream import EndedError
from probes.failure import Failure
from probes.proxy_status import parse_proxy_status
from probes.web_check import Place, followed, place_of, redirects, request_for, schemes, who_answered
from probes.web_facts import RedirectProblem

BASE = "https://crm.example.com/a/b?c"
LATIN = st.text(st.characters(max_codepoint=0xFF), max_size=200)
# What h11 lets through as a header's value (RFC 9110 section 5.5).
VALUE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=80)
# Things that look like URLs more often than chance has it.
URLISH = st.lists(
    st.sampled_from(["http:", "https:", "//", "/", "..", "?", "#", "@", ":", "[", "]", "%", " ", "a", "ä", "\\", "80"]),
    max_size=12,
).map("".join)


def base() -> Place:
    place = place_of(BASE)
    assert place is not None
    return place


class Octets:
    """A connection on which these come, in pieces of at most `piece`, and then its end."""

    def __init__(self, data: bytes, piece: int) -> None:
        self._pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
        self.sent = b""

    def send(self, data: bytes) -> None:
        self.sent += data

    def receive(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        self._pieces = []


def answer_to(data: bytes, piece: int) -> Response | EndedError:
    try:
        return ask(Octets(data, piece), request_for(base(), user_agent="x", proxy=None, cookie=None))
    except EndedError as ended:
        return ended


@given(LATIN | URLISH)
def test_any_location_leads_to_a_place_or_says_why_not(location: str) -> None:
    there = followed(base(), location)
    if isinstance(there, RedirectProblem):
        return
    assert place_of(there.url) == there
    assert there.url.isascii()
    assert not set(there.url) & set(' \r\n\t"<>')


@given(LATIN | URLISH)
def test_no_location_writes_a_second_line_into_the_request(location: str) -> None:
    there = followed(base(), location)
    if isinstance(there, RedirectProblem):
        return
    stream = Octets(b"HTTP/1.1 200 OK\r\n\r\n", 99)
    ask(stream, request_for(there, user_agent="x", proxy=None, cookie=None))
    request, host, *rest = stream.sent.split(b"\r\n")
    assert request == f"GET {there.target} HTTP/1.1".encode()
    assert host == f"Host: {there.authority}".encode()
    assert len(rest) == 6


@given(
    st.binary(max_size=600) | st.binary(max_size=300).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail),
    st.integers(1, 99),
)
def test_any_octets_are_a_response_or_a_failure(data: bytes, piece: int) -> None:
    response = answer_to(data, piece)
    if isinstance(response, EndedError):
        assert response.failure in {Failure.MALFORMED_REPLY, Failure.CONNECTION_RESET, Failure.TLS_EXPECTED}
        assert response.detail
    else:
        assert 100 <= response.status <= 999
        headers = response.headers
        proxy_status = parse_proxy_status(response.values("proxy-status"))
        who_answered(response.status, headers, proxy_status, tls=False, proxied=True)
        judged(base(), response.status, headers, b"", None)
        schemes(response.values("proxy-authenticate"))


@given(st.binary(max_size=400), st.integers(1, 99), st.integers(1, 64))
def test_of_any_body_no_more_is_kept_than_was_asked_for(body: bytes, piece: int, limit: int) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    request = request_for(base(), user_agent="x", proxy=None, cookie=None)
    assert ask(Octets(data, piece), request, body_limit=limit).body == body[:limit]


@given(st.lists(st.tuples(VALUE, VALUE).map("=".join) | VALUE, max_size=4))
def test_any_cookie_can_be_sent_back(values: list[str]) -> None:
    cookies = Cookies()
    cookies.keep(BASE, values)
    cookie = cookies.header_for(BASE)
    stream = Octets(b"HTTP/1.1 200 OK\r\n\r\n", 99)
    ask(stream, request_for(base(), user_agent="x", proxy=None, cookie=cookie))
    assert cookie is None or f"Cookie: {cookie}".encode("latin-1") in stream.sent


@given(st.integers(100, 999), st.dictionaries(st.sampled_from(["location", "content-type", "via", "server"]), LATIN))
def test_any_answer_to_a_check_has_a_verdict_with_its_reason(status: int, headers: dict[str, str]) -> None:
    made = judged(base(), status, headers, b"Success", 1)
    assert made.evidence
    assert made.portal is None or place_of(made.portal) is not None
    assert made.detected is not True or status in {200, 511} or redirects(status)
