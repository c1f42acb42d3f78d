"""The page of the matrix: rows are injected faults, columns the 31 errors. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rules.diagnosis import Severity
from rules.shipped import shipped_rules
from tests.lab.judge import Outcome
from tests.lab.scenario import Row

PAGE: Final = Path(__file__).parents[2] / "docs/verdicts.md"
NOTHING: Final = "none"

Seen = Mapping[str, frozenset[str]]
Groups = Mapping[str, Sequence[Row]]

_INTRODUCTION: Final = """\
# Verdicts: the confusion matrix

Each row is a real network, built out of network namespaces, in which one thing is broken (or nothing is). The command
runs there, and its errors are compared with the one that is true. `python -m tests.lab matrix` plays every row and
writes this page; `python -m tests.lab watch ROW` shows any of them to you ([how](../tests/lab/README.md)).

A row counts only if exactly the expected errors are there, each with its reason, its leg and its node; if the exit code
fits; if it was fast enough; if `cloudpath explain` says the same of the record, byte for byte; and if the record fits
the schema. ✔ is an error that is true and was said, (✔) information that belongs beside it, ✘ one that was said and is
not true, ∅ one that is true and was not said; a point is none of them.
"""


def page(rows: Sequence[Row], outcomes: Iterable[Outcome]) -> str:
    """Return the page: how often each error was seen for each true one, then every row."""
    seen: dict[str, frozenset[str]] = {}
    for outcome in outcomes:
        # What only one of a row's users saw is on the page too.
        seen[outcome.row] = seen.get(outcome.row, frozenset()) | set(outcome.codes)
    return _page(rows, seen)


def expected_page(rows: Sequence[Row]) -> str:
    """Return the page as it is where every row gives its verdict."""
    return _page(rows, {row.id: frozenset(row.codes) for row in rows})


def _page(rows: Sequence[Row], seen: Seen) -> str:
    groups = {true: [row for row in rows if true_error(row) == true] for true in (*_codes(), NOTHING)}
    return "\n".join((_INTRODUCTION, *_counts(rows, seen), *_rows(groups, seen))) + "\n"


def true_error(row: Row) -> str:
    """Return the error that a row is about: the first one it expects above info, else the first one."""
    catalogue = shipped_rules().catalogue
    grave = (each.code for each in row.expected if catalogue[each.code].severity is not Severity.INFO)
    return next(grave, row.expected[0].code if row.expected else NOTHING)


def _codes() -> tuple[str, ...]:
    return tuple(shipped_rules().catalogue)


# --- how often --------------------------------------------------------------------------------------------------------


def _counts(rows: Sequence[Row], seen: Seen) -> Iterator[str]:
    """Yield the table of the errors against themselves: where one is true, in how many rows each was said."""
    yield f"## {len(rows)} rows\n"
    yield "Where the error on the left is true: how often each error was said. A number in brackets is of errors that"
    yield "are true there as well. A row in which several are true counts for each of them.\n"
    yield _header("true", "rows")
    for true in (*_codes(), NOTHING):
        concerned = [row for row in rows if true in (row.codes or (NOTHING,))]
        said = Counter(code for row in concerned for code in seen[row.id])
        false = Counter(code for row in concerned for code in seen[row.id] - set(row.codes))
        yield _line(true, str(len(concerned)), *(_count(code, true, said, false) for code in _codes()))


def _count(code: str, true: str, said: Mapping[str, int], false: Mapping[str, int]) -> str:
    if false.get(code):
        return f"{false[code]} ✘"
    if code == true:
        return f"**{said.get(code, 0)}**"
    return f"({said[code]})" if said.get(code) else "·"


# --- row by row -------------------------------------------------------------------------------------------------------


def _rows(groups: Groups, seen: Seen) -> Iterator[str]:
    for true, rows in groups.items():
        if rows:
            yield f"\n## {_title(true)}\n"
            yield _header("row", "reason")
            yield from (_row(row, seen[row.id]) for row in rows)


def _title(true: str) -> str:
    return "No error: healthy networks and near misses" if true == NOTHING else f"{true}: {_message(true)}"


def _message(code: str) -> str:
    return shipped_rules().catalogue[code].message


def _row(row: Row, seen: frozenset[str]) -> str:
    reason = next((each.reason for each in row.expected if each.code == true_error(row)), "")
    return _line(f"`{row.id}`", reason, *(_mark(code, row, seen) for code in _codes()))


def _mark(code: str, row: Row, seen: frozenset[str]) -> str:
    if code not in row.codes:
        return "✘" if code in seen else "·"
    if code not in seen:
        return "∅"
    return "✔" if code == true_error(row) else "(✔)"


def _header(first: str, second: str) -> str:
    names = (code if code.endswith("-01") else code.partition("-")[2] for code in _codes())
    return f"{_line(first, second, *names)}\n{_line('---', '---', *(':-:' for _ in _codes()))}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
