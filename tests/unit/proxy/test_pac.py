import pytest

from probes.failure import Failure
from probes.pac import DIRECT, Asked, allows_direct, asked_of, choices
from probes.proxy import ProxyChoice, ProxyError
from probes.sample import Target
from probes.target import parse_target
from probes.web_facts import Pac, ProxyMode


def read(result: str | None) -> list[str | None]:
    """Return the URL of each proxy, `DIRECT`, and None for an entry that is of no use."""
    found = choices(Pac(source="file:x", result=result))
    return [None if isinstance(c, ProxyError) else "DIRECT" if c == DIRECT else c.url for c in found]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("DIRECT", ["DIRECT"]),
        ("", ["DIRECT"]),
        (" ; ;", ["DIRECT"]),
        (None, ["DIRECT"]),
        ("PROXY a.example:3128", ["http://a.example:3128"]),
        ("proxy a.example:3128 ; direct", ["http://a.example:3128", "DIRECT"]),
        ("PROXY a:1; HTTPS b:2; HTTP c:3", ["http://a:1", "https://b:2", "http://c:3"]),
        ("PROXY a; HTTPS b", ["http://a:80", "https://b:443"]),
        ("PROXY [2001:db8::1]:3128", ["http://[2001:db8::1]:3128"]),
        ("SOCKS a:1080; SOCKS5 b:1; SOCKS4 c:2; DIRECT", [None, None, None, "DIRECT"]),
        ("PROXY", [None]),
        ("PROXY a b", [None]),
        ("DIRECT now", [None]),
        ("QUIC a:443", [None]),
        ("PROXY a:99999", [None]),
        ("PROXY jo:secret@a:1", [None]),
    ],
)
def test_what_an_answer_means(result: str | None, expected: list[str | None]) -> None:
    assert read(result) == expected


def test_an_entry_of_no_use_is_told_in_one_line_without_secrets() -> None:
    for result in ("SOCKS a\x1b:1", "PROXY jo:secret@a:1", "PROXY " + "x" * 900 + " y"):
        (problem,) = choices(Pac(source="file:x", result=result))
        assert isinstance(problem, ProxyError)
        assert problem.message.isprintable()
        assert "secret" not in problem.message
        assert len(problem.message) < 200


def test_an_endless_list_is_cut() -> None:
    assert len(read("PROXY a:1;" * 100)) == 8


def test_a_script_that_failed_says_nothing() -> None:
    assert choices(Pac(source="file:x", failure=Failure.TIMED_OUT)) == ()


def test_direct_is_allowed_where_the_script_says_so() -> None:
    assert allows_direct(choices(Pac(source="x", result="PROXY a:1; DIRECT")))
    assert not allows_direct(choices(Pac(source="x", result="PROXY a:1")))
    (choice,) = choices(Pac(source="x", result="PROXY a:1"))
    assert isinstance(choice, ProxyChoice)
    assert choice.mode is ProxyMode.PAC


@pytest.mark.parametrize(
    ("target", "url", "host"),
    [
        ("crm.example.com", "https://crm.example.com/", "crm.example.com"),
        ("crm.example.com:8443", "https://crm.example.com:8443/", "crm.example.com"),
        ("https://crm.example.com/private?who=jo#top", "https://crm.example.com/", "crm.example.com"),
        ("https://crm.example.com:8443/a", "https://crm.example.com:8443/", "crm.example.com"),
        ("http://crm.example.com/a?b#c", "http://crm.example.com/a?b", "crm.example.com"),
        ("[2001:db8::1]:443", "https://[2001:db8::1]/", "2001:db8::1"),
    ],
)
def test_what_a_script_is_told(target: str, url: str, host: str) -> None:
    parsed = parse_target(target)
    assert isinstance(parsed, Target)
    assert asked_of(parsed) == Asked(url=url, host=host)
