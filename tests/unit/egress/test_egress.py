"""Which address counts as the client's public one, and whether those who saw one agree."""

import pytest

from probes.egress import egress_of, seen_over_https, seen_through_proxy
from probes.egress_facts import EgressSource, SeenAddress, ServiceData, Tunnel, TunnelKind
from probes.failure import Failure

OFFICE, OTHER, EDGE = "203.0.113.9", "203.0.113.77", "198.51.100.34"


def seen(address: str | None, server: str | None = EDGE) -> SeenAddress:
    return SeenAddress(address=address, edge="edge.example.com", server_address=server)


def told(**facts: object) -> ServiceData:
    return ServiceData(url="https://edge.example.com", fetched=True, server_address=EDGE, **facts)  # type: ignore[arg-type]


def test_the_administrator_knows_best() -> None:
    egress = egress_of(OTHER, {EgressSource.SERVICE_DATA: seen(OFFICE)})
    assert (egress.address, egress.source, egress.agree) == (OTHER, EgressSource.CONFIGURED, False)


def test_https_goes_before_packets_and_one_voice_is_no_agreement() -> None:
    egress = egress_of(None, {EgressSource.ICMP: seen(OTHER), EgressSource.SERVICE_DATA: seen(OFFICE)})
    assert (egress.address, egress.source, egress.agree) == (OFFICE, EgressSource.SERVICE_DATA, False)
    assert egress_of(None, {EgressSource.STUN: seen(OFFICE)}).agree is None
    assert egress_of(None, {EgressSource.STUN: seen(OFFICE), EgressSource.TCP: seen(OFFICE)}).agree is True


def test_what_a_proxy_shows_is_neither_the_address_nor_a_contradiction() -> None:
    egress = egress_of(None, {EgressSource.SERVICE_DATA: seen(OFFICE), EgressSource.PROXY: seen(OTHER)})
    assert (egress.address, egress.agree) == (OFFICE, None)
    assert egress_of(None, {EgressSource.PROXY: seen(OTHER)}).address is None


def test_an_address_of_the_other_family_contradicts_nobody() -> None:
    by = {EgressSource.SERVICE_DATA: seen(OFFICE), EgressSource.STUN: seen("2001:db8::9", "2001:db8:1::1")}
    assert egress_of(None, by).agree is None


def test_one_address_in_two_ways_of_writing_is_one() -> None:
    by = {EgressSource.SERVICE_DATA: seen("2001:db8:0::9", None), EgressSource.STUN: seen("2001:db8::9", None)}
    assert egress_of(None, by).agree is True


@pytest.mark.parametrize(
    ("address", "server"),
    [
        (EDGE, EDGE),  # the question went by the edge
        ("10.20.0.5", EDGE),  # out of a tunnel
        ("100.64.3.1", EDGE),
        ("fd00::1", "2001:db8::1"),
        ("0.0.0.0", EDGE),
        ("224.0.0.1", None),
        ("240.0.0.1", None),
        ("nonsense", None),
    ],
)
def test_an_address_that_cannot_be_the_clients_is_kept_out_and_said(address: str, server: str | None) -> None:
    egress = egress_of(None, {EgressSource.SERVICE_DATA: seen(address, server)})
    assert (egress.address, egress.source) == (None, None)
    assert egress.by is not None
    assert (egress.by["service_data"].detail or "").startswith(address)


@pytest.mark.parametrize(("address", "server"), [("10.20.0.5", "10.9.0.1"), ("127.0.0.1", "127.0.0.1")])
def test_an_edge_in_a_private_network_sees_private_addresses(address: str, server: str) -> None:
    assert egress_of(None, {EgressSource.SERVICE_DATA: seen(address, server)}).address == address


def test_behind_a_tunnel_its_egress_counts_and_without_one_nothing() -> None:
    inside = Tunnel(kind=TunnelKind.GRE, inner="10.20.0.0/16", egress=OFFICE)
    assert seen_over_https(told(address="10.20.0.5", tunnel=inside), "edge.example.com").address == OFFICE
    unknown = Tunnel(kind=TunnelKind.GRE, inner="10.20.0.0/16")
    assert seen_over_https(told(address="10.20.0.5", tunnel=unknown), "edge.example.com").address is None
    assert seen_through_proxy(told(address="10.20.0.5", tunnel=inside), "edge.example.com").address == "10.20.0.5"


def test_an_earlier_answer_is_an_address_and_no_failure() -> None:
    stale = told(address=OFFICE, stale=True, failure=Failure.TIMED_OUT)
    assert seen_over_https(stale, "edge.example.com").failure is None
