"""What a router means by destination unreachable: it has no way on, or it lets nobody pass."""

from typing import Final

from probes.facts import Answer
from rules.evidence.answers import Heard

# RFC 792 and RFC 1812 section 5.2.7.1 for IPv4, RFC 4443 section 3.1 for IPv6.
_NO_WAY_ON: Final = {4: frozenset({0, 1, 5, 6, 7}), 6: frozenset({0, 3})}
_PROHIBITED: Final = {4: frozenset({9, 10, 13}), 6: frozenset({1, 5, 6})}


def has_no_way_on(entry: Heard) -> bool:
    """Return whether a router reports that it knows no route, or cannot reach the next hop."""
    return _has_code(entry, _NO_WAY_ON)


def prohibits(entry: Heard) -> bool:
    """Return whether a router reports that a rule of its administrator keeps the packet back."""
    return _has_code(entry, _PROHIBITED)


def _has_code(entry: Heard, codes: dict[int, frozenset[int]]) -> bool:
    if entry.answer is not Answer.DESTINATION_UNREACHABLE or entry.icmp is None:
        return False
    return entry.icmp.code in codes[6 if ":" in entry.address else 4]
