"""Lines of private access's logs as events: the Log Streaming Service's JSON, and the client's tunnel log; pure.

Nothing here raises on a bad line: each has a problem by name, and costs no other line.
"""

from __future__ import annotations

import itertools

from probes.client_log import ClientLog
from probes.frozen import frozen
from probes.json_line import BadLineError, LineProblem, json_object, text_of
from probes.lss_line import lss_event
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from probes.line_assembly import Line
    from probes.session_facts import SessionEvent


class SessionFormat(Word):
    """How lines are read: `auto` goes by the first line that is one of the two."""

    AUTO = "auto"
    LSS = "lss"
    CLIENT_LOG = "client-log"


@frozen
class BadLine:
    """A line that could not be read: which one, from 1, and why; `detail` may hold text from the line."""

    line: int
    problem: LineProblem
    detail: str


class SessionLines:
    """Reads the lines of one source, one after the other, and counts them.

    Args:
        form: How to read them.
        numbers: Gives each line its number; where several readers share it, no two of their lines have the same.

    Attributes:
        lines: How many were read.
        others: How many of them are of no concern: blank, or something else that such a log holds.
        undated: How many of the events say no time that is understood.
    """

    def __init__(self, form: SessionFormat = SessionFormat.AUTO, numbers: Iterator[int] | None = None) -> None:
        self._form = form
        self._numbers = itertools.count(1) if numbers is None else numbers
        self._line = 0
        self._client_log = ClientLog()
        self.lines = 0
        self.others = 0
        self.undated = 0

    def read(self, line: Line) -> SessionEvent | BadLine | None:
        """Return the event of one line, what is wrong with it, or None for a line of no concern."""
        self.lines += 1
        self._line = next(self._numbers)
        try:
            event = self._event(line)
        except BadLineError as error:
            cut_off = not line.ended and error.problem is LineProblem.NOT_JSON
            return self._bad(LineProblem.CUT_OFF, "it ends in the middle") if cut_off else self._bad(*error.args)
        self.others += event is None
        self.undated += event is not None and event.at is None
        return event

    def _bad(self, problem: LineProblem, detail: str) -> BadLine:
        return BadLine(line=self._line, problem=problem, detail=detail)

    def _event(self, line: Line) -> SessionEvent | None:
        if line.cut:
            raise BadLineError(LineProblem.TOO_LONG, f"it is longer than {len(line.data)} bytes")
        text = text_of(line.data)
        if not text:
            return None
        form = self._form_of(text)
        if form is SessionFormat.LSS:
            return lss_event(json_object(text), self._line)
        return self._client_log.event(text, self._line)

    def _form_of(self, text: str) -> SessionFormat:
        """Return how to read a line; the first one that shows it decides for all."""
        if self._form is SessionFormat.AUTO:
            if text.startswith("{") and "zpn_mtunnel" not in text:
                self._form = SessionFormat.LSS
            elif self._client_log.knows(text):
                self._form = SessionFormat.CLIENT_LOG
            else:
                raise BadLineError(LineProblem.NOT_RECOGNISED, "it is a line of neither log")
        return self._form
