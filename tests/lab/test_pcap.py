"""`--pcap` beside a capture of tcpdump's: every probe, every reply, and not one packet of anybody else's."""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, _ICMPv6NDGuessPayload
from scapy.utils import PcapNgReader, PcapReader

from probes.facts import Family, Protocol
from tests.lab import ours
from tests.lab.builder import Lab, User
from tests.lab.network_map import read_map
from tests.lab.test_command import interrupt
from tests.lab.test_trace import SCENARIOS, Scenario, arguments

pytestmark = pytest.mark.lab

NOISE_PORTS: Final = frozenset({20_001, 20_002})
NOISE_ID: Final = 4242
PROBE: Final = re.compile(r"(icmp|udp|tcp) probe (\d+): TTL (\d+)(?:, \d+ bytes)?")
ANSWER: Final = re.compile(r"answers (icmp|udp|tcp) probe (\d+) \(TTL (\d+)(?:, \d+ bytes)?\): (.+) from (\S+)")
RESET: Final = 0x04
# Short slots, so that its buffer holds many; no packet of a trace is as long.
TCPDUMP: Final = ("-i", "any", "--nano", "--immediate-mode", "-s", "512", "-B", "8192", "-w")
SYN_ACK: Final = 0x12

# What an application does at the same time, from the same address to the same one: connections that open, carry data
# and are reset, and datagrams. (A closed port would answer out of the bucket that the trace needs.)
NOISE: Final = """
import socket, sys, time
source, server, echo = sys.argv[1:]
family = socket.AF_INET6 if ":" in source else socket.AF_INET
print("ready", flush=True)
while True:
    with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
        tcp.bind((source, 20001))
        udp.bind((source, 20002))
        tcp.connect((server, 443))
        tcp.send(b"somebody's secret" * 50)
        if echo == "echo":
            udp.sendto(b"somebody's secret", (server, 7))
    time.sleep(0.005)
"""

CASES: Final = (
    SCENARIOS[0],
    Scenario(title="closed_port", map_name="chain", ports={Protocol.TCP: 444, Protocol.UDP: 40_000}),
    Scenario(title="silent_hops", map_name="silent"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One packet of a file: its IP layer as scapy reads it, its bytes, and when it passed."""

    layer: Any
    data: bytes
    at_ns: int
    comment: str

    @property
    def identity(self) -> tuple[bytes, int | None]:
        """Return bytes and stamp, but for SYN-ACKs.

        Those come from the same kernel and keep the time at which TCP let them go, so that each capture has to look at
        the clock itself (linux/skbuff.h, tstamp_type).
        """
        tcp = self.layer.payload
        syn_ack = isinstance(tcp, TCP) and tcp.flags.value & SYN_ACK == SYN_ACK
        return self.data, None if syn_ack else self.at_ns

    @property
    def probe(self) -> tuple[str, int, int]:
        """Return protocol, number and TTL of the probe that the comment names."""
        match = PROBE.fullmatch(self.comment) or ANSWER.fullmatch(self.comment)
        assert match, self.comment
        return match[1], int(match[2]), int(match[3])


def read(file: Path, reader: Any) -> list[Seen]:
    """Return the IP packets of a file, by scapy's reader."""
    with reader(str(file)) as packets:
        return [seen(packet) for packet in packets if packet.haslayer(IP) or packet.haslayer(IPv6)]


def seen(packet: Any) -> Seen:
    layer = packet.getlayer(IP) if packet.haslayer(IP) else packet.getlayer(IPv6)
    comment = (packet.comment or b"").decode()
    return Seen(layer=layer, data=bytes(layer.original), at_ns=int(packet.time * 10**9), comment=comment)


def is_the_traces(packet: Seen, source: str, server: str) -> bool:
    """Return whether a packet must be the trace's: no neighbour's, no noise, no reset that the kernel sends.

    Nor is an echo to the gateway, with which a slow sample is compared.
    """
    parts = list(packet.layer.iterpayloads())
    ports = {port for part in parts if isinstance(part, TCP | UDP) for port in (part.sport, part.dport)}
    echoes = {part.id for part in parts[1:2] if isinstance(part, ICMP | ICMPv6EchoRequest)} - {None}
    resets = packet.layer.src == source and any(isinstance(part, TCP) and part.flags.value & RESET for part in parts)
    discovery = any(isinstance(part, _ICMPv6NDGuessPayload) for part in parts)
    ends = {packet.layer.src, packet.layer.dst}
    between = ends == {source, server} or (packet.layer.dst == source and not echoes)
    return between and not (ports & NOISE_PORTS or NOISE_ID in echoes or resets or discovery)


@contextmanager
def witness(lab: Lab, file: Path) -> Iterator[None]:
    """Let tcpdump capture everything on the client meanwhile."""
    command = lab.command("client", ("tcpdump", *TCPDUMP, str(file)))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as capturing:
        assert capturing.stderr is not None
        assert any("listening on" in line for line in iter(capturing.stderr.readline, ""))
        try:
            yield
        finally:
            # What was sent last is on its way to the file.
            time.sleep(0.2)
            capturing.send_signal(signal.SIGINT)
            assert "0 packets dropped by kernel" in capturing.stderr.read()


@contextmanager
def noise(lab: Lab, source: str, server: str, *, echo: bool) -> Iterator[None]:
    """Let an application and a ping use the same addresses meanwhile."""
    programs = (
        (sys.executable, "-c", NOISE, source, server, "echo" if echo else ""),
        ("ping", "-n", "-i", "0.02", "-e", str(NOISE_ID), "-I", source, server),
    )
    started = [lab.start("client", program) for program in programs]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline()
        yield
    finally:
        for process in started:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("scenario", CASES, ids=lambda scenario: scenario.title)
def test_the_file_is_what_tcpdump_saw_of_the_trace(
    network: Callable[[str], Lab], tmp_path: Path, scenario: Scenario, protocol: Protocol, family: Family
) -> None:
    """Bytes and nanoseconds: both captures get them from the kernel."""
    lab = network(scenario.map_name)
    options = arguments(lab, scenario, protocol, family)
    source, server = options[options.index("--source") + 1], options[-1]
    file, witnessed = tmp_path / "ours.pcapng", tmp_path / "tcpdump.pcap"
    with noise(lab, source, server, echo=scenario.map_name == "chain"), witness(lab, witnessed):
        leg = ours.trace(lab, ("--pcap", str(file), *options)).leg
    in_file, of_trace = read(file, PcapNgReader), read(witnessed, PcapReader)
    assert ours.hop_list(leg) == lab.map.expected("client", scenario.destination, family).hops
    others = [packet for packet in of_trace if not is_the_traces(packet, source, server)]
    assert len(others) > 10, "there was something to keep out"
    expected = Counter(packet.identity for packet in of_trace if is_the_traces(packet, source, server))
    assert Counter(packet.identity for packet in in_file) == expected
    check_comments(in_file, source)
    check_record(in_file, leg, protocol)


def check_comments(in_file: list[Seen], source: str) -> None:
    """Check each comment against what its packet says, and against the packet of the probe that it names."""
    probes = {packet.probe: packet for packet in in_file if PROBE.fullmatch(packet.comment)}
    assert {packet.layer.src for packet in probes.values()} == {source}
    for (_, _, probe_ttl), packet in probes.items():
        assert (packet.layer.hlim if packet.layer.version == 6 else packet.layer.ttl) == probe_ttl
    answers = [(packet, match) for packet in in_file if (match := ANSWER.fullmatch(packet.comment))]
    assert len(answers) + len(probes) == len(in_file)
    for packet, match in answers:
        assert packet.layer.src == match[5]
        assert probes[packet.probe].at_ns < packet.at_ns


def check_record(in_file: list[Seen], leg: dict[str, Any], protocol: Protocol) -> None:
    """Check that the file holds every probe and answer that the record counts."""
    named = {packet.probe for packet in in_file if PROBE.fullmatch(packet.comment)}
    sent = Counter(probe_ttl for name, _, probe_ttl in named if name == protocol)
    matches = [ANSWER.fullmatch(packet.comment) for packet in in_file]
    answers = Counter((int(match[3]), match[5]) for match in matches if match and match[1] == protocol)
    for hop in leg["hops"][:-1]:
        assert sent[hop["probe_ttl"]] >= hop["sent"]
        for responder in hop["responders"]:
            assert answers[hop["probe_ttl"], responder["address"]] >= len(responder["rtt_us"])
    assert sum(sent.values()) >= sum(hop["sent"] for hop in leg["hops"])


def test_the_checks_by_other_protocols_are_in_it_too(network: Callable[[str], Lab], tmp_path: Path) -> None:
    lab, file = network("chain"), tmp_path / "a.pcapng"
    source = lab.fresh_source("client", Family.IPV4)
    traced = ours.trace(lab, ("--pcap", str(file), "--source", source, lab.address("server", Family.IPV4)))
    checked = {check["protocol"]: check["sent"] for check in traced.record["reachability"]}
    found = Counter(packet.probe[0] for packet in read(file, PcapNgReader) if PROBE.fullmatch(packet.comment))
    assert set(checked) == set(Protocol)
    assert all(found[protocol] >= sent > 0 for protocol, sent in checked.items())


@pytest.mark.parametrize("family", Family)
def test_the_probes_of_the_path_mtu_are_in_it_too(
    network: Callable[[str], Lab], tmp_path: Path, family: Family
) -> None:
    lab, file = network("narrow"), tmp_path / "a.pcapng"
    source, server = lab.fresh_source("client", family), lab.address("server", family)
    leg = ours.trace(lab, ("--mtu", "--pcap", str(file), "--source", source, server)).leg
    in_file = read(file, PcapNgReader)
    sized = [packet for packet in in_file if PROBE.fullmatch(packet.comment) and "bytes" in packet.comment]
    assert len(sized) == leg["mtu"]["sent"] > 2
    assert all(packet.comment.endswith(f", {len(packet.data)} bytes") for packet in sized)
    narrow = [packet for packet in in_file if "packet too big" in packet.comment or "fragmentation" in packet.comment]
    assert {packet.layer.src for packet in narrow} == {step["reported_by"] for step in leg["mtu"]["steps"]}


def test_tcpdump_reads_it(network: Callable[[str], Lab], tmp_path: Path) -> None:
    lab, file = network("chain"), tmp_path / "a.pcapng"
    ours.trace(lab, ("--pcap", str(file), "-T", lab.address("server", Family.IPV6)))
    done = subprocess.run(("tcpdump", "-n", "-r", str(file)), capture_output=True, text=True, check=True)
    assert "link-type RAW" in done.stderr
    assert len(done.stdout.splitlines()) == len(read(file, PcapNgReader)) > 10
    assert "time exceeded" in done.stdout


def test_the_scapy_engines_packets_are_captured_too(network: Callable[[str], Lab], tmp_path: Path) -> None:
    lab, file = network("chain"), tmp_path / "a.pcapng"
    options = ("--engine", "scapy", "--pcap", str(file), "-u", lab.address("server", Family.IPV4))
    leg = ours.trace(lab, options).leg
    check_record(read(file, PcapNgReader), leg, Protocol.UDP)


def test_an_interrupted_trace_leaves_a_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "a.pcapng"
    with Lab(read_map("dead_end")) as lab:
        mute = lab.address("mute", Family.IPV4)
        command = (*ours.COMMAND, "trace", "-w", "10", "-q", "20", "--pcap", str(file), mute)
        code, output, complaints, _ = interrupt(lab, command)
    assert (code, complaints) == (130, "")
    assert "Target" in output
    assert any(PROBE.fullmatch(packet.comment) for packet in read(file, PcapNgReader))


def test_without_rights_nothing_is_traced(network: Callable[[str], Lab]) -> None:
    lab = network("chain")
    with TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o777)
        file = Path(directory) / "a"
        done = lab.run(
            "client",
            (*ours.COMMAND, "trace", "--pcap", str(file), lab.address("server", Family.IPV4)),
            user=User.NOBODY,
        )
        assert not file.exists()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("cloudpath trace: --pcap cannot capture packets: that needs root or CAP_NET_RAW")


def test_a_file_in_somebody_elses_directory_is_said_before_anything_is_sent(network: Callable[[str], Lab]) -> None:
    lab = network("chain")
    with TemporaryDirectory(dir="/tmp") as directory:
        done = lab.run("client", (*ours.COMMAND, "trace", "--pcap", f"{directory}/a", "::1"), user=User.NOBODY)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot write {directory}/a: writing there is not permitted; give another file with --pcap" in done.stderr


def test_a_full_disk_costs_the_packets_and_not_the_sample(network: Callable[[str], Lab], tmp_path: Path) -> None:
    lab = network("chain")
    disk = tmp_path / "disk"
    script = 'mkdir -p "$1" && mount -t tmpfs -o size=4k lab "$1" && shift && exec "$@"'
    command = (*ours.COMMAND, "trace", "-n", "--pcap", str(disk / "a"), lab.address("server", Family.IPV4))
    done = lab.run("client", ("unshare", "-m", "sh", "-c", script, "sh", str(disk), *command))
    assert done.returncode == 3
    assert done.stdout.startswith("Target")
    reason = "no space left on device; free some space or write elsewhere"
    assert done.stderr == f"cloudpath: cannot write {disk / 'a'}: {reason}\n"
