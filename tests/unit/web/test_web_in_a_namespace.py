"""What the loopback cannot show: silent addresses, a chosen interface and source, an origin on the outside."""

import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from probes.clock import SystemClock
from probes.drivers.web import check_web
from probes.failure import Failure
from probes.name_facts import DnsCheck
from probes.web_check import WebAsked
from probes.web_facts import WebCheck, WebPhase
from tests.unit.watch.own_namespace import OwnNamespace
from tests.unit.web.servers import OK, authority, found, says, serving, tls_of, trusted

pytestmark = pytest.mark.lab

HOST = "crm.example.com"
SILENT = "2001:db8::80"
OUTSIDE = "203.0.113.80"
INSIDE = "10.9.9.80"
# Everything that is sent to the silent address is dropped on arrival, without a word.
SILENCE = f"nft add table inet quiet; nft add chain inet quiet in '{{type filter hook input priority 0;}}'; \
nft add rule inet quiet in ip6 daddr {SILENT} drop; nft add rule inet quiet in ip daddr 203.0.113.99 drop"


@pytest.fixture(scope="module")
def namespace() -> Iterator[OwnNamespace]:
    with OwnNamespace() as own:
        own.ip(f"""
            address add {SILENT}/128 dev lo nodad
            address add {OUTSIDE}/32 dev lo
            address add 203.0.113.99/32 dev lo
            address add {INSIDE}/32 dev lo
            address add 203.0.113.7/32 dev lo
            link add eth7 type veth peer name eth8
            address add 192.0.2.7/24 dev eth7
            link set eth7 up
            link set eth8 up
        """)
        own.shell(SILENCE)
        yield own


def made_inside(own: OwnNamespace, asked: Callable[[int], WebAsked], *, tls: ssl.SSLContext | None = None) -> WebCheck:
    """Return the check of a server that listens on every IPv4 address of the namespace."""

    def run() -> WebCheck:
        with serving(says(OK), tls=tls, address="0.0.0.0") as server:
            return check_web(asked(server.port), clock=SystemClock(), resolve=unasked, stop=lambda: False)

    return own.call(run)


def unasked(name: str) -> DnsCheck:
    raise AssertionError(f"nobody had to look up {name}")


def at(*addresses: str) -> DnsCheck:
    return found(HOST, *addresses)


def test_a_silent_address_costs_a_quarter_of_a_second_and_no_more(namespace: OwnNamespace) -> None:
    """RFC 8305 section 5."""
    began = time.monotonic()
    made = made_inside(namespace, lambda port: WebAsked(url=f"http://{HOST}:{port}/", resolved=at(SILENT, OUTSIDE)))
    took_s = time.monotonic() - began
    assert (made.status, made.exchanges[0].address) == (200, OUTSIDE)
    assert 0.25 <= took_s < 0.9


def test_where_every_address_is_silent_all_of_them_are_named(namespace: OwnNamespace) -> None:
    def asked(port: int) -> WebAsked:
        return WebAsked(url=f"http://{HOST}:{port}/", resolved=at(SILENT, "203.0.113.99"), timeout_s=0.6)

    made = made_inside(namespace, asked)
    step = made.exchanges[0].steps[-1]
    assert (made.failure, step.phase) == (Failure.TIMED_OUT, WebPhase.CONNECT)
    assert step.detail is not None
    assert SILENT in step.detail
    assert "203.0.113.99" in step.detail


def test_no_route_is_told_at_once(namespace: OwnNamespace) -> None:
    began = time.monotonic()
    made = made_inside(namespace, lambda _: WebAsked(url=f"http://{HOST}/", resolved=at("198.51.100.1")))
    assert made.failure is Failure.NETWORK_UNREACHABLE
    assert time.monotonic() - began < 1


def test_a_chosen_source_is_the_one_that_the_server_sees(namespace: OwnNamespace) -> None:
    def run() -> tuple[WebCheck, set[str]]:
        peers = set()

        def behave(client: object, _: bytes) -> None:
            peers.add(client.getpeername()[0])  # type: ignore[attr-defined] # a socket
            client.sendall(OK)  # type: ignore[attr-defined]

        with serving(behave, address="0.0.0.0") as server:
            asked = WebAsked(url=f"http://{HOST}:{server.port}/", resolved=at(OUTSIDE), source="203.0.113.7")
            return check_web(asked, clock=SystemClock(), resolve=unasked), peers

    made, peers = namespace.call(run)
    assert (made.status, peers) == (200, {"203.0.113.7"})


def test_a_chosen_interface_is_used_even_where_it_leads_nowhere(namespace: OwnNamespace) -> None:
    def asked(port: int) -> WebAsked:
        return WebAsked(url=f"http://{HOST}:{port}/", resolved=at("192.0.2.99"), interface="eth7", timeout_s=0.4)

    made = made_inside(namespace, asked)
    missing = made_inside(
        namespace, lambda port: WebAsked(url=f"http://{HOST}:{port}/", resolved=at(OUTSIDE), interface="none0")
    )
    assert made.failure in {Failure.TIMED_OUT, Failure.HOST_UNREACHABLE}
    assert missing.failure is Failure.NO_SUCH_INTERFACE


# --- who opens TLS ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate() -> ssl.SSLContext:
    return tls_of(authority().issue_cert(HOST, "crm.corp.internal", "crm", OUTSIDE))


@pytest.fixture
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have this host trust the authority, as one does that an organisation has set up."""
    file = trusted(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


@pytest.mark.usefixtures("trusting")
def test_a_root_that_only_this_host_trusts_is_named(namespace: OwnNamespace, certificate: ssl.SSLContext) -> None:
    def asked(port: int) -> WebAsked:
        return WebAsked(url=f"https://{HOST}:{port}/", resolved=at(OUTSIDE))

    made = made_inside(namespace, asked, tls=certificate)
    assert made.status == 200
    assert made.interception is not None
    assert made.interception.issuer.endswith("O=Example Authority")
    assert made.interception.issuer in made.interception.evidence


@pytest.mark.parametrize(
    ("host", "address", "named"),
    [
        pytest.param(HOST, OUTSIDE, True, id="the file of authorities is the person's own word"),
        pytest.param(HOST, INSIDE, False, id="an address of the inside"),
        pytest.param("crm.corp.internal", OUTSIDE, False, id="a name of the inside"),
        pytest.param("crm", OUTSIDE, False, id="a name without a dot"),
        pytest.param(OUTSIDE, OUTSIDE, False, id="an address without a name"),
    ],
)
def test_near_miss_a_private_authority_is_as_it_should_be(
    namespace: OwnNamespace, certificate: ssl.SSLContext, trusting: Path, host: str, address: str, *, named: bool
) -> None:
    def asked(port: int) -> WebAsked:
        known = found(host, address)
        return WebAsked(url=f"https://{host}:{port}/", resolved=known, ca_file=trusting if named else None)

    made = made_inside(namespace, asked, tls=certificate)
    assert (made.status, made.interception) == (200, None)
