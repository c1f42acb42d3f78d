"""What the doctor found: a line for each thing looked at, and what to do below it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from agent.doctor.findings import Finding, Level
from agent.views.escape import escape_text
from agent.views.prose import wrapped
from agent.views.style import Paint

if TYPE_CHECKING:
    from agent.views.style import Style

_PAINT: Final = {Level.OK: Paint.GOOD, Level.WARN: Paint.WARNING, Level.FAIL: Paint.CRITICAL}
_INDENT: Final = 6


def doctor_view(findings: Sequence[Finding], style: "Style") -> str:
    """Return the findings as lines, ending in a line break."""
    lines: list[str] = []
    for finding in findings:
        word = finding.level.value
        first, *rest = wrapped(f"{word:<{_INDENT}}{escape_text(finding.found)}", style, hanging=_INDENT)
        lines += [style.paint(word, _PAINT[finding.level]) + first[len(word) :], *rest]
        if finding.advice is not None:
            lines += wrapped(f"-> {finding.advice}", style, indent=_INDENT, hanging=_INDENT + 3)
    return "\n".join(lines) + "\n"
