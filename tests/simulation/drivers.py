"""The simulated seam: a clock that only moves when told, drivers over a world of data, and their waiter."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from probes.facts import Answer, Clocks, FlowKind, Method, Node, Protocol, ProtocolChoice, Refusal, Role, StampSource
from probes.failure import Failure
from probes.seam import Driver, Event, Flow, Probe, Received, Stamp
from probes.trace.account import TraceOutcome
from probes.trace.adaptive import Naming
from probes.trace.memory import Lesson
from probes.trace.near_hops import NearHops
from probes.trace.run import trace
from probes.trace.settings import TraceSettings
from tests.simulation.world import START_S, Sky, World

# What one call costs the program, as measured of the real drivers.
_SEND_S = 0.00002
_READ_S = 0.00001

# Nothing that ends needs more turns; a loop that waits for the past would.
_MOST_TURNS = 100_000

_START_NS = 1_700_000_000_000_000_000


class FakeClock:
    """Monotonic seconds from an arbitrary start, and a wall clock that can be set."""

    def __init__(self, step: tuple[float, float] | None = None) -> None:
        self.now = START_S
        self._step = step

    def monotonic(self) -> float:
        return self.now

    def realtime_ns(self) -> int:
        return self.wall_ns(self.now)

    def boottime(self) -> float:
        return self.now

    def wall_ns(self, at: float) -> int:
        stepped_s = self._step[1] if self._step is not None and at >= START_S + self._step[0] else 0.0
        return _START_NS + round((at - START_S + stepped_s) * 1e9)


class SimulatedDriver:
    """Carries one flow through a world; keeps what it sent, for the laws."""

    def __init__(self, world: World, clock: FakeClock, protocol: Protocol, *, flow_kind: FlowKind) -> None:
        self._world = world
        self._clock = clock
        self._flow_kind = flow_kind
        self._method = _method(protocol, unprivileged=world.unprivileged)
        self._flow = _flow(world, protocol, own_source_ports=self._method is Method.CONNECT)
        self._sky = Sky(
            world,
            self._flow,
            sees_number=self._method is Method.CONNECT,
            hides_headers=self._method is not Method.RAW,
        )
        self.sends: list[tuple[float, Probe]] = []
        self.delivered = 0
        self.closed = False
        self._left: list[Event] = []

    @property
    def flow(self) -> Flow:
        return self._flow

    @property
    def method(self) -> Method:
        return self._method

    @property
    def flow_kind(self) -> FlowKind:
        return self._flow_kind

    @property
    def clocks(self) -> Clocks:
        return Clocks(sent=StampSource.USER, received=StampSource.KERNEL)

    def send(self, probe: Probe) -> Stamp | Failure:
        assert not self.closed
        self._clock.now += _SEND_S
        refused = self._world.refuses.get(self._flow.protocol)
        if refused is not None and probe.probe_ttl >= refused.from_ttl:
            return refused.failure
        now = self._clock.now
        self.sends.append((now, probe))
        flow_hash = probe.number if self._flow_kind is FlowKind.PER_PROBE else 1
        self._sky.carry(probe, now, flow_hash)
        return Stamp(now, self._clock.realtime_ns(), StampSource.USER)

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        self._left += [self._stamped(at, event) for at, event in self._sky.arrived(self._clock.now)]
        if hurried and all(isinstance(each, Received) and each.answer is Answer.TIME_EXCEEDED for each in self._left):
            return ()
        events, self._left = self._left, []
        self.delivered += len(events)
        self._clock.now += _READ_S * len(events)
        return events

    def filenos(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        self.closed = True

    def next_arrival(self) -> float | None:
        return self._sky.next_arrival()

    def _stamped(self, at: float, event: Event) -> Event:
        if not isinstance(event, Received):
            return event
        return replace(event, stamp=Stamp(self._clock.now, self._clock.wall_ns(at), StampSource.KERNEL))


class SimulatedWaiter:
    """Moves the clock to whatever comes first."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.turns = 0

    def wait(self, drivers: Sequence[Driver], until: float) -> None:
        self.turns += 1
        assert self.turns < _MOST_TURNS, "the loop turns without end"
        arrivals = [at for driver in drivers if isinstance(driver, SimulatedDriver) and (at := driver.next_arrival())]
        self._clock.now = max(self._clock.now, min([until, *arrivals]))


class Simulation:
    """One world, its clock, and the drivers that a trace opens in it."""

    def __init__(self, world: World, *, seed: int = 1, flow_kind: FlowKind = FlowKind.PARIS) -> None:
        self.world = world
        self.clock = FakeClock(world.clock_step)
        self.waiter = SimulatedWaiter(self.clock)
        self.drivers: dict[Protocol, SimulatedDriver] = {}
        self.random_bytes = Random(seed).randbytes  # noqa: S311 - a simulation wants the same bytes each time
        self._flow_kind = flow_kind

    def open(self, protocol: Protocol) -> tuple[Driver | None, tuple[Refusal, ...]]:
        failure = self.world.opens_not.get(protocol)
        if failure is not None:
            return None, (Refusal(protocol=protocol, method=Method.RAW, failure=failure, detail=f"{failure} here"),)
        driver = SimulatedDriver(self.world, self.clock, protocol, flow_kind=self._flow_kind)
        self.drivers[protocol] = driver
        return driver, ()

    @property
    def sent(self) -> int:
        """Return how many probes left, by any driver."""
        return sum(len(driver.sends) for driver in self.drivers.values())

    def trace(
        self,
        choice: ProtocolChoice,
        settings: TraceSettings,
        *,
        naming: Naming = Naming.HOST,
        interrupted: Callable[[], bool] = lambda: False,
        remembered: Lesson | None = None,
        near: NearHops | None = None,
    ) -> TraceOutcome:
        """Return what the engine makes of the way to the world's target."""
        return trace(
            choice=choice,
            settings=settings,
            role=Role.DESTINATION,
            from_=Node.CLIENT,
            to=Node.DESTINATION,
            family=self.world.family,
            address=self.world.target,
            port=None,
            naming=naming,
            open_driver=self.open,
            waiter=self.waiter,
            clock=self.clock,
            random_bytes=self.random_bytes,
            interrupted=interrupted,
            remembered=remembered,
            near=near,
        )


def _method(protocol: Protocol, *, unprivileged: bool) -> Method:
    if not unprivileged:
        return Method.RAW
    return {
        Protocol.ICMP: Method.PING_SOCKET,
        Protocol.UDP: Method.ERROR_QUEUE,
        Protocol.TCP: Method.CONNECT,
    }[protocol]


def _flow(world: World, protocol: Protocol, *, own_source_ports: bool) -> Flow:
    icmp = protocol is Protocol.ICMP
    port = {Protocol.ICMP: None, Protocol.UDP: 33434, Protocol.TCP: 443}[protocol]
    return Flow(
        family=world.family,
        protocol=protocol,
        source=world.source,
        destination=world.target,
        source_port=None if icmp or own_source_ports else 54321,
        destination_port=port,
        icmp_id=4711 if icmp else None,
        tos=world.tos,
    )
