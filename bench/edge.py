"""An edge under a fleet's load: how much of one core it takes, and how long samples wait.

    python -m bench edge [--agents N] [--seconds N] [--destinations N] [--routers N] [--protocol NAME] [--json]

As root. The network is a line of namespaces: agents, routers, the edge; a host with the destinations is behind the last
router. Each agent has an address and a token of its own and makes one sample a minute: over HTTPS (a new connection for
each sample) service data, a reverse trace and a forward trace; over UDP a STUN request. The edge is held to one core,
everything else to the others; routers' own limits on ICMP errors are off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import secrets
import ssl
import subprocess
import sys
import tempfile
import time
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

from probes.wire.stun import build_binding_request, parse_binding_response

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.builder import Lab
    from tests.lab.network_map import NetworkMap

PORT: Final = 8443
STUN_PORT: Final = 33500
FIRST_AGENT: Final = IPv4Address("10.64.1.0")
FIRST_DESTINATION: Final = IPv4Address("10.65.1.0")
_AGENTS, _DESTINATIONS = "10.64.0.0/16", "10.65.0.0/16"
_UNLIMITED: Final = (
    '{net.ipv4.icmp_ratelimit: "0", net.ipv4.icmp_msgs_per_sec: "1000000", net.ipv4.icmp_msgs_burst: "1000000"}'
)
_MINUTE_S: Final = 60.0
_READY_WITHIN_S: Final = 20.0
_PATIENCE_S: Final = 15.0
_TRACED: Final = re.compile(r"/v1/traces 200 (\d+) ms: \w+ \w+ to [0-9.]+(, \d+ s old)?$", re.MULTILINE)


def main(argv: Sequence[str]) -> int:
    """Measure and print; return 0 where every sample was answered."""
    options = _parser().parse_args(argv)
    if options.inside:
        sys.stdout.write(json.dumps(asyncio.run(_fleet(options))) + "\n")
        return 0
    if os.geteuid() != 0:
        sys.stderr.write("bench edge builds network namespaces: run it as root\n")
        return 2
    result = _campaign(options)
    sys.stdout.write(json.dumps(result) + "\n" if options.json else report(result))
    return 0 if not result["failed"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench edge", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agents", type=int, default=2_000, metavar="N", help="each makes a sample a minute (2000)")
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="how long (60)")
    parser.add_argument("--destinations", type=int, default=20, metavar="N", help="of the forward traces (20)")
    parser.add_argument("--routers", type=int, default=6, metavar="N", help="between agents and edge (6)")
    parser.add_argument("--protocol", default="adaptive", choices=["adaptive", "icmp", "udp", "tcp"], help="(adaptive)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    return parser


def report(result: dict[str, Any]) -> str:
    """Return a result as lines for a person."""
    lines = [
        f"{result['samples']} samples in {result['took_s']:.1f} s, {result['failed']} failed",
        *(f"  {count} x {what}" for what, count in result["failures"].items()),
        f"edge: {result['cpu_share']:.0%} of one core, {result['cpu_ms']:.1f} ms a sample, {result['rss_mb']:.0f} MB",
        f"traces made anew: {result['anew']}, shared or remembered: {result['cached']}",
        f"a new trace: {result['traced_p50_ms']:.0f} ms (median), {result['traced_p95_ms']:.0f} ms (95th percentile)",
        f"a sample, for its agent: {result['p50_ms']:.0f} ms (median), {result['p95_ms']:.0f} ms (95th percentile)",
    ]
    return "\n".join(lines) + "\n"


# --- outside: the network and the edge --------------------------------------------------------------------------------


def line_map(routers: int) -> NetworkMap:
    """Return the line: agents, routers, edge; the destinations behind the router next to the edge."""
    from tests.lab.network_map import parse_map  # noqa: PLC0415 - only outside

    names = ["agents", *(f"r{number}" for number in range(1, routers + 1)), "edge"]
    lines = ["nodes:", f'  agents: {{sysctls: {_UNLIMITED}, routes: ["local {_AGENTS} dev lo"]}}']
    for number in range(1, routers + 1):
        ways = [f'"{_AGENTS} via 10.1.{number}.1"']
        forth = f"10.1.{number + 1}.2" if number < routers else "10.1.200.2"
        ways.append(f'"{_DESTINATIONS} via {forth}"')
        lines.append(f"  r{number}: {{sysctls: {_UNLIMITED}, routes: [{', '.join(ways)}]}}")
    lines += ["  edge:", f'  far: {{sysctls: {_UNLIMITED}, routes: ["local {_DESTINATIONS} dev lo"]}}', "links:"]
    for number, (left, right) in enumerate(pairwise(names), start=1):
        lines.append(f"  {left} -- {right}: {{ipv4: 10.1.{number}.0/24}}")
    lines.append(f"  r{routers} -- far: {{ipv4: 10.1.200.0/24}}")
    return parse_map("edgeload", "\n".join(lines) + "\n")


def _campaign(options: argparse.Namespace) -> dict[str, Any]:
    from tests.lab.builder import Lab  # noqa: PLC0415 - see `line_map`

    with tempfile.TemporaryDirectory() as directory, Lab(line_map(options.routers)) as lab:
        files = Path(directory)
        _configure(files, options)
        with (files / "log").open("w") as log:
            command = lab.command(
                "edge", [*_core(0), sys.executable, "-m", "agent", "edge", "-c", f"{files}/edge.yaml"]
            )
            edge = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _await(edge, files / "log")
            return _measured(lab, edge.pid, files, options)
        finally:
            edge.terminate()
            edge.wait(10)


def _configure(files: Path, options: argparse.Namespace) -> None:
    tokens = [secrets.token_hex(16) for _ in range(options.agents)]
    (files / "tokens").write_text("\n".join(tokens) + "\n")
    subject = ("-subj", "/CN=edge", "-addext", f"subjectAltName=IP:{_edge_address(options)}")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509", "-days", "2")
    made = ("-keyout", f"{files}/key.pem", "-out", f"{files}/cert.pem")
    subprocess.run(("openssl", "req", *kind, *subject, *made), check=True, capture_output=True)
    (files / "edge.yaml").write_text(
        f"""\
edge:
  name: bench
  listen: "0.0.0.0:{PORT}"
  tls: {{cert_file: cert.pem, key_file: key.pem}}
  tokens_file: tokens
  udp_port: {STUN_PORT}
  allow_destinations: ["{_DESTINATIONS}"]
"""
    )


def _edge_address(options: argparse.Namespace) -> str:
    return f"10.1.{options.routers + 1}.2"


def _core(number: int) -> list[str]:
    """Return the command that holds a process to one core; 1 stands for all the others."""
    cores = os.cpu_count() or 1
    return ["taskset", "-c", "0" if number == 0 or cores == 1 else f"1-{cores - 1}"]


def _await(edge: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while " serves " not in log.read_text():
        if edge.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text())
        time.sleep(0.05)


def _measured(lab: Lab, pid: int, files: Path, options: argparse.Namespace) -> dict[str, Any]:
    numbers = ("agents", "seconds", "destinations", "routers")
    inside = [word for name in numbers for word in (f"--{name}", str(getattr(options, name)))]
    # What is measured is the edge: a fleet of many machines does not wait for a processor of its own.
    command = [
        "nice",
        "-n",
        "-10",
        *_core(1),
        sys.executable,
        "-m",
        "bench",
        "edge",
        *inside,
        "--protocol",
        options.protocol,
    ]
    before_s = _cpu_s(pid)
    done = lab.run("agents", [*command, "--inside", str(files)], timeout_s=options.seconds + 60)
    if done.returncode:
        raise RuntimeError(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    cpu_s = _cpu_s(pid) - before_s
    result["cpu_share"] = cpu_s / result["took_s"]
    result["cpu_ms"] = 1_000 * cpu_s / result["samples"]
    result["rss_mb"] = _rss_mb(pid)
    # What is shared or remembered says its age.
    took_ms = [int(ms) for ms, age in _TRACED.findall((files / "log").read_text()) if not age]
    result["traced_p50_ms"], result["traced_p95_ms"] = _percentiles(took_ms)
    return result


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    cut = quantiles(values, n=100)
    return cut[49], cut[94]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1_024


# --- inside: the fleet ------------------------------------------------------------------------------------------------


class _Agent:
    """One agent: an address, a token, and what it asks for."""

    def __init__(
        self, number: int, edge: str, context: ssl.SSLContext, token: str, options: argparse.Namespace
    ) -> None:
        self._source = str(FIRST_AGENT + number)
        self._edge = edge
        self._context = context
        self._token = token
        self._destination = str(FIRST_DESTINATION + number % options.destinations)
        self._protocol = options.protocol

    async def sample(self) -> list[bool]:
        """Make one sample; return for both traces whether they were remembered or shared."""
        data = await self._ask("GET", "/v1/service-data")
        _must(data["client"]["address"] == self._source, "another address")
        _must(await self._stun() == self._source, "another address by STUN")
        back = {"direction": "reverse", "protocol": self._protocol}
        on = {"direction": "forward", "protocol": self._protocol, "host": self._destination, "port": 443}
        traces = await asyncio.gather(*(self._ask("POST", "/v1/traces", body) for body in (back, on)))
        for trace in traces:
            _must(trace["leg"]["reached"] is True, "not reached")
            _must(all(hop["received"] for hop in trace["leg"]["hops"]), "silent hops")
        return [trace["cached"] for trace in traces]

    async def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        text = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {self._token}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        reader, writer = await asyncio.open_connection(
            self._edge, PORT, ssl=self._context, local_addr=(self._source, 0), server_hostname=self._edge
        )
        try:
            writer.write(head.encode() + text)
            answer, _, document = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        _must(bool(document), "no answer")
        told: dict[str, Any] = json.loads(document)
        _must(answer.split()[1] == b"200", str(told.get("detail")))
        return told

    async def _stun(self) -> str | None:
        loop, transaction = asyncio.get_running_loop(), secrets.token_bytes(12)
        answered: asyncio.Future[bytes] = loop.create_future()

        class Answer(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, _: object) -> None:  # type: ignore[explicit-override]
                if not answered.done():
                    answered.set_result(data)

        transport, _ = await loop.create_datagram_endpoint(
            Answer, local_addr=(self._source, 0), remote_addr=(self._edge, STUN_PORT)
        )
        try:
            transport.sendto(build_binding_request(transaction))
            return parse_binding_response(await answered, transaction).address
        finally:
            transport.close()


class _SampleError(Exception):
    """A sample that was not answered as it should be."""


def _must(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition, as in assert
    if not holds:
        raise _SampleError(otherwise)


async def _fleet(options: argparse.Namespace) -> dict[str, Any]:
    """Let every agent make its samples in its turn, evenly over each minute."""
    files = Path(options.inside)
    context = ssl.create_default_context(cafile=str(files / "cert.pem"))
    tokens = (files / "tokens").read_text().split()
    agents = [_Agent(n, _edge_address(options), context, token, options) for n, token in enumerate(tokens)]
    waits_ms: list[float] = []
    cached: list[bool] = []
    failures: dict[str, int] = {}

    async def one(agent: _Agent) -> None:
        begun = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                cached.extend(await agent.sample())
        except (OSError, asyncio.IncompleteReadError, _SampleError, TimeoutError) as error:
            what = str(error) or type(error).__name__
            failures[what] = failures.get(what, 0) + 1
        waits_ms.append(1_000 * (time.monotonic() - begun))

    begun, count = time.monotonic(), round(options.agents * options.seconds / _MINUTE_S)
    tasks = []
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number * _MINUTE_S / options.agents - time.monotonic()))
        tasks.append(asyncio.create_task(one(agents[number % len(agents)])))
    await asyncio.gather(*tasks)
    p50_ms, p95_ms = _percentiles(waits_ms)
    return {
        "samples": count,
        "took_s": time.monotonic() - begun,
        "failed": sum(failures.values()),
        "failures": failures,
        "p50_ms": p50_ms,
        "p95_ms": p95_ms,
        "anew": cached.count(False),
        "cached": cached.count(True),
    }
