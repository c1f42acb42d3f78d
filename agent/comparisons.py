"""What a sample compares with before it blames anybody: gateway, resolvers, controls, the proxy.

A healthy sample needs none of it, so it starts only when the sample is not over after a moment (or at its end, when it
turned out badly), and runs beside the trace.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agent.world import World
from probes.facts import DnsCheck, Network, Proxy, Reachability, Role
from probes.frozen import frozen_positional
from probes.target import TargetError, parse_target

if TYPE_CHECKING:
    from agent.cycle import SampleRequest

# A path of ordinary length has answered by now; a dead one has most of its waiting still before it.
PATIENCE_S = 0.3
# Each comparison waits about a second for its answers; names take up to 2.2 s. Whatever is later is left out.
DEADLINE_S = 2.6


@frozen_positional
class Results:
    """What the comparisons found."""

    reachability: tuple[Reachability, ...] = ()
    dns: tuple[DnsCheck, ...] = ()
    proxy: Proxy | None = None


class Comparisons:
    """Runs the comparisons of one sample in threads of their own, and gathers what they found in time."""

    def __init__(self, request: "SampleRequest", world: World) -> None:
        self._request = request
        self._world = world
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._workers: list[threading.Thread] = []
        self._launched = False
        self._network = Network(epoch="")
        self._reachability: list[Reachability] = []
        self._dns: list[DnsCheck] = []
        self._proxy: Proxy | None = None
        self._deadline = 0.0

    def start(self, network: Network) -> None:
        """Begin: the proxy at once, for it is part of the way; the rest when patience is at its end."""
        self._network = network
        target = self._request.target
        check = self._world.proxy_for(
            self._request.proxy_mode, self._request.proxy_url, target.host, target.port or 443
        )
        if check is not None:
            self._spawn(lambda: self._keep_proxy(check()))
        threading.Thread(target=self._wait_then_launch, daemon=True).start()

    def finish(self, *, needed: bool) -> Results:
        """Return what is known; when `needed`, make sure the comparisons ran, and wait for them."""
        self._settled.set()
        if needed:
            self._launch()
        until = self._deadline or self._world.clock.monotonic() + DEADLINE_S
        for worker in tuple(self._workers) if needed else tuple(self._workers[:1]):
            worker.join(max(0.0, until - self._world.clock.monotonic()))
        with self._lock:
            return Results(tuple(self._reachability), tuple(self._dns), self._proxy)

    def _wait_then_launch(self) -> None:
        if not self._settled.wait(PATIENCE_S):
            self._launch()

    def _launch(self) -> None:
        with self._lock:
            if self._launched:
                return
            self._launched = True
            self._deadline = self._world.clock.monotonic() + DEADLINE_S
        for role, address in self._neighbours_and_resolvers():
            self._spawn(lambda role=role, address=address: self._keep(self._world.echo(role, address)))
            if role is Role.RESOLVER:
                self._spawn(lambda address=address: self._keep(self._world.connect(Role.RESOLVER, address, 53)))
        for control in self._request.controls:
            self._spawn(lambda control=control: self._check_control(control))

    def _neighbours_and_resolvers(self) -> Sequence[tuple[Role, str]]:
        """Return who is asked always; a resolver on this host proves nothing about the network."""
        routes = (*self._network.default_routes, *self._network.routes)
        gateways = {(Role.GATEWAY, _scoped(route.gateway, route.interface)) for route in routes if route.gateway}
        resolvers = {(Role.RESOLVER, r.address) for r in self._network.resolvers if not _loopback(r.address)}
        return sorted(gateways | resolvers)

    def _check_control(self, text: str) -> None:
        control = parse_target(text)
        if isinstance(control, TargetError):
            return
        check = self._world.check_name(Role.CONTROL, control.host, None)
        if not control.literal:
            self._keep_name(check)
        for address in check.addresses[:1]:
            self._keep(self._world.echo(Role.CONTROL, address))
            self._keep(self._world.connect(Role.CONTROL, address, control.port or 443))

    def _spawn(self, work: Callable[[], None]) -> None:
        worker = threading.Thread(target=work, daemon=True)
        self._workers.append(worker)
        worker.start()

    def _keep(self, fact: Reachability) -> None:
        with self._lock:
            self._reachability.append(fact)

    def _keep_name(self, fact: DnsCheck) -> None:
        with self._lock:
            self._dns.append(fact)

    def _keep_proxy(self, fact: Proxy) -> None:
        with self._lock:
            self._proxy = fact


def _loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _scoped(address: str, interface: str | None) -> str:
    """Return a link-local gateway with its zone, without which nothing can be sent to it (RFC 4007 section 11)."""
    return f"{address}%{interface}" if address.lower().startswith("fe80:") and interface else address
