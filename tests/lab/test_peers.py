"""The lab itself is right: two or three independent tools see on every map what the map says."""

from collections.abc import Callable
from typing import Final

import pytest

from probes.facts import Family, Protocol
from tests.lab.builder import Lab
from tests.lab.peers import PEERS, Peer

pytestmark = pytest.mark.lab

PATHS: Final = (
    ("chain", "server"),
    ("silent", "server"),
    ("limited", "server"),
    ("dead_end", "mute"),
    ("dead_end", "hidden"),
)

Views = dict[tuple[Peer, Protocol, Family], tuple[str, str]]


@pytest.fixture(scope="module", params=PATHS, ids="-".join)
def views(request: pytest.FixtureRequest, network: Callable[[str], Lab]) -> tuple[Lab, str, Views]:
    """Run every peer by every protocol and family at once: each has a source address of its own, and mostly waits."""
    name, destination = request.param
    lab = network(name)
    running = {
        (peer, protocol, family): lab.start(
            "client", peer.command(lab.fresh_source("client", family), lab.address(destination, family), protocol)
        )
        for peer in PEERS
        for protocol in peer.protocols
        for family in Family
    }
    return lab, destination, {view: process.communicate() for view, process in running.items()}


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(
    ("peer", "protocol"),
    [(peer, protocol) for peer in PEERS for protocol in peer.protocols],
    ids=lambda value: value.name if isinstance(value, Peer) else str(value),
)
def test_peer_sees_what_the_map_says(
    views: tuple[Lab, str, Views], protocol: Protocol, family: Family, peer: Peer
) -> None:
    lab, destination, outputs = views
    text, complaints = outputs[peer, protocol, family]
    assert peer.parse(text) == lab.map.expected("client", destination, family).hops, complaints
