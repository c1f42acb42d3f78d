"""What a sample compares with before it blames anybody: gateway, resolvers, controls; and the proxy, if one applies.

A healthy sample needs no comparison, so they start only when the sample is not over after a moment (or at its end, when
it turned out badly), and run beside the trace. The proxy is part of the way: it is asked as soon as it is known.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from agent.errands import naps
from agent.mistakes import own_failure
from agent.request import PATIENCE_S
from agent.world import ProxyCheck, Sending, World, never
from agent.zone import with_zone
from probes.facts import Reachability, Role
from probes.frozen import frozen
from probes.host_facts import Network
from probes.name_facts import DnsCheck
from probes.sample import AgentFailure
from probes.target import TargetError, parse_target
from probes.web_facts import Proxy

# An echo and a connection take up to 0.7 s, a name 2.3; what is later than this is left out, so that a verdict comes
# within 3 s.
DEADLINE_S = 2.4

_Fact = TypeVar("_Fact", DnsCheck, Reachability)

DNS_PORT = 53
HTTPS_PORT = 443


@frozen
class Results:
    """What the comparisons found, in an order that does not depend on who answered first."""

    reachability: tuple[Reachability, ...] = ()
    dns: tuple[DnsCheck, ...] = ()
    proxy: Proxy | None = None
    agent_failures: tuple[AgentFailure, ...] = ()


class Comparisons:
    """Runs the comparisons of one sample in threads of their own, and gathers what they found in time.

    Args:
        world: Who is asked.
        sending: How the sample's packets leave; these leave likewise.
        controls: Hosts or URLs to compare with besides gateways and resolvers.
        patience_s: How long a sample may take before its comparisons start.
        deadline_s: How long after their start they are waited for.
    """

    def __init__(
        self,
        world: World,
        sending: Sending,
        controls: tuple[str, ...],
        *,
        patience_s: float = PATIENCE_S,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._world = world
        self._sending = sending
        self._controls = controls
        self._patience_s = patience_s
        self._deadline_s = deadline_s
        self._lock = threading.Condition()
        self._launching = threading.Lock()
        self._settled = threading.Event()
        # What is under way, and about which address, where that says all.
        self._pending: dict[threading.Thread, str | None] = {}
        self._launched_at: float | None = None
        self._network = Network(epoch="")
        self._reachability: list[Reachability] = []
        self._dns: list[DnsCheck] = []
        self._failures: list[AgentFailure] = []
        self._others: list[tuple[Role, str, int | None]] = []
        self._proxy: Proxy | None = None
        self._proxy_worker: threading.Thread | None = None

    def start(self, network: Network) -> None:
        """Begin to be patient; `network` says who the gateways and the resolvers are."""
        self._network = network
        threading.Thread(target=self._guarded, args=(self._wait_then_launch,), daemon=True).start()

    def note_proxy(self, known: Proxy) -> None:
        """Note the proxy that applies, not yet asked."""
        self._proxy = known

    def ask_proxy(self, proxy: ProxyCheck, resolved: DnsCheck) -> None:
        """Ask the proxy that applies; `resolved` is what is known of its name."""
        self._proxy_worker = self._spawned(partial(self._check_proxy, proxy, resolved))

    def compare_with(self, role: Role, address: str, port: int | None) -> None:
        """Compare with one more address: by a connection to `port`, or by an echo where that is None."""
        with self._launching:
            self._others.append((role, address, port))
            if self._launched_at is not None:
                self._start_other(role, address, port)

    def stop(self) -> None:
        """Start nothing more; what runs may end, and nobody waits for it."""
        self._settled.set()

    def finish(self, *, needed: bool, heard: frozenset[str] = frozenset(), stop: Callable[[], bool] = never) -> Results:
        """Return what is known; when `needed`, make sure that the comparisons ran, and wait for them.

        Args:
            needed: Whether there is anybody to blame.
            heard: Who has answered the sample in some way: a gateway that routes need not answer an echo as well.
            stop: Asked often; once True, nobody waits any more.
        """
        self.stop()
        if needed:
            self._launch()
        with self._launching:
            until = (self._launched_at or self._world.clock.monotonic()) + self._deadline_s
        with self._lock:
            for nap_s in naps(self._world.clock, until):
                if not self._awaited(needed, heard) or stop():
                    break
                self._lock.wait(nap_s)
        return self.results()

    def _awaited(self, needed: bool, heard: frozenset[str]) -> bool:  # noqa: FBT001 - handed through
        """Return whether something is under way that may still say something new."""
        if not needed:
            return self._proxy_worker in self._pending
        return any(about not in heard for about in self._pending.values())

    def results(self) -> Results:
        """Return what is known by now."""
        with self._lock:
            return Results(
                reachability=tuple(sorted(self._reachability, key=_order)),
                dns=tuple(sorted(self._dns, key=lambda check: (check.role, check.name))),
                proxy=self._proxy,
                agent_failures=tuple(self._failures),
            )

    def _wait_then_launch(self) -> None:
        if not self._settled.wait(self._patience_s):
            self._launch()

    def _launch(self) -> None:
        """Start every comparison, once; who finds it under way waits until all have started, so as to wait for all."""
        with self._launching:
            if self._launched_at is None:
                self._launched_at = self._world.clock.monotonic()
                self._start_all()

    def _start_all(self) -> None:
        for role, address in self._always():
            self._spawned(partial(self._echo, role, address), about=address)
            if role is Role.RESOLVER:
                self._spawned(partial(self._connect, role, address, DNS_PORT), about=address)
        for control in self._controls:
            self._spawned(partial(self._check_control, control))
        for role, address, port in self._others:
            self._start_other(role, address, port)

    def _start_other(self, role: Role, address: str, port: int | None) -> None:
        work = partial(self._echo, role, address) if port is None else partial(self._connect, role, address, port)
        self._spawned(work, about=None)

    def _always(self) -> list[tuple[Role, str]]:
        """Return who is asked in any case; a resolver on this host proves nothing about the network."""
        routes = (*self._network.default_routes, *self._network.routes)
        gateways = {(Role.GATEWAY, with_zone(route.gateway, route.interface)) for route in routes if route.gateway}
        resolvers = {(Role.RESOLVER, r.address) for r in self._network.resolvers if not _on_this_host(r.address)}
        return sorted(gateways | resolvers)

    def _check_control(self, text: str) -> None:
        control = parse_target(text)
        if isinstance(control, TargetError):
            return  # the configuration's reader has refused it already
        (check,) = self._world.check_names([(Role.CONTROL, control.host)], None, never)
        if not control.literal:
            self._keep(self._dns, check)
        for address in check.addresses[:1]:
            self._spawned(partial(self._echo, Role.CONTROL, address), about=address)
            self._spawned(partial(self._connect, Role.CONTROL, address, control.port or HTTPS_PORT), about=address)

    def _check_proxy(self, check: ProxyCheck, resolved: DnsCheck) -> None:
        proxy = check.ask(resolved)
        with self._lock:
            self._proxy = proxy

    def _echo(self, role: Role, address: str) -> None:
        self._keep(self._reachability, self._world.echo(role, address, self._sending))

    def _connect(self, role: Role, address: str, port: int) -> None:
        self._keep(self._reachability, self._world.connect(role, address, port, self._sending))

    def _spawned(self, work: Callable[[], None], *, about: str | None = None) -> threading.Thread:
        worker = threading.Thread(target=self._work, args=(work,), daemon=True)
        with self._lock:
            self._pending[worker] = about
        try:
            worker.start()
        except RuntimeError as error:
            # The host allows no further thread; what was to be asked stays unknown.
            with self._lock:
                del self._pending[worker]
                self._failures.append(own_failure("comparison", error))
        return worker

    def _work(self, work: Callable[[], None]) -> None:
        self._guarded(work)
        with self._lock:
            del self._pending[threading.current_thread()]
            self._lock.notify_all()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the agent's own mistake: it becomes a fact, here as in the cycle
            with self._lock:
                self._failures.append(own_failure("comparison", error))

    def _keep(self, facts: list[_Fact], fact: _Fact) -> None:
        with self._lock:
            facts.append(fact)


def _order(fact: Reachability) -> tuple[str, str, str, int]:
    return fact.role, fact.address, fact.protocol, fact.port or 0


def _on_this_host(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
