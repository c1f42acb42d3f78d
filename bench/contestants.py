"""Who runs: their command lines as a person would type them, and how their answers are read."""

import importlib.util
import json
import re
import shutil
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.figures import Situation
from probes.facts import Protocol
from tests.lab import ours, peers
from tests.lab.builder import User
from tests.lab.network_map import HopList, without_silent_tail

HERE: Final = Path(__file__).parent
ALL_PROTOCOLS: Final = (Protocol.ICMP, Protocol.UDP, Protocol.TCP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a contestant is asked: to trace from a source to a destination in a situation."""

    source: str
    destination: str
    situation: Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it told: the path, the target's round trip, and how long it says that it took."""

    hops: HopList
    target_rtt_ms: float | None = None
    in_process_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One way to trace.

    Attributes:
        name: As tables show it.
        needs: The program, or `python:MODULE`, without which it cannot run.
        command: Its command line.
        read: What its output tells.
        protocols: By which it can, as root.
        unprivileged: By which protocols it can without any privilege.
        patient: The networks on which it sleeps nearly all of its time: these runs of a round go side by side.
        absent: The networks on which it does not run.
        own_source: Whether it takes the address to send from.
        main: Whether it runs even when there is little time (`--quick`).
    """

    name: str
    needs: str
    command: Callable[[Ask], tuple[str, ...]]
    read: Callable[[str], Answer]
    protocols: tuple[Protocol, ...] = ALL_PROTOCOLS
    unprivileged: tuple[Protocol, ...] = ()
    patient: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    own_source: bool = True
    main: bool = False

    def takes_part(self, situation: Situation) -> bool:
        """Return whether it can run in a situation at all."""
        able = self.protocols if situation.user is User.ROOT else self.unprivileged
        return situation.protocol in able

    @property
    def available(self) -> bool:
        """Return whether what it needs is installed."""
        kind, _, module = self.needs.rpartition(":")
        return importlib.util.find_spec(module) is not None if kind else shutil.which(self.needs) is not None


# --- us ---------------------------------------------------------------------------------------------------------------


def _engine(*options: str) -> Callable[[Ask], tuple[str, ...]]:
    # -S and -I: without the environment's site-packages and its .pth files; the engine needs the standard library only.
    def command(ask: Ask) -> tuple[str, ...]:
        how = (ours.FLAG[ask.situation.family], "-p", ask.situation.protocol.value, "--source", ask.source)
        return (sys.executable, "-I", "-S", str(HERE / "engine.py"), *how, *options, ask.destination)

    return command


def _complete_command(ask: Ask) -> tuple[str, ...]:
    how = (ours.FLAG[ask.situation.family], "-p", ask.situation.protocol.value, "--source", ask.source)
    return (*ours.COMMAND, "trace", "-n", "--json", *how, ask.destination)


def read_engine(text: str) -> Answer:
    """Return what `bench/engine.py` tells."""
    told: dict[str, Any] = json.loads(text)
    return Answer(hops=without_silent_tail(told["hops"]), in_process_ms=told["duration_us"] / 1000)


def read_record(text: str) -> Answer:
    """Return what `cloudpath trace --json` tells."""
    leg = json.loads(text)["legs"][0]
    target = leg["hops"][-1]["responders"] if leg["reached"] else ()
    rtts_ms = [rtt_us / 1000 for responder in target for rtt_us in responder["rtt_us"]]
    took_us = leg["duration_us"]
    return Answer(
        hops=ours.hop_list(leg),
        target_rtt_ms=_middle(rtts_ms),
        in_process_ms=None if took_us is None else took_us / 1000,
    )


# --- peers ------------------------------------------------------------------------------------------------------------

_TRACEROUTE_PROTOCOL: Final = {Protocol.ICMP: ("-I",), Protocol.UDP: ("-U",), Protocol.TCP: ("-T", "-p", "443")}
_MTR_PROTOCOL: Final = {Protocol.ICMP: (), Protocol.UDP: ("--udp",), Protocol.TCP: ("--tcp", "--port", "443")}
# Not `udp-paris`: over IPv6 it heard no answer at all (scamper 20211212), and nothing here balances load.
_SCAMPER_PROTOCOL: Final = {Protocol.ICMP: "-P icmp-paris", Protocol.UDP: "-P udp", Protocol.TCP: "-P tcp -d 443"}


def _traceroute(*options: str) -> Callable[[Ask], tuple[str, ...]]:
    def command(ask: Ask) -> tuple[str, ...]:
        how = _TRACEROUTE_PROTOCOL[ask.situation.protocol]
        return ("traceroute", "-n", *how, *options, "-s", ask.source, ask.destination)

    return command


def _mtr(*options: str) -> Callable[[Ask], tuple[str, ...]]:
    def command(ask: Ask) -> tuple[str, ...]:
        how = _MTR_PROTOCOL[ask.situation.protocol]
        return ("mtr", "--json", "-n", "-c", "3", *options, *how, "-a", ask.source, ask.destination)

    return command


def _scamper(rate: tuple[str, ...], tries: str) -> Callable[[Ask], tuple[str, ...]]:
    # It wants a resolver named, though it asks nothing.
    def command(ask: Ask) -> tuple[str, ...]:
        trace = f"trace {_SCAMPER_PROTOCOL[ask.situation.protocol]} {tries} -S {ask.source}"
        return ("scamper", "-O", "json", *rate, "-n", "127.0.0.1", "-c", trace, "-i", ask.destination)

    return command


def _tracepath(ask: Ask) -> tuple[str, ...]:
    return ("tracepath", "-n", ours.FLAG[ask.situation.family], ask.destination)


def _script(name: str, *options: str) -> Callable[[Ask], tuple[str, ...]]:
    def command(ask: Ask) -> tuple[str, ...]:
        path = str(HERE / "peers" / f"{name}.py")
        return (sys.executable, path, *options, ask.situation.protocol.value, ask.source, ask.destination)

    return command


def read_traceroute(text: str) -> Answer:
    """Return what `traceroute -n` tells; its last line is the target's."""
    lines = text.strip().splitlines()
    return Answer(hops=peers.parse_traceroute(text), target_rtt_ms=_middle(_MILLISECONDS.findall(lines[-1])))


def read_mtr(text: str) -> Answer:
    """Return what `mtr --json` tells: a mean, and 0 for nothing heard."""
    last = json.loads(text)["report"]["hubs"][-1]
    return Answer(hops=peers.parse_mtr(text), target_rtt_ms=last["Avg"] or None)


def read_scamper(text: str) -> Answer:
    """Return what `scamper -O json` tells."""
    traces = (each for each in map(json.loads, text.splitlines()) if each["type"] == "trace")
    trace: dict[str, Any] = next(traces)
    rtts = [hop["rtt"] for hop in trace.get("hops", ()) if hop["addr"] == trace["dst"]]
    return Answer(hops=peers.parse_scamper(text), target_rtt_ms=_middle(rtts))


def read_tracepath(text: str) -> Answer:
    """Return what `tracepath -n` tells: ` 3:  10.0.0.2   0.5ms`, `no reply` for silence, `1?:` for itself."""
    found: dict[int, str | None] = {}
    rtts: list[str] = []
    for line in text.splitlines():
        if match := _TRACEPATH_LINE.match(line):
            probe_ttl, word = int(match["probe_ttl"]), match["word"]
            found[probe_ttl] = found.get(probe_ttl) or (None if word == "no" else word)
            rtts = _MILLISECONDS.findall(line)
    hops = [found.get(probe_ttl) for probe_ttl in range(1, max(found, default=0) + 1)]
    return Answer(hops=without_silent_tail(hops), target_rtt_ms=_middle(rtts))


def read_hops(text: str) -> Answer:
    """Return what the scripts in `bench/peers` tell: the hops (null for silence), and the target's RTT."""
    told: dict[str, Any] = json.loads(text)
    return Answer(hops=without_silent_tail(told["hops"]), target_rtt_ms=told["target_rtt_ms"])


def _middle(values: Iterable[float | str]) -> float | None:
    numbers = [float(value) for value in values]
    return statistics.median(numbers) if numbers else None


_MILLISECONDS: Final = re.compile(r"(\d+\.\d+) ?ms")
_TRACEPATH_LINE: Final = re.compile(r"\s*(?P<probe_ttl>\d+):\s+(?P<word>\S+)")

_SILENCE: Final = frozenset({"three_silent", "dead"})
_CROWDED: Final = frozenset({"limited_in_a_row", "limited_at_once"})
_EVERYWHERE: Final = frozenset({"ten", "twenty", "near", "three_silent", "dead", "narrow"})

REFERENCE: Final = "traceroute"
ENGINE: Final = "engine"
FAST: Final = "engine --fast"
COMMAND: Final = "cloudpath trace"
US: Final = frozenset({ENGINE, FAST, COMMAND})

CONTESTANTS: Final = (
    Contestant(
        name=ENGINE,
        needs=sys.executable,
        command=_engine(),
        read=read_engine,
        unprivileged=ALL_PROTOCOLS,
        main=True,
    ),
    Contestant(
        name=FAST,
        needs=sys.executable,
        command=_engine("--fast"),
        read=read_engine,
        unprivileged=ALL_PROTOCOLS,
        absent=_SILENCE | _CROWDED,
        main=True,
    ),
    Contestant(
        name=COMMAND,
        needs=sys.executable,
        command=_complete_command,
        read=read_record,
        unprivileged=ALL_PROTOCOLS,
        main=True,
    ),
    Contestant(
        name=REFERENCE,
        needs="traceroute",
        command=_traceroute(),
        read=read_traceroute,
        unprivileged=(Protocol.ICMP, Protocol.UDP),
        patient=frozenset({"dead"}),
        main=True,
    ),
    Contestant(
        name="traceroute -N 30",
        needs="traceroute",
        command=_traceroute("-N", "30"),
        read=read_traceroute,
        unprivileged=(Protocol.ICMP, Protocol.UDP),
        patient=frozenset({"dead"}),
        main=True,
    ),
    Contestant(
        name="traceroute -N 90 -w 1",
        needs="traceroute",
        command=_traceroute("-N", "90", "-w", "1"),
        read=read_traceroute,
        unprivileged=(Protocol.ICMP, Protocol.UDP),
        main=True,
    ),
    Contestant(
        name="mtr -c 3",
        needs="mtr",
        command=_mtr(),
        read=read_mtr,
        patient=_EVERYWHERE,
        absent=_CROWDED | {"near", "narrow"},
    ),
    Contestant(
        name="mtr -c 3 -i .1 -G 1",
        needs="mtr",
        command=_mtr("-i", ".1", "-G", "1"),
        read=read_mtr,
        patient=_EVERYWHERE,
    ),
    Contestant(
        name="scamper -q 1",
        needs="scamper",
        command=_scamper((), "-q 1"),
        read=read_scamper,
        patient=_EVERYWHERE,
    ),
    Contestant(
        name="scamper -p 1000 -q 1 -w 1",
        needs="scamper",
        command=_scamper(("-p", "1000"), "-q 1 -w 1"),
        read=read_scamper,
        patient=_EVERYWHERE,
        absent=_CROWDED,
    ),
    Contestant(
        name="scamper -p 1000 -q 3 -Q -w 1",
        needs="scamper",
        command=_scamper(("-p", "1000"), "-q 3 -Q -w 1"),
        read=read_scamper,
        patient=_EVERYWHERE,
    ),
    Contestant(
        name="tracepath",
        needs="tracepath",
        command=_tracepath,
        read=read_tracepath,
        protocols=(Protocol.UDP,),
        unprivileged=(Protocol.UDP,),
        patient=_SILENCE,
        absent=_CROWDED,
        own_source=False,
    ),
    Contestant(
        name="icmplib",
        needs="python:icmplib",
        command=_script("icmplib_trace", "--count=2"),
        read=read_hops,
        protocols=(Protocol.ICMP,),
        patient=_SILENCE,
        absent=_CROWDED,
    ),
    Contestant(
        name="icmplib count=1",
        needs="python:icmplib",
        command=_script("icmplib_trace", "--count=1"),
        read=read_hops,
        protocols=(Protocol.ICMP,),
        patient=_SILENCE,
    ),
    Contestant(
        name="scapy sr()",
        needs="python:scapy",
        command=_script("scapy_trace"),
        read=read_hops,
    ),
)
