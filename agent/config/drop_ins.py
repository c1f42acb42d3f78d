"""Which files in `conf.d` beside a configuration file are read with it, and in which order."""

import os
from pathlib import Path
from typing import Final

DIRECTORY: Final = "conf.d"
_SUFFIX: Final = ".yaml"
# Somebody would think that these are read.
_LOOKS_READ: Final = ".yml"
# A file for each target of a large fleet's agent; more is a directory of something else.
_MOST: Final = 2_000


class DropInError(Exception):
    """The directory cannot be read, or holds what looks like a drop-in and is none; `problems` are lines."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def drop_ins_of(file: Path) -> tuple[Path, ...]:
    """Return the drop-ins of a configuration file: every `*.yaml` in `conf.d` beside it, by name, byte by byte.

    Names that begin with a dot and those that end otherwise (editors' and packages' backups) are passed over.

    Raises:
        DropInError: There is a `conf.d` that is no directory or that cannot be read, or a `*.yml` in it.
    """
    directory = file.parent / DIRECTORY
    try:
        names = sorted((path.name for path in directory.iterdir()), key=os.fsencode)
    except OSError as error:
        if not os.path.lexists(directory):
            return ()
        raise DropInError((f"{directory}: cannot read it: {(error.strerror or str(error)).lower()}",)) from None
    seen = [name for name in names if not name.startswith((".", "#"))]
    wrong = tuple(
        f"{directory / name}: not read, for drop-ins end in {_SUFFIX}; rename it, or move it away"
        for name in seen
        if name.endswith(_LOOKS_READ)
    )
    found = tuple(directory / name for name in seen if name.endswith(_SUFFIX))
    # Reading a FIFO would wait for whoever writes to it.
    wrong += tuple(f"{file}: no file" for file in found if file.exists() and not (file.is_file() or file.is_dir()))
    if len(found) > _MOST:
        wrong += (f"{directory}: {len(found)} drop-ins; {_MOST} is the most that are read",)
    if wrong:
        raise DropInError(wrong)
    return found
