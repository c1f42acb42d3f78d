"""What may be traced to, and every way to spell somebody else."""

import pytest

from edge.destinations import Destinations

PUBLIC = Destinations.of(["crm.example.com", "198.51.100.0/24", "192.0.2.7", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("crm.example.com", True),
        ("CRM.Example.com.", True),
        ("www.crm.example.com", False),
        ("example.com", False),
        ("198.51.100.255", True),
        ("198.51.101.0", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("::ffff:198.51.100.1", False),
        ("::ffff:203.0.113.1", False),
        ("64:ff9b::c633:6401", True),
        ("64:ff9b::7f00:1", False),
        ("fe80::1%eth0", False),
        ("127.0.0.1", False),
        ("localhost", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("198.51.100.0/24", False),
        ("", False),
    ],
)
def test_only_what_is_listed_may_be_asked_for(host: str, *, allowed: bool) -> None:
    assert PUBLIC.asks_for(host) is allowed


@pytest.mark.parametrize("inside", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1"])
def test_everything_means_the_internet_and_not_the_edges_own_network(inside: str) -> None:
    assert not Destinations.of(["0.0.0.0/0"]).allows_address(inside)
    assert Destinations.of([inside]).allows_address(inside)
    assert Destinations.of([f"{inside}/32"]).allows_address(inside)


@pytest.mark.parametrize("group", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1"])
def test_groups_and_nobody_are_no_destinations(group: str) -> None:
    assert not Destinations.of(["0.0.0.0/0", "::/0"]).allows_address(group)


@pytest.mark.parametrize("inside", ["::1", "fd00::1", "fe80::1", "ff02::1", "2002:7f00:1::", "::ffff:10.0.0.1"])
def test_nor_does_it_in_ipv6(inside: str) -> None:
    assert not Destinations.of(["::/0", "0.0.0.0/0"]).allows_address(inside)


def test_an_inside_prefix_must_lie_within() -> None:
    assert Destinations.of(["10.0.0.0/8"]).allows_address("10.1.2.3")
    assert not Destinations.of(["8.0.0.0/6"]).allows_address("10.1.2.3")


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [("203.0.113.9", True), ("10.0.0.1", False), ("127.0.0.1", False), ("::1", False), ("64:ff9b::a00:1", False)],
)
def test_whoever_answers_for_a_listed_name_may_name_public_addresses_only(answer: str, *, allowed: bool) -> None:
    assert PUBLIC.allows_answer(answer) is allowed


def test_unless_the_inside_address_is_listed_itself() -> None:
    assert Destinations.of(["crm.example.com", "10.0.0.0/24"]).allows_answer("10.0.0.1")


def test_nothing_is_allowed_where_nothing_is_listed() -> None:
    assert not Destinations().asks_for("crm.example.com")
    assert not Destinations().allows_address("192.0.2.1")
