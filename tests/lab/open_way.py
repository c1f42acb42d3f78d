"""Lets an unprivileged user read the checkout and its Python, wherever they are: in a node's own view of the files.

A checkout or an interpreter below a directory that only root may enter (/root, a `mktemp -d`) is out of reach of
nobody. The directory itself is left alone: inside the node's mount namespace an open one covers it, with the same
things in it.
"""

import shlex
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
NEEDED: Final = (REPOSITORY, Path(sys.prefix), Path(sys.base_prefix))

_OPEN: Final = """\
open_directory() {
    closed=$1 stage=$2
    shift 2
    mkdir -p "$stage"
    mount --bind "$closed" "$stage"
    [ $# -gt 0 ] || eval "set -- $(ls -A --quoting-style=shell-always "$stage" | tr '\\n' ' ')"
    mount -t tmpfs -o mode=755 lab "$closed"
    for name do
        if [ -L "$stage/$name" ]; then
            cp -P "$stage/$name" "$closed/$name"
        elif [ -d "$stage/$name" ]; then
            mkdir "$closed/$name"
            mount --bind "$stage/$name" "$closed/$name"
        else
            : >"$closed/$name"
            mount --bind "$stage/$name" "$closed/$name"
        fi
    done
}
"""


def script(stages: Path, needed: Iterable[Path] = NEEDED) -> str:
    """Return the shell lines that open the way to all needed paths; `stages` is a directory of the lab's own."""
    lines = [
        shlex.join(("open_directory", str(directory), str(stages / str(number)), *sorted(children)))
        for number, (directory, children) in enumerate(sorted(closed_directories(needed).items()))
    ]
    return "\n".join((_OPEN, *lines)) if lines else ""


def closed_directories(needed: Iterable[Path]) -> dict[Path, frozenset[str]]:
    """Return the directories that others may not use, each with the children that must be seen: empty for all."""
    found: dict[Path, frozenset[str]] = {}
    for path in needed:
        for directory, child in _way(path):
            if _is_closed(directory, child):
                before = found.get(directory, frozenset({child} if child else ()))
                found[directory] = before | {child} if child and before else frozenset()
    return found


def _way(path: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield each directory above `path` with the child that leads to it, then `path` itself with None."""
    for parent in reversed(path.parents):
        yield parent, path.relative_to(parent).parts[0]
    yield path, None


def _is_closed(directory: Path, child: str | None) -> bool:
    """Return whether others may not pass through a directory, or not list it where it is what they need."""
    wanted = stat.S_IXOTH if child else stat.S_IXOTH | stat.S_IROTH
    return directory.stat().st_mode & wanted != wanted
