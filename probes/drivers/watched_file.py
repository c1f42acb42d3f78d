"""One file, looked at now and then: whether it says something else than before."""

from __future__ import annotations

import os
from _blake2 import blake2s  # what `hashlib` gives out, without 3 ms of OpenSSL [measured]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final


# A script or a table of hosts is a few kilobytes; of anything larger the beginning has to do.
_MOST_BYTES: Final = 1 << 20
_FINGERPRINT_BYTES: Final = 4


class WatchedFile:
    """A file by its path, wherever links lead.

    Attributes:
        content: Its size and a fingerprint, in words: the same for the same content. None where it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        """Look at it for the first time."""
        self.path = path
        self._version = version_of(path)
        self.content = _content(path)

    def changed(self) -> bool:
        """Return whether its content is another than when it was last asked; 2 µs where nobody wrote to it."""
        version = version_of(self.path)
        if version == self._version:
            return False
        self._version = version
        before, self.content = self.content, _content(self.path)
        return before != self.content


def version_of(path: Path) -> tuple[int, int, int, int] | None:
    """Return what tells one writing of a file from the next, None where there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for on many turns of the loop; pathlib takes three times as long
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _content(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
            size = os.fstat(file.fileno()).st_size
    except OSError:
        return None
    return f"{size} bytes, {blake2s(data, digest_size=_FINGERPRINT_BYTES).hexdigest()}"
