"""What is asked for, where redirects lead and whose answer it is, without a network."""

import pytest

from probes.proxy import ProxyChoice, Secret
from probes.web_check import (
    Place,
    connect_request,
    followed,
    hello_request,
    interception,
    may_be_intercepted,
    place_of,
    redirects,
    request_for,
    schemes,
    who_answered,
)
from probes.web_facts import ProxyMode, ProxyStatus, RedirectProblem, Speaker

PROXY = ProxyChoice(mode=ProxyMode.EXPLICIT, host="p", port=1, username=Secret("jö"), password=Secret("a:b"))


def place(url: str) -> Place:
    found = place_of(url)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "target", "authority"),
    [
        ("http://crm.example.com", "http", "crm.example.com", 80, "/", "crm.example.com"),
        ("https://CRM.example.com/A?b=C#d", "https", "crm.example.com", 443, "/A?b=C", "crm.example.com"),
        ("https://crm.example.com:8443/", "https", "crm.example.com", 8443, "/", "crm.example.com:8443"),
        ("https://crm.example.com:443/", "https", "crm.example.com", 443, "/", "crm.example.com"),
        ("http://192.0.2.1?x", "http", "192.0.2.1", 80, "/?x", "192.0.2.1"),
        ("http://[2001:DB8::1]:8080/", "http", "2001:db8::1", 8080, "/", "[2001:db8::1]:8080"),
        ("http://[fe80::1%25eth0]/", "http", "fe80::1%eth0", 80, "/", "[fe80::1]"),
        ("https://bücher.example/ä", "https", "xn--bcher-kva.example", 443, "/%C3%A4", "xn--bcher-kva.example"),
    ],
)
def test_a_url_comes_apart(url: str, scheme: str, host: str, port: int, target: str, authority: str) -> None:
    made = place(url)
    assert (made.scheme, made.host, made.port, made.target, made.authority) == (scheme, host, port, target, authority)
    assert made.tls == (scheme == "https")


@pytest.mark.parametrize(
    "url", ["", "crm.example.com", "ftp://crm.example.com/", "http://", "http://a b/", "https://:1/"]
)
def test_what_is_no_web_address_is_none(url: str) -> None:
    assert place_of(url) is None


def test_a_proxy_that_reads_the_request_gets_all_of_the_url_and_the_credentials() -> None:
    made = request_for(place("http://crm.example.com:81/a?b"), user_agent="x/1", proxy=PROXY, cookie="c=1")
    assert (made.method, made.target) == ("GET", "http://crm.example.com:81/a?b")
    headers = dict(made.headers)
    # RFC 7617 section 2.1: the octets of UTF-8; `jö:a:b`.
    assert headers["Proxy-Authorization"] == "Basic asO2OmE6Yg=="
    assert (headers["Host"], headers["Cookie"], headers["User-Agent"]) == ("crm.example.com:81", "c=1", "x/1")


def test_an_origin_gets_path_and_query_and_no_credentials() -> None:
    made = request_for(place("http://crm.example.com/a?b"), user_agent="x/1", proxy=None, cookie=None)
    assert made.target == "/a?b"
    assert {"Proxy-Authorization", "Cookie"}.isdisjoint(dict(made.headers))


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://crm.example.com/", "crm.example.com:443"),
        ("https://[2001:db8::1]:8443/", "[2001:db8::1]:8443"),
        ("https://[fe80::1%25eth0]/", "[fe80::1]:443"),
    ],
)
def test_a_tunnel_is_asked_for_with_its_port(url: str, authority: str) -> None:
    made = connect_request(place(url), user_agent="x/1", proxy=PROXY)
    assert (made.method, made.target, dict(made.headers)["Host"]) == ("CONNECT", authority, authority)


def test_the_second_look_tells_nothing_but_the_host() -> None:
    made = hello_request(place("https://crm.example.com/secret?token=1"), user_agent="x/1")
    assert "secret" not in repr(made)
    assert (made.method, made.target) == ("HEAD", "/")


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b", "https://crm.example.com/b"),
        ("b", "https://crm.example.com/a/b"),
        ("../b", "https://crm.example.com/b"),
        ("?q=1", "https://crm.example.com/a/x?q=1"),
        ("#here", "https://crm.example.com/a/x"),
        ("", "https://crm.example.com/a/x"),
        ("//other.example.com/b", "https://other.example.com/b"),
        ("http://other.example.com", "http://other.example.com/"),
        ("  /b  ", "https://crm.example.com/b"),
        ("/a b", "https://crm.example.com/a%20b"),
        ("/a%20b", "https://crm.example.com/a%20b"),
        ("/?next=https://x.example.com/a|b", "https://crm.example.com/?next=https://x.example.com/a%7Cb"),
        ("/b\\c", "https://crm.example.com/b%5Cc"),
        ("HTTPS://Other.Example.com:8443/", "https://other.example.com:8443/"),
        # An archive's and an application's: a URL may stand in a path, and in a fragment.
        ("/web/2020/http://other.example.com/", "https://crm.example.com/web/2020/http://other.example.com/"),
        ("/app#/open/https://other.example.com/", "https://crm.example.com/app"),
        # Two octets of UTF-8, as a header's octets are read.
        ("/caf\xc3\xa9", "https://crm.example.com/caf%C3%A9"),
    ],
)
def test_a_location_is_followed(location: str, leads_to: str) -> None:
    made = followed(place("https://crm.example.com/a/x"), location)
    assert isinstance(made, Place)
    assert made.url == leads_to


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("https://", RedirectProblem.UNPARSABLE),
        ("https:///path", RedirectProblem.UNPARSABLE),
        ("HTTPS:///path", RedirectProblem.UNPARSABLE),
        ("://other.example.com/", RedirectProblem.UNPARSABLE),
        ("https://[::1", RedirectProblem.UNPARSABLE),
        ("https://crm.example.com:x/", RedirectProblem.UNPARSABLE),
        ("https://0.0.0.0/", RedirectProblem.UNPARSABLE),
        ("/" + "x" * 9000, RedirectProblem.UNPARSABLE),
        ("ftp://crm.example.com/", RedirectProblem.OTHER_SCHEME),
        ("crm-app://open", RedirectProblem.OTHER_SCHEME),
    ],
)
def test_a_location_that_leads_nowhere(location: str, problem: RedirectProblem) -> None:
    assert followed(place("https://crm.example.com/a/x"), location) is problem


def test_which_statuses_lead_elsewhere() -> None:
    assert [status for status in range(100, 600) if redirects(status)] == [301, 302, 303, 307, 308]


@pytest.mark.parametrize(
    ("status", "headers", "speaker"),
    [
        (404, {}, Speaker.ORIGIN),
        (511, {}, Speaker.PROXY),
        (407, {}, Speaker.PROXY),
        (404, {"x-squid-error": "ERR_ACCESS_DENIED 0"}, Speaker.PROXY),
    ],
)
def test_without_a_proxy_it_is_the_origin_unless_somebody_gives_himself_away(
    status: int, headers: dict[str, str], speaker: Speaker
) -> None:
    assert who_answered(status, headers, (), tls=False, proxied=False) is speaker
    assert who_answered(status, headers, (), tls=True, proxied=False) is Speaker.ORIGIN


def test_only_the_nearest_intermediary_speaks_for_a_response() -> None:
    """RFC 9209 section 2: the list begins at the origin."""
    failed, fine = ProxyStatus(proxy="a", error="dns_error"), ProxyStatus(proxy="b")
    assert who_answered(404, {"via": "1.1 b"}, (failed, fine), tls=False, proxied=True) is Speaker.ORIGIN
    assert who_answered(404, {"via": "1.1 b"}, (fine, failed), tls=False, proxied=True) is Speaker.PROXY


def test_schemes_of_challenges() -> None:
    assert schemes(['Basic realm="x"', "Negotiate", "Basic", "  ", "NTLM"]) == ("Basic", "Negotiate", "NTLM")
    assert schemes(["x" * 500]) == ("x" * 40,)


@pytest.mark.parametrize(
    ("host", "addresses", "may"),
    [
        ("crm.example.com", ["203.0.113.80"], True),
        ("crm.example.com", [], True),
        ("crm.example.com", ["2001:db8::1"], True),
        ("crm.example.com.", ["203.0.113.80"], True),
        ("crm.example.com", ["203.0.113.80", "10.0.0.1"], False),
        ("crm.example.com", ["fd00::1"], False),
        ("crm.example.com", ["fe80::1%eth0"], False),
        ("crm", ["203.0.113.80"], False),
        ("crm.", ["203.0.113.80"], False),
        ("crm.corp.internal", ["203.0.113.80"], False),
        ("printer.local", [], False),
        ("203.0.113.80", ["203.0.113.80"], False),
    ],
)
def test_who_needs_a_public_authority(host: str, addresses: list[str], may: bool) -> None:  # noqa: FBT001
    assert may_be_intercepted(host, addresses) is may


def test_only_a_root_that_the_public_does_not_know_is_told() -> None:
    assert interception(None, publicly_rooted=None) is None
    assert interception("CN=Public", publicly_rooted=True) is None
    made = interception("CN=Inspection", publicly_rooted=False)
    assert made is not None
    assert made.issuer == "CN=Inspection"
    assert "CN=Inspection" in made.evidence
