"""Loading ahead: what it meets is nobody's concern until somebody needs the module himself."""

import sys
import threading
from pathlib import Path

import pytest

from agent.preload import Preload


def load(modules: list[str]) -> list[BaseException | None]:
    """Load ahead, to the end, and return what the thread died of."""
    deaths: list[BaseException | None] = []
    before, threading.excepthook = threading.excepthook, lambda died: deaths.append(died.exc_value)
    try:
        with Preload(modules):
            for thread in set(threading.enumerate()) - {threading.current_thread()}:
                thread.join(5)
    finally:
        threading.excepthook = before
    return deaths


def test_a_module_that_cannot_be_loaded_disturbs_neither_the_others_nor_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "breaks_when_loaded.py").write_text("raise OSError(24, 'Too many open files')")
    (tmp_path / "loads_all_right.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert load(["breaks_when_loaded", "no_such_module_anywhere", "loads_all_right"]) == []
    assert "loads_all_right" in sys.modules
