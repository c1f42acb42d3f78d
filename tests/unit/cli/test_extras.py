"""Options that few use: the portable engine and the packet file; what they need, and what others need not pay."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.command import COMMAND, ROOT, Finished, cloudpath, environment_of

SEE = "(see cloudpath trace --help)"
# A None in the table of modules is how Python is told that there is no such module.
WITHOUT_SCAPY = "import sys; sys.modules['scapy'] = None; from agent.cli import main; sys.exit(main())"


def test_a_trace_loads_neither_scapy_nor_what_captures() -> None:
    ended = subprocess.run(
        [COMMAND[0], "-X", "importtime", *COMMAND[1:], "trace", "-n", "--proxy", "none", "127.0.0.1"],
        capture_output=True,
        text=True,
        check=False,
        env=environment_of({}),
    )
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "probes.trace.run" in loaded
    assert not {name for name in loaded if name.startswith("scapy")}
    assert not loaded & {"probes.drivers.scapy_engine", "probes.drivers.packet_capture", "probes.trace.evidence"}


def test_without_scapy_one_line_says_how_to_get_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_SCAPY, "trace", "--engine", "scapy", "127.0.0.1"],
        capture_output=True,
        text=True,
        check=False,
        env=environment_of({}),
        cwd=ROOT,
    )
    line = f"--engine scapy needs a package that is not installed: {sys.executable} -m pip install scapy"
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"cloudpath trace: {line} {SEE}\n"


def test_the_portable_engine_touches_nobodys_home(tmp_path: Path) -> None:
    """With rights it traces, without it is refused; either way scapy has been loaded."""
    ended = cloudpath("trace", "--engine", "scapy", "-nj", "--proxy", "none", "127.0.0.1", HOME=str(tmp_path))
    assert (ended.code, ended.err) in {(0, ""), (3, "")}
    assert '"method": "scapy"' in ended.out
    assert not [path for path in tmp_path.rglob("*") if "scapy" in path.name]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("--engine", "wings", "127.0.0.1"),
            "Invalid value for '--engine': 'wings' is not one of 'linux', 'scapy'.",
        ),
        (
            ("--pcap", "/nowhere/a", "127.0.0.1"),
            "cannot write /nowhere/a: there is no directory /nowhere; give another file with --pcap",
        ),
        (("--pcap", "/", "127.0.0.1"), "cannot write /: it is a directory; give another file with --pcap"),
        (
            ("--pcap", "-", "127.0.0.1"),
            "--pcap - and the sample cannot both go to standard output; give the sample a file with -o",
        ),
        (
            ("--pcap", "-", "-o", "-", "127.0.0.1"),
            "--pcap - and the sample cannot both go to standard output; give the sample a file with -o",
        ),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_sent(arguments: tuple[str, ...], line: str) -> None:
    assert cloudpath("trace", *arguments) == Finished(2, "", f"cloudpath trace: {line} {SEE}\n")


def test_one_file_for_both_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a"
    ended = cloudpath("trace", "--pcap", str(file), "-o", str(tmp_path / "." / "a"), "127.0.0.1")
    line = f"-o and --pcap both name {file}; give each a file of its own"
    assert ended == Finished(2, "", f"cloudpath trace: {line} {SEE}\n")
    assert not file.exists()


@pytest.mark.lab
def test_packets_go_to_a_pipe_while_the_sample_goes_to_a_file(tmp_path: Path) -> None:
    sample = tmp_path / "sample.txt"
    ended = subprocess.run(
        [*COMMAND, "trace", "-n", "--proxy", "none", "--pcap", "-", "-o", str(sample), "127.0.0.1"],
        capture_output=True,
        check=False,
        env=environment_of({}),
        cwd=ROOT,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    # The section header block, and the byte order (draft-ietf-opsawg-pcapng section 4.1).
    assert ended.stdout.startswith(b"\x0a\x0d\x0d\x0a")
    assert ended.stdout[8:12] == b"\x4d\x3c\x2b\x1a"
    assert sample.read_text(encoding="utf-8").startswith("Target")


@pytest.mark.lab
def test_packets_for_a_terminal_are_refused(tmp_path: Path) -> None:
    command = [*COMMAND, "trace", "--pcap", "-", "-o", str(tmp_path / "a"), "127.0.0.1"]
    ended = subprocess.run(
        ["script", "-qec", " ".join(command), "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
        env=environment_of({}),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )
    assert ended.returncode == 2
    assert "--pcap - would write packets to the terminal" in ended.stdout


@pytest.mark.lab
def test_a_full_device_costs_the_packets_and_not_the_sample() -> None:
    ended = cloudpath("trace", "-n", "--proxy", "none", "--pcap", "/dev/full", "127.0.0.1")
    assert ended.code == 3
    assert ended.out.startswith("Target")
    assert ended.lines == [
        "cloudpath: cannot write /dev/full: no space left on device; free some space or write elsewhere"
    ]
