"""Many traces in one process: probes a second, CPU and memory for each, over a network of real routers.

    python -m bench many [--traces N] [--routers N] [--rounds N] [--rate N] [-4|-6] [--cold] [--json]

As root. The network is a line of namespaces: a client, routers, and a host that owns 65,536 addresses; the routers' own
limits on ICMP errors are off. In namespaces a packet is forwarded, answered and brought back inside the system call of
whoever sent it, so a probe's CPU time includes every router's. Each measurement is therefore made twice: `inside`, with
all of that on the sender's account, and `apart`, with receive packet steering (RPS) moving the network to another core:
there the figures are the engine's, its system calls and the first device's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
import tracemalloc
from ipaddress import ip_address
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any, Final

from probes.clock import SystemClock
from probes.drivers.many_raw import open_raw_echo
from probes.drivers.waiter import PollWaiter
from probes.facts import Family, Leg, LossClass, Node, Role
from probes.trace.line import Stretch
from probes.trace.many.facts import many_leg
from probes.trace.many.sweep import UNHURRIED, Sweep, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.drivers.many_raw import RawEcho
    from probes.trace.many.state import ManyTrace
    from tests.lab.builder import Lab
    from tests.lab.network_map import NetworkMap

FIRST_TARGET: Final = {Family.IPV4: "10.64.1.0", Family.IPV6: "2001:db8:64::100"}
OWNED: Final = {Family.IPV4: "10.64.0.0/16", Family.IPV6: "2001:db8:64::/112"}
FLAGS: Final = {Family.IPV4: "-4", Family.IPV6: "-6"}
_UNLIMITED: Final = (
    '{net.ipv4.icmp_ratelimit: "0", net.ipv4.icmp_msgs_per_sec: "1000000", net.ipv4.icmp_msgs_burst: "1000000",'
    ' net.ipv6.icmp.ratelimit: "0"}'
)
# How many traces the memory is measured on, after the first that make room for the table and the routers' addresses.
_WEIGHED: Final = 2_000
_BARE_PROBES: Final = 50_000
_BARE_BATCH: Final = 64
_HEADING: Final = (
    f"{'':14}{'probes':>9}{'/s':>9}{'CPU us':>9}{'bare us':>9}{'lost':>7}{'wrong':>7}{'dropped':>9}{'bytes/trace':>13}"
)
_SOFTNET_FIELDS: Final = 13
_HEX_DIGITS: Final = 8


def main(argv: Sequence[str]) -> int:
    """Measure and print; return 0 where every path was right and nothing was lost that the lab did not drop."""
    options = _parser().parse_args(argv)
    if options.inside:
        sys.stdout.write(json.dumps(measure(options)) + "\n")
        return 0
    if os.geteuid() != 0:
        sys.stderr.write("bench many builds network namespaces: run it as root\n")
        return 2
    results = _campaign(options)
    sys.stdout.write(json.dumps(results) + "\n" if options.json else report(results))
    return 0 if all(_explained(result) for result in results) else 1


def _explained(result: dict[str, Any]) -> bool:
    """Return whether every path was right, but for packets that the lab itself threw away."""
    lost: int = result["lost"]
    return lost <= result["dropped_by_lab"] and (lost > 0 or not result["wrong"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench many", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--traces", type=_count, default=10_000, metavar="N", help="targets to trace (10000)")
    parser.add_argument("--routers", type=_count, default=2, metavar="N", help="routers on the way (2)")
    parser.add_argument("--rounds", type=_count, default=3, metavar="N", help="runs of each; the median is shown (3)")
    parser.add_argument(
        "--rate", type=float, default=45_000.0, metavar="N", help="probes a second; 0: no limit (45000)"
    )
    parser.add_argument("--cold", action="store_true", help="forget the distance of every target")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    for family, flag in FLAGS.items():
        parser.add_argument(flag, dest="families", action="append_const", const=family, help=f"{family} only")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--hops", default="", help=argparse.SUPPRESS)
    return parser


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 60_000:  # noqa: PLR2004 - what the far host owns, less the first addresses
        raise argparse.ArgumentTypeError("1 to 60000")
    return value


# --- outside: the network -----------------------------------------------------------------------------------------


def line_map(routers: int) -> NetworkMap:
    """Return a line of routers without limits, with a host behind them that owns every address of `OWNED`."""
    from tests.lab.network_map import parse_map  # noqa: PLC0415 - only outside; the measured process stays small

    names = ["client", *(f"r{number}" for number in range(1, routers + 1)), "far"]
    lines = ["nodes:", "  client:"]
    for number, name in enumerate(names[1:-1], start=1):
        routes = ", ".join(f'"{OWNED[family]} via {_link_address(number + 1, 2, family)}"' for family in OWNED)
        lines.append(f"  {name}: {{sysctls: {_UNLIMITED}, routes: [{routes}]}}")
    local = ", ".join(f'"local {prefix} dev lo"' for prefix in OWNED.values())
    lines += [f"  far: {{sysctls: {_UNLIMITED}, routes: [{local}]}}", "links:"]
    for number, (left, right) in enumerate(pairwise(names), start=1):
        prefixes = f'{{ipv4: 10.1.{number}.0/24, ipv6: "2001:db8:1:{number:x}::/64"}}'
        lines.append(f"  {left} -- {right}: {prefixes}")
    return parse_map("many", "\n".join(lines) + "\n")


def _link_address(number: int, host: int, family: Family) -> str:
    return f"10.1.{number}.{host}" if family is Family.IPV4 else f"2001:db8:1:{number:x}::{host:x}"


def _campaign(options: argparse.Namespace) -> list[dict[str, Any]]:
    from tests.lab.builder import Lab  # noqa: PLC0415 - see `line_map`

    with Lab(line_map(options.routers)) as lab:
        results = []
        for steering in ("inside", "apart"):
            _steer(lab, apart=steering == "apart")
            for family in options.families or list(Family):
                runs = [_run_inside(lab, options, family, steering) for _ in range(options.rounds)]
                results.append(sorted(runs, key=lambda each: float(each["cpu_us"]))[len(runs) // 2])
        return results


def _steer(lab: Lab, *, apart: bool) -> None:
    """Let the last core receive for every device of every node, or whichever core sent."""
    mask = f"{1 << (os.cpu_count() or 1) - 1:x}" if apart else "0"
    for node in lab.map.nodes:
        lab.tell(node, f"for queue in /sys/class/net/*/queues/rx-0/rps_cpus; do echo {mask} > $queue; done")


def _run_inside(lab: Lab, options: argparse.Namespace, family: Family, steering: str) -> dict[str, Any]:
    hops = [_link_address(number, 2, family) for number in range(1, options.routers + 1)]
    flags = ["--cold"] if options.cold else []
    command = [sys.executable, "-m", "bench.many", FLAGS[family], "--inside", steering, "--hops", ",".join(hops)]
    before = _dropped(lab)
    done = lab.run(
        "client", [*command, "--traces", str(options.traces), "--rate", str(options.rate), *flags], timeout_s=600
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    return result | {"dropped_by_lab": _dropped(lab) - before}


def _dropped(lab: Lab) -> int:
    """Return how many packets the lab's own kernels threw away so far, because a queue of theirs was full.

    Packets that wait for a busy core (the second field of softnet_stat, for the whole machine), and answers that a host
    could not send (OutDiscards): all answers of one host on one core share one socket buffer (net/ipv4/icmp.c).
    """
    command = ("cat", "/proc/net/snmp", "/proc/net/snmp6", "/proc/net/softnet_stat")
    texts = [lab.run(node, command).stdout.splitlines() for node in lab.map.nodes]
    discarded = sum(_counter(lines, "Ip:", "OutDiscards") + _counter6(lines, "Ip6OutDiscards") for lines in texts)
    rows = [line.split() for line in texts[0]]
    return discarded + sum(
        int(row[1], 16) for row in rows if len(row) >= _SOFTNET_FIELDS and len(row[0]) == _HEX_DIGITS
    )


def _counter(lines: Sequence[str], table: str, name: str) -> int:
    """Return a counter of /proc/net/snmp, whose tables are a line of names and a line of values."""
    names, values = [line.split() for line in lines if line.startswith(table)][:2]
    return int(values[names.index(name)])


def _counter6(lines: Sequence[str], name: str) -> int:
    return sum(int(line.split()[1]) for line in lines if line.split()[0] == name)


# --- inside: the measurement --------------------------------------------------------------------------------------


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one run, made on the first core."""
    os.sched_setaffinity(0, {0})
    family = options.families[0]
    first = int(ip_address(FIRST_TARGET[family]))
    targets = [str(ip_address(first + number)) for number in range(options.traces)]
    hops = options.hops.split(",")
    hint = None if options.cold else len(hops) + 1
    carrier = open_raw_echo(family, SystemClock(), os.urandom)
    finished: list[ManyTrace] = []
    wall_s, cpu_s, probes = _sweep(carrier, targets, hint, finished, options.rate or inf)
    legs = [many_leg(trace, carrier, _stretch(trace, family), protocol_reason="measured") for trace in finished]
    result = {
        "family": family,
        "steering": options.inside,
        "cold": options.cold,
        "traces": len(finished),
        "routers": len(hops),
        "probes": probes,
        "wall_s": round(wall_s, 3),
        "probes_per_s": round(probes / wall_s),
        "cpu_us": round(cpu_s / probes * 1e6, 2),
        "bare_us": round(bare_cpu_s(targets[0], family) * 1e6, 2),
        "lost": sum(missing(leg) for leg in legs) + carrier.lost(),
        "wrong": len(targets) - sum(right(leg, [*hops, leg.address]) for leg in legs),
    }
    result["bytes_per_trace"] = _weigh(carrier, targets, hint)
    carrier.close()
    return result


def _sweep(
    carrier: RawEcho,
    targets: Sequence[str],
    hint: int | None,
    finished: list[ManyTrace],
    rate_per_s: float = inf,
) -> tuple[float, float, int]:
    """Trace every target once; return wall and CPU seconds, and the probes sent."""
    clock = SystemClock()
    sweep = Sweep(carrier, settings=UNHURRIED, random_bytes=os.urandom, rate_per_s=rate_per_s)
    for target in targets:
        sweep.add(target, target, hint=hint)
    waiter = PollWaiter(clock=clock)
    wall, cpu = time.perf_counter(), _cpu_s()
    run(sweep, clock=clock, waiter=waiter, done=finished.append)
    wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
    waiter.close()
    return wall, cpu, sum(len(trace.ttls) for trace in finished)


def _weigh(carrier: RawEcho, targets: Sequence[str], hint: int | None) -> int:
    """Return the bytes that a finished trace holds, as the allocator counts them."""
    count = min(_WEIGHED, len(targets))
    tracemalloc.start()
    finished: list[ManyTrace] = []
    before = tracemalloc.get_traced_memory()[0]
    _sweep(carrier, targets[:count], hint, finished)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) // count


def right(leg: Leg, path: Sequence[str | None]) -> bool:
    """Return whether a leg shows this path, whole and without loss."""
    seen = [hop.responders[0].address if len(hop.responders) == 1 else None for hop in leg.hops]
    whole = all(hop.loss_class is LossClass.NONE for hop in leg.hops)
    return bool(leg.reached) and seen == list(path) and whole and leg.loss_ratio == 0.0


def missing(leg: Leg) -> int:
    """Return how many probes were not answered, those of the end-to-end series among them."""
    series = 0 if leg.end_to_end is None else leg.end_to_end.sent - leg.end_to_end.received
    return series + sum(hop.sent - hop.received for hop in leg.hops)


def bare_cpu_s(target: str, family: Family) -> float:
    """Return the CPU seconds of one echo and its reply in the barest loop that Python has: the reference."""
    import socket  # noqa: PLC0415 - only the reference needs it

    kinds = {Family.IPV4: (socket.AF_INET, 1, 8), Family.IPV6: (socket.AF_INET6, 58, 128)}
    address_family, protocol, echo = kinds[family]
    packet = bytes((echo, 0)) + (0xFFFF - (echo << 8)).to_bytes(2, "big") + bytes(14)
    with socket.socket(address_family, socket.SOCK_RAW, protocol) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        spent = _cpu_s()
        for _ in range(_BARE_PROBES // _BARE_BATCH):
            for _ in range(_BARE_BATCH):
                opened.sendto(packet, (target, 0))
            for _ in range(_BARE_BATCH):
                opened.recvmsg(2048, 64)
        return (_cpu_s() - spent) / (_BARE_PROBES // _BARE_BATCH * _BARE_BATCH)


def _stretch(trace: ManyTrace, family: Family) -> Stretch:
    address = str(trace.key)
    return Stretch(
        role=Role.DESTINATION, from_=Node.CLIENT, to=Node.DESTINATION, family=family, address=address, port=None
    )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# --- what is printed ----------------------------------------------------------------------------------------------


def report(results: Sequence[dict[str, Any]]) -> str:
    """Return the figures as a table, with what they mean."""
    first = results[0]
    known = "distance unknown" if first["cold"] else "distance remembered"
    lines = [
        f"{first['traces']} traces by one raw socket on one core, {first['routers']} routers, {known}",
        "",
        _HEADING,
    ]
    lines += [
        f"{each['family']:5}{each['steering']:>8} {each['probes']:>9}{each['probes_per_s']:>9}{each['cpu_us']:>9}"
        f"{each['bare_us']:>9}{each['lost']:>7}{each['wrong']:>7}{each['dropped_by_lab']:>9}{each['bytes_per_trace']:>13}"
        for each in results
    ]
    lines += [
        "",
        "inside: the sender's account holds every router's work, too; apart: the network runs on another core (RPS).",
        "bare: one sendto and one recvmsg of an echo to the same target, nothing else.",
        "dropped: what the lab's own kernels threw away because a queue of theirs was full; the engine cannot help it.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
