"""What the live pages take from the store: records and verdicts, each read once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from agent.record_reader import RecordError, read_records
from agent.store.entry import Kind
from agent.views.verdict import Verdict, verdict_of

if TYPE_CHECKING:
    from agent.record import Record
    from agent.store.entry import Entry
    from agent.store.history import History

# Of a thousand targets the verdicts of all; they are three short texts each.
_MOST_VERDICTS: Final = 2_000
_NOT_READ: Final = "This version cannot read the sample; its data can be downloaded as JSON."


class UnreadableError(Exception):
    """A sample is in the store, and is none that this version can show; the text is one sentence."""


def record_in(entry: Entry) -> Record:
    """Return the record of a sample.

    Raises:
        UnreadableError: It is not of the schema that this version knows.
    """
    try:
        (record,) = read_records(entry.data, f"sample {entry.seq}")
    except (RecordError, ValueError) as error:
        raise UnreadableError(_NOT_READ) from error
    return record


class Verdicts:
    """The verdict of each sample that was asked for, kept: a list of targets asks again and again."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, str], Verdict] = OrderedDict()

    def of(self, history: History, seq: int, at: str) -> Verdict:
        """Return the verdict of a sample; raises HistoryError."""
        key = (seq, at)
        if key not in self._known:
            self._known[key] = _verdict(history.entry(seq))
            if len(self._known) > _MOST_VERDICTS:
                self._known.popitem(last=False)
        return self._known[key]


def _verdict(entry: Entry | None) -> Verdict:
    if entry is None or entry.kind is not Kind.SAMPLE:
        return Verdict(word="Not readable", mark="info", line="The newest sample is damaged.")
    try:
        return verdict_of(record_in(entry))
    except UnreadableError as error:
        return Verdict(word="Not readable", mark="info", line=str(error))
