"""The examples of RFC 6724 section 10.2 that concern unicast, and the rule that an address without a way comes last."""

import pytest

from probes.address_order import in_order_of_preference


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"2001:db8:1::1": "2001:db8:1::2", "198.51.100.121": "169.254.13.78"}, ["2001:db8:1::1", "198.51.100.121"]),
        ({"2001:db8:1::1": "fe80::1", "198.51.100.121": "198.51.100.117"}, ["198.51.100.121", "2001:db8:1::1"]),
        ({"2001:db8:1::1": "2001:db8:1::2", "10.1.2.3": "10.1.2.4"}, ["2001:db8:1::1", "10.1.2.3"]),
        ({"2001:db8:1::1": "2001:db8:1::2", "fe80::1": "fe80::2"}, ["fe80::1", "2001:db8:1::1"]),
        (
            {"2002:c633:6401::1": "2002:c633:6401::2", "2001:db8:1::1": "fe80::2"},
            ["2002:c633:6401::1", "2001:db8:1::1"],
        ),
        ({"2001:db8:1::1": "2001:db8:1::2", "198.51.100.1": None}, ["2001:db8:1::1", "198.51.100.1"]),
        ({"2001:db8:1::1": None, "198.51.100.1": "198.51.100.2"}, ["198.51.100.1", "2001:db8:1::1"]),
        (
            {"2001:db8:ffff::1": "2001:db8:1::2", "2001:db8:1::1": "2001:db8:1::2"},
            ["2001:db8:1::1", "2001:db8:ffff::1"],
        ),
    ],
)
@pytest.mark.parametrize("turned_round", [False, True])
def test_the_order_does_not_depend_on_the_order_given(
    sources: dict[str, str | None], expected: list[str], *, turned_round: bool
) -> None:
    given = sorted(sources, reverse=turned_round)
    assert list(in_order_of_preference(given, sources)) == expected


def test_rotated_a_records_stay_rotated() -> None:
    given = ["203.0.113.9", "10.0.0.3", "203.0.113.1"]
    assert list(in_order_of_preference(given, dict.fromkeys(given, "10.0.0.2"))) == given
