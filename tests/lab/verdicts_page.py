"""The page of the matrix: rows are injected faults, columns the 31 errors. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

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
    return "\n".join((_INTRODUCTION, *_counts(groups, seen), *_rows(groups, seen))) + "\n"


def true_error(row: Row) -> str:
    """Return the error that a row is about: the first one it expects."""
    return row.expected[0].code if row.expected else NOTHING


def _codes() -> tuple[str, ...]:
    return tuple(shipped_rules().catalogue)


# --- how often --------------------------------------------------------------------------------------------------------


def _counts(groups: Groups, seen: Seen) -> Iterator[str]:
    """Yield the table of the errors against themselves: in how many rows each was said."""
    everything = sum(map(len, groups.values()))
    yield f"## {everything} rows\n"
    yield "A number in brackets is information that belongs beside the error of the row.\n"
    yield _header("true", "rows")
    for true, rows in groups.items():
        said = (Counter(code for row in rows for code in seen[row.id]), _companions(rows))
        yield _line(true, str(len(rows)), *(_count(code, true, *said) for code in _codes()))


def _companions(rows: Iterable[Row]) -> Counter[str]:
    """Return how often each error belongs beside the one that a row is about."""
    return Counter(each.code for row in rows for each in row.expected[1:])


def _count(code: str, true: str, said: Mapping[str, int], companions: Mapping[str, int]) -> str:
    number, beside = said.get(code, 0), companions.get(code, 0)
    if code == true:
        return f"**{number}**"
    if number <= beside:
        return f"({number})" if number else "·"
    return f"{number - beside} ✘"


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
    reason = row.expected[0].reason if row.expected else ""
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
