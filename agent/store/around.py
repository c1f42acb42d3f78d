"""What is near one sample of a target: the samples before and after it, and those where its status changed."""

from __future__ import annotations

from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

# The plus keeps SQLite from the index by time: what is near is a few rows away by number (lang_expr.html, unary plus).
_SAMPLES: Final = "SELECT seq FROM log WHERE +target = ? AND kind = 'sample'"


@frozen
class Around:
    """The numbers of samples of the same target, None where there is none.

    Attributes:
        changed_before: The newest earlier one with another status, `changed_after` the first later one.
    """

    before: int | None
    after: int | None
    changed_before: int | None
    changed_after: int | None


@frozen
class Newer:
    """What is newer than a number: the newest entry of a target or of none, and how many samples of the target."""

    newest: int
    samples: int


class Neighbours:
    """Asks the log; `read` runs a query."""

    def __init__(self, read: Callable[[str, tuple[object, ...]], list[tuple[Any, ...]]]) -> None:
        self._read = read

    def around(self, target: str, seq: int) -> Around:
        """Return what is near a sample of a target; what `read` raises."""
        statuses = self._read("SELECT status FROM log WHERE seq = ?", (seq,))
        status = statuses[0][0] if statuses else None
        other, values = " AND status <> ?", (target, seq, status)
        return Around(
            before=self._one(f"{_SAMPLES} AND seq < ? ORDER BY seq DESC LIMIT 1", values[:2]),
            after=self._one(f"{_SAMPLES} AND seq > ? ORDER BY seq LIMIT 1", values[:2]),
            changed_before=self._one(f"{_SAMPLES} AND seq < ?{other} ORDER BY seq DESC LIMIT 1", values),
            changed_after=self._one(f"{_SAMPLES} AND seq > ?{other} ORDER BY seq LIMIT 1", values),
        )

    def newer(self, seq: int, target: str | None) -> Newer:
        """Return what came after a number; `newest` is `seq` where nothing did, of all targets where `target` is None.

        Where the log ends before that number, it is another log, and what it has is newer.
        """
        ((last,),) = self._read("SELECT coalesce(max(seq), 0) FROM log", ())
        behind = seq if seq <= last else 0
        about, values = (
            ("", (behind,)) if target is None else (" AND (+target = ? OR +target IS NULL)", (behind, target))
        )
        query = f"SELECT max(seq), count(CASE WHEN kind = 'sample' THEN 1 END) FROM log WHERE seq > ?{about}"  # noqa: S608 - of our own words
        ((newest, samples),) = self._read(query, values)
        return Newer(newest=behind if newest is None else int(newest), samples=int(samples))

    def _one(self, query: str, values: tuple[object, ...]) -> int | None:
        found = self._read(query, values)
        return int(found[0][0]) if found else None
