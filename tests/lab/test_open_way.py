"""Nobody reaches a checkout below a closed directory, and the directory itself stays closed."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import open_way
from tests.lab.builder import RUN

pytestmark = pytest.mark.lab

NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --ambient-caps=-all --bounding-set=-all"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a checkout in a closed directory, with a file, a directory, a link, and a name that a shell might split."""
    inside = tmp_path / "closed" / "by the way" / "checkout"
    inside.mkdir(parents=True)
    (inside / "a file").write_text("seen")
    (inside / "package").mkdir()
    (inside / "package" / "module.py").write_text("seen too")
    (inside / "link").symlink_to("package")
    (tmp_path / "closed").chmod(0o700)
    inside.chmod(0o700)
    return inside


@pytest.fixture
def stages() -> Iterator[Path]:
    """Give a directory outside the closed ones, as the lab's own is."""
    with tempfile.TemporaryDirectory(dir=RUN) as directory:
        yield Path(directory)


def read_as_nobody(checkout: Path, stages: Path) -> str:
    reading = "; ".join(f"cat '{checkout}/{name}'" for name in ("a file", "package/module.py", "link/module.py"))
    script = f'{open_way.script(stages, (checkout,))}\n{NOBODY} sh -ec "{reading}"\n'
    done = subprocess.run(("unshare", "--mount", "sh", "-ec", script), capture_output=True, text=True, check=False)
    return done.stdout or done.stderr


def test_nobody_reads_a_checkout_below_closed_directories(checkout: Path, stages: Path) -> None:
    assert read_as_nobody(checkout, stages) == "seenseen tooseen too"


def test_the_directories_themselves_stay_closed(checkout: Path, stages: Path) -> None:
    read_as_nobody(checkout, stages)
    done = subprocess.run(
        (*NOBODY.split(), "cat", str(checkout / "a file")), capture_output=True, text=True, check=False
    )
    assert "Permission denied" in done.stderr


def test_an_open_checkout_needs_nothing(tmp_path: Path) -> None:
    assert open_way.script(tmp_path, (Path("/usr/bin"),)) == ""
