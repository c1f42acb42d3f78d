"""Laws of naming a target: one line or one target, never an exception, and a target names itself."""

import ipaddress
import time

from hypothesis import example, given
from hypothesis import strategies as st

from probes.facts import Family
from probes.sample import Target
from probes.target import TargetError, parse_target

PORTS = st.none() | st.integers(min_value=-1, max_value=70_000)
FAMILIES = st.none() | st.sampled_from(list(Family))
PIECES = st.sampled_from(
    ["http://", "https://", "[", "]", ":", "%", "/", "@", ".", "1", "443", "::", "a", "xn--", "\u00fc"]
)
LABELS = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
HOST_NAMES = st.lists(LABELS, min_size=1, max_size=5).map(".".join)


@given(st.text() | st.lists(PIECES, max_size=12).map("".join), PORTS, FAMILIES)
@example("xn--", None, None)
@example("\u3002", None, None)
@example("a\uff0eb", None, None)
def test_any_text_is_a_target_or_one_printable_line(text: str, port: int | None, family: Family | None) -> None:
    outcome = parse_target(text, port=port, family=family)
    if isinstance(outcome, TargetError):
        assert outcome.message
        assert outcome.message.isprintable()
    else:
        assert outcome.host.isascii()
        assert outcome.port is None or 1 <= outcome.port <= 65_535
        assert family is None or outcome.family is family
        assert outcome.url is None or outcome.url.isascii()


@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_a_target_calls_its_host_names_the_same_host(text: str) -> None:
    outcome = parse_target(text)
    if isinstance(outcome, Target):
        again = parse_target(outcome.host)
        assert isinstance(again, Target)
        assert (again.host, again.literal, again.family) == (outcome.host, outcome.literal, outcome.family)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_url_names_itself(text: str) -> None:
    outcome = parse_target(text)
    if isinstance(outcome, Target) and outcome.url is not None:
        again = parse_target(outcome.url)
        assert isinstance(again, Target)
        assert (again.url, again.host, again.port) == (outcome.url, outcome.host, outcome.port)


@given(st.ip_addresses(v=4).map(str))
def test_an_ipv4_address_is_taken_exactly_when_a_host_can_have_it(text: str) -> None:
    address = ipaddress.IPv4Address(text)
    nobody = address.is_unspecified or address.is_multicast or text == "255.255.255.255"
    outcome = parse_target(text)
    assert isinstance(outcome, TargetError) == nobody
    assert nobody or (isinstance(outcome, Target) and outcome.host == text and outcome.family is Family.IPV4)


@given(st.text(alphabet="0123456789.", max_size=16))
def test_numbers_and_dots_are_an_ipv4_address_or_an_error(text: str) -> None:
    outcome = parse_target(text)
    if isinstance(outcome, Target):
        assert str(ipaddress.IPv4Address(outcome.host)) == text


@given(st.ip_addresses(v=6), st.integers(min_value=1, max_value=65_535))
def test_every_spelling_of_an_ipv6_address_is_one_host(address: ipaddress.IPv6Address, port: int) -> None:
    spellings = [str(address), address.exploded.upper(), f"[{address}]", f"[{address}]:{port}", f"https://[{address}]"]
    outcomes = [parse_target(spelling) for spelling in spellings]
    hosts = {outcome.host for outcome in outcomes if isinstance(outcome, Target)}
    assert hosts in ({str(address)}, set())
    assert len({type(outcome) for outcome in outcomes}) == 1


@given(HOST_NAMES, st.integers(min_value=1, max_value=65_535))
def test_host_and_port_come_apart_as_they_were_put_together(host: str, port: int) -> None:
    outcome = parse_target(f"{host}:{port}")
    assert isinstance(outcome, Target)
    assert (outcome.host, outcome.port, outcome.literal) == (host, port, False)


def test_the_longest_texts_take_no_time() -> None:
    texts = ["\u00fc" * 2_048, "a." * 1_024, ":" * 2_048, "9" * 2_048, "[" * 2_048, "h:" + "9" * 2_000, "\u00fc." * 252]
    started = time.monotonic()
    for text in texts:
        assert isinstance(parse_target(text), TargetError)
    assert time.monotonic() - started < 1
