"""An entry as the rows that the database keeps of it, and back: what is asked for often, and the packed document."""

from __future__ import annotations

import json
import zlib

from agent.measures import Measures, measures_in
from agent.store.entry import Entry, Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

# What `COLUMNS` names, and a row: these and the document, packed.
Columns: TypeAlias = (
    "tuple[int, str, str, str, str | None, str | None, str, int, int, int | None, int | None, str | None]"
)
Row: TypeAlias = (
    "tuple[int, str, str, str, str | None, str | None, str, int, int, int | None, int | None, str | None, bytes]"
)

# The checksum is that of all the others. By name wherever they are asked for: `*` would be another order after damage.
COLUMNS: Final = "seq, kind, id, at, target, status, codes, size, checksum, latency_us, loss_ppm, path"

# [measured: 5.2 KB of a sample become 1.9 KB in 0.2 ms; level 6 takes three times as long for 7 % less]
_LEVEL: Final = 3
_PPM: Final = 1_000_000
_UNMEASURED: Final = (None, None, None)
_COLUMNS: Final = len(COLUMNS.split(","))
# What the checksum stands behind.
_FACTS: Final = _COLUMNS - len(_UNMEASURED) - 1

_KINDS: Final = {"cloudpath.sample": Kind.SAMPLE, "cloudpath.change": Kind.CHANGE, "cloudpath.gap": Kind.GAP}


def row_of(entry: Entry) -> Row:
    """Return the entry as a row; the packed document carries its own checksum (RFC 1950 section 2.2)."""
    return (*columns_of(entry), zlib.compress(entry.data, _LEVEL))


def columns_of(entry: Entry) -> Columns:
    """Return what lies apart from the document."""
    status = None if entry.status is None else str(entry.status)
    codes, size = " ".join(entry.codes), len(entry.data)
    facts = (entry.seq, entry.kind.value, entry.id, entry.at, entry.target, status, codes, size)
    measures = (entry.latency_us, _ppm(entry.loss_ratio), entry.path)
    return (*facts, _checksum(facts, measures), *measures)


def entry_of(row: Row) -> Entry | None:
    """Return what a row was made from, None where it was damaged since."""
    if not is_sound(row):
        return None
    packed = row[-1]
    try:
        data = zlib.decompress(packed)
    except (zlib.error, TypeError):
        return None
    seq, kind, identity, at, target, status, codes, size, _, latency_us, loss_ppm, path, _ = row
    if len(data) != size:
        return None
    return Entry(
        seq=seq,
        kind=Kind(kind),
        id=identity,
        at=at,
        target=target,
        status=status,
        codes=tuple(codes.split()),
        latency_us=latency_us,
        loss_ratio=ratio_of(loss_ppm),
        path=path,
        data=data,
    )


def entry_from(seq: int, packed: bytes) -> Entry | None:
    """Return the entry of a document alone, None where that, or the number it is found under, is damaged."""
    try:
        data = zlib.decompress(packed)
        document = json.loads(data)
        if document["seq"] != seq:
            return None
        kind = _KINDS[document["schema"].partition("/")[0]]
        target = document["target"]["name"] if kind is Kind.SAMPLE else None
        measures = measures_in(document) if kind is Kind.SAMPLE else Measures()
        return Entry(
            seq=seq,
            kind=kind,
            id=document["id"],
            at=document["started_at" if kind is Kind.SAMPLE else "at"],
            target=target,
            status=document["status"] if kind is Kind.SAMPLE else None,
            codes=tuple(error["code"] for error in document["errors"]) if kind is Kind.SAMPLE else (),
            latency_us=measures.latency_us,
            loss_ratio=measures.loss_ratio,
            path=measures.path,
            data=data,
        )
    except (zlib.error, ValueError, TypeError, KeyError, AttributeError):
        return None


def document_in(packed: bytes) -> dict[str, Any] | None:
    """Return a packed document, None where it is damaged."""
    try:
        document = json.loads(zlib.decompress(packed))
    except (zlib.error, ValueError, TypeError):
        return None
    return document if isinstance(document, dict) else None


def is_sound(row: tuple[Any, ...]) -> bool:
    """Return whether what lies apart from the document is as it was written; the document may be there or not."""
    return bool(_checksum(row[:_FACTS], row[_FACTS + 1 : _COLUMNS]) == row[_FACTS])


def is_unmeasured(row: tuple[Any, ...]) -> bool:
    """Return whether a row has no measures at all."""
    return row[_FACTS + 1 : _COLUMNS] == _UNMEASURED


def with_measures(row: tuple[Any, ...], measures: Measures) -> tuple[Any, ...]:
    """Return what lies apart from a document with measures; its checksum stays what it was."""
    return (*row[: _FACTS + 1], measures.latency_us, _ppm(measures.loss_ratio), measures.path)


def _ppm(ratio: float | None) -> int | None:
    return None if ratio is None else round(ratio * _PPM)


def ratio_of(ppm: int | None) -> float | None:
    """Return the ratio that a row has in millionths."""
    return None if ppm is None else ppm / _PPM


def _checksum(facts: tuple[object, ...], measures: tuple[object, ...]) -> int:
    if measures != _UNMEASURED:
        # Else as version 1 had it: its rows stay as they are.
        facts += measures
    return zlib.crc32(repr(facts).encode("utf-8", "backslashreplace"))
