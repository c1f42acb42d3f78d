"""The command on real networks: Ctrl-C, outputs that fail, progress, and the single checks."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from probes.facts import Family
from tests.lab.builder import Lab, User
from tests.lab.network_map import read_map
from tests.lab.ours import COMMAND
from tests.lab.scenario import Step
from tests.lab.stage import shell_lines

pytestmark = pytest.mark.lab

Network = Callable[[str], Lab]


def mute(lab: Lab, *options: str) -> tuple[str, ...]:
    """Return a trace to a target that never answers, from an address that no router has counted yet."""
    source = lab.fresh_source("client", Family.IPV4)
    return (*COMMAND, "trace", "--proxy", "none", "--source", source, *options, lab.address("mute", Family.IPV4))


def reached(lab: Lab, *options: str) -> tuple[str, ...]:
    source = lab.fresh_source("client", Family.IPV4)
    return (*COMMAND, "trace", "-n", "--proxy", "none", "--source", source, *options, lab.address("r3", Family.IPV4))


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def interrupt(lab: Lab, command: tuple[str, ...], user: User = User.ROOT) -> tuple[int, str, str, float]:
    """Return exit code, output, complaints, and how long it took from Ctrl-C to the end."""
    process = lab.start("client", command, user=user)
    await_first_socket(process.pid)
    # Time for the near routers to answer; the whole trace takes more than twice as long.
    time.sleep(0.4)
    assert process.poll() is None, "it ended before anybody could interrupt it"
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err, time.monotonic() - sent


def await_first_socket(pid: int) -> None:
    """Return when a command has begun to measure: from then on it listens to Ctrl-C itself."""
    until = time.monotonic() + 10
    while not any(_link(file).startswith("socket:") for file in Path(f"/proc/{pid}/fd").iterdir()):
        assert time.monotonic() < until, "it never began"
        time.sleep(0.005)


def _link(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize("user", User)
def test_ctrl_c_prints_what_there_is(network: Network, user: User) -> None:
    lab = network("dead_end")
    code, out, err, took_s = interrupt(lab, mute(lab, "-n", "-w", "10"), user)
    assert (code, err) == (130, "")
    assert lab.address("r1", Family.IPV4) in out
    assert took_s < 1.5


def test_ctrl_c_leaves_a_whole_record(network: Network, tmp_path: Path) -> None:
    lab = network("dead_end")
    file = tmp_path / "sample.json"
    code, out, err, _ = interrupt(lab, mute(lab, "-n", "-w", "10", "--json", "-o", str(file)))
    assert (code, out, err) == (130, "", "")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert record["legs"][0]["end_reason"] == "aborted"
    assert [path.name for path in tmp_path.iterdir()] == ["sample.json"]


def test_ctrl_c_waits_for_no_resolver() -> None:
    with Lab(read_map("office")) as lab:
        for resolver in ("resolver1", "resolver2"):
            lab.tell(resolver, shell_lines(Step(node=resolver, fault="no_dns")))
        code, out, err, took_s = interrupt(lab, (*COMMAND, "trace", "app.example.test"))
    assert (code, err) == (130, "")
    assert "app.example.test" in out
    assert "CP-03" not in out
    assert took_s < 0.5


def test_a_second_ctrl_c_ends_it_at_once(network: Network) -> None:
    lab = network("dead_end")
    # Nobody answers at this address of the link, so the kernel waits for ARP for three seconds.
    lab.tell("client", "ip route replace 203.0.113.200/32 via 192.0.2.253")
    process = lab.start("client", (*COMMAND, "ping", "-c", "1", "-w", "10", "203.0.113.200"))
    await_first_socket(process.pid)
    time.sleep(0.5)
    assert process.poll() is None, "it ended before anybody could interrupt it"
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None, "the first Ctrl-C waits for what is under way"
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")
    assert time.monotonic() - sent < 0.5


# --- outputs ----------------------------------------------------------------------------------------------------------


def test_a_reader_that_goes_away_ends_it_without_a_word(network: Network) -> None:
    lab = network("dead_end")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        ended = subprocess.run(
            lab.command("client", reached(lab, "--json")), stdout=nobody, stderr=subprocess.PIPE, check=False
        )
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_full_device_is_one_line(network: Network, form: str) -> None:
    lab = network("dead_end")
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            lab.command("client", reached(lab, "--format", form)),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 3
    assert ended.stderr.splitlines() == [
        "cloudpath: cannot write to standard output: no space left on device; free some space or write elsewhere"
    ]


def test_an_output_file_that_is_a_full_device_is_one_line(network: Network) -> None:
    lab = network("dead_end")
    ended = lab.run("client", reached(lab, "-o", "/dev/full"))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.splitlines() == [
        "cloudpath: cannot write /dev/full: no space left on device; free some space or write elsewhere"
    ]


@contextmanager
def small_disk(place: Path, options: str) -> Iterator[Path]:
    """Mount a file system of a few kilobytes."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_keeps_the_file_that_was_there(network: Network, tmp_path: Path) -> None:
    lab = network("dead_end")
    with small_disk(tmp_path / "disk", "size=8k") as disk:
        file = disk / "sample.json"
        file.write_text("before", encoding="utf-8")
        (disk / "ballast").write_bytes(bytes(4_096))
        ended = subprocess.run(
            ["nsenter", f"--net=/run/netns/{lab.namespace('client')}", *reached(lab, "--json", "-o", str(file))],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (3, "", 1)
        assert "no space left on device" in ended.stderr
        assert file.read_text(encoding="utf-8") == "before"
        assert sorted(path.name for path in disk.iterdir()) == ["ballast", "sample.json"]


def test_a_read_only_disk_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=8k,ro") as disk:
        file = disk / "sample.json"
        ended = subprocess.run(
            [*COMMAND, "trace", "-o", str(file), "127.0.0.1"], capture_output=True, text=True, check=False
        )
        assert (ended.returncode, ended.stdout) == (2, "")
        expected = f"cloudpath trace: cannot write {file}: the file system is read-only; give another file with -o"
        assert ended.stderr.splitlines() == [f"{expected} (see cloudpath trace --help)"]


def test_a_file_gets_the_whole_sample_and_keeps_its_mode(network: Network, tmp_path: Path) -> None:
    lab = network("dead_end")
    file, link = tmp_path / "sample.json", tmp_path / "link.json"
    file.write_text("before", encoding="utf-8")
    file.chmod(0o600)
    link.symlink_to(file)
    ended = lab.run("client", reached(lab, "--json", "-o", str(link)))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert json.loads(file.read_text(encoding="utf-8"))["status"] == "ok"
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o600


# --- nothing to measure with, and nothing to measure again ------------------------------------------------------------


def test_a_host_without_any_network_gets_its_verdict_in_words() -> None:
    ended = subprocess.run(
        ["unshare", "--net", *COMMAND, "trace", "-n", "--proxy", "none", "192.0.2.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "CP-02" in ended.stdout


def test_explain_comes_to_the_same_verdict_from_the_record_alone(network: Network, tmp_path: Path) -> None:
    lab = network("dead_end")
    file = tmp_path / "sample.ndjson"
    traced = lab.run("client", mute(lab, "-n", "--format", "ndjson", "-o", str(file)))
    record = json.loads(file.read_text(encoding="utf-8"))
    explained = subprocess.run(
        ["unshare", "--net", *COMMAND, "explain", "--json", str(file)], capture_output=True, text=True, check=False
    )
    assert (explained.returncode, explained.stderr) == (traced.returncode, "")
    (again,) = json.loads(explained.stdout)
    assert all(again[key] == record[key] for key in ("status", "errors", "rejected", "not_evaluated"))


def test_a_configured_target_is_traced_by_its_name(network: Network, tmp_path: Path) -> None:
    lab = network("dead_end")
    file = tmp_path / "agent.yaml"
    source = lab.fresh_source("client", Family.IPV4)
    address = lab.address("r3", Family.IPV4)
    file.write_text(
        f"targets: [{{name: core, host: {address}, protocol: icmp, queries: 1}}]\nproxy: {{mode: none}}\n",
        encoding="utf-8",
    )
    ended = lab.run("client", (*COMMAND, "trace", "-n", "-j", "-c", str(file), "--source", source, "core"))
    record = json.loads(ended.stdout)
    assert (ended.returncode, record["target"]["name"], record["target"]["host"]) == (0, "core", address)
    assert [hop["sent"] for hop in record["legs"][0]["hops"]] == [1, 1, 1]


def test_a_plain_trace_loads_nothing_that_it_does_not_need(network: Network) -> None:
    lab = network("dead_end")
    python, *rest = reached(lab, "--json")
    ended = lab.run("client", (python, "-X", "importtime", *rest))
    assert ended.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "probes.trace.run" in loaded
    assert not loaded & {
        "pydantic",
        "rich",
        "scapy",
        "httpx2",
        "asyncio",
        "agent.config.reading",
        "agent.views.command_line",
    }


# --- a person's terminal ----------------------------------------------------------------------------------------------


def on_terminal(command: tuple[str, ...], **extra: str) -> tuple[int, str]:
    """Return exit code and everything that a terminal was sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **extra})
    os.close(theirs)
    text = b""
    while True:
        try:
            chunk = os.read(ours, 65_536)
        except OSError:
            # The other end is closed: the command is done.
            break
        text += chunk
    os.close(ours)
    return process.wait(timeout=20), text.decode()


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_progress_and_colour_are_for_terminals_only(network: Network) -> None:
    lab = network("dead_end")
    _, seen = on_terminal(lab.command("client", mute(lab, "-n")), TERM="xterm", NO_COLOR="")
    assert "Tracing" in seen
    assert COLOUR.search(seen)
    _, seen = on_terminal(lab.command("client", mute(lab, "-n")), TERM="xterm", NO_COLOR="1")
    assert "Tracing" in seen
    assert not COLOUR.search(seen)
    piped = lab.run("client", mute(lab, "-n"))
    assert piped.stderr == ""
    assert "\x1b" not in piped.stdout


# --- the single checks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", User)
def test_dns_shows_every_resolver(network: Network, user: User) -> None:
    lab = network("office")
    ended = lab.run("client", (*COMMAND, "dns", "app.example.test"), user=user)
    assert (ended.returncode, ended.stderr) == (0, "")
    for resolver in lab.map.nodes["client"].resolver:
        assert resolver in ended.stdout
    assert lab.address("app", Family.IPV4) in ended.stdout


def test_dns_of_a_name_that_is_not_there_exits_1(network: Network) -> None:
    lab = network("office")
    ended = lab.run("client", (*COMMAND, "dns", "--json", "nothing.example.test"))
    assert (ended.returncode, ended.stderr) == (1, "")
    answer = json.loads(ended.stdout)
    assert answer["target"]["host"] == "nothing.example.test"
    assert answer["dns"][0]["failure"] == "nxdomain"
    assert answer["dns"][0]["addresses"] == []


@pytest.mark.parametrize("user", User)
def test_the_doctor_finds_a_healthy_host_well(network: Network, user: User) -> None:
    lab = network("office")
    ended = lab.run("client", (*COMMAND, "doctor", "--json"), user=user)
    assert ended.stderr == ""
    levels = {finding["check"]: finding["level"] for finding in json.loads(ended.stdout)}
    # The clock is the machine's, and no matter of the lab.
    del levels["clock"]
    assert set(levels.values()) == {"ok"}
    assert set(levels) >= {
        "probe_icmp",
        "probe_udp",
        "probe_tcp",
        "default_route",
        "gateway",
        "resolvers",
        "ipv4",
        "ipv6",
    }


@pytest.mark.parametrize("user", User)
def test_ping_sums_up(network: Network, user: User) -> None:
    lab = network("office")
    ended = lab.run(
        "client", (*COMMAND, "ping", "-4", "-c", "3", "-i", "0.05", "--json", "app.example.test"), user=user
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    result = json.loads(ended.stdout)["reachability"][0]
    assert (result["address"], result["sent"], result["received"]) == (lab.address("app", Family.IPV4), 3, 3)
    assert len(result["rtt_us"]) == 3


def test_ping_of_a_host_that_does_not_answer_exits_1(network: Network) -> None:
    lab = network("dead_end")
    ended = lab.run("client", (*COMMAND, "ping", "-c", "2", "-w", "0.2", lab.address("mute", Family.IPV4)))
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "does not answer ICMP" in ended.stdout


def test_ping_that_nobody_may_send_exits_3(network: Network) -> None:
    lab = network("chain")
    lab.tell("client", "sysctl -qw net.ipv4.ping_group_range='1 0'")
    ended = lab.run("client", (*COMMAND, "ping", "192.0.2.2"), user=User.NOBODY)
    lab.tell("client", "sysctl -qw net.ipv4.ping_group_range='0 2147483647'")
    assert (ended.returncode, ended.stderr) == (3, "")
    assert "could not be asked" in ended.stdout
