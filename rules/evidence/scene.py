"""One sample, and the places in it that many propositions ask for: target, legs, route, gateway, own addresses."""

from functools import cached_property

from probes.facts import Family, Leg, Node, Prober, Protocol, Role
from probes.host_facts import Interface, Neighbour, Route
from probes.name_facts import DnsCheck
from probes.sample import Sample
from probes.web_facts import Proxy, ProxyMode
from rules.evidence.addresses import in_prefix, is_loopback, same
from rules.evidence.answers import Answers
from rules.evidence.places import ROUTED_TO, UNSENT_ENDS, role_of


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
    def external_proxy(self) -> Proxy | None:
        """Return the proxy that applies, None where none does: one on this host is a part of the client."""
        proxy = self.sample.proxy
        if proxy is None or proxy.mode is ProxyMode.NONE or proxy.host is None:
            return None
        here = proxy.host == "localhost" or self.on_host(proxy.address or proxy.host)
        return None if here else proxy

    @cached_property
    def own_legs(self) -> tuple[tuple[int, Leg], ...]:
        """Return the legs from the client that the agent's own probes make, each with its place in the sample."""
        numbered = enumerate(self.sample.legs)
        return tuple((i, leg) for i, leg in numbered if leg.probed_by is Prober.AGENT and leg.from_ is Node.CLIENT)

    def own_leg_to(self, node: Node) -> tuple[str, Leg] | None:
        """Return the agent's own leg from the client to a node, with its pointer."""
        return next(((f"/legs/{index}", leg) for index, leg in self.own_legs if leg.to is node), None)

    def edge_leg_to(self, node: Node) -> tuple[str, Leg] | None:
        """Return the leg that the service edge traced to a node, with its pointer."""
        numbered = enumerate(self.sample.legs)
        traced = ((index, leg) for index, leg in numbered if leg.probed_by is Prober.EDGE and leg.to is node)
        return next(((f"/legs/{index}", leg) for index, leg in traced), None)

    @cached_property
    def node(self) -> Node:
        """Return the first end: what the agent's own probes aim at. What was traced tells, else what was to be."""
        routed = ROUTED_TO[self.sample.target.route]
        legs_to = {leg.to for _, leg in self.own_legs}
        for node in (Node.EXTERNAL_PROXY, routed):
            if node in legs_to:
                return node
        return Node.EXTERNAL_PROXY if self.external_proxy is not None and not legs_to - {Node.EGRESS} else routed

    @cached_property
    def leg_index(self) -> int | None:
        """Return which leg runs from the client to the first end, None if there is none."""
        aimed = [index for index, leg in self.own_legs if leg.to is self.node]
        others = [index for index, leg in self.own_legs if leg.to is not Node.EGRESS]
        return next(iter(aimed or others), None)

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
        """Return the role under which the first end appears in name and reachability checks."""
        return role_of(self.node)

    @cached_property
    def target_addresses(self) -> tuple[str, ...]:
        """Return every known address of the first end, the one that was probed first."""
        found = [self.leg.address] if self.leg is not None and self.leg.address else []
        if self.sample.target.literal and self.node is Node.DESTINATION:
            found.append(self.sample.target.host)
        if self.node is Node.EXTERNAL_PROXY and self.external_proxy is not None and self.external_proxy.address:
            found.append(self.external_proxy.address)
        found += [address for _, check in self.checks(self.target_role) for address in check.addresses]
        return tuple(dict.fromkeys(found))

    @cached_property
    def first_end(self) -> str:
        """Return the first end by the name that a person knows it by."""
        names = {
            Node.EXTERNAL_PROXY: self.external_proxy.host if self.external_proxy is not None else None,
            Node.SERVICE_EDGE: self.sample.target.edge_host,
            Node.PRIVATE_EDGE: self.sample.target.edge_host,
        }
        return names.get(self.node) or self.sample.target.host

    def words_for(self, place: str) -> str:
        """Return what an explanation calls a place of `rules.ruleset.PLACES`."""
        words = {
            "target": self.sample.target.host,
            "first_end": self.first_end,
            "edge": self.sample.target.edge_host or "the service edge",
            "proxy": (self.sample.proxy.host if self.sample.proxy is not None else None) or "the proxy",
        }
        return words[place]

    # -- who answers for others

    def intercepted(self, protocol: Protocol | None) -> bool:
        """Return whether somebody on the way was found to answer this protocol for others: then it proves nobody."""
        box = self.sample.middlebox
        return box is not None and box.protocol is protocol

    def reached(self, leg: Leg) -> bool | None:
        """Return whether the end of a leg answered, None where that is not known: another may have answered for it."""
        if leg.reached and leg.probed_by is Prober.AGENT and self.intercepted(leg.protocol):
            return None
        return leg.reached

    @cached_property
    def portal_seen(self) -> bool:
        """Return whether the network wants a person to sign in first."""
        portal = self.sample.captive_portal
        return portal is not None and portal.detected is True

    # -- the service edge

    @cached_property
    def edge_addresses(self) -> tuple[str, ...]:
        """Return every known address of the service edge that the path takes, the one that was probed first."""
        found = self.own_leg_to(Node.SERVICE_EDGE)
        addresses = [found[1].address] if found is not None and found[1].address else []
        host = self.sample.target.edge_host
        checks = [check for _, check in self.checks(Role.SERVICE_EDGE) if host in (None, check.name)]
        addresses += [address for check in checks for address in check.addresses]
        return tuple(dict.fromkeys(addresses))

    def is_edge(self, address: str | None) -> bool:
        """Return whether an address is that edge's."""
        return any(same(address, known) for known in self.edge_addresses)

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
            for _, leg in self.own_legs
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
