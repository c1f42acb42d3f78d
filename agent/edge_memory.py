"""Keeps what edges told in one small file of the state directory, for as long as they stand by it.

Service data that does not come is replaced by an earlier answer that still holds (CP-08). It is about one network:
where that has another epoch, nothing is remembered. No token is kept. Nothing in the file is trusted more than an
answer of an edge's: it is read by the same reader.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from stat import S_ISREG, S_IWGRP, S_IWOTH
from typing import TYPE_CHECKING, Final

from probes.egress_facts import ServiceData
from probes.facts_reader import UnfitError, as_object, fact_of, parsed
from probes.frozen import replace

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "edges.json"
_SCHEMA: Final = "cloudpath.edges/1"
_MOST_EDGES: Final = 32
_MOST_BYTES: Final = 1 << 17
_SAFELY: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class EdgeMemory:
    """The file in one directory; None for a directory: a memory that forgets at once.

    An error of the file system costs the memory, never the sample.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def recall(self, url: str, epoch: str, realtime_ns: int) -> ServiceData | None:
        """Return what an edge told in this network and still stands by, with its age; None for nothing."""
        entry = self._entries().get(url)
        if entry is None or entry[0] != epoch:
            return None
        _, told_at_s, data = entry
        age_s = realtime_ns // 1_000_000_000 - told_at_s
        # A clock that was set back makes it come from the future: nobody knows how old it is.
        return replace(data, age_s=age_s) if 0 <= age_s < (data.valid_for_s or 0) else None

    def remember(self, data: ServiceData, epoch: str, realtime_ns: int) -> None:
        """Remember a new answer in place of the edge's earlier one; failures and old answers are not remembered."""
        if self._directory is None or not data.fetched or data.stale:
            return
        entries = {url: entry for url, entry in self._entries().items() if url != data.url}
        entries[data.url] = (epoch, realtime_ns // 1_000_000_000, data)
        with suppress(OSError):
            self._write(dict(list(entries.items())[-_MOST_EDGES:]))

    def _entries(self) -> dict[str, tuple[str, int, ServiceData]]:
        try:
            members = as_object(parsed(self._read()), "the file")
            if members.get("schema") != _SCHEMA:
                return {}
            listed = members.get("edges")
            return dict(_entry(item) for item in listed) if isinstance(listed, list) else {}
        except (OSError, UnfitError):
            return {}

    def _read(self) -> bytes:
        if self._directory is None:
            raise FileNotFoundError
        file = os.open(self._directory / FILE, os.O_RDONLY | _SAFELY)
        try:
            status = os.fstat(file)
            ours = S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
            if not ours or status.st_mode & (S_IWGRP | S_IWOTH) or status.st_size > _MOST_BYTES:
                raise PermissionError(None, "others may write there, or it is no file of ours")
            return os.read(file, _MOST_BYTES)
        finally:
            os.close(file)

    def _write(self, entries: dict[str, tuple[str, int, ServiceData]]) -> None:
        """Put the file in place as a whole: rename is atomic (POSIX.1 rename)."""
        from agent.record import plain  # noqa: PLC0415 - the walk that every record is written by

        if self._directory is None:
            return
        edges = [{"epoch": epoch, "told_at_s": at, "data": plain(data)} for epoch, at, data in entries.values()]
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._directory / f".{FILE}.{os.getpid()}"
        with suppress(FileNotFoundError):
            beside.unlink()
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o600)
        try:
            with os.fdopen(file, "w") as writing:
                json.dump({"schema": _SCHEMA, "edges": edges}, writing)
            beside.replace(self._directory / FILE)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise


def _entry(item: object) -> tuple[str, tuple[str, int, ServiceData]]:
    members = as_object(item, "an edge")
    data: ServiceData = fact_of(ServiceData, members.get("data"), "data")
    epoch: str = fact_of(str, members.get("epoch"), "epoch")
    at: int = fact_of(int, members.get("told_at_s"), "told_at_s")
    return data.url, (epoch, at, data)
