"""Samples as points in time, read from what lies apart from their documents: a year in a moment."""

from __future__ import annotations

from agent.measures import Measures, measures_in
from agent.store.rows import COLUMNS, document_in, is_sound, is_unmeasured, ratio_of
from agent.timeline import Moment, TargetNow
from agent.ways import Ways

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
        # Each text once: a year has a hundred thousand, of a few kinds.
        self._codes: dict[str, tuple[str, ...]] = {}

    def moments(self, target: str, since: str | None, until: str | None) -> list[Moment]:
        """Return a target's samples in the order of time; damaged ones are left out, and counted."""
        rows = self._read(_OF_TARGET, (target, since or "", until or _EVER))
        sound = [row for row in rows if is_sound(row)]
        self.unreadable += len(rows) - len(sound)
        ways, unmeasured_to = Ways(), self._unmeasured_to()
        return [self._moment(row, ways, unmeasured_to) for row in sound]

    def overview(self) -> tuple[TargetNow, ...]:
        """Return each target's newest sample, and how many there are, by name; a damaged row's target is left out."""
        found = []
        for name, newest, samples, first_at, last_at in self._read(_NEWEST, ()):
            rows = self._read(_ONE, (newest,))
            if rows and is_sound(rows[0]):
                moment = self._moment(rows[0], Ways(), self._unmeasured_to())
                found.append(TargetNow(name=name, newest=moment, samples=samples, first_at=first_at, last_at=last_at))
            else:
                self.unreadable += 1
        return tuple(found)

    def between(self, since: str | None, until: str | None) -> list[tuple[int, str]]:
        """Return number and kind of what is about no target, in the order of time."""
        return [(seq, kind) for seq, kind in self._read(_BETWEEN, (since or "", until or _EVER))]

    def _moment(self, row: tuple[Any, ...], ways: Ways, unmeasured_to: int) -> Moment:
        seq, _, _, at, _, status, codes, _, _, latency_us, loss_ppm, path = row
        loss_ratio = ratio_of(loss_ppm)
        if seq <= unmeasured_to and is_unmeasured(row):
            measures = self._measures(seq)
            latency_us, loss_ratio, path = measures.latency_us, measures.loss_ratio, measures.path
        known = self._codes.get(codes)
        if known is None:
            known = self._codes[codes] = tuple(codes.split())
        return Moment(
            seq=seq,
            at=at,
            status=status or "",
            codes=known,
            latency_us=latency_us,
            loss_ratio=loss_ratio,
            path=ways.name(path),
        )

    def _measures(self, seq: int) -> Measures:
        """Return what the document says of a sample that was kept before its measures were."""
        rows = self._read(_PACKED, (seq,))
        document = document_in(rows[0][0]) if rows else None
        return Measures() if document is None else measures_in(document)

    def _unmeasured_to(self) -> int:
        rows = self._read(_UNMEASURED_TO, ())
        return int(rows[0][0]) if rows and str(rows[0][0]).isdecimal() else 0
