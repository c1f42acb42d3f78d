"""A host that is out of files: the agent says that of itself, and blames nobody else."""

import json
import subprocess

import pytest

from tests.unit.cli.command import COMMAND, ROOT, environment_of


@pytest.mark.parametrize("files", [7, 8, 9, 10, 11, 12, 13, 14, 16])
def test_too_few_files_never_accuse_the_network(files: int) -> None:
    ended = subprocess.run(
        ["prlimit", f"--nofile={files}", *COMMAND, "trace", "127.0.0.1", "--json", "--proxy", "none"],
        capture_output=True,
        cwd=ROOT,
        env=environment_of({}),
        timeout=30,
        check=False,
    )
    record = json.loads(ended.stdout)
    assert {error["code"] for error in record["errors"]} <= {"CP-01"}
    assert ended.returncode == (3 if record["errors"] else 0)
    assert record["status"] == ("failed" if record["errors"] else "ok")
