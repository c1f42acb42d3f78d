import pytest

from probes.proxy_status import parse_proxy_status
from probes.web_facts import ProxyStatus


def test_what_an_intermediary_says() -> None:
    header = 'proxy.example; error=dns_error; rcode="NXDOMAIN"; next-hop="192.0.2.1:443"; received-status=503'
    (said,) = parse_proxy_status([header + '; details="none"'])
    assert said == ProxyStatus(
        proxy="proxy.example",
        error="dns_error",
        next_hop="192.0.2.1:443",
        received_status=503,
        rcode="NXDOMAIN",
        details="none",
    )


def test_a_chain_in_several_fields_keeps_its_order() -> None:
    said = parse_proxy_status(['"far cache"; error=connection_refused', "near; next-hop=far, nearest"])
    assert [status.proxy for status in said] == ["far cache", "near", "nearest"]
    assert said[1].next_hop == "far"


def test_a_comma_and_a_quote_inside_a_text_split_nothing() -> None:
    (said,) = parse_proxy_status([r'p; details="first, \"second\", third"'])
    assert said.details == 'first, "second", third'


@pytest.mark.parametrize("value", ["", "p;;", "p, ", 'p; details="open', "p é", "@3", "(a b); error=dns_error", "12"])
def test_what_breaks_the_format_says_nothing(value: str) -> None:
    assert parse_proxy_status([value]) == ()


def test_no_field_says_nothing() -> None:
    assert parse_proxy_status([]) == ()


@pytest.mark.parametrize("parameter", ["error=12", "error=?1", "details=:aGk=:", "received-status=?1", "next-hop=1.5"])
def test_a_parameter_of_another_type_is_taken_for_absent(parameter: str) -> None:
    assert parse_proxy_status([f"p; {parameter}"]) == (ProxyStatus(proxy="p"),)


def test_a_flood_of_members_and_of_text_is_cut() -> None:
    said = parse_proxy_status([", ".join(["p"] * 5000) + f'; details="{"x" * 5000}"'])
    assert len(said) == 16
    (one,) = parse_proxy_status([f'p; details="{"x" * 5000}"'])
    assert one.details == "x" * 200
