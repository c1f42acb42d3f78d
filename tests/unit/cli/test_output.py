"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from agent.output import OutputError, deliver_to_file, why_not_writable


def test_a_new_file_has_the_text_and_the_usual_mode(tmp_path: Path) -> None:
    file = tmp_path / "sample.json"
    before = os.umask(0o027)
    try:
        deliver_to_file(file, "\u2193 text\n")
    finally:
        os.umask(before)
    assert file.read_text(encoding="utf-8") == "\u2193 text\n"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_link_keeps_pointing_to_its_file(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    deliver_to_file(link, "one")
    deliver_to_file(link, "two")
    assert link.is_symlink()
    assert file.read_text(encoding="utf-8") == "two"


def test_who_has_the_file_open_keeps_reading_the_old_text(tmp_path: Path) -> None:
    file = tmp_path / "sample.json"
    file.write_text("before", encoding="utf-8")
    with file.open(encoding="utf-8") as reader:
        deliver_to_file(file, "after")
        assert reader.read() == "before"


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "sample.json"
    with pytest.raises(OutputError, match=f"cannot write {missing}: no such file or directory"):
        deliver_to_file(missing, "text")
    with pytest.raises(OutputError, match="file name too long"):
        deliver_to_file(tmp_path / ("x" * 300), "text")
    assert list(tmp_path.iterdir()) == []


def test_nobody_can_have_us_write_through_a_link_of_theirs(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    trap = tmp_path / f".sample.json.{os.getpid()}.tmp"
    trap.symlink_to(victim)
    with pytest.raises(OutputError, match="file exists"):
        deliver_to_file(tmp_path / "sample.json", "text")
    assert victim.read_text(encoding="utf-8") == "precious"


def test_what_can_be_written_is_not_complained_of(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    assert why_not_writable(tmp_path / "there") is None
    assert why_not_writable(tmp_path / "new") is None
    assert why_not_writable(Path("/dev/null")) is None
    assert why_not_writable(tmp_path) == "it is a directory"
    assert why_not_writable(tmp_path / "there" / "below") == f"there is no directory {tmp_path / 'there'}"
