"""What records of the makers' layouts say; and that nonsense in them says nothing."""

from typing import Any

import pytest

from probes.facts import Place
from probes.origin import NOWHERE, Origin, is_local, merged, origin_in


@pytest.mark.parametrize(
    ("record", "origin"),
    [
        # GeoLite2-ASN, DB-IP ASN.
        (
            {"autonomous_system_number": 13_335, "autonomous_system_organization": "Cloud"},
            Origin(asn=13_335, as_name="Cloud"),
        ),
        # GeoIP2-Enterprise.
        (
            {"traits": {"autonomous_system_number": 1, "autonomous_system_organization": "One"}},
            Origin(asn=1, as_name="One"),
        ),
        # IPinfo: ASN, Lite.
        ({"asn": "AS13335", "name": "Cloud", "domain": "c.example"}, Origin(asn=13_335, as_name="Cloud")),
        (
            {"asn": "AS7", "as_name": "Seven", "country": "Germany", "country_code": "DE"},
            Origin(asn=7, as_name="Seven", place=Place(country="DE")),
        ),
        # GeoLite2-City, GeoLite2-Country; IPinfo's city; flat files.
        (
            {"city": {"names": {"en": "Munich"}}, "country": {"iso_code": "DE"}},
            Origin(place=Place(country="DE", city="Munich")),
        ),
        ({"country": {"iso_code": "se"}}, Origin(place=Place(country="SE"))),
        ({"city": "Paris", "country": "FR"}, Origin(place=Place(country="FR", city="Paris"))),
        ({"country_code": "FR"}, Origin(place=Place(country="FR"))),
    ],
)
def test_each_layout_is_understood(record: dict[str, Any], origin: Origin) -> None:
    assert origin_in(record) == origin


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        "AS13335",
        {},
        {"asn": None},
        {"asn": 0},
        {"asn": -1},
        {"asn": True},
        {"asn": 2**32},
        {"asn": "AS"},
        {"asn": "ASx"},
        {"asn": "AS\N{SUPERSCRIPT TWO}"},
        {"asn": "9" * 5_000},
        {"asn": 13_335.0},
        {"name": "not of a network"},
        {"country": "Germany"},
        {"country": {"iso_code": 49}},
        {"country": {"iso_code": "D\x1b"}},
        {"city": {"names": ["Munich"]}},
        {"city": ""},
        {"city": "x" * 501},
        {"traits": 3, "city": 4},
    ],
)
def test_nonsense_says_nothing(record: object) -> None:
    assert origin_in(record) == NOWHERE


def test_the_first_network_and_the_most_exact_place_count() -> None:
    country = Origin(asn=1, as_name="One", place=Place(country="DE"))
    city = Origin(asn=2, as_name="Two", place=Place(country="AT", city="Vienna"))
    assert merged([country, city]) == Origin(asn=1, as_name="One", place=Place(country="AT", city="Vienna"))
    assert merged([Origin(place=Place(country="DE")), Origin(asn=3)]) == Origin(asn=3, place=Place(country="DE"))
    assert merged([]) == NOWHERE


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.1.1", "172.16.0.1", "172.31.255.255"),
        *("192.168.0.1", "0.0.0.0", "::", "::1", "fe80::1", "fe80::1%eth0", "febf::1", "fc00::1", "fdff::1"),
    ],
)
def test_addresses_of_one_network_only_are_local(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize(
    "address", ["9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.32.0.1", "8.8.8.8", "2001:db8::1"]
)
def test_all_others_are_not(address: str) -> None:
    assert not is_local(address)
