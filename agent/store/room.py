"""Room on the disk: how many pages the database may use, and a ballast file that is given up when the disk is full.

On a full disk not even a deletion can be written, for the write-ahead log would have to grow. The ballast makes room
for that; then the ring goes on inside the file that is there, and keeps the newest entries on a disk without room.
"""

from __future__ import annotations

import os
from contextlib import suppress

from agent.store.schema import PAGE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

FILE: Final = "store.ballast"

_MOST_LOG_BYTES: Final = 1 << 20
# Of all that the store may take; the ballast, and the log at its longest, are twice as large.
_LOG_SHARE: Final = 16
_AROUND_BYTES: Final = 64 << 10
# Free pages that one entry and its surroundings find without the file growing.
_MARGIN_PAGES: Final = 96
# With so many times the ballast free, the disk counts as having room again.
_PLENTY: Final = 4


class Room:
    """What one store may use of one directory."""

    def __init__(self, directory: Path, most_bytes: int) -> None:
        log = min(_MOST_LOG_BYTES, most_bytes // _LOG_SHARE)
        self._directory = directory
        self._ballast = directory / FILE
        self._ballast_bytes = 2 * log
        self._allowed_pages = (most_bytes - 4 * log - _AROUND_BYTES) // PAGE_BYTES
        self._tight_pages: int | None = None
        # Pages of the write-ahead log after which it starts anew.
        self.checkpoint_pages = log // PAGE_BYTES
        # No log of ours grows so long, unless another program reads and does not end.
        self.longest_log_bytes = max(8 * log, most_bytes // 4)

    def most_pages(self) -> int:
        """Return how many pages of the database may hold something."""
        return self._allowed_pages if self._tight_pages is None else min(self._allowed_pages, self._tight_pages)

    def allowed_pages(self) -> int:
        """Return how many pages the database may have, were there room on the disk."""
        return self._allowed_pages

    def prepare(self) -> None:
        """Lay the ballast down, if the disk has plenty of room."""
        there = self.size_bytes()
        if there == self._ballast_bytes or not self.has_plenty():
            return
        with suppress(OSError):
            # A store of another size left another one.
            self._ballast.unlink(missing_ok=True)
            file = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, self._ballast_bytes)
            finally:
                os.close(file)

    def make(self, database: Path) -> bool:
        """Give up the ballast, and let the database use no more than its file has; return whether that changed much."""
        had = True
        try:
            self._ballast.unlink()
        except OSError:
            had = False
        pages = database.stat().st_size // PAGE_BYTES - _MARGIN_PAGES
        tighter = self._tight_pages is None and pages > 0
        if tighter:
            self._tight_pages = pages
        return had or tighter

    def look(self) -> None:
        """Take the whole room again, if the disk has plenty of it."""
        if self._tight_pages is not None and self.has_plenty():
            self._tight_pages = None
            self.prepare()

    def size_bytes(self) -> int:
        """Return what the ballast takes."""
        try:
            return self._ballast.stat().st_size
        except OSError:
            return 0

    def has_plenty(self) -> bool:
        """Return whether the disk has several times the room that the ballast takes."""
        try:
            free = os.statvfs(self._directory)
        except OSError:
            return False
        return free.f_bavail * free.f_frsize > _PLENTY * self._ballast_bytes
