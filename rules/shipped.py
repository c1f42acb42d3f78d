"""The shipped rules, checked and compiled once: like Python's own bytecode, kept beside it and made anew when stale.

Reading and checking the YAML takes a third of the time that the command spends before its first packet [measured: 23 of
70 ms]. What is kept is trusted exactly as far as the bytecode in the same directory.
"""

import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from rules.ruleset import RuleSet

_HERE: Final = os.path.dirname(__file__)  # noqa: PTH120 - see `_stamp`
_Stamp = tuple[tuple[str, int, int], ...]


def shipped_rules() -> RuleSet:
    """Return the rules that come with the agent; the same that `rules.load.load_rules()` returns."""
    stamp, kept = _stamp(), _kept_at()
    found = _read(kept, stamp) if kept is not None else None
    if found is not None:
        return found
    return _loaded() if sys.dont_write_bytecode else compile_rules()


def compile_rules(home: str = _HERE) -> RuleSet:
    """Return the rules from their files and keep them compiled: for an installer, as compileall is for modules.

    `home` is where this package will lie, for who compiles it in another place.
    """
    # Stamped before they are read: what changes meanwhile is then read again.
    stamp, kept, rules = _stamp(), _kept_at(), _moved(_loaded(), home)
    if kept is not None:
        _write(kept, stamp, rules)
    return rules


def _loaded() -> RuleSet:
    from rules.load import load_rules  # noqa: PLC0415 - YAML is what this file spares us

    return load_rules()


def _moved(rules: RuleSet, home: str) -> RuleSet:
    """Return the rules as if their files were in `home`."""
    moved = {
        code: tuple(rule._replace(source=f"{home}{rule.source.removeprefix(_HERE)}") for rule in of_code)
        for code, of_code in rules.rules.items()
    }
    return rules._replace(rules=moved)


def _stamp() -> _Stamp:
    """Return name, size and time of everything that the compiled rules depend on."""
    # os.scandir: pathlib takes 5 ms for the same.
    return tuple(sorted(_files(_HERE)) + sorted(_files(f"{_HERE}/evidence")) + sorted(_files(f"{_HERE}/rules")))


def _files(directory: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".yaml")):
                status = entry.stat()
                yield entry.name, status.st_size, status.st_mtime_ns


def _kept_at() -> Path | None:
    """Return where this module's own bytecode would be, for another name: PYTHONPYCACHEPREFIX holds for both."""
    cached = __spec__.cached
    return Path(cached).with_suffix(".rules") if cached else None


def _read(path: Path, stamp: _Stamp) -> RuleSet | None:
    """Return the kept rules, None if there are none, they are stale, or half written."""
    try:
        kept, rules = pickle.loads(path.read_bytes())  # noqa: S301 - trusted as the bytecode beside it
    except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError, ValueError, TypeError, IndexError):
        return None
    return rules if kept == stamp and isinstance(rules, RuleSet) else None


def _write(path: Path, stamp: _Stamp, rules: RuleSet) -> None:
    """Keep the rules if that is possible; a reader sees the old file or the new one, never half of it."""
    draft = path.with_name(f"{path.name}.{id(rules):x}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(pickle.dumps((stamp, rules)))
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
