"""Entries that wait in memory because the disk takes nothing: bounded, and the newest stay."""

from __future__ import annotations

from collections import deque
from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from agent.store.rows import Row

# A thousand samples and more; the whole agent has 45 MB.
MOST_BYTES: Final = 4 << 20

# What a row takes beside its document [measured: sys.getsizeof of the tuple and its texts, 634 bytes].
_AROUND: Final = 650


class Held:
    """The rows, oldest first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._rows: deque[Row] = deque()
        self._most_bytes = most_bytes
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def add(self, row: Row) -> tuple[int, ...]:
        """Hold one more row, and return the `seq` of those that had to go for it; the newest never goes."""
        self._rows.append(row)
        self._bytes += _size(row)
        gone = []
        while self._bytes > self._most_bytes and len(self._rows) > 1:
            oldest = self._rows.popleft()
            self._bytes -= _size(oldest)
            gone.append(oldest[0])
        return tuple(gone)

    def behind(self, seq: int, most: int) -> tuple[Row, ...]:
        """Return the first rows behind `seq`, at most so many."""
        return tuple(islice((row for row in self._rows if row[0] > seq), most))

    def clear(self) -> None:
        """Forget them: the disk has them."""
        self._rows.clear()
        self._bytes = 0


def _size(row: Row) -> int:
    return len(row[-1]) + _AROUND
