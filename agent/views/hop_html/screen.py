"""The Command Line View as a page shows it: the text of a terminal in its colours, each icon with what it opens.

The text is the terminal's own, made with characters in place of icons and arrows that no text can hold: views escape
all that comes from outside to ASCII. So an icon is told from a letter that looks like one, and which error it stands
for follows from its line: a headline names the code, rows of the table and places of the way have an order.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from agent.views.command_line import command_line_view
from agent.views.hop_html.findings import Finding
from agent.views.style import UNICODE, Paint, Style, Symbols
from agent.views.way import chain_of
from probes.frozen import frozen, replace
from probes.sample import Sample
from rules.diagnosis import Diagnosis, Severity

# From the private use area (Unicode chapter 23.5).
_MARKED: Final = replace(
    UNICODE,
    forward="\ue000",
    reverse="\ue001",
    info="\ue002",
    warning="\ue003",
    critical="\ue004",
)
_ARROWS: Final = {_MARKED.forward: UNICODE.forward, _MARKED.reverse: UNICODE.reverse}
_ICONS: Final = {_MARKED.icon(severity): severity for severity in Severity}
_PAINT: Final = re.compile(r"\x1b\[([0-9;]*)m")
_HEADLINE: Final = re.compile(f"[{''.join(_ICONS)}] (?P<code>\\S+)  ")
_CLASSES: Final[dict[str, str]] = {paint.value: paint.name.lower() for paint in Paint} | {"0": "plain"}


class _Marked(Style):
    """Colour, and characters that are found again."""

    @property
    def symbols(self) -> Symbols:  # type: ignore[explicit-override] # typing.override is Python 3.12's
        """Return the same, with icons and arrows that no other text can hold."""
        return _MARKED


@frozen
class Piece:
    """A stretch of text in one colour; an icon has the error that it opens, and `further` ones of the same place."""

    text: str
    paint: str
    icon: str = ""
    finding: Finding | None = None
    further: tuple[Finding, ...] = ()


def screen_of(sample: Sample, diagnosis: Diagnosis, findings: Sequence[Finding]) -> tuple[Piece, ...]:
    """Return the whole view in pieces, which joined are `command_line_view` for a terminal without limit of width."""
    text = command_line_view(sample, diagnosis, _Marked(colour=True), explain=True)
    reader = _Reader(sample, findings)
    return tuple(piece for line in text.splitlines(keepends=True) for piece in reader.line(line))


class _Reader:
    """Reads lines in their order, for an icon's error is known by how many came before."""

    def __init__(self, sample: Sample, findings: Sequence[Finding]) -> None:
        self._findings = findings
        self._unnamed = list(findings)
        self._of_rows = iter(_by_row(sample, findings))
        self._of_way = iter(_by_node(sample, findings))
        self._paint = Paint.PLAIN.name.lower()

    def line(self, line: str) -> Iterator[Piece]:
        shown = _PAINT.sub("", line)
        row = shown.startswith(tuple(_ARROWS))
        further: list[Finding] = []
        for piece in self._pieces(line.removesuffix("\n")):
            if not piece.icon:
                yield piece
                continue
            here = self._meant(shown, row=row)
            # Within a row nothing may be put in: what else hangs there stands behind it.
            further += here[1:] if row else []
            yield replace(piece, finding=next(iter(here), None), further=() if row else tuple(here[1:]))
        if further:
            yield Piece(text="", paint="plain", further=tuple(further))
        yield Piece(text="\n", paint="plain")

    def _pieces(self, line: str) -> Iterator[Piece]:
        """Yield text and icons of one line, with the colour that they are in."""
        for number, part in enumerate(_PAINT.split(line)):
            if number % 2:
                self._paint = _CLASSES.get(part, "plain")
                continue
            for text in re.split(f"([{''.join(_ICONS)}])", part):
                if text in _ICONS:
                    severity = _ICONS[text]
                    yield Piece(text=UNICODE.icon(severity), paint=self._paint, icon=severity.value)
                elif text:
                    yield Piece(text=text.translate(_TABLE), paint=self._paint)

    def _meant(self, line: str, *, row: bool) -> list[Finding]:
        """Return the errors that the next icon of a line stands for, gravest first."""
        if row:
            return next(self._of_rows, [])
        headline = _HEADLINE.match(line)
        if headline:
            found = next((each for each in self._unnamed if each.code == headline["code"]), None)
            if found:
                self._unnamed.remove(found)
            return [found] if found else []
        if line.startswith(tuple(_ICONS)):
            # The bottom line speaks of the gravest.
            return list(self._findings[:1])
        return next(self._of_way, [])


_TABLE: Final = str.maketrans(_ARROWS)


def _by_row(sample: Sample, findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Yield the errors of each row of the table that has any, in the order of the rows."""
    for index, leg in enumerate(sample.legs):
        mine = [each for each in findings if each.leg == index]
        if leg.reached is None and not leg.hops and leg.end_to_end is None:
            rows = [mine]
        else:
            ttls = [hop.probe_ttl for hop in leg.hops]
            rows = [
                [each for each in mine if each.starts_leg],
                *([each for each in mine if each.ttl == ttl] for ttl in ttls),
                [each for each in mine if each.ttl is None and not each.starts_leg],
            ]
        yield from (row for row in rows if row)


def _by_node(sample: Sample, findings: Sequence[Finding]) -> Iterator[list[Finding]]:
    """Yield the errors of each place of the way that has any, in the order of the way."""
    places = {each.node for each in findings}
    yield from ([each for each in findings if each.node is node] for node in chain_of(sample, places) if node in places)
