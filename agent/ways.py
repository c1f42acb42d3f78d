"""Whether packets of two samples went the same way: sketches of ways, and how they are told apart.

A sketch has three characters for each hop: 18 bits of a checksum of its address. That is little enough to be kept with
every sample for years. Sketches are not compared as texts: a hop that is silent, or was not asked, contradicts nothing,
and of several addresses that answer at one hop (a load balancer's) each is as good as the others. Each sample has ports
of its own, so that most balancers show one of their ways in each, and another in the next: where addresses take turns
again and again they are taken for alternatives, too. Pure.
"""

from __future__ import annotations

import zlib
from itertools import groupby

from probes.facts import Node
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Final, TypeAlias

    # Who may answer at each hop of each stretch.
    _Codes: TypeAlias = "tuple[frozenset[str], ...]"
    _Way: TypeAlias = "dict[str, _Codes]"
    # Which addresses take turns, by stretch and place.
    _Turns: TypeAlias = "Mapping[tuple[str, int], frozenset[str]]"

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_WIDTH: Final = 3
_LETTER_BITS: Final = 6
_SILENT: Final = "." * _WIDTH
# The destination itself: a name that leads to one address after the other does not make another way.
_ARRIVED: Final = "=" * _WIDTH
_BETWEEN_STRETCHES: Final = " "
_SEVERAL: Final = ("(", ")")
# A host with more ways than these has a name for each only because something is wrong; the rest share the last one's.
_MOST_KNOWN: Final = 200
# Addresses take turns where one came back so often after another, and most stayed for no more samples than these. A way
# that changes and changes back once a night stays for hundreds.
_RETURNS: Final = 3
_SHORT_STAY: Final = 8
# What took turns long ago does so now, or it does not matter any more.
_NEWEST_RUNS: Final = 5000


@frozen
class Stretch:
    """One leg of a sample: from which node to which, at what address it ends, and who answered at which TTL."""

    start: str
    end: str
    address: str | None
    hops: tuple[tuple[int, tuple[str, ...]], ...]


def way_of(stretches: Iterable[Stretch]) -> str | None:
    """Return the sketch of a sample's forward legs, None where no hop is known."""
    texts = [_stretch_text(stretch) for stretch in stretches]
    return _BETWEEN_STRETCHES.join(text for text in texts if text) or None


def name_of(sketch: str) -> str:
    """Return what a way is called that a sketch is the first of: 8 hexadecimal digits."""
    return f"{zlib.crc32(sketch.encode()):08x}"


def names_of(sketches: Sequence[str | None]) -> list[str | None]:
    """Return the name of each sketch's way, given in the order of time: see `Ways`."""
    runs = [(sketch, len(tuple(run))) for sketch, run in groupby(sketches)]
    ways = Ways(_turns([(sketch, length) for sketch, length in runs[-_NEWEST_RUNS:] if sketch is not None]))
    return [name for sketch, length in runs for name in (ways.name(sketch),) * length]


class Ways:
    """Names the ways of one target's samples, given their sketches in the order of time."""

    def __init__(self, turns: _Turns | None = None) -> None:
        """Take addresses for one another that take turns."""
        self._turns = turns or {}
        self._ways: list[tuple[str, _Way]] = []
        self._newest = 0
        self._known: dict[tuple[int, str], int] = {}

    def name(self, sketch: str | None) -> str | None:
        """Return the name of a sketch's way, the same for all that may have been one way; None for no sketch.

        Where a sketch fits several it is the newest one's: without a sign of a change there was none.
        """
        if sketch is None:
            return None
        asked = (self._newest, sketch)
        if asked not in self._known:
            self._known[asked] = self._find(sketch)
        self._newest = self._known[asked]
        return self._ways[self._newest][0]

    def _find(self, sketch: str) -> int:
        seen = _with_turns(_way_from(sketch), self._turns)
        order = [self._newest, *reversed(range(len(self._ways)))] if self._ways else []
        for index in order:
            name, way = self._ways[index]
            if _fits(way, seen):
                self._ways[index] = (name, _joined(way, seen))
                return index
        if len(self._ways) < _MOST_KNOWN:
            self._ways.append((name_of(sketch), seen))
        return len(self._ways) - 1


def _stretch_text(stretch: Stretch) -> str:
    """Return who answered, hop by hop behind the two nodes; nothing where nobody did."""
    by_ttl: dict[int, list[str]] = {}
    for ttl, addresses in stretch.hops:
        by_ttl.setdefault(ttl, []).extend(_code_at(stretch, address) for address in addresses)
    texts = [_hop_text(by_ttl.get(ttl, [])) for ttl in range(1, max(by_ttl, default=0) + 1)]
    while texts and texts[-1] == _SILENT:
        texts.pop()
    return f"{_code(f'{stretch.start}>{stretch.end}')}{''.join(texts)}" if texts else ""


def _hop_text(codes: list[str]) -> str:
    distinct = sorted(set(codes))
    if len(distinct) > 1:
        return "".join(distinct).join(_SEVERAL)
    return distinct[0] if distinct else _SILENT


def _code_at(stretch: Stretch, address: str) -> str:
    arrived = stretch.end == Node.DESTINATION.value and address == stretch.address
    return _ARRIVED if arrived else _code(address)


def _code(text: str) -> str:
    bits = zlib.crc32(text.encode("utf-8", "backslashreplace"))
    return "".join(_LETTERS[bits >> _LETTER_BITS * place & len(_LETTERS) - 1] for place in range(_WIDTH))


def _way_from(sketch: str) -> _Way:
    """Return what a sketch tells; of a damaged one whatever can be made of it."""
    return {text[:_WIDTH]: _codes(text[_WIDTH:]) for text in sketch.split(_BETWEEN_STRETCHES)}


def _codes(text: str) -> _Codes:
    found: list[frozenset[str]] = []
    while text:
        several = text.startswith(_SEVERAL[0])
        part, _, rest = text[1:].partition(_SEVERAL[1]) if several else (text[:_WIDTH], "", text[_WIDTH:])
        found.append(frozenset(part[at : at + _WIDTH] for at in range(0, len(part), _WIDTH)) - {_SILENT})
        text = rest
    return tuple(found)


def _fits(way: _Way, seen: _Way) -> bool:
    """Return whether nothing that was seen contradicts a way."""
    return all(
        not known or not answered or known & answered
        for key in way.keys() & seen.keys()
        for known, answered in zip(way[key], seen[key], strict=False)
    )


def _joined(way: _Way, seen: _Way) -> _Way:
    return {key: _joined_codes(way.get(key, ()), seen.get(key, ())) for key in {**way, **seen}}


def _joined_codes(known: _Codes, seen: _Codes) -> _Codes:
    longer = max(known, seen, key=len)
    return tuple(
        (known[at] if at < len(known) else frozenset()) | (seen[at] if at < len(seen) else frozenset())
        for at in range(len(longer))
    )


# --- taking turns -----------------------------------------------------------------------------------------------------


def _turns(runs: Sequence[tuple[str, int]]) -> _Turns:
    """Return which addresses take turns, given sketches and for how many samples each stayed."""
    ways = {sketch: _way_from(sketch) for sketch in {sketch for sketch, _ in runs}}
    places = {(key, place) for way in ways.values() for key, codes in way.items() for place in range(len(codes))}
    found = {at: _alternatives([(_only(ways[sketch], at), length) for sketch, length in runs]) for at in places}
    return {at: alternatives for at, alternatives in found.items() if alternatives}


def _only(way: _Way, at: tuple[str, int]) -> str | None:
    """Return the one address that answered at a place, None for none or several."""
    key, place = at
    codes = way.get(key, ())[place : place + 1]
    return next(iter(codes[0])) if codes and len(codes[0]) == 1 else None


def _alternatives(told: Sequence[tuple[str | None, int]]) -> frozenset[str]:
    """Return the addresses of one place that take turns, given who was there for how many samples."""
    known = ((code, length) for code, length in told if code is not None)
    stays = [(code, sum(length for _, length in run)) for code, run in groupby(known, key=lambda stay: stay[0])]
    times: dict[str, int] = {}
    for code, _ in stays:
        times[code] = times.get(code, 0) + 1
    most_stay_longer = 2 * sum(length > _SHORT_STAY for _, length in stays) >= len(stays)
    if len(stays) - len(times) < _RETURNS or most_stay_longer:
        return frozenset()
    return frozenset(code for code, count in times.items() if count > 1)


def _with_turns(way: _Way, turns: _Turns) -> _Way:
    if not turns:
        return way
    none: frozenset[str] = frozenset()
    return {
        key: tuple(
            codes_at | turns.get((key, place), none) if codes_at & turns.get((key, place), none) else codes_at
            for place, codes_at in enumerate(codes)
        )
        for key, codes in way.items()
    }
