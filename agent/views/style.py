"""How a view may draw: how wide, in which colours, with which characters."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from probes.frozen import frozen
from rules.diagnosis import Severity

# Prose wider than this is hard to read; tables may be wider.
PROSE_WIDTH: Final = 100
NARROWEST: Final = 20


class Paint(StrEnum):
    """What a piece of text means; a terminal with colour gives it one (ECMA-48 SGR parameters)."""

    PLAIN = ""
    HEAD = "1"
    FAINT = "2"
    GOOD = "32"
    INFO = "36"
    WARNING = "33"
    CRITICAL = "1;31"


PAINT_OF: Final[dict[Severity, Paint]] = {
    Severity.INFO: Paint.INFO,
    Severity.WARNING: Paint.WARNING,
    Severity.CRITICAL: Paint.CRITICAL,
}


@frozen
class Symbols:
    """The characters beyond words; each is one column wide, but for `then`, which stands in sentences only."""

    forward: str
    reverse: str
    info: str
    warning: str
    critical: str
    good: str
    gap: str
    line: str
    cut: str
    then: str

    def icon(self, severity: Severity) -> str:
        """Return the icon of a severity, one column wide."""
        return {Severity.INFO: self.info, Severity.WARNING: self.warning, Severity.CRITICAL: self.critical}[severity]

    def mark(self, severity: Severity | None) -> str:
        """Return the icon of a severity (None: of health) as it stands beside words: `✘`, or `[x]` in ASCII.

        A letter alone beside a name would be read as a part of it.
        """
        icon = self.good if severity is None else self.icon(severity)
        return f"[{icon}]" if icon.isascii() else icon


# No character that terminals may draw as an emoji, two columns wide, but the warning sign: it is followed by a space.
# None either that common monospace fonts lack: of a circled i many terminals show an empty box.
UNICODE: Final = Symbols(
    forward="↓",
    reverse="↑",
    info="●",
    warning="⚠",
    critical="✘",
    good="✔",
    gap="┄",
    line="─",
    cut="…",
    then="→",
)
ASCII: Final = Symbols(
    forward="v", reverse="^", info="i", warning="!", critical="x", good="+", gap=".", line="-", cut="~", then="->"
)


@frozen
class Style:
    """Width in columns (None: as wide as it takes), colour or not, Unicode or ASCII."""

    width: int | None = None
    colour: bool = False
    unicode: bool = True

    @property
    def symbols(self) -> Symbols:
        """Return the characters that this style may use."""
        return UNICODE if self.unicode else ASCII

    @property
    def prose_width(self) -> int:
        """Return the width at which sentences wrap."""
        return max(NARROWEST, min(self.width or PROSE_WIDTH, PROSE_WIDTH))

    def paint(self, text: str, paint: Paint) -> str:
        """Return the text in its colour, or as it is."""
        if not self.colour or paint is Paint.PLAIN or not text:
            return text
        return f"\x1b[{paint.value}m{text}\x1b[0m"


def style_for(*, is_terminal: bool, columns: int, encoding: str | None, environment: Mapping[str, str]) -> Style:
    """Return the style for a stream.

    Args:
        is_terminal: Whether a person looks at it. A pipe or file gets no colour and no limit of width.
        columns: The terminal's width, 0 where unknown (then 80).
        encoding: The stream's encoding; only UTF-8 gets more than ASCII.
        environment: Read for NO_COLOR (no-color.org: any non-empty value) and TERM.
    """
    plain = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
    return Style(
        width=(columns or 80) if is_terminal else None,
        colour=is_terminal and not plain,
        unicode=(encoding or "").lower().replace("-", "").replace("_", "") == "utf8",
    )
