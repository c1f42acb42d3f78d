"""Checks and rounds as the world is asked for them: everything now and then, and between that the main leg alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.composition import diagnosis_of
from agent.cycle import collect
from agent.hop_names import addresses_of, with_names, with_origins
from agent.own_traces import Aim, OwnTraces
from agent.stall import Stall
from agent.watch.news import Check, Moved, Round
from probes.facts import Node, Prober, ProtocolChoice, Role
from probes.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from agent.request import SampleRequest
    from agent.world import Watch, World
    from probes.facts import Leg
    from probes.host_facts import Network, NetworkChange
    from probes.sample import Sample
    from rules.ruleset import RuleSet

_ROLES: Final = {
    Node.DESTINATION: Role.DESTINATION,
    Node.SERVICE_EDGE: Role.SERVICE_EDGE,
    Node.PRIVATE_EDGE: Role.SERVICE_EDGE,
    Node.EXTERNAL_PROXY: Role.PROXY,
}


class Rounds:
    """Measures one target again and again; for one thread.

    Args:
        request: What to look at.
        world: Makes the view of the world that one check, and the rounds after it, are given.
        rules: Who judges, the shipped rules unless an operator has some to add.
        interrupted: Asked often; once True, what is under way ends with what it has.
        queries: Probes to each hop in a check.
    """

    def __init__(
        self,
        request: SampleRequest,
        world: Callable[[], World],
        rules: RuleSet | None,
        interrupted: Callable[[], bool],
        *,
        queries: int = 1,
    ) -> None:
        self._request = replace(request, settings=replace(request.settings, queries=queries))
        self._make_world = world
        self._rules = rules
        self._interrupted = interrupted
        self._fresh = request.fresh
        self._world = world()
        self._watch: Watch | None = None
        self._network: Network | None = None
        self._aimed: tuple[SampleRequest, Aim] | None = None
        self._names: dict[str, str] = {}

    @property
    def watch(self) -> Watch:
        """Return who watches the network until the next check; opened where nobody does."""
        if self._watch is None:
            self._watch = self._world.watch(self._request.sending)
            self._network = self._world.network((), self._request.sending)
            self._watch.use(self._network)
        return self._watch

    @property
    def world(self) -> World:
        """Return the view of the world in use."""
        return self._world

    @property
    def traceable(self) -> bool:
        """Return whether there is a leg for rounds to follow."""
        return self._aimed is not None

    def check(self, on_progress: Callable[[Leg], None] | None = None) -> Check:
        """Return one complete sample, diagnosed; takes up to 4 s."""
        self._world = world = self._make_world()
        # The network is watched without a gap: this one's watch opens before the last one's closes.
        before, self._watch = self._watch, None
        watch = self.watch
        if before is not None:
            before.close()
        request = replace(self._request, fresh=self._fresh)
        sample = collect(request, world, on_progress=on_progress, interrupted=self._interrupted)
        self._fresh = False
        diagnosis = diagnosis_of(sample, request, self._rules)
        index = main_leg(sample)
        self._aim(sample, index)
        self._follow(watch)
        self._remember_names(sample)
        return Check(at_s=self._now_s(), sample=sample, diagnosis=diagnosis, leg=index)

    def round(self) -> Round | None:
        """Return one probe to each hop, None where the network changed or the agent itself stood still meanwhile.

        Raises:
            ValueError: There is nothing to trace.
        """
        if self._aimed is None or self._network is None:
            raise ValueError("no leg is known that a round could follow")
        at_s, watch = self._now_s(), self.watch
        request, aim = self._aimed
        stall = Stall(self._world.clock)
        traces = OwnTraces(
            request, self._world, watch, lambda: self._interrupted() or watch.disturbed() or stall.found()
        )
        leg = traces.trace(aim, self._network).leg
        return None if stall.found() or watch.disturbed() else Round(at_s=at_s, leg=self._named(leg))

    def noticed(self) -> Moved | None:
        """Return what else changed of the network since the last check, None for nothing."""
        changes = () if self._watch is None else self._changes(self._watch)
        disturbed = any(change.affects_sample for change in changes)
        return Moved(at_s=self._now_s(), changes=changes, disturbed=disturbed) if changes else None

    def moved(self) -> Moved:
        """Return what changed of the network since the last check, and watch it as it is now."""
        watch = self.watch
        changes = self._changes(watch)
        watch.close()
        self._watch = self._aimed = None
        return Moved(at_s=self._now_s(), changes=changes)

    def _changes(self, watch: Watch) -> tuple[NetworkChange, ...]:
        routes = () if self._network is None else self._network.routes
        destinations = tuple(route.destination for route in routes)
        return watch.changes(self._world.network(destinations, self._request.sending))

    def close(self) -> None:
        """Give everything back."""
        if self._watch is not None:
            self._watch.close()

    def _aim(self, sample: Sample, index: int | None) -> None:
        leg = None if index is None else sample.legs[index]
        if leg is None or leg.address is None or leg.protocol is None:
            self._aimed = None
            return
        # By the protocol that the check chose: another one every round would show another path.
        target = replace(self._request.target, protocol=ProtocolChoice(leg.protocol))
        settings = replace(
            self._request.settings, queries=1, series_count=1, scouts=1, retry_delays_s=(), top_up_delay_s=0.0
        )
        request = replace(self._request, target=target, settings=settings, fresh=False, path_mtu=False)
        aim = Aim(role=_ROLES[leg.to], node=leg.to, address=leg.address, port=_port(self._request, sample, leg))
        self._aimed = (request, aim)

    def _follow(self, watch: Watch) -> None:
        """Watch the way to the end of the main leg, too."""
        if self._aimed is None:
            return
        self._network = self._world.network((self._aimed[1].address,), self._request.sending)
        watch.use(self._network)

    def _remember_names(self, sample: Sample) -> None:
        responders = [each for leg in sample.legs for hop in leg.hops for each in hop.responders]
        self._names.update({each.address: each.name for each in responders if each.name})

    def _named(self, leg: Leg) -> Leg:
        leg = with_names(leg, self._names)
        if not self._request.databases:
            return leg
        origins, _ = self._world.origins_of(addresses_of((leg,)), self._request.databases)
        return with_origins(leg, origins)

    def _now_s(self) -> float:
        return self._world.clock.realtime_ns() / 1e9


def main_leg(sample: Sample) -> int | None:
    """Return the index of the leg from this host that leads furthest, None where none was traced."""
    for index in reversed(range(len(sample.legs))):
        leg = sample.legs[index]
        if leg.probed_by is Prober.AGENT and leg.reached is not None and leg.address and leg.to in _ROLES:
            return index
    return None


def _port(request: SampleRequest, sample: Sample, leg: Leg) -> int | None:
    """Return the TCP port that the leg's own trace aimed at."""
    match leg.to:
        case Node.SERVICE_EDGE | Node.PRIVATE_EDGE:
            return request.target.edge_port
        case Node.EXTERNAL_PROXY:
            return None if sample.proxy is None else sample.proxy.port
        case _:
            return request.target.port
