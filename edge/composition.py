"""Where the edge is put together: the only file of it that knows drivers."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Final

from edge.destinations import Destinations
from edge.traces import Job, Made
from edge.wide import SETTINGS, Wide
from probes.clock import Clock
from probes.dns_check import BOTH_FAMILIES, NameAsked
from probes.drivers import dns_socket, ladder
from probes.drivers.echo_watch import EchoWatch, open_echo_watch
from probes.drivers.host import HostReader
from probes.drivers.many_ladder import open_carrier
from probes.drivers.stamps import keep_stamping
from probes.drivers.waiter import PollWaiter
from probes.facts import Direction, Family, Leg, Node, Prober, Protocol, ProtocolChoice, Refusal, Role
from probes.failure import Failure
from probes.frozen import replace
from probes.name_facts import DnsCheck
from probes.seam import Driver
from probes.target import is_address
from probes.trace.adaptive import Naming
from probes.trace.line import Stretch
from probes.trace.run import trace
from probes.trace.settings import TraceSettings

# However far and silent a path is, nobody waits longer.
LONGEST_TRACE_S: Final = 8.0
_TCP_PORT: Final = 443


_ENDS: Final = {
    Direction.REVERSE: (Role.EGRESS, Node.EGRESS),
    Direction.FORWARD: (Role.DESTINATION, Node.DESTINATION),
}


class Engine:
    """Makes the traces that callers ask for: the agent's own engines over the agent's own drivers.

    By ICMP with the usual numbers the wide engine traces, all at once; anything else the deep one, each in a thread.
    """

    def __init__(self, clock: Clock, destinations: Callable[[], Destinations], most_threads: int) -> None:
        """Be ready; `destinations` is asked what is allowed at the time."""
        keep_stamping()
        self._clock = clock
        self._destinations = destinations
        self._host = HostReader()
        self._pool = ThreadPoolExecutor(most_threads, thread_name_prefix="trace")
        self._stopping = Event()
        self._wide = {family: wide for family in Family if (wide := _open_wide(family, clock))}

    async def make(self, job: Job) -> Made:
        """Return what comes of a job, at most eight seconds and the look-up of a name later."""
        if leg := await self._traced_widely(job):
            return Made(leg=leg)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._make, job)

    async def _traced_widely(self, job: Job) -> Leg | None:
        """Return the leg as the wide engine traced it, None where that is not for it or another protocol may reach."""
        asked_by_number = (job.max_ttl, job.queries, job.timeout_s)
        wide = self._wide.get(_family(job.host)) if is_address(job.host) else None
        icmp = job.protocol is ProtocolChoice.ICMP or (job.protocol is ProtocolChoice.ADAPTIVE and job.port is None)
        if wide is None or not icmp or asked_by_number != (SETTINGS.max_ttl, SETTINGS.queries, SETTINGS.timeout_s):
            return None
        stretch = _stretch(job, job.host)
        try:
            async with asyncio.timeout(LONGEST_TRACE_S):
                leg = await asyncio.wrap_future(wide.trace(stretch, job.protocol))
        except TimeoutError:
            return untraced(job, f"the trace was not over after {LONGEST_TRACE_S:.0f} s")
        unreached = leg is not None and leg.reached is not True and job.protocol is ProtocolChoice.ADAPTIVE
        if leg is None or (unreached and not self._stopping.is_set()):
            return None
        return replace(leg, direction=job.direction)

    def stop(self) -> None:
        """End what is under way within moments; each leg says that it was cut short."""
        self._stopping.set()
        for wide in self._wide.values():
            wide.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _make(self, job: Job) -> Made:
        if job.direction is Direction.REVERSE or is_address(job.host):
            return Made(leg=self._trace(job, job.host))
        check = self._resolve(job.host)
        if not check.addresses:
            return Made(leg=untraced(job, f"no address to trace: {job.host} did not resolve"), dns=check)
        allowed = [address for address in check.addresses if self._destinations().allows_answer(address)]
        if not allowed:
            return Made(refused=f"{job.host} resolves to addresses that this edge does not trace to")
        return Made(leg=self._trace(job, allowed[0]), dns=check)

    def _resolve(self, name: str) -> DnsCheck:
        """Return what the edge's own resolvers say of a name; takes up to 2.3 s."""
        return dns_socket.check_names(
            [NameAsked(role=Role.DESTINATION, name=name, families=BOTH_FAMILIES)],
            resolv=self._host.resolv(),
            hosts=self._host.hosts(),
            clock=self._clock,
            route_to=self._host.route_to,
            stop=self._stopping.is_set,
        )[0]

    def _trace(self, job: Job, address: str) -> Leg:
        stretch = _stretch(job, address)
        deadline = self._clock.monotonic() + LONGEST_TRACE_S
        waiter = PollWaiter(clock=self._clock)
        try:
            outcome = trace(
                choice=job.protocol,
                settings=TraceSettings(max_ttl=job.max_ttl, queries=job.queries, timeout_s=job.timeout_s),
                role=stretch.role,
                from_=stretch.from_,
                to=stretch.to,
                family=stretch.family,
                address=address,
                port=job.port,
                naming=Naming.HOST if job.port is None else Naming.PORT,
                open_driver=partial(self._open_driver, job, address),
                waiter=waiter,
                clock=self._clock,
                random_bytes=os.urandom,
                interrupted=lambda: self._stopping.is_set() or self._clock.monotonic() > deadline,
            )
        finally:
            waiter.close()
        return replace(outcome.leg, direction=job.direction, probed_by=Prober.EDGE)

    def _open_driver(self, job: Job, address: str, protocol: Protocol) -> tuple[Driver | None, tuple[Refusal, ...]]:
        return ladder.open_driver(
            protocol,
            _family(address),
            address,
            _port(job, protocol),
            clock=self._clock,
            random_bytes=os.urandom,
        )


def untraced(job: Job, reason: str) -> Leg:
    """Return a job's leg that could not be traced, with the reason why."""
    return Leg(
        from_=Node.SERVICE_EDGE,
        to=_ENDS[job.direction][1],
        direction=job.direction,
        probed_by=Prober.EDGE,
        port=job.port,
        reason=reason,
    )


def open_echo_watches(families: tuple[Family, ...], clock: Clock) -> tuple[list[EchoWatch], Failure | None]:
    """Return a watch for each family that this host allows one for, and why it allows none for another."""
    opened = [open_echo_watch(family, clock) for family in families]
    watches = [watch for watch in opened if isinstance(watch, EchoWatch)]
    return watches, next((failure for failure in opened if isinstance(failure, Failure)), None)


def _open_wide(family: Family, clock: Clock) -> Wide | None:
    """Return the wide engine for a family, None where this host allows none."""
    carrier, refused = open_carrier(family, clock, os.urandom)
    if carrier is None:
        return None
    return Wide(carrier, refused, clock, lambda extra: PollWaiter(extra, clock=clock))


def _stretch(job: Job, address: str) -> Stretch:
    role, to = _ENDS[job.direction]
    return Stretch(role=role, from_=Node.SERVICE_EDGE, to=to, family=_family(address), address=address, port=job.port)


def _family(address: str) -> Family:
    return Family.IPV6 if ":" in address else Family.IPV4


def _port(job: Job, protocol: Protocol) -> int | None:
    """Return the port that probes aim at: an application's is a TCP port, unless UDP alone was asked for."""
    match protocol:
        case Protocol.TCP:
            return job.port or _TCP_PORT
        case Protocol.UDP:
            return job.port if job.protocol is ProtocolChoice.UDP else None
        case Protocol.ICMP:
            return None
