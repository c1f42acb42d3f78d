"""The file beside the database that knows which numbers may have been used: a lost database must not use them again.

It is overwritten in place, a fixed number of bytes, so that a disk without room takes it all the same. `ceiling` is
written ahead, a thousand numbers at a time, and made durable: no number beyond it was ever used. `spent` is written
while the database takes nothing: entries up to it may have gone out from memory.
"""

from __future__ import annotations

import os

from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

FILE: Final = "store.seq"
AHEAD: Final = 1000

_HEADER: Final = b"cloudpath-agent seq 1"
_DIGITS: Final = 20
_SIZE: Final = len(_HEADER) + 2 * (1 + _DIGITS) + 1


@frozen
class Known:
    """What the file says: numbers up to `ceiling` may have been used, and those up to `spent` were."""

    ceiling: int = 0
    spent: int = 0


def read_sequence(directory: Path) -> Known | None:
    """Return what the file says, None where there is none or it is damaged."""
    try:
        data = (directory / FILE).read_bytes()[: _SIZE + 1]
    except OSError:
        return None
    fields = data.removeprefix(_HEADER).split()
    if not data.startswith(_HEADER) or len(data) != _SIZE or len(fields) != len(("ceiling", "spent")):
        return None
    if not all(each.isdigit() for each in fields):
        return None
    return Known(ceiling=int(fields[0]), spent=int(fields[1]))


class Sequence:
    """The file of one directory, written by the one process that has the store."""

    def __init__(self, directory: Path, known: Known | None) -> None:
        self._path = directory / FILE
        self._known = known or Known()

    def cover(self, seq: int) -> bool:
        """Return whether a number may be used: the file says so already, or now."""
        if seq <= self._known.ceiling:
            return True
        return self._write(Known(ceiling=seq + AHEAD, spent=self._known.spent))

    def spend(self, seq: int) -> bool:
        """Return whether the file knows that a number is used though the database does not have it."""
        return self._write(Known(ceiling=max(self._known.ceiling, seq), spent=seq))

    def _write(self, known: Known) -> bool:
        text = b"%s %0*d %0*d\n" % (_HEADER, _DIGITS, known.ceiling, _DIGITS, known.spent)
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(file, text, 0)
                os.fdatasync(file)
            finally:
                os.close(file)
        except OSError:
            return False
        self._known = known
        return True
