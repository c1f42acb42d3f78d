"""One network of the bench, up and ready: addresses to probe from, counters of what leaves, and who starts commands."""

import itertools
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bench.contestants import Answer, Ask, Contestant
from bench.figures import Sample, Situation
from probes.facts import Family
from tests.lab.builder import Lab, User
from tests.lab.network_map import HopList, NetworkMap, interface, parse_map

NETWORKS: Final = Path(__file__).parent / "networks"
STARTER: Final = (sys.executable, "-I", "-S", str(Path(__file__).parent / "starter.py"))
CLIENT: Final = "client"
TARGET: Final = "server"
TIMEOUT_S: Final = 30.0
# They have 10.101.0.0/16 and so on; the networks have 10.1.0.0/16 and 10.99.0.0/16.
MOST_CLIENTS: Final = 100
# A clean environment: PYTHON* variables of the caller would tell our contestants how to start.
ENVIRONMENT: Final = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/nonexistent")

# At the device, behind every socket (scapy's are AF_PACKET); neighbour discovery is no probe. By address, so that runs
# side by side are counted apart.
_COUNTERS: Final = """
table netdev bench {{
    set sent4 {{ type ipv4_addr; flags dynamic; size 65535; counter; }}
    set sent6 {{ type ipv6_addr; flags dynamic; size 65535; counter; }}
    chain egress {{
        type filter hook egress device "{device}" priority 0;
        icmpv6 type {{ 133-137 }} return
        add @sent4 {{ ip saddr }}
        add @sent6 {{ ip6 saddr }}
    }}
}}
"""

# What a map cannot say: the narrow uplink's queue holds 200 ms, about 70 probes.
_PREPARATIONS: Final = {
    "narrow": {"r1": "tc qdisc add dev to-r2 root tbf rate 256kbit burst 1600 latency 200ms"},
}


class CourseError(RuntimeError):
    """A preparation failed; the message holds what the tool said."""


class Starter:
    """`bench/starter.py` in a namespace, as one user: runs one command at a time."""

    def __init__(self, lab: Lab, node: str, user: User) -> None:
        self._process = subprocess.Popen(
            lab.command(node, (*ENVIRONMENT, *STARTER), user=user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the bench: it ends its starters itself.
            start_new_session=True,
        )

    def run(self, command: tuple[str, ...], timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        """Run a command to its end and return what it took and said (`bench/starter.py`)."""
        asking, answering = self._process.stdin, self._process.stdout
        if asking is None or answering is None:
            raise CourseError("the starter has no pipes")
        asking.write(json.dumps({"argv": command, "timeout_s": timeout_s}) + "\n")
        asking.flush()
        line = answering.readline()
        if not line:
            raise CourseError(f"the starter is gone; it was asked for {' '.join(command)}")
        figures: dict[str, Any] = json.loads(line)
        return figures

    def close(self) -> None:
        """End it, and what it runs."""
        self._process.terminate()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            # What was asked of it last may not have reached it any more.
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()


class Course:
    """One network, built. Use it as a context manager."""

    def __init__(self, map_: NetworkMap, clients: int = 0) -> None:
        self.map = with_clients(map_, clients)
        self.lab = Lab(self.map)
        self._cleanup = ExitStack()
        self._here = threading.local()
        self._starters: list[Starter] = []
        self._numbers = {family: itertools.count(10) for family in Family}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Build the network, start counting."""
        with ExitStack() as undo:
            undo.enter_context(self.lab)
            undo.callback(self.stop)
            for node, line in _PREPARATIONS.get(self.map.name, {}).items():
                self.lab.tell(node, line)
            for client in (CLIENT, *self.clients):
                # Opened here and now: two threads must not.
                self.lab.shell(client)
                self.lab.tell(client, f"nft -f - <<'END'\n{_COUNTERS.format(device=self._device(client))}\nEND")
            self._cleanup = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take everything down."""
        self._cleanup.close()

    @property
    def clients(self) -> tuple[str, ...]:
        """Return the further clients, from which runs go side by side."""
        return tuple(node for node in self.map.nodes if node.startswith(CLIENT) and node != CLIENT)

    def run(self, contestant: Contestant, situation: Situation, round_: int, client: str = CLIENT) -> Sample:
        """Let a contestant trace to the target and return what it took and told.

        It probes from an address that nobody has probed from yet, because a Linux router counts the ICMP errors that
        it sends by the prober's address. The host has no other addresses meanwhile but its first: hundreds would slow
        down whoever lists them.
        """
        with self.source(situation.family, client) as source:
            return self.run_from(source, contestant, situation, round_, client)

    def run_from(
        self, source: str, contestant: Contestant, situation: Situation, round_: int, client: str = CLIENT
    ) -> Sample:
        """Let a contestant trace to the target from an address."""
        destination = self.lab.address(TARGET, situation.family)
        ask = Ask(source=source, destination=destination, situation=situation)
        figures = self.starter(situation.user, client).run(contestant.command(ask))
        if not contestant.own_source:
            source = self.lab.address(client, situation.family)
        expected = self.map.expected(client, TARGET, situation.family).hops
        return _sample(self.map.name, contestant, situation, round_, figures, source, expected)

    def sent(self) -> Counter[str]:
        """Return the packets that left the clients so far, by address."""
        sent: Counter[str] = Counter()
        for client in (CLIENT, *self.clients):
            text = self._tool(client, "nft", "-j", "list", "sets", "netdev")
            sets = (each["set"] for each in json.loads(text)["nftables"] if "set" in each)
            elements = (element["elem"] for each in sets for element in each.get("elem", ()))
            sent.update({element["val"]: element["counter"]["packets"] for element in elements})
        return sent

    @contextmanager
    def stopped_on_error(self) -> Iterator[None]:
        """End all that still runs when something goes wrong inside, Ctrl-C included: nobody waits for it then."""
        try:
            yield
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all that still runs."""
        while self._starters:
            self._starters.pop().close()

    def starter(self, user: User, client: str = CLIENT) -> Starter:
        """Return this thread's starter for a user on a client."""
        mine: dict[tuple[str, User], Starter] = self._here.__dict__.setdefault("starters", {})
        if (client, user) not in mine:
            mine[client, user] = Starter(self.lab, client, user)
            self._starters.append(mine[client, user])
        return mine[client, user]

    @contextmanager
    def source(self, family: Family, client: str = CLIENT) -> Iterator[str]:
        """Give a client one more address, new to all routers, for as long as it is used."""
        prefix = self.map.links_of(client)[0].prefix(family)
        if prefix is None:
            raise CourseError(f"{self.map.name}: {client} has no {family.value} prefix")
        with self._lock:
            address = str(prefix[next(self._numbers[family])])
        no_detection = ("nodad",) if family is Family.IPV6 else ()
        where = (f"{address}/{prefix.prefixlen}", "dev", self._device(client))
        self._tool(client, "ip", "addr", "add", *where, *no_detection)
        try:
            yield address
        finally:
            self._tool(client, "ip", "addr", "del", *where)

    def _device(self, client: str) -> str:
        return interface(self.map.links_of(client)[0].other(client))

    def _tool(self, client: str, *command: str) -> str:
        figures = self.starter(User.ROOT, client).run(command)
        if figures["exit_code"] != 0:
            raise CourseError(f"{' '.join(command)}: {figures['complaints']}")
        output: str = figures["output"]
        return output


def with_clients(map_: NetworkMap, count: int) -> NetworkMap:
    """Return a map with so many further clients at the first router: raw sockets hear whatever comes to their host."""
    first = map_.links_of(CLIENT)[0]
    names = tuple(f"{CLIENT}{number}" for number in range(1, count + 1))
    nodes = {name: replace(map_.nodes[CLIENT], name=name) for name in names}
    links = tuple(
        replace(
            first,
            left=name,
            ipv4=IPv4Network(f"10.{MOST_CLIENTS + number}.0.0/16"),
            ipv6=IPv6Network(f"2001:db8:c:{number:x}::/64"),
        )
        for number, name in enumerate(names, 1)
    )
    return replace(map_, nodes={**map_.nodes, **nodes}, links=(*map_.links, *links))


def _sample(
    network: str,
    contestant: Contestant,
    situation: Situation,
    round_: int,
    figures: dict[str, Any],
    source: str,
    expected: HopList,
) -> Sample:
    answer, complaint = _read(contestant, figures)
    right = answer.hops == expected
    return Sample(
        network=network,
        contestant=contestant.name,
        situation=situation,
        round=round_,
        source=source,
        wall_ms=figures["wall_us"] / 1000,
        cpu_ms=figures["cpu_us"] / 1000,
        peak_mb=figures["peak_kb"] / 1024,
        in_process_ms=answer.in_process_ms,
        target_rtt_ms=answer.target_rtt_ms,
        hops_found=sum(hop is not None for hop in answer.hops),
        hops_there=sum(hop is not None for hop in expected),
        right=right,
        complaint="" if right else complaint or f"told {' '.join(hop or '*' for hop in answer.hops)}",
    )


def _read(contestant: Contestant, figures: dict[str, Any]) -> tuple[Answer, str]:
    """Return a run's answer, or an empty one and what the run complained of: a contestant may fail, and that shows."""
    if figures["timed_out"]:
        return Answer(hops=()), f"ended after {TIMEOUT_S:.0f} s"
    try:
        return contestant.read(figures["output"]), ""
    except (ValueError, LookupError, TypeError, StopIteration, AssertionError) as error:
        said = figures["complaints"].strip().splitlines()
        return Answer(hops=()), said[-1] if said else f"unreadable output: {error!r}"


def read_network(name: str) -> NetworkMap:
    """Return a map of `bench/networks` by its name."""
    return parse_map(name, (NETWORKS / f"{name}.yaml").read_text(encoding="utf-8"))


def network_title(name: str) -> str:
    """Return what a network is, in words: its map's first line."""
    with (NETWORKS / f"{name}.yaml").open(encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()


def network_names() -> tuple[str, ...]:
    """Return the names of all networks."""
    return tuple(sorted(path.stem for path in NETWORKS.glob("*.yaml")))
