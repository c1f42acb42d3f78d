"""One sample, and the places in it that many propositions ask for: target, leg, route, gateway, own addresses."""

from functools import cached_property

from probes.facts import EndReason, Family, Leg, Node, Prober, Role, RouteKind
from probes.host_facts import Interface, Neighbour, Route
from probes.name_facts import DnsCheck
from probes.sample import Sample
from rules.evidence.addresses import in_prefix, is_loopback, same
from rules.evidence.answers import Answers

# Ends of a leg at which no probe was ever on the wire.
UNSENT_ENDS = frozenset({EndReason.NOT_TRACED, EndReason.NOT_OPENED, EndReason.SEND_FAILED})


class Scene:
    """A sample with what is asked of it again and again found once; everything is a function of the facts."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    @cached_property
    def answers(self) -> Answers:
        """Return who was asked and who was heard."""
        return Answers(self)

    # -- the target

    @cached_property
    def node(self) -> Node:
        """Return what the agent's own probes aim at."""
        direct = self.sample.target.route is RouteKind.DIRECT
        edge = Node.SERVICE_EDGE if self.sample.target.route is RouteKind.SERVICE_EDGE else Node.PRIVATE_EDGE
        return Node.DESTINATION if direct else edge

    @cached_property
    def leg_index(self) -> int | None:
        """Return which leg runs from the client to what the agent probes, None if there is none."""
        own = [index for index, leg in enumerate(self.sample.legs) if leg.probed_by is Prober.AGENT]
        aimed = [index for index in own if self.sample.legs[index].to is self.node]
        return next(iter(aimed or own), None)

    @property
    def leg(self) -> Leg | None:
        """Return that leg."""
        return None if self.leg_index is None else self.sample.legs[self.leg_index]

    @property
    def leg_fact(self) -> str:
        """Return the pointer to that leg."""
        return f"/legs/{self.leg_index or 0}"

    @property
    def leg_was_sent(self) -> bool:
        """Return whether probes of that leg went on the wire."""
        return self.leg is not None and self.leg.end_reason not in UNSENT_ENDS

    def checks(self, role: Role) -> list[tuple[str, DnsCheck]]:
        """Return the name checks of one role, each with its pointer."""
        return [(f"/dns/{index}", check) for index, check in enumerate(self.sample.dns) if check.role is role]

    @property
    def target_role(self) -> Role:
        """Return the role under which what the agent probes appears in name and reachability checks."""
        return Role.DESTINATION if self.node is Node.DESTINATION else Role.SERVICE_EDGE

    @cached_property
    def target_addresses(self) -> tuple[str, ...]:
        """Return every known address of what the agent probes, the one that was probed first."""
        found = [self.leg.address] if self.leg is not None and self.leg.address else []
        if self.sample.target.literal and self.node is Node.DESTINATION:
            found.append(self.sample.target.host)
        found += [address for _, check in self.checks(self.target_role) for address in check.addresses]
        return tuple(dict.fromkeys(found))

    @cached_property
    def family(self) -> Family | None:
        """Return the family that the target needs, None while no address is known and none was asked for."""
        if self.target_addresses:
            return Family.IPV6 if ":" in self.target_addresses[0] else Family.IPV4
        return self.sample.target.family

    # -- the host

    @cached_property
    def own_addresses(self) -> tuple[str, ...]:
        """Return every address of the host's interfaces."""
        return tuple(entry.address for interface in self.sample.network.interfaces for entry in interface.addresses)

    def on_host(self, address: str) -> bool:
        """Return whether packets to this address stay inside the host."""
        return is_loopback(address) or any(same(address, own) for own in self.own_addresses)

    @property
    def interfaces(self) -> list[tuple[str, Interface]]:
        """Return every interface but loopback, each with its pointer."""
        numbered = enumerate(self.sample.network.interfaces)
        return [(f"/network/interfaces/{index}", interface) for index, interface in numbered if not interface.loopback]

    @cached_property
    def network_was_read(self) -> bool:
        """Return whether the host's state is known at all: a host that was read has at least a loopback interface."""
        return bool(self.sample.network.interfaces)

    # -- the way there

    def route_to(self, address: str) -> tuple[str, Route] | None:
        """Return the look-up of one address and its pointer, None if it was not looked up."""
        for index, route in enumerate(self.sample.network.routes):
            if same(route.destination, address):
                return f"/network/routes/{index}", route
        return None

    @cached_property
    def target_routes(self) -> tuple[tuple[str, Route], ...]:
        """Return the look-ups of the target's addresses, the probed one first."""
        found = (self.route_to(address) for address in self.target_addresses)
        return tuple(route for route in found if route is not None)

    @cached_property
    def target_route(self) -> tuple[str, Route] | None:
        """Return the look-up that serves the target: the first that works, else the first that failed."""
        working = (found for found in self.target_routes if found[1].failure is None)
        return next(working, next(iter(self.target_routes), None))

    @cached_property
    def default_routes(self) -> tuple[tuple[str, Route], ...]:
        """Return the table entries that cover every destination of the family that matters, the preferred first."""
        numbered = enumerate(self.sample.network.default_routes)
        entries = [
            (f"/network/default_routes/{index}", route)
            for index, route in numbered
            if self.family in (None, route.family) and route.failure is None
        ]
        return tuple(sorted(entries, key=lambda entry: entry[1].metric or 0))

    @cached_property
    def way_out(self) -> tuple[str, Route] | None:
        """Return the route that leads to the target, or the default route while no address of it is known."""
        return self.target_route if self.target_addresses else next(iter(self.default_routes), None)

    @cached_property
    def gateway(self) -> str | None:
        """Return the first router on the way to the target, None where there is none or it is not known."""
        return self.way_out[1].gateway if self.way_out is not None and self.way_out[1].failure is None else None

    @cached_property
    def gateway_addresses(self) -> frozenset[str]:
        """Return the gateway's address and whatever answered at TTL 1, which is the same router's."""
        if self.gateway is None:
            return frozenset()
        first = {
            responder.address
            for leg in self.sample.legs
            if leg.probed_by is Prober.AGENT and leg.from_ is Node.CLIENT
            for hop in leg.hops[:1]
            for responder in hop.responders
            if hop.probe_ttl == 1 and responder.address not in self.target_addresses
        }
        return frozenset(address.partition("%")[0] for address in first | {self.gateway})

    def is_gateway(self, address: str) -> bool:
        """Return whether an address is the gateway's."""
        return any(same(address, known) for known in self.gateway_addresses)

    def beyond_gateway(self, address: str) -> bool:
        """Return whether packets to this address have to pass the gateway, as far as routes and prefixes tell."""
        if self.gateway is None or self.on_host(address) or self.is_gateway(address):
            return False
        found = self.route_to(address)
        if found is not None and found[1].failure is None:
            return found[1].gateway is not None and self.is_gateway(found[1].gateway)
        return not any(
            in_prefix(address, entry.address, entry.prefix_length)
            for interface in self.sample.network.interfaces
            for entry in interface.addresses
        )

    def neighbour(self, address: str, interface: str | None) -> tuple[str, Neighbour] | None:
        """Return the neighbour entry of an address on an interface and its pointer."""
        for index, entry in enumerate(self.sample.network.neighbours):
            if same(entry.address, address) and interface in (None, entry.interface):
                return f"/network/neighbours/{index}", entry
        return None

    @cached_property
    def gateway_neighbour(self) -> tuple[str, Neighbour] | None:
        """Return the gateway's neighbour entry and its pointer."""
        if self.gateway is None or self.way_out is None:
            return None
        return self.neighbour(self.gateway, self.way_out[1].interface)
