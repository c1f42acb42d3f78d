"""Which way the traffic takes as a whole, where a proxy stands on it (CP-14, CP-15, CP-17, CP-18, CP-19)."""

from probes.facts import Node
from probes.sample import TopologyKind
from rules.evidence.proxy_failure import applying
from rules.evidence.scene import Scene
from rules.proposition import Finding, either, false, proposition, true, unknown


def _is(scene: Scene, *kinds: TopologyKind) -> Finding:
    topology, proxy = scene.sample.topology, applying(scene)
    if proxy is None:
        return false("no proxy applies")
    if topology is None or (proxy.address is None and not topology.certain):
        return unknown("nobody told which way the traffic takes")
    return either(topology.kind in kinds, topology.evidence, "/topology")


@proposition("topology.certain", "What decides which way the traffic takes is known.")
def _certain(scene: Scene) -> Finding:
    topology = scene.sample.topology
    if topology is None:
        return unknown("nobody told which way the traffic takes")
    return either(topology.certain, topology.evidence, "/topology")


@proposition("topology.cloud_proxy", "The proxy stands in the cloud, behind the client's own egress (T-A).")
def _cloud_proxy(scene: Scene) -> Finding:
    return _is(scene, TopologyKind.CLOUD_PROXY)


@proposition("topology.proxy_before_egress", "The proxy stands before the client's own egress (T-B, T-D).")
def _proxy_before_egress(scene: Scene) -> Finding:
    return _is(scene, TopologyKind.ON_PREMISES_PROXY, TopologyKind.PROXY_TO_EDGE)


@proposition("topology.on_premises_proxy", "The proxy stands before the client's own egress, and no edge behind (T-B).")
def _on_premises_proxy(scene: Scene) -> Finding:
    return _is(scene, TopologyKind.ON_PREMISES_PROXY)


@proposition("topology.data_center_proxy", "The proxy stands in a data centre with an egress of its own (T-C).")
def _data_center_proxy(scene: Scene) -> Finding:
    return _is(scene, TopologyKind.DATA_CENTER_PROXY)


@proposition("topology.edge_follows", "A service edge carries the traffic on, and traces the rest of the path.")
def _edge_follows(scene: Scene) -> Finding:
    found = [f"/legs/{index}" for index, leg in enumerate(scene.sample.legs) if leg.from_ is Node.SERVICE_EDGE]
    return true("a service edge traces on from there", found[0]) if found else false("no service edge traces on")
