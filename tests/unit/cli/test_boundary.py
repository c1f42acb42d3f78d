"""The last boundary: Ctrl-C while loading, our own mistakes, and what a thread does wrong."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from agent.exit_codes import ExitCode, exit_code_of
from agent.interrupt import Interrupt
from rules.diagnosis import Status
from tests.unit.cli.command import COMMAND, Finished, cloudpath, environment_of


def broken(directory: Path, module: str, source: str) -> str:
    """Return a PYTHONPATH on which `module` is this source."""
    (directory / f"{module}.py").write_text(source, encoding="utf-8")
    return str(directory)


def test_ctrl_c_while_libraries_load_is_quiet(tmp_path: Path) -> None:
    path = broken(tmp_path, "click", "raise KeyboardInterrupt")
    assert run_on(path, "--version") == Finished(130, "", "")


def run_on(path: str, *arguments: str, debug: str = "") -> Finished:
    """Run the command with `path` before everything else that Python finds."""
    here = str(Path(__file__).parents[3])
    return cloudpath(*arguments, PYTHONPATH=os.pathsep.join([path, here]), CLOUDPATH_DEBUG=debug)


def test_a_mistake_of_ours_is_one_line_and_exit_3(tmp_path: Path) -> None:
    path = broken(tmp_path, "pickle", "raise RuntimeError('broken\\non two lines')")
    ended = run_on(path, "errors")
    assert ended == Finished(
        3,
        "",
        "cloudpath: CP-01 internal error (RuntimeError: broken on two lines); nothing was measured. "
        "CLOUDPATH_DEBUG=1 shows where\n",
    )


def test_who_looks_for_the_mistake_sees_where_it_is(tmp_path: Path) -> None:
    path = broken(tmp_path, "pickle", "raise RuntimeError('broken')")
    ended = run_on(path, "errors", debug="1")
    assert (ended.code, ended.out) == (3, "")
    assert ended.lines[0] == "Traceback (most recent call last):"
    assert ended.lines[-1] == "RuntimeError: broken"


def test_the_first_ctrl_c_is_remembered_and_the_second_ends_it() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_the_parent_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupt() as interrupted:
            signal.raise_signal(signal.SIGINT)
            assert not interrupted()
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_status_has_its_exit_code() -> None:
    assert {status: exit_code_of(status) for status in Status} == {
        Status.OK: ExitCode.CLEAN,
        Status.DISCARDED: ExitCode.CLEAN,
        Status.WARNING: ExitCode.FOUND,
        Status.CRITICAL: ExitCode.FOUND,
        Status.FAILED: ExitCode.NOT_MEASURED,
    }


def without_streams(closing: str, *arguments: str) -> tuple[int, str, str]:
    """Run the command with streams closed as a shell does (`>&-`)."""
    shell = ("sh", "-c", f'exec "$@" {closing}', "sh", *COMMAND, *arguments)
    ended = subprocess.run(shell, capture_output=True, text=True, env=environment_of({}), timeout=30, check=False)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("arguments", [("--version",), ("errors", "CP-12"), ("trace", "-nj", "127.0.0.1")])
def test_a_closed_standard_output_is_one_line(arguments: tuple[str, ...]) -> None:
    said = "cloudpath: cannot write to standard output: it is closed; leave it open, or redirect it\n"
    assert without_streams(">&-", *arguments) == (3, "", said)


def test_a_closed_standard_output_is_no_matter_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sample.json"
    assert without_streams(">&- <&-", "trace", "-nj", "-o", str(file), "127.0.0.1") == (0, "", "")
    assert json.loads(file.read_text(encoding="utf-8"))["status"] == "ok"


def test_a_closed_standard_error_or_input_changes_nothing() -> None:
    code, out, _ = without_streams("2>&- <&-", "trace", "-nj", "127.0.0.1")
    assert (code, json.loads(out)["status"]) == (0, "ok")
    assert without_streams("2>&-", "trace", "-4", "::1") == (2, "", "")
