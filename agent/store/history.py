"""What the store holds, for other processes and for views: read beside the agent that writes, and never in its way.

Entries are read a few hundred at a time, each time in a short transaction, so that a reader who takes an hour holds up
neither the writer nor the writer's log.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from stat import S_ISREG

from agent.happenings import happening_of
from agent.store.around import Neighbours
from agent.store.entry import Kind, SinkBacklog
from agent.store.parking import parked_batches, parked_counts, put_back
from agent.store.points import Points
from agent.store.rows import COLUMNS, entry_of
from agent.store.schema import FILE, VERSION, connect_to_read, is_ours, rows_of, version_of
from agent.timeline import MOST_HAPPENINGS, most_telling, thinned_series
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, Final, Self

    from agent.store.around import Around, Newer
    from agent.store.entry import Entry
    from agent.store.parking import Parked
    from agent.timeline import Happening, TargetNow, Timeline

_AT_ONCE: Final = 200
_ROWS: Final = f"SELECT {COLUMNS}, packed FROM log LEFT JOIN document USING (seq)"  # noqa: S608 - of our own words
# Another process may be writing for so long.
_BUSY_S: Final = 5.0


class HistoryError(Exception):
    """There is nothing to read, or it cannot be read; the text is one line that says what to do."""


@frozen
class Wanted:
    """Which entries are wanted; what is None or empty makes no difference.

    Attributes:
        since: The earliest, RFC 3339 UTC with milliseconds, as the host believed; `until` likewise, and not included.
        target: A target's name; what is about no target (changes and losses) is wanted with any.
        last: Only so many, the newest.
    """

    kinds: tuple[Kind, ...] = tuple(Kind)
    target: str | None = None
    since: str | None = None
    until: str | None = None
    statuses: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    last: int | None = None


class History:
    """A store that is open for reading; a context manager."""

    def __init__(self, directory: Path) -> None:
        self._damaged = 0
        self._connection = _opened(directory)
        self._points = Points(self._read)
        self._neighbours = Neighbours(self._read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def unreadable(self) -> int:
        """Return how many entries that were wanted turned out to be damaged."""
        return self._damaged + self._points.unreadable

    def entries(self, wanted: Wanted) -> Iterator[Entry]:
        """Yield the entries, the oldest first, in the order of `seq` whatever the clock did.

        Raises:
            HistoryError: The database is damaged.
        """
        where, values = _condition(wanted)
        behind = self._before_last(where, values, wanted.last)
        query = f"{_ROWS} WHERE log.seq > ? AND {where} ORDER BY log.seq LIMIT ?"
        while rows := self._read(query, (behind, *values, _AT_ONCE)):
            for row in rows:
                entry = entry_of(row)
                if entry is None:
                    self._damaged += 1
                else:
                    yield entry
            behind = int(str(rows[-1][0]))

    def entry(self, seq: int) -> Entry | None:
        """Return one entry by its number, None where there is none, or a damaged one; raises HistoryError."""
        rows = self._read(f"{_ROWS} WHERE log.seq = ?", (seq,))
        entry = entry_of(rows[0]) if rows else None
        self._damaged += bool(rows) and entry is None
        return entry

    def newest_seq(self) -> int:
        """Return the number of the newest entry, 0 where there is none; raises HistoryError."""
        ((newest,),) = self._read("SELECT max(seq) FROM log", ())
        return int(str(newest or 0))

    def timeline(
        self, target: str, *, since: str | None = None, until: str | None = None, most_buckets: int = 720
    ) -> Timeline:
        """Return a target's samples for a picture over time, and what happened meanwhile; see `agent.timeline`.

        Args:
            target: Its name; one that there is nothing of has an empty timeline.
            since: The earliest time, RFC 3339 UTC with milliseconds; None for the first sample's.
            until: The time before which it ends; None for just behind the last sample.
            most_buckets: How many there may be.

        Raises:
            HistoryError: The database is damaged.
        """
        series = self._points.series(target, since, until)
        happenings, left_out = self._happenings(since or (series.times[0] if series.times else None), until)
        return thinned_series(
            series,
            happenings,
            target=target,
            since=since,
            until=until,
            most_buckets=most_buckets,
            left_out=left_out,
        )

    def _happenings(self, since: str | None, until: str | None) -> tuple[list[Happening], int]:
        """Return what happened between samples, and how much more there was than a picture has room for."""
        found = self._points.between(since, until)
        kept = most_telling([kind for _, kind in found], MOST_HAPPENINGS)
        entries = [entry for place in kept if (entry := self.entry(found[place][0])) is not None]
        return [happening_of(entry) for entry in entries], len(found) - len(kept)

    def happenings(self, *, since: str | None = None, until: str | None = None, last: int) -> tuple[Happening, ...]:
        """Return the newest so many of what happened between samples in a time, in its order; raises HistoryError."""
        found = self._points.between(since, until)[-last:]
        return tuple(happening_of(entry) for seq, _ in found if (entry := self.entry(seq)) is not None)

    def overview(self) -> tuple[TargetNow, ...]:
        """Return each target's newest sample, and how many there are, by name; raises HistoryError."""
        return self._points.overview()

    def around(self, target: str, seq: int) -> Around:
        """Return what is near a sample of a target; raises HistoryError."""
        return self._neighbours.around(target, seq)

    def newer(self, seq: int, target: str | None = None) -> Newer:
        """Return what came after a number, of a target or of all; raises HistoryError."""
        return self._neighbours.newer(seq, target)

    def targets(self) -> tuple[str, ...]:
        """Return the name of each target that there are samples of, in order; raises HistoryError."""
        query = "SELECT DISTINCT target FROM log WHERE target IS NOT NULL ORDER BY target"
        return tuple(str(name) for (name,) in self._read(query, ()))

    def is_empty(self) -> bool:
        """Return whether there is nothing at all; raises HistoryError."""
        return not self._read("SELECT seq FROM log LIMIT 1", ())

    def backlogs(self) -> tuple[SinkBacklog, ...]:
        """Return what each sink has still to get; raises HistoryError."""
        try:
            parked = parked_counts(self._connection)
        except sqlite3.Error as error:
            raise _damaged(error) from None
        query = (
            "SELECT sink, seq, (SELECT count(*) FROM log WHERE log.seq > cursor.seq),"
            " (SELECT at FROM log WHERE log.seq > cursor.seq ORDER BY log.seq LIMIT 1) FROM cursor ORDER BY sink"
        )
        return tuple(
            SinkBacklog(
                sink=str(sink),
                pending=int(str(pending)),
                oldest_pending_at=None if oldest is None else str(oldest),
                parked=parked.get(str(sink), 0),
                delivered_seq=int(str(seq)),
            )
            for sink, seq, pending, oldest in self._read(query, ())
        )

    def parked(self) -> tuple[Parked, ...]:
        """Return every batch that a sink refused and that is kept aside; raises HistoryError."""
        try:
            return parked_batches(self._connection)
        except sqlite3.Error as error:
            raise _damaged(error) from None

    def _before_last(self, where: str, values: tuple[object, ...], last: int | None) -> int:
        """Return the number behind which the newest so many begin."""
        if last is None:
            return 0
        query = f"SELECT log.seq FROM log WHERE {where} ORDER BY log.seq DESC LIMIT 1 OFFSET ?"  # noqa: S608 - likewise
        found = self._read(query, (*values, last))
        return int(str(found[0][0])) if found else 0

    def _read(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            return rows_of(self._connection, query, values)
        except sqlite3.Error as error:
            raise _damaged(error) from None


def unpark(directory: Path, sink: str) -> int:
    """Let what a sink refused be tried again, beside the agent or without it; return how many batches that are.

    Raises:
        HistoryError: There is no store, or it cannot be written to.
    """
    _opened(directory).close()
    uri = f"{(directory / FILE).absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)) as connection:
            return put_back(connection, sink)
    except sqlite3.Error as error:
        raise HistoryError(f"{directory / FILE}: cannot change it: {error}") from None


def _opened(directory: Path) -> sqlite3.Connection:
    """Return a connection that reads; raises HistoryError."""
    path = directory / FILE
    try:
        about = path.stat()
    except PermissionError:
        raise _not_permitted(path) from None
    except OSError:
        raise HistoryError(
            f"{directory}: there is no store; `cloudpath run` makes one. Name the service's configuration with -c, or "
            "its directory with --state-dir"
        ) from None
    if not S_ISREG(about.st_mode):
        raise HistoryError(f"{path}: it is no file")
    if not about.st_size:
        raise HistoryError(f"{path}: nothing was written to it yet; `cloudpath doctor` says whether the disk takes it")
    try:
        with path.open("rb"):
            pass
    except PermissionError:
        raise _not_permitted(path) from None
    except OSError as error:
        raise HistoryError(f"{path}: cannot read it: {(error.strerror or str(error)).lower()}") from None
    return _checked(path)


def _checked(path: Path) -> sqlite3.Connection:
    """Return a connection to a database that is ours, and that this version can read."""
    try:
        try:
            connection = connect_to_read(path)
            ours = is_ours(connection)
        except sqlite3.OperationalError:
            # Where nothing can be written beside it, and nobody else writes.
            connection = connect_to_read(path, immutable=True)
            ours = is_ours(connection)
        version = version_of(connection)
    except sqlite3.Error as error:
        raise HistoryError(f"{path}: cannot read it: {error}") from None
    if not ours or version != VERSION:
        connection.close()
        what = f"version {version} of the store; this program reads version {VERSION}" if ours else "no store of ours"
        raise HistoryError(f"{path}: {what}")
    return connection


def _condition(wanted: Wanted) -> tuple[str, tuple[object, ...]]:
    """Return the condition in SQL, and its values."""
    parts: list[str] = [f"kind IN ({_places(wanted.kinds)})"]
    values: list[object] = [kind.value for kind in wanted.kinds]
    if wanted.target is not None:
        parts.append("(target = ? OR target IS NULL)")
        values.append(wanted.target)
    if wanted.since is not None:
        parts.append("at >= ?")
        values.append(wanted.since)
    if wanted.until is not None:
        parts.append("at < ?")
        values.append(wanted.until)
    if wanted.statuses:
        parts.append(f"(kind <> 'sample' OR status IN ({_places(wanted.statuses)}))")
        values += wanted.statuses
    if wanted.codes:
        matches = " OR ".join(["' ' || codes || ' ' LIKE ?"] * len(wanted.codes))
        parts.append(f"(kind <> 'sample' OR {matches})")
        values += [f"% {code} %" for code in wanted.codes]
    return " AND ".join(parts), tuple(values)


def _places(values: tuple[object, ...]) -> str:
    return ",".join("?" * len(values))


def _not_permitted(path: Path) -> HistoryError:
    return HistoryError(f"{path}: reading it is not permitted; run this as root, or as the user of the service")


def _damaged(error: sqlite3.Error) -> HistoryError:
    return HistoryError(f"the store is damaged: {error}; the agent replaces it when it comes upon that itself")
