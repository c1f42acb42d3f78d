"""A small disk of memory for tests: mounted, filled up by somebody else, and gone afterwards."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(place: Path, megabytes: int, *options: str) -> Iterator[Path]:
    """Mount a tmpfs on a directory, which is made if there is none."""
    place.mkdir(exist_ok=True)
    chosen = ",".join((f"size={megabytes}m", *options))
    subprocess.run(["mount", "-t", "tmpfs", "-o", chosen, "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(place: Path, option: str) -> None:
    """Change how a disk is mounted: `ro`, `rw`."""
    subprocess.run(["mount", "-o", f"remount,{option}", str(place)], check=True)


def fill_up(file: Path) -> None:
    """Take every byte that the disk has left, as a log that nobody turns over would."""
    with file.open("ab", buffering=0) as taking:
        for size in (1 << 16, 4096, 1):
            try:
                while taking.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
