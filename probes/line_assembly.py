"""A stream of bytes as lines of bounded length: what is too long is cut, told, and skipped up to its end."""

from __future__ import annotations

from probes.frozen import frozen_positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.failure import Failure

# A line of the Log Streaming Service is about 2 KiB long; no field of it is longer than a policy's name.
LONGEST_LINE: Final = 65_536


class LinesError(Exception):
    """Lines cannot be had from where they should come; the text is one line for a person."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


@frozen_positional
class Line:
    """One line without its end; `cut` where it was longer than may be, `ended` False where the stream stopped in it."""

    data: bytes
    cut: bool = False
    ended: bool = True


class LineAssembly:
    """Takes bytes as they come and gives whole lines; holds one line at most, and never more than the longest."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._held = bytearray()
        self._cut = False

    @property
    def waits(self) -> bool:
        """Return whether a line has begun and not ended."""
        return bool(self._held) or self._cut

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that end in `data`, in their order."""
        *ended, rest = data.split(b"\n")
        lines = []
        for part in ended:
            self._hold(part)
            lines.append(self._take(ended=True))
        self._hold(rest)
        return lines

    def finish(self) -> list[Line]:
        """Return what the stream stopped in the middle of, if anything."""
        return [self._take(ended=False)] if self.waits else []

    def _hold(self, part: bytes) -> None:
        room = self._longest - len(self._held)
        self._cut = self._cut or len(part) > room
        self._held += part[:room]

    def _take(self, *, ended: bool) -> Line:
        data, cut = bytes(self._held), self._cut
        self._held.clear()
        self._cut = False
        return Line(data.removesuffix(b"\r"), cut, ended)
