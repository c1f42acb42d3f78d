"""The compiled rules: the same as the files, made anew when stale, and never in the way."""

import sys
from pathlib import Path

import pytest

from rules import shipped
from rules.load import load_rules


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bytecode" / "shipped.rules"
    monkeypatch.setattr(shipped, "_kept_at", lambda: path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return path


def test_compiled_rules_are_those_of_the_files(kept: Path) -> None:
    first, second = shipped.shipped_rules(), shipped.shipped_rules()
    assert kept.is_file()
    assert first == second == load_rules()


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x04N.", b"\x80\x04crules.gone\nNothing\n."])
def test_a_damaged_file_is_made_anew(kept: Path, content: bytes) -> None:
    shipped.shipped_rules()
    whole = kept.read_bytes()
    kept.write_bytes(content)
    assert shipped.shipped_rules() == load_rules()
    assert kept.read_bytes() == whole


def test_a_half_written_file_is_made_anew(kept: Path) -> None:
    shipped.shipped_rules()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    assert shipped.shipped_rules() == load_rules()


def test_a_changed_file_counts(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped.shipped_rules()
    before = kept.read_bytes()
    monkeypatch.setattr(shipped, "_stamp", lambda: (("cp-01-agent.yaml", 1, 2),))
    assert shipped.shipped_rules() == load_rules()
    assert kept.read_bytes() != before


def test_every_source_of_the_rules_is_stamped() -> None:
    names = {name for name, _, _ in shipped._stamp()}
    assert {"catalogue.yaml", "precedence.yaml", "cp-12-ndr.yaml", "load.py", "engine.py", "vocabulary.py"} <= names


def test_nothing_is_written_where_python_writes_no_bytecode(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert shipped.shipped_rules() == load_rules()
    assert not kept.exists()


def test_a_place_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(shipped, "_kept_at", lambda: blocked / "shipped.rules")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    assert shipped.shipped_rules() == load_rules()


def test_an_installer_compiles_them_for_another_place(kept: Path) -> None:
    moved = shipped.compile_rules("/usr/lib/elsewhere/rules")
    assert {Path(rule.source).parent for rules in moved.rules.values() for rule in rules} == {
        Path("/usr/lib/elsewhere/rules/rules")
    }
    # It is taken as it is, for the files have not changed.
    assert shipped.shipped_rules() == moved
    assert kept.is_file()
