"""What legs taught, as a process that traces a thousand remembers it: in memory, and now and then in the file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Final

    from agent.path_memory import PathMemory
    from probes.clock import Clock
    from probes.trace.memory import Remembered

# What a killed process has learned since costs its successor some probes, and nothing else.
WRITE_EVERY_S: Final = 60.0
MOST_LEGS: Final = 4096


class RememberedPaths:
    """The same as `PathMemory` for all threads of one process; the file is read once, and written once a minute.

    Others may write to the file meanwhile: what they learned of other legs stays there.
    """

    def __init__(self, file: PathMemory, clock: Clock) -> None:
        """Know what the file knows."""
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._legs: dict[str, Remembered | None] = dict(file.everything())
        self._unwritten = False
        self._written_at = clock.monotonic()

    @property
    def directory(self) -> Path | None:
        """Return where the file is, None where nothing is kept."""
        return self._file.directory

    def recall(self, key: str) -> Remembered | None:
        """Return what is remembered of a leg, None for nothing."""
        with self._lock:
            return self._legs.get(key)

    def remember(self, key: str, remembered: Remembered | None) -> None:
        """Remember what a leg taught in place of what was remembered of it; None: forget the leg."""
        with self._lock:
            self._legs.pop(key, None)
            self._legs[key] = remembered
            if len(self._legs) > MOST_LEGS:
                del self._legs[next(iter(self._legs))]
            self._unwritten = True
            if self._clock.monotonic() - self._written_at >= WRITE_EVERY_S:
                self._write()

    def flush(self) -> None:
        """Write what the file does not have yet."""
        with self._lock:
            if self._unwritten:
                self._write()

    def _write(self) -> None:
        merged = {**{key: leg for key, leg in self._file.everything().items() if key not in self._legs}, **self._legs}
        self._file.remember_all({key: leg for key, leg in merged.items() if leg is not None})
        self._unwritten, self._written_at = False, self._clock.monotonic()
