"""The gate lets in who knows the token and asks by our address, and nobody else."""

import pytest

from agent.pages.page import Request
from agent.ui.gate import Gate
from probes.frozen import replace

# No secret of anybody's.
TOKEN = "s3cret-T0ken_of-32-characters-aaa"  # noqa: S105
GATE = Gate(TOKEN, "127.0.0.1", 8437)
ASKED = Request(method="GET", path=f"/{TOKEN}/", host="127.0.0.1:8437")


def status_of(**changes: str) -> int:
    """Return the status that a request is refused with, 0 where it may go on."""
    refusal = GATE.refusal(replace(ASKED, **changes))
    return 0 if refusal is None else refusal.status


def test_who_asks_as_printed_is_let_in() -> None:
    assert status_of() == 0
    assert status_of(method="HEAD") == 0
    assert status_of(path=f"/{TOKEN}/target/crm", query="range=7d") == 0
    assert GATE.inside(replace(ASKED, path=f"/{TOKEN}/target/crm")) == ("target", "crm")


@pytest.mark.parametrize("host", ["127.0.0.1:8437", "localhost:8437", "LOCALHOST:8437"])
def test_this_address_has_two_names(host: str) -> None:
    assert status_of(host=host) == 0


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:8438",
        "localhost:80",
        "evil.example.com",
        "evil.example.com:8437",
        "127.0.0.1.evil.example.com:8437",
        "localhost.evil.example.com:8437",
        "127.0.0.2:8437",
        "[::1]:8437",
        "127.0.0.1:8437@evil.example.com",
        "2130706433:8437",
        "0x7f.1:8437",
        "127.0.0.1:08437",
        "localhost.:8437",
    ],
)
def test_another_host_is_refused_whatever_it_knows(host: str) -> None:
    assert status_of(host=host) == 421


def test_each_loopback_address_is_itself() -> None:
    six = Gate(TOKEN, "::1", 8437)
    assert six.refusal(replace(ASKED, host="[::1]:8437")) is None
    assert six.refusal(ASKED) is not None
    eighty = Gate(TOKEN, "127.0.0.1", 80)
    for host in ("127.0.0.1", "127.0.0.1:80", "localhost"):
        assert eighty.refusal(replace(ASKED, host=host)) is None


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        f"//{TOKEN}/",
        f"/{TOKEN[:-1]}/",
        f"/{TOKEN}x/",
        f"/{TOKEN.upper()}/",
        f"/x/../{TOKEN}/",
        f"/{TOKEN.replace('s', '%73', 1)}/",
        "/favicon.ico",
        "/robots.txt",
        "/../../etc/passwd",
        "/\u00e9",
        "*",
    ],
)
def test_without_the_token_nothing_is_there(path: str) -> None:
    refusal = GATE.refusal(replace(ASKED, path=path))
    assert refusal is not None
    assert (refusal.status, refusal.body) == (404, "there is nothing here\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get"])
def test_nobody_does_more_than_look(method: str) -> None:
    refusal = GATE.refusal(replace(ASKED, method=method))
    assert refusal is not None
    assert (refusal.status, refusal.allow) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("site", "status"), [("none", 0), ("same-origin", 0), ("", 0), ("same-site", 403), ("cross-site", 403), ("x", 403)]
)
def test_what_another_sites_page_asks_is_refused(site: str, status: int) -> None:
    assert status_of(fetch_site=site) == status


def test_another_site_learns_nothing_of_the_token() -> None:
    assert status_of(fetch_site="cross-site", path="/wrong/") == 404
    assert status_of(host="evil.example.com:8437", path="/wrong/") == 421
