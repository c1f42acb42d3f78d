"""Facts in a few plain words, for the statements of propositions."""

from collections.abc import Iterable, Sequence
from typing import Final

from probes.facts import Family, Protocol
from probes.failure import Failure
from probes.host_facts import Interface

_SHOWN: Final = 4

PROTOCOL_NAMES: Final[dict[Protocol, str]] = {Protocol.ICMP: "ICMP", Protocol.UDP: "UDP", Protocol.TCP: "TCP"}
FAMILY_NAMES: Final[dict[Family, str]] = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}

# Only failures that statements mention by name; others are shown as their token.
FAILURE_WORDS: Final[dict[Failure, str]] = {
    Failure.NETWORK_UNREACHABLE: "network unreachable: no route",
    Failure.HOST_UNREACHABLE: "host unreachable",
    Failure.ROUTE_PROHIBITED: "a route of this host prohibits it",
    Failure.ROUTE_BLACKHOLE: "a route of this host discards it",
    Failure.BLOCKED_LOCALLY: "operation not permitted: a firewall on this host",
    Failure.NETWORK_DOWN: "network is down",
    Failure.NO_SUCH_INTERFACE: "no such interface",
    Failure.ADDRESS_NOT_AVAILABLE: "the source address is not there",
    Failure.NOT_PERMITTED: "not permitted",
    Failure.TOO_MANY_FILES: "too many open files",
    Failure.OUT_OF_MEMORY: "out of memory or buffers",
    Failure.FAMILY_UNSUPPORTED: "protocol family not supported",
}


def failure_words(failure: Failure | None) -> str:
    """Return a failure as a person says it."""
    return "not stated" if failure is None else FAILURE_WORDS.get(failure, failure.value.replace("_", " "))


def some(items: Iterable[str]) -> str:
    """Return up to four different items and how many more there are: `a, b, c, d and 3 more`."""
    unique = list(dict.fromkeys(items))
    more = f" and {len(unique) - _SHOWN} more" if len(unique) > _SHOWN else ""
    return ", ".join(unique[:_SHOWN]) + more


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def interface_words(interface: Interface) -> str:
    """Return an interface with its state, as `eth0 (up, no carrier)`."""
    carrier = {True: "carrier", False: "no carrier", None: "carrier unknown"}[interface.carrier]
    addresses = counted(len(interface.addresses), "address", "addresses") if interface.addresses else "no address"
    return f"{interface.name} ({'up' if interface.up else 'down'}, {carrier}, {addresses})"


def first_facts(facts: Iterable[str]) -> tuple[str, ...]:
    """Return the first few of many pointers, each once."""
    found: Sequence[str] = list(dict.fromkeys(facts))
    return tuple(found[:_SHOWN])
