"""What happened between samples, in a few plain words: a change of the network, or a loss of entries. Pure.

Texts are as the host had them: whoever shows them escapes them.
"""

from __future__ import annotations

import json

from agent.store.entry import Kind
from agent.store.loss import LossReason
from agent.timeline import Happening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from agent.store.entry import Entry

_NOTHING: Final = "-"
_CUT: Final = "..."

# Beyond these a value is a list of dozens, or somebody's joke.
_MOST_CHARACTERS: Final = 60

_LOSSES: Final[dict[str, str]] = {
    LossReason.SIZE: "the store was full",
    LossReason.DISK: "the disk took nothing",
    LossReason.DAMAGED: "they were damaged on the disk",
    LossReason.REFUSED: "a sink had refused them",
    LossReason.SKIPPED: "numbers were left out, no entry was lost",
}


def happening_of(entry: Entry) -> Happening:
    """Return what an entry of kind `change` or `gap` tells: a title, and the details that there are."""
    document = json.loads(entry.data)
    title, text = (_change_words if entry.kind is Kind.CHANGE else _gap_words)(document)
    return Happening(seq=entry.seq, at=entry.at, kind=entry.kind.value, title=title, text=text)


def _change_words(document: Mapping[str, Any]) -> tuple[str, str]:
    before, after = (_value(document.get(key)) for key in ("before", "after"))
    values = "" if before == after == _NOTHING else f"{before} -> {after}"
    aborted = ", ".join(_value(name) for name in document.get("aborted") or ())
    ended = f"it ended the sample of {aborted}" if aborted else ""
    title = f"{_value(document.get('subject'))} {_value(document.get('what'))}"
    return title, "; ".join(part for part in (values, ended) if part)


def _gap_words(document: Mapping[str, Any]) -> tuple[str, str]:
    lost, why = document.get("lost"), str(document.get("why"))
    told = f"numbers {document.get('first_seq')} to {document.get('last_seq')}: {_LOSSES.get(why, why)}"
    if why == LossReason.SKIPPED:
        return "numbers left out", told
    whom = ", ".join(_value(sink) for sink in document.get("sinks") or ())
    number = "an unknown number of entries" if lost is None else "1 entry" if lost == 1 else f"{lost} entries"
    return f"{number} lost{f' for {whom}' if whom else ''}", told


def _value(value: object) -> str:
    text = _NOTHING if value is None else str(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - len(_CUT)]}{_CUT}"
