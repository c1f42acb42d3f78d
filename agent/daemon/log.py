"""What the service says on stderr: a line for an operator, an object for a program, or a priority for the journal.

Nothing here raises or waits: a full disk, a closed descriptor or a reader that has stopped to read cost lines, which
are counted, and nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import select
import threading
import time
import traceback
from typing import TYPE_CHECKING, Final

from agent.daemon.log_limit import Event, Repeated, RepeatLimit
from probes.clock import utc_text
from probes.frozen import frozen
from probes.word import Word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Everything of ours is logged below this name: `logging.getLogger(__name__)`.
OWN: Final = "agent"

# A pipe takes so much at once or not at all (PIPE_BUF, pipe(7)): no two lines of two programs mix.
LONGEST_LINE: Final = 4_096
_CUT: Final = "..."
_LAST_STANDARD: Final = 2
# Each character may take six octets once it is escaped.
_SHORT: Final = 300


class LogForm(Word):
    """How lines look; `auto` is `journal` where stderr is the journal, else `text`."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"
    JOURNAL = "journal"


class LogLevel(Word):
    """From which severity on events are told."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


# sd-daemon(3): the numbers of syslog.
_PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


@frozen
class Line:
    """One event to tell of; `about` is what it concerns (a target, a sink), `more` the lines of a traceback."""

    at_ns: int
    level: int
    logger: str
    text: str
    about: str | None = None
    more: tuple[str, ...] = ()


def start_logging(level: LogLevel, form: LogForm, environment: Mapping[str, str], descriptor: int = 2) -> LineHandler:
    """Let everything that is logged in this process be told on `descriptor`; return who does it.

    Of others' libraries only warnings are told: their debugging lines hold what our configuration keeps secret.
    """
    _fill_standard_descriptors()
    handler = LineHandler(chosen_form(form, environment, descriptor), descriptor)
    root, own = logging.getLogger(), logging.getLogger(OWN)
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    own.setLevel(level.upper())
    logging.raiseExceptions = False
    threading.excepthook = _thread_died
    return handler


def chosen_form(form: LogForm, environment: Mapping[str, str], descriptor: int) -> LogForm:
    """Return the form that `auto` stands for: JOURNAL_STREAM names what the journal reads (systemd.exec(5))."""
    if form is not LogForm.AUTO:
        return form
    try:
        about = os.fstat(descriptor)
    except OSError:
        return LogForm.TEXT
    return LogForm.JOURNAL if environment.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}" else LogForm.TEXT


def _fill_standard_descriptors() -> None:
    """Let what was closed at the start lead nowhere: else the store would get its number, and with it our lines."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD:
        pass
    os.close(opened)


def lines_of(line: Line, form: LogForm) -> list[str]:
    """Return an event as lines without their ends, nothing in them that a terminal or a reader of lines obeys."""
    if form is LogForm.JSON:
        return [_as_json(line)]
    priority = _PRIORITIES.get(line.level, _PRIORITIES[logging.INFO])
    lead = f"<{priority}>" if form is LogForm.JOURNAL else ""
    head = "" if form is LogForm.JOURNAL else f"{utc_text(line.at_ns)} {_level_name(line.level)}: "
    return [_cut(lead + head + visible(line.text)), *(_cut(f"{lead}  {visible(more)}") for more in line.more)]


def visible(text: str) -> str:
    r"""Return a text with everything but printable characters as `\u....`; what was escaped before stays as it is."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)


class LineHandler(logging.Handler):
    """Writes what is logged, each event at most once a minute.

    Attributes:
        lost: How many lines the descriptor did not take.
    """

    def __init__(
        self,
        form: LogForm,
        descriptor: int,
        monotonic: Callable[[], float] = time.monotonic,
        realtime_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Write to a descriptor; the clocks tell when a minute is over, and what time stands in a line."""
        super().__init__()
        self.lost = 0
        self._unsaid = 0
        self._form = form
        self._descriptor = descriptor
        self._monotonic = monotonic
        self._realtime_ns = realtime_ns
        self._limit = RepeatLimit()

    # typing.override is Python 3.12's.
    def emit(self, record: logging.LogRecord) -> None:  # type: ignore[explicit-override]
        """Tell of an event, or count it."""
        try:
            self._tell(record)
        except Exception:  # noqa: BLE001 - a mistake in a line costs the line: whoever logs has other work
            self.lost += 1

    def turn(self) -> None:
        """Tell what was left unsaid within a minute that is over; called now and then."""
        self.acquire()
        try:
            for repeated in self._limit.over(self._monotonic()):
                self._write(self._summary(repeated))
        finally:
            self.release()

    def _tell(self, record: logging.LogRecord) -> None:
        self.turn()
        about, text = _about(record), record.getMessage()
        # What is looked for by debugging is wanted whole.
        if record.levelno > logging.DEBUG:
            event = Event(
                logger=record.name, level=record.levelno, words=str(record.msg), about=about or _first_value(record)
            )
            if not self._limit.admit(event, text, self._monotonic()):
                return
        self._write(
            Line(
                at_ns=self._realtime_ns(),
                level=record.levelno,
                logger=record.name,
                text=text,
                about=about,
                more=_traceback_of(record),
            )
        )

    def _summary(self, repeated: Repeated) -> Line:
        event = repeated.event
        text = f"{repeated.newest} ({repeated.times} more like this within a minute)"
        return Line(at_ns=self._realtime_ns(), level=event.level, logger=event.logger, text=text, about=event.about)

    def _write(self, line: Line) -> None:
        if self._unsaid and self._put(lines_of(self._of_loss(), self._form)):
            self._unsaid = 0
        lines = lines_of(line, self._form)
        if not self._put(lines):
            self.lost += len(lines)
            self._unsaid += len(lines)

    def _of_loss(self) -> Line:
        text = f"{self._unsaid} lines of the log were lost: stderr did not take them"
        return Line(at_ns=self._realtime_ns(), level=logging.WARNING, logger=__name__, text=text)

    def _put(self, lines: list[str]) -> bool:
        """Return whether the descriptor took all of the lines, at once."""
        try:
            for line in lines:
                if not _takes(self._descriptor):
                    return False
                data = f"{line}\n".encode("utf-8", "backslashreplace")
                if os.write(self._descriptor, data) < len(data):
                    return False
        except OSError:
            return False
        return True


def _takes(descriptor: int) -> bool:
    """Return whether a write does not wait; one to a pipe whose reader sleeps would, for as long as it does."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    return any(event & select.POLLOUT for _, event in waiting.poll(0))


def _as_json(line: Line) -> str:
    """Return an event as one object in ASCII; what makes it too long is left out, the traceback first."""
    shapes = ((line.text, line.more), (line.text, line.more[-1:]), (line.text[:_SHORT], ()))
    texts = (_object(line, text, more) for text, more in shapes)
    return next((text for text in texts if len(text) < LONGEST_LINE), _object(line, _CUT, ()))


def _object(line: Line, text: str, more: tuple[str, ...]) -> str:
    fields: dict[str, object] = {
        "at": utc_text(line.at_ns),
        "level": _level_name(line.level),
        "logger": line.logger,
        "message": text,
    }
    if line.about is not None:
        fields["about"] = line.about[:_SHORT]
    if more:
        fields["traceback"] = more
    return json.dumps(fields)


def _about(record: logging.LogRecord) -> str | None:
    """Return what a record is about, which whoever logs it says by `extra={"about": name}`."""
    about = getattr(record, "about", None)
    return None if about is None else str(about)


def _first_value(record: logging.LogRecord) -> str | None:
    """Return what is filled in first: a sentence about another target is another event."""
    return str(record.args[0]) if isinstance(record.args, tuple) and record.args else None


def _level_name(level: int) -> str:
    return logging.getLevelName(level).lower()


def _traceback_of(record: logging.LogRecord) -> tuple[str, ...]:
    """Return a record's exception as lines, the mistake itself last."""
    if not record.exc_info or record.exc_info[0] is None:
        return ()
    return tuple("".join(traceback.format_exception(*record.exc_info)).rstrip("\n").split("\n"))


def _cut(line: str) -> str:
    """Return a line that fits with its end."""
    data = line.encode("utf-8", "backslashreplace")
    if len(data) < LONGEST_LINE:
        return line
    return data[: LONGEST_LINE - 1 - len(_CUT)].decode("utf-8", "ignore") + _CUT


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """Log what ended a thread: Python would print it as many lines that no reader of a journal takes together."""
    name = "a thread" if died.thread is None else f"the thread {died.thread.name!r}"
    info = None if died.exc_value is None else (died.exc_type, died.exc_value, died.exc_traceback)
    logging.getLogger(OWN).error("%s ended by a mistake of the agent's", name, exc_info=info)
