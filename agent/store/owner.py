"""One process at a time writes to a store: a lock that the kernel lets go of when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

FILE: Final = "store.lock"


class StoreInUse(Exception):  # noqa: N818 - a state of the host's, not a mistake in the program
    """Another process writes to this store; the text is one line that says which."""


class Owner:
    """The lock on one directory's store, held until it is closed (flock(2))."""

    def __init__(self, directory: Path) -> None:
        self._file = _locked(directory)

    @property
    def held(self) -> bool:
        """Return whether there is a lock; where the directory takes no file, or somebody deleted it, there is none."""
        return self._file is not None and os.fstat(self._file).st_nlink > 0

    def close(self) -> None:
        """Let go of it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _locked(directory: Path) -> int | None:
    """Return the locked file, None where the directory takes none: then nobody can write there.

    Raises:
        StoreInUse: Another process has it.
    """
    path = directory / FILE
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        os.close(file)
        process = f"process {who}" if who.isdecimal() else "another process"
        raise StoreInUse(
            f"{directory}: {process} uses this store; stop it, or give this one another state_dir"
        ) from None
    except OSError:
        # A file system without locks.
        return file
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d\n" % os.getpid(), 0)
    return file
