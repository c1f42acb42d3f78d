"""Every page speaks in five sizes and two weights: a browser asks the system for each pair before its first paint."""

import re
from pathlib import Path

import pytest

import agent.views

SHEETS = sorted(Path(agent.views.__path__[0]).glob("*/*.css"))
PRINTED = re.compile(r"@media print \{.*?\n\}", re.DOTALL)
# Not type: a mark that only screen readers get, an axis inside a drawing, code as tall as the words around it.
NOT_TYPE = {"0", "12px", ".9em"}


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_sheet_keeps_to_the_scale(sheet: Path) -> None:
    css = PRINTED.sub("", sheet.read_text(encoding="utf-8"))
    sizes = set(re.findall(r"font-size: ([^;}]+?) ?[;}]", css)) - NOT_TYPE
    assert sizes <= {f"var(--{name})" for name in ("small", "text", "lead", "head", "title")}
    assert set(re.findall(r"font-weight: ([^;}]+?) ?[;}]", css)) <= {"400", "600"}


def test_there_are_sheets_to_keep_to_it() -> None:
    assert {sheet.name for sheet in SHEETS} == {"style.css", "timeline.css", "ui.css"}
