"""The traces that this host makes itself: one for each end that it can aim at."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from agent.mistakes import own_failure
from agent.request import SampleRequest
from agent.world import Watch, World
from probes.facts import Family, Leg, Node, Protocol, Reachability, Refusal, Role
from probes.frozen import frozen, replace
from probes.host_facts import Network
from probes.sample import AgentFailure, Target
from probes.seam import Driver, Waiter
from probes.target import parse_target
from probes.trace.account import TraceOutcome
from probes.trace.adaptive import Naming
from probes.trace.memory import Remembered, Surroundings, in_force, leg_key, surroundings
from probes.trace.run import trace
from probes.trace.settings import TraceSettings

if TYPE_CHECKING:
    from probes.facts import Middlebox
    from probes.trace.tracer import OpenDriver

DEFAULT_TCP_PORT = 443
DEFAULT_UDP_PORT = 33434

# Why a leg is there without hops where the agent's own code failed; the failure itself is among the facts.
OWN_MISTAKE = "the agent itself failed before the path was traced"

_NAMINGS = {Role.SERVICE_EDGE: Naming.EDGE, Role.PROXY: Naming.PROXY, Role.EGRESS: Naming.ROUTER}


@frozen
class Aim:
    """One end of a leg from the client: what it is, its address, and its TCP port, None where none is known."""

    role: Role
    node: Node
    address: str
    port: int | None = None


@frozen
class OwnTrace:
    """What one trace of this host's found; `learned` is what to remember of the path, by its key."""

    leg: Leg
    reachability: tuple[Reachability, ...] = ()
    middlebox: "Middlebox | None" = None
    learned: tuple[tuple[str, Remembered | None], ...] = ()
    failures: tuple[AgentFailure, ...] = ()


class OwnTraces:
    """Traces from this host as one sample asks for it; several may run at once, each in a thread of its own.

    Args:
        request: What the sample is asked.
        world: Who opens drivers.
        watch: The network watched meanwhile.
        stopped: Asked often; once True, a trace ends with what it has.
    """

    def __init__(self, request: SampleRequest, world: World, watch: Watch, stopped: Callable[[], bool]) -> None:
        self._request = request
        self._world = world
        self._watch = watch
        self._stopped = stopped

    def trace(
        self,
        aim: Aim,
        network: Network,
        on_progress: Callable[[Leg], None] | None = None,
        settings: TraceSettings | None = None,
    ) -> OwnTrace:
        """Return the traced leg; where the agent itself fails, the leg without hops, and the failure.

        Args:
            aim: The end of the leg.
            network: The network, with a look-up of the aim's address first among its routes.
            on_progress: Told of the leg as it grows.
            settings: How, in place of what the sample asks for.
        """
        try:
            return self._trace(aim, network, on_progress, settings or self._request.settings)
        except Exception as error:  # noqa: BLE001 - the agent's own mistake: it becomes a fact, and the rest goes on
            leg = Leg(from_=Node.CLIENT, to=aim.node, address=aim.address, reason=OWN_MISTAKE)
            return OwnTrace(leg=leg, failures=(own_failure("trace", error),))

    def _trace(
        self, aim: Aim, network: Network, on_progress: Callable[[Leg], None] | None, settings: TraceSettings
    ) -> OwnTrace:
        target, sending = self._request.target, self._request.sending
        key = leg_key(target.protocol, aim.address, aim.port, sending.interface, sending.source)
        here = surroundings(network)
        now_s = self._world.clock.realtime_ns() // 1_000_000_000
        recalled = None if self._request.fresh else self._world.recall(key)
        open_driver = self._opener(aim)
        failures: list[AgentFailure] = []
        with self._world.waiter(self._watch) as waiter:
            run = partial(
                trace,
                choice=target.protocol,
                role=aim.role,
                from_=Node.CLIENT,
                to=aim.node,
                family=_family(aim.address),
                address=aim.address,
                port=aim.port,
                naming=self._naming(aim.role),
                open_driver=open_driver,
                waiter=waiter,
                clock=self._world.clock,
                random_bytes=self._world.random_bytes,
                interrupted=self._stopped,
                on_progress=on_progress,
                remembered=in_force(recalled, here, now_s),
            )
            outcome = self._in_turn(aim, here, settings, run)
            if self._request.path_mtu and aim.role is not Role.EGRESS and not self._stopped():
                outcome = self._with_path_mtu(outcome, network, open_driver, waiter, on_progress, failures)
        lesson = outcome.lesson
        return OwnTrace(
            leg=outcome.leg,
            reachability=outcome.reachability,
            middlebox=outcome.middlebox,
            learned=((key, None if lesson is None else Remembered(lesson=lesson, learned_in=here)),),
            failures=tuple(failures),
        )

    def _in_turn(
        self, aim: Aim, here: Surroundings, settings: TraceSettings, run: Callable[..., TraceOutcome]
    ) -> TraceOutcome:
        """Return what a trace finds: all of it its own, or with near hops that others have just asked."""
        shared = self._world.shared
        name = None if aim.role is Role.EGRESS else self._request.target.name
        turn = (
            None
            if shared is None
            else shared.begin(name, aim.address, here, self._request.sending, settings, self._pause)
        )
        if shared is None or turn is None:
            return run(settings=settings)
        outcome: TraceOutcome | None = None
        try:
            outcome = run(settings=replace(settings, queries=turn.queries), near=turn.near)
        finally:
            shared.end(turn, outcome)
        return outcome

    def _pause(self, seconds: float) -> bool:
        self._world.pause(seconds, self._stopped)
        return not self._stopped()

    def _opener(self, aim: Aim) -> "OpenDriver":
        family, sending = _family(aim.address), self._request.sending

        def open_driver(protocol: Protocol) -> tuple[Driver | None, tuple[Refusal, ...]]:
            return self._world.open_driver(protocol, family, aim.address, self._port(protocol, aim), sending)

        return open_driver

    def _port(self, protocol: Protocol, aim: Aim) -> int | None:
        """Return the port that probes aim at: that of a URL, a proxy or an edge is a TCP port, and no UDP port."""
        match protocol:
            case Protocol.TCP:
                return aim.port or DEFAULT_TCP_PORT
            case Protocol.UDP:
                own = _port_apart(self._request.target) if aim.role is Role.DESTINATION else None
                return own or DEFAULT_UDP_PORT
            case Protocol.ICMP:
                return None

    def _naming(self, role: Role) -> Naming:
        target = self._request.target
        if role in _NAMINGS:
            return _NAMINGS[role]
        if target.url is not None:
            return Naming.URL
        return Naming.HOST if target.port is None else Naming.PORT

    def _with_path_mtu(
        self,
        outcome: TraceOutcome,
        network: Network,
        open_driver: "OpenDriver",
        waiter: Waiter,
        on_progress: Callable[[Leg], None] | None,
        failures: list[AgentFailure],
    ) -> TraceOutcome:
        """Return the outcome with the leg's path MTU; where the agent itself fails, everything else as it is."""
        from probes.trace.mtu_pass import Surroundings, with_path_mtu  # noqa: PLC0415 - for those who ask for it

        by = Surroundings(
            open_driver=open_driver,
            waiter=waiter,
            clock=self._world.clock,
            random_bytes=self._world.random_bytes,
            interrupted=self._stopped,
            on_progress=on_progress,
        )
        leg = outcome.leg
        try:
            leg = with_path_mtu(leg, outcome.reachability, _link_mtu(network, leg.address), by)
        except Exception as error:  # noqa: BLE001 - the agent's own mistake: it becomes a fact, here as above
            failures.append(own_failure("path MTU", error))
        return replace(outcome, leg=leg)


def _family(address: str) -> Family:
    return Family.IPV6 if ":" in address else Family.IPV4


def _link_mtu(network: Network, address: str | None) -> int | None:
    """Return the MTU of the interface by which an address is reached, None where that is not known."""
    route = next((route for route in network.routes if route.destination == address), None)
    named = None if route is None else route.interface
    return next((interface.mtu for interface in network.interfaces if interface.name == named), None)


def _port_apart(target: Target) -> int | None:
    """Return the port that a person named apart from a URL, which has one of its own."""
    own = None if target.url is None else parse_target(target.url)
    return None if isinstance(own, Target) and own.port == target.port else target.port
