"""Samples as points in time, read from what lies apart from their documents: a year in a moment."""

from __future__ import annotations

from agent.measures import measures_in
from agent.store.rows import COLUMNS, document_in, is_sound, is_unmeasured, ratio_of, with_measures
from agent.timeline import Series, TargetNow, moment_at
from agent.ways import names_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, TypeAlias

    _Read: TypeAlias = Callable[[str, tuple[object, ...]], list[tuple[Any, ...]]]

# Texts of times are shorter than this one, or before it.
_EVER: Final = "~"

# In the order of the index, which has the target's rows side by side.
_OF_TARGET: Final = (
    f"SELECT {COLUMNS} FROM log WHERE target = ? AND at >= ? AND at < ? AND kind = 'sample' ORDER BY at, seq"  # noqa: S608 - of our own words
)
_NEWEST: Final = "SELECT target, max(seq), count(*), min(at), max(at) FROM log WHERE target IS NOT NULL GROUP BY target"
_ONE: Final = f"SELECT {COLUMNS} FROM log WHERE seq = ?"  # noqa: S608 - likewise
_BETWEEN: Final = "SELECT seq, kind FROM log WHERE target IS NULL AND at >= ? AND at < ? ORDER BY at, seq"
_PACKED: Final = "SELECT packed FROM document WHERE seq = ?"
_UNMEASURED_TO: Final = "SELECT value FROM note WHERE name = 'unmeasured_to'"


class Points:
    """What the narrow table says of samples.

    Attributes:
        unreadable: How many rows that were wanted turned out to be damaged.
    """

    def __init__(self, read: _Read) -> None:
        """Read by `read`, which takes a query with its values, and returns its rows."""
        self.unreadable = 0
        self._read = read

    def series(self, target: str, since: str | None, until: str | None) -> Series:
        """Return a target's samples in the order of time; damaged ones are left out, and counted."""
        return self._series(self._read(_OF_TARGET, (target, since or "", until or _EVER)))

    def _series(self, found: list[tuple[Any, ...]]) -> Series:
        rows = [row for row in found if is_sound(row)]
        self.unreadable += len(found) - len(rows)
        rows = self._measured(rows)
        seqs, _, _, times, _, statuses, codes, _, _, latencies_us, losses_ppm, sketches = (
            zip(*rows, strict=True) if rows else [()] * len(COLUMNS.split(","))
        )
        split = {text: tuple(text.split()) for text in {*codes}}
        ratios = {ppm: ratio_of(ppm) for ppm in {*losses_ppm}}
        return Series(
            seqs=[*seqs],
            times=[*times],
            statuses=[*statuses],
            codes=[split[text] for text in codes],
            latencies_us=[*latencies_us],
            loss_ratios=[ratios[ppm] for ppm in losses_ppm],
            paths=names_of(sketches),
        )

    def overview(self) -> tuple[TargetNow, ...]:
        """Return each target's newest sample, and how many there are, by name; a damaged row's target is left out."""
        found = []
        for name, newest, samples, first_at, last_at in self._read(_NEWEST, ()):
            series = self._series(self._read(_ONE, (newest,)))
            if series.seqs:
                moment = moment_at(series, 0)
                found.append(TargetNow(name=name, newest=moment, samples=samples, first_at=first_at, last_at=last_at))
        return tuple(found)

    def between(self, since: str | None, until: str | None) -> list[tuple[int, str]]:
        """Return number and kind of what is about no target, in the order of time."""
        return [(seq, kind) for seq, kind in self._read(_BETWEEN, (since or "", until or _EVER))]

    def _measured(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return rows with what their documents say, where they were kept before their measures were."""
        unmeasured_to = self._unmeasured_to()
        if not rows or not unmeasured_to:
            return rows
        return [self._with_measures(row) if row[0] <= unmeasured_to and is_unmeasured(row) else row for row in rows]

    def _with_measures(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        packed = self._read(_PACKED, (row[0],))
        document = document_in(packed[0][0]) if packed else None
        return row if document is None else with_measures(row, measures_in(document))

    def _unmeasured_to(self) -> int:
        rows = self._read(_UNMEASURED_TO, ())
        return int(rows[0][0]) if rows and str(rows[0][0]).isdecimal() else 0
