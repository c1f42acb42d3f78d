"""The file that keeps what legs taught: whatever is in its place, a trace goes on; real files, real processes."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent import path_memory
from agent.path_memory import FILE, MOST_LEGS, SET_ASIDE, PathMemory, state_directory
from probes.facts import Protocol, ProtocolChoice
from probes.trace.memory import Lesson, Remembered, Surroundings, leg_key

_KEY = leg_key(ProtocolChoice.ADAPTIVE, "2001:db8::80", 443, "eth0")
_WHERE = Surroundings(epoch="4d2c", interface="eth0", gateway="fe80::1", source="2001:db8::2")
_LESSON = Lesson(
    protocol=Protocol.TCP, distance=12, rtt_us=12_300, reached_at_s=1_700_000_180, tried_at_s=1_700_000_000
)
_KNOWN = Remembered(lesson=_LESSON, learned_in=_WHERE)
_NOBODY = 65_534


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "cloudpath-agent"


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Be a user without rights, who may be refused things; only root can become one."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


# --- what is remembered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "known",
    [
        _KNOWN,
        replace(_KNOWN, lesson=replace(_LESSON, distance=None)),
        replace(_KNOWN, learned_in=Surroundings(epoch="", interface=None, gateway=None, source=None)),
    ],
)
def test_what_was_remembered_is_recalled_by_whoever_comes_next(directory: Path, known: Remembered) -> None:
    PathMemory(directory).remember(_KEY, known)
    assert PathMemory(directory).recall(_KEY) == known


def test_every_leg_has_its_own_and_the_newest_counts(directory: Path) -> None:
    memory, other = PathMemory(directory), leg_key(ProtocolChoice.ICMP, "2001:db8::80", 443, "eth0")
    memory.remember(_KEY, _KNOWN)
    assert memory.recall(other) is None
    memory.remember(other, replace(_KNOWN, lesson=replace(_LESSON, distance=3)))
    memory.remember(_KEY, replace(_KNOWN, lesson=replace(_LESSON, distance=13)))
    recalled = [memory.recall(key) for key in (_KEY, other)]
    assert [one.lesson.distance for one in recalled if one is not None] == [13, 3]
    memory.remember(_KEY, None)
    assert (memory.recall(_KEY), memory.recall(other) is not None) == (None, True)


def test_nothing_is_made_to_forget_what_was_never_known(directory: Path) -> None:
    PathMemory(directory).remember(_KEY, None)
    assert not directory.exists()
    PathMemory(directory).remember(_KEY, _KNOWN)
    before = (directory / FILE).stat().st_mtime_ns
    PathMemory(directory).remember("another", None)
    assert (directory / FILE).stat().st_mtime_ns == before


def test_a_key_that_is_part_of_another_is_another(directory: Path) -> None:
    memory = PathMemory(directory)
    memory.remember(leg_key(ProtocolChoice.ADAPTIVE, "192.0.2.80", None), _KNOWN)
    assert memory.recall(leg_key(ProtocolChoice.ADAPTIVE, "192.0.2.8", None)) is None
    assert memory.recall("192.0.2.80 - - -") is None


def test_the_oldest_are_forgotten_beyond_a_thousand(directory: Path) -> None:
    memory = PathMemory(directory)
    keys = [leg_key(ProtocolChoice.ADAPTIVE, f"2001:db8:1234:5678::{n:x}", 443, "e" * 15) for n in range(MOST_LEGS + 5)]
    for key in keys:
        memory.remember(key, _KNOWN)
    assert [key for key in keys if memory.recall(key) is None] == keys[:5]
    memory.remember(keys[5], _KNOWN)
    memory.remember("one more", _KNOWN)
    assert memory.recall(keys[5]) is not None, "what is used again is not old"
    assert memory.recall(keys[6]) is None


# --- what may be in its place -----------------------------------------------------------------------------------------


def test_it_is_readable_for_its_owner_only(directory: Path) -> None:
    before = os.umask(0)
    try:
        PathMemory(directory).remember(_KEY, _KNOWN)
    finally:
        os.umask(before)
    assert stat.S_IMODE((directory / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert list(directory.iterdir()) == [directory / FILE], "nothing else is left behind"


@pytest.mark.parametrize(
    "content",
    [
        b"cloudpath-agent paths 2\nwhatever\n",
        b"{}",
        b"\x00\xff\xfe" * 100,
        b"cloudpath-agent paths 1",
        b"x" * ((1 << 19) + 1),
    ],
    ids=["another version", "another program's", "noise", "cut in the header", "too long"],
)
def test_what_is_not_ours_is_set_aside_and_never_read(directory: Path, content: bytes) -> None:
    directory.mkdir(parents=True, mode=0o700)
    (directory / FILE).write_bytes(content)
    memory = PathMemory(directory)
    assert memory.recall(_KEY) is None
    assert (directory / FILE).read_bytes() == content, "reading changes nothing"
    memory.remember(_KEY, _KNOWN)
    assert memory.recall(_KEY) == _KNOWN
    assert (directory / SET_ASIDE).read_bytes() == content


@pytest.mark.parametrize(
    "damage",
    [
        ("tcp", "sctp"),
        ("\t12\t", "\ttwelve\t"),
        ("\t12\t", "\t0\t"),
        ("\t12\t", "\t256\t"),
        ("\t12\t", "\t-5\t"),
        ("\t4d2c", ""),
        ("1700000180", "1e9"),
        ("1700000180", "9" * 5000),
    ],
)
def test_a_damaged_line_says_nothing_and_is_replaced(directory: Path, damage: tuple[str, str]) -> None:
    memory = PathMemory(directory)
    memory.remember("before", _KNOWN)
    memory.remember(_KEY, _KNOWN)
    memory.remember("behind", _KNOWN)
    file = directory / FILE
    file.write_text(
        "".join(
            line.replace(*damage) if line.startswith(_KEY) else line
            for line in file.read_text().splitlines(keepends=True)
        )
    )
    assert memory.recall(_KEY) is None
    assert (memory.recall("before"), memory.recall("behind")) == (_KNOWN, _KNOWN)
    memory.remember(_KEY, _KNOWN)
    assert memory.recall(_KEY) == _KNOWN


def test_a_line_that_was_cut_says_nothing(directory: Path) -> None:
    memory = PathMemory(directory)
    memory.remember(_KEY, _KNOWN)
    whole = (directory / FILE).read_bytes()
    for length in range(len(whole)):
        (directory / FILE).write_bytes(whole[:length])
        assert memory.recall(_KEY) is None


def test_no_link_is_followed(directory: Path, tmp_path: Path) -> None:
    PathMemory(directory).remember(_KEY, _KNOWN)
    precious = tmp_path / "precious"
    (directory / FILE).rename(precious)
    before = precious.read_bytes()
    (directory / FILE).symlink_to(precious)
    (directory / f".{FILE}.{os.getpid()}").symlink_to(precious)
    memory = PathMemory(directory)
    assert memory.recall(_KEY) is None
    memory.remember("other", _KNOWN)
    assert precious.read_bytes() == before
    link = tmp_path / "link"
    link.symlink_to(directory)
    assert PathMemory(link).recall(_KEY) is None
    assert PathMemory(link).problem() is not None


def test_a_fifo_in_its_place_is_not_waited_for(directory: Path) -> None:
    directory.mkdir(parents=True, mode=0o700)
    os.mkfifo(directory / FILE)
    assert PathMemory(directory).recall(_KEY) is None
    PathMemory(directory).remember(_KEY, _KNOWN)
    assert PathMemory(directory).recall(_KEY) == _KNOWN
    (directory / FILE).unlink()
    (directory / FILE).mkdir()
    assert PathMemory(directory).recall(_KEY) is None
    PathMemory(directory).remember(_KEY, _KNOWN)


# --- where nothing can be kept ----------------------------------------------------------------------------------------


def test_where_nothing_can_be_written_nothing_is_remembered_and_it_is_said() -> None:
    # Not in `tmp_path`: only its owner may go there at all.
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        read_only = Path(place, "read-only")
        read_only.mkdir(mode=0o555)
        if os.geteuid() == 0:
            os.chown(read_only, _NOBODY, _NOBODY)
        for directory in (read_only, read_only / "cloudpath-agent"):
            memory = PathMemory(directory)
            with _as_nobody():
                memory.remember(_KEY, _KNOWN)
                assert memory.recall(_KEY) is None
                assert memory.problem() == f"{read_only} cannot be written to"


def test_a_directory_that_others_may_write_to_is_not_used(directory: Path) -> None:
    PathMemory(directory).remember(_KEY, _KNOWN)
    directory.chmod(0o777)
    memory = PathMemory(directory)
    assert memory.recall(_KEY) is None
    assert "others may write there" in (memory.problem() or "")
    directory.chmod(0o700)
    assert memory.recall(_KEY) == _KNOWN
    assert memory.problem() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_not_used(directory: Path) -> None:
    PathMemory(directory).remember(_KEY, _KNOWN)
    os.chown(directory, _NOBODY, _NOBODY)
    assert PathMemory(directory).recall(_KEY) is None
    PathMemory(directory).remember(_KEY, None)
    os.chown(directory, 0, 0)
    assert PathMemory(directory).recall(_KEY) == _KNOWN


def test_a_file_where_the_directory_should_be_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    memory = PathMemory(tmp_path / "state" / "cloudpath-agent")
    memory.remember(_KEY, _KNOWN)
    assert memory.recall(_KEY) is None
    assert memory.problem() is not None


def test_who_has_no_directory_forgets(tmp_path: Path) -> None:
    memory = PathMemory(None)
    memory.remember(_KEY, _KNOWN)
    assert memory.recall(_KEY) is None
    assert memory.problem() is not None
    assert list(tmp_path.iterdir()) == []


def test_it_is_no_problem_that_the_directory_is_still_to_be_made(directory: Path) -> None:
    assert PathMemory(directory).problem() is None
    assert not directory.exists()


# --- where it is ------------------------------------------------------------------------------------------------------


def test_the_directory_is_the_one_that_the_user_names_or_owns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me, home = os.geteuid(), {"HOME": str(tmp_path)}
    monkeypatch.setattr(path_memory, "SYSTEM_DIRECTORY", tmp_path / "var")
    assert state_directory({"XDG_STATE_HOME": "/x", **home}, me) == Path("/x/cloudpath-agent")
    assert state_directory({"XDG_STATE_HOME": "relative", **home}, me) == tmp_path / ".local/state/cloudpath-agent"
    assert state_directory(home, me + 1) is None, "somebody else's home, as under sudo"
    assert state_directory({"HOME": "/nonexistent"}, me) is None
    assert state_directory({}, me) is None
    (tmp_path / "closed").mkdir(mode=0o700)
    with _as_nobody():
        assert state_directory({"HOME": str(tmp_path / "closed" / "inside")}, os.geteuid()) is None
    (tmp_path / "var").mkdir()
    assert state_directory(home, 0) == tmp_path / "var"
    assert state_directory({"XDG_STATE_HOME": "/x", **home}, 0) == Path("/x/cloudpath-agent")


# --- several at once --------------------------------------------------------------------------------------------------

_WRITER = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from agent.path_memory import PathMemory
from probes.facts import Protocol
from probes.trace.memory import Lesson, Remembered, Surroundings
where = Surroundings(epoch="e", interface=None, gateway=None, source=None)
for distance in range(1, 201):
    lesson = Lesson(protocol=Protocol.TCP, distance=distance, rtt_us=1, reached_at_s=1, tried_at_s=1)
    PathMemory(Path(sys.argv[1])).remember(sys.argv[2], Remembered(lesson=lesson, learned_in=where))
"""


def test_processes_at_once_never_show_half_a_file_nor_lose_what_none_of_them_touches(directory: Path) -> None:
    PathMemory(directory).remember("untouched", _KNOWN)
    command = [sys.executable, "-P", "-c", _WRITER, str(directory)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    writers = [subprocess.Popen([*command, key], env=environment) for key in ("one", "two")]
    seen_whole, over = [], threading.Event()
    while not over.is_set():
        seen_whole.append(PathMemory(directory).recall("untouched") == _KNOWN)
        if all(writer.poll() is not None for writer in writers):
            over.set()
    assert [writer.returncode for writer in writers] == [0, 0]
    assert all(seen_whole)
    kept = [PathMemory(directory).recall(key) for key in ("one", "two")]
    assert 200 in [one.lesson.distance for one in kept if one is not None], "whoever wrote last is there"
    assert not (directory / SET_ASIDE).exists()
    assert list(directory.iterdir()) == [directory / FILE]
