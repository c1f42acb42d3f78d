"""The starter: what it measures is the command's own, and what it was told to end has ended."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import bench

STARTER = Path(bench.__file__).parent / "starter.py"


def started(*asks: tuple[list[str], float]) -> list[dict[str, Any]]:
    """Return what a starter answers."""
    lines = "".join(json.dumps({"argv": argv, "timeout_s": timeout_s}) + "\n" for argv, timeout_s in asks)
    command = (sys.executable, "-I", "-S", str(STARTER))
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_tells_what_a_command_said_and_how_it_ended() -> None:
    (told,) = started((["sh", "-c", "echo out; echo oops >&2; exit 3"], 10))
    assert (told["output"], told["complaints"], told["exit_code"], told["timed_out"]) == ("out\n", "oops\n", 3, False)


def test_it_tells_how_long_a_command_took() -> None:
    (told,) = started((["sleep", "0.2"], 10))
    assert 200_000 <= told["wall_us"] < 400_000


def test_the_peak_is_the_commands_and_not_its_parents() -> None:
    small, large = started((["true"], 10), ([sys.executable, "-c", "b'x' * 50_000_000"], 10))
    assert small["peak_kb"] < 4_000
    assert large["peak_kb"] > 48_000


def test_processor_time_includes_the_children() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    (told,) = started((["sh", "-c", '"$0" -c "$1"; true', sys.executable, burn], 10))
    assert told["cpu_us"] >= 200_000


def test_a_command_that_takes_too_long_is_ended_with_its_children() -> None:
    late, next_one = started((["sh", "-c", "sleep 30; true"], 0.3), (["true"], 10))
    assert late["timed_out"]
    assert 300_000 <= late["wall_us"] < 2_000_000
    assert next_one["exit_code"] == 0


def test_a_command_that_is_not_there_is_an_answer_too() -> None:
    (told,) = started((["no-such-command"], 10))
    assert told["exit_code"] == 127
    assert "no-such-command" in told["complaints"]
