"""The log: lines for a person, a program or the journal; nothing in them is obeyed, and nothing about it hurts."""

import json
import logging
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.daemon.log import LONGEST_LINE, Line, LineHandler, LogForm, chosen_form, lines_of
from tests.unit.daemon.clocks import SetClock

AT_NS = 1_700_000_000_123_000_000
FORMS = (LogForm.TEXT, LogForm.JSON, LogForm.JOURNAL)


def line(text: str, level: int = logging.INFO, about: str | None = None, more: tuple[str, ...] = ()) -> Line:
    return Line(at_ns=AT_NS, level=level, logger="agent.daemon.service", text=text, about=about, more=more)


def logger_with(handler: logging.Handler) -> logging.Logger:
    logger = logging.Logger("agent.test")  # noqa: LOG001 - outside of the tree that pytest listens to
    logger.addHandler(handler)
    return logger


class Log:
    """A logger of its own whose lines can be read, and whose time a test moves."""

    def __init__(self, form: LogForm = LogForm.TEXT) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.clock = SetClock()
        self.handler = LineHandler(form, self.writer, self.clock.monotonic, lambda: AT_NS)
        self.logger = logger_with(self.handler)

    def said(self) -> list[str]:
        """Return the lines since the last look, without what stands before each message."""
        try:
            data = os.read(self.reader, 1 << 20).decode()
        except BlockingIOError:
            return []
        return [each.partition("Z ")[2] or each for each in data.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    os.close(made.reader)
    os.close(made.writer)


def test_a_line_for_each_reader() -> None:
    assert lines_of(line("ready"), LogForm.TEXT) == ["2023-11-14T22:13:20.123Z info: ready"]
    assert lines_of(line("ready"), LogForm.JOURNAL) == ["<6>ready"]
    (text,) = lines_of(line("late", logging.WARNING, "crm"), LogForm.JSON)
    assert json.loads(text) == {
        "at": "2023-11-14T22:13:20.123Z",
        "level": "warning",
        "logger": "agent.daemon.service",
        "message": "late",
        "about": "crm",
    }


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2), (15, 6)],
)
def test_the_journal_gets_priorities(level: int, priority: int) -> None:
    assert lines_of(line("x", level), LogForm.JOURNAL) == [f"<{priority}>x"]


def test_every_line_of_a_traceback_has_its_priority() -> None:
    assert lines_of(line("oops", logging.ERROR, more=("a", "b")), LogForm.JOURNAL) == ["<3>oops", "<3>  a", "<3>  b"]
    assert json.loads(lines_of(line("oops", more=("a", "b")), LogForm.JSON)[0])["traceback"] == ["a", "b"]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_from_outside_is_obeyed(form: LogForm) -> None:
    hostile = "a\nb\r\x1b[31m\x9b\u202ec\u2028d\x00\ud800\x7f"
    for text in lines_of(line(hostile, more=(hostile,)), form):
        assert text.isprintable()
        assert len(text.splitlines()) == 1


def test_what_was_escaped_before_is_not_escaped_again() -> None:
    assert lines_of(line("\\u001b M\u00fcller"), LogForm.JOURNAL) == ["<6>\\u001b M\u00fcller"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", ["x" * 100_000, "\x00" * 100_000, "\U0001f600" * 100_000])
def test_no_line_is_longer_than_a_pipe_takes_at_once(form: LogForm, text: str) -> None:
    for each in lines_of(line(text, about=text, more=(text, text)), form):
        assert len(each.encode()) < LONGEST_LINE
        assert form is not LogForm.JSON or json.loads(each)


def test_the_same_event_is_told_once_a_minute_with_how_many_more_there_were(log: Log) -> None:
    for n in range(5):
        log.logger.warning("%s fails: %s", "crm", n)
        log.clock.now += 1.0
    assert log.said() == ["warning: crm fails: 0"]
    log.clock.now += 60.0
    log.handler.turn()
    assert log.said() == ["warning: crm fails: 4 (4 more like this within a minute)"]
    log.logger.warning("%s fails: %s", "crm", 9)
    assert log.said() == []
    log.clock.now += 60.0
    log.handler.turn()
    assert log.said() == ["warning: crm fails: 9 (1 more like this within a minute)"]
    log.clock.now += 60.0
    log.handler.turn()
    log.logger.warning("%s fails: %s", "crm", 10)
    assert log.said() == ["warning: crm fails: 10"]


def test_what_is_about_something_else_is_another_event(log: Log) -> None:
    log.logger.warning("%s fails", "crm")
    log.logger.warning("%s fails", "mail")
    log.logger.warning("it fails", extra={"about": "crm"})
    log.logger.warning("it fails", extra={"about": "mail"})
    log.logger.error("%s fails", "crm")
    assert len(log.said()) == 5


def test_what_is_looked_for_is_told_every_time(log: Log) -> None:
    for _ in range(5):
        log.logger.debug("the same")
    assert len(log.said()) == 5


def test_a_mistake_in_a_line_costs_the_line(log: Log) -> None:
    log.logger.warning("%d targets", "three")
    log.logger.warning("on it goes")
    assert log.said() == ["warning: on it goes"]
    assert log.handler.lost == 1


def test_a_reader_that_sleeps_keeps_nobody_waiting_and_learns_what_it_missed(log: Log) -> None:
    began = time.monotonic()
    for n in range(1_000):
        log.logger.debug("%d %s", n, "x" * 1_000)
    assert time.monotonic() - began < 10.0
    told = log.said()
    assert 0 < log.handler.lost == 1_000 - len(told)
    log.logger.info("awake")
    said = log.said()
    assert said[0] == f"warning: {log.handler.lost} lines of the log were lost: stderr did not take them"
    assert said[1:] == ["info: awake"]


def test_a_closed_descriptor_hurts_nobody() -> None:
    for close in ("reader", "writer"):
        log = Log()
        os.close(getattr(log, close))
        log.logger.error("nobody reads this")
        assert log.handler.lost == 1
        os.close(log.writer if close == "reader" else log.reader)


def test_a_full_disk_hurts_nobody() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    handler = LineHandler(LogForm.TEXT, descriptor)
    logger_with(handler).error("no room")
    assert handler.lost == 1
    os.close(descriptor)


def test_a_file_that_may_not_grow_costs_the_line_alone(tmp_path: Path) -> None:
    script = (
        "import logging, os, sys; from agent.daemon.log import *\n"
        "handler = start_logging(LogLevel.INFO, LogForm.TEXT, os.environ)\n"
        "for n in range(9): logging.getLogger('agent').info('%d %s', n, 'x' * 200)\n"
        "print(handler.lost)\n"
    )
    target = tmp_path / "log"
    with target.open("wb") as stderr:
        done = subprocess.run(
            (sys.executable, "-c", script),
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000)),
        )
    assert 0 < int(done.stdout) < 9


def test_what_was_closed_at_the_start_is_no_file_of_ours(tmp_path: Path) -> None:
    script = (
        "import logging, os, sys; from agent.daemon.log import *\n"
        "start_logging(LogLevel.INFO, LogForm.TEXT, os.environ)\n"
        "files = [open(sys.argv[1], 'a') for _ in range(3)]\n"
        "logging.getLogger('agent').error('not into the store'); print('nor this')\n"
    )
    store = tmp_path / "store"
    done = subprocess.run(
        ("sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", sys.executable, "-c", script, store), check=True
    )
    assert (done.returncode, store.read_text()) == (0, "")


def test_the_journal_is_known_by_the_descriptor_that_it_reads() -> None:
    ours, other = socket.socketpair()
    about = os.fstat(ours.fileno())
    journal = {"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"}
    assert chosen_form(LogForm.AUTO, journal, ours.fileno()) is LogForm.JOURNAL
    assert chosen_form(LogForm.AUTO, journal, other.fileno()) is LogForm.TEXT
    assert chosen_form(LogForm.AUTO, {}, ours.fileno()) is LogForm.TEXT
    assert chosen_form(LogForm.JSON, journal, ours.fileno()) is LogForm.JSON
    ours.close()
    other.close()
    assert chosen_form(LogForm.AUTO, journal, 1_000_000) is LogForm.TEXT


def test_a_process_logs_its_own_levels_and_others_warnings() -> None:
    script = (
        "import logging, os, threading; from agent.daemon.log import *\n"
        "start_logging(LogLevel.INFO, LogForm.JOURNAL, os.environ)\n"
        "for name in ('agent.daemon.service', 'urllib3.connectionpool'):\n"
        "    for level in ('debug', 'info', 'warning'):\n"
        "        getattr(logging.getLogger(name), level)(f'{name} {level}')\n"
        "thread = threading.Thread(target=lambda: 1 // 0, name='sample'); thread.start(); thread.join()\n"
    )
    done = subprocess.run((sys.executable, "-c", script), stderr=subprocess.PIPE, check=True, text=True)
    lines = done.stderr.splitlines()
    assert lines[:4] == [
        "<6>agent.daemon.service info",
        "<4>agent.daemon.service warning",
        "<4>urllib3.connectionpool warning",
        "<3>the thread 'sample' ended by a mistake of the agent's",
    ]
    assert lines[-1] == "<3>  ZeroDivisionError: integer division or modulo by zero"
    assert all(each.startswith("<3>  ") for each in lines[4:])
