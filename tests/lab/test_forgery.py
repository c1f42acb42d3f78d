"""Nobody who does not know a probe's secret is believed: forgeries on the path, floods of guesses from beside it."""

import json
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from probes.facts import Family, LossClass, Protocol
from tests.lab import ours
from tests.lab.attack import Attack
from tests.lab.attacker_packets import EVIL, FORGERIES, Forgery
from tests.lab.builder import Lab, User

pytestmark = pytest.mark.lab

VERSION = {Family.IPV4: 4, Family.IPV6: 6}
FLOOD = 100_000


@pytest.fixture(scope="module")
def lab(network: Callable[[str], Lab]) -> Lab:
    return network("attacked")


@pytest.fixture(scope="module")
def on_the_path(lab: Lab) -> Iterator[Attack]:
    with Attack(lab, "r1", "client") as attack:
        yield attack


@pytest.fixture(scope="module")
def off_the_path(lab: Lab) -> Iterator[Attack]:
    with Attack(lab, "mallory", "r2") as attack:
        yield attack


def believed(lab: Lab, leg: ours.Record, family: Family) -> list[str]:
    """Return what in a record can only come from a forgery, or is missing because of one.

    A sign (`signs`) names whoever gave it, as evidence and not as a hop: an attacker on the path who copies a probe's
    secret and quotes another destination cannot be told from a router that translates addresses.
    """
    found = []
    told = {key: leg[key] for key in ("hops", "reached_by", "end_reason", "reason", "path_mtu")}
    if str(ip_address(EVIL[VERSION[family]])) in json.dumps(told):
        found.append("the address of nobody")
    expected = lab.map.expected("client", "server", family).hops
    # Of some hop an attacker's answer may have taken the place of the true one without showing itself: the class tells.
    if ours.hop_list(leg) != expected or set(ours.loss_classes(leg)) != {LossClass.NONE}:
        found.append(f"hops {ours.hop_list(leg)} {ours.loss_classes(leg)}")
    if not leg["reached"] or leg["reached_by"]["probe_ttl"] != len(expected):
        found.append(f"reached by {leg['reached_by']}")
    shortest_us = lab.map.round_trip_ms("client", "server", family) * 1000
    samples = [rtt_us for responder in leg["hops"][-1]["responders"] for rtt_us in responder["rtt_us"]]
    if any(rtt_us < shortest_us for rtt_us in samples):
        found.append(f"faster than light: {samples}")
    if leg["loss_ratio"]:
        found.append(f"loss {leg['loss_ratio']}")
    return found


def wrongly_counted(
    forgery: Forgery, rejected: dict[str, int], protocol: Protocol, family: Family, user: User
) -> list[str]:
    """Return what is wrong with the reasons by which a forgery was counted.

    Without rights the kernel keeps back what it takes for somebody else's, which differs from release to release.
    """
    seen = user is User.ROOT and (protocol.value, VERSION[family]) in forgery.seen
    found = [f"counted as {reason}" for reason in rejected if reason not in forgery.reasons]
    return [*found, f"not counted: {rejected}"] if seen and not rejected else found


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", Protocol)
def test_no_forgery_is_believed(lab: Lab, on_the_path: Attack, protocol: Protocol, family: Family, user: User) -> None:
    wrong: dict[str, list[str]] = {}
    for name, forgery in FORGERIES.items():
        on_the_path.order(f"forge {name}")
        leg = ours.trace(lab, ("-p", protocol, lab.address("server", family)), user=user).leg
        forged = on_the_path.order("rest")
        found = believed(lab, leg, family) + wrongly_counted(forgery, leg["rejected_replies"], protocol, family, user)
        if not forged and not (name == "source quench" and family is Family.IPV6):
            found.append("nothing was forged")
        if found:
            wrong[name] = found
    assert wrong == {}


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", Protocol)
def test_an_answer_counts_once_however_often_it_comes(
    lab: Lab, on_the_path: Attack, protocol: Protocol, family: Family, user: User
) -> None:
    on_the_path.order("repeat")
    leg = ours.trace(lab, ("-p", protocol, lab.address("server", family)), user=user).leg
    assert on_the_path.order("rest") > 0
    assert believed(lab, leg, family) == []
    assert all(hop["received"] <= hop["sent"] for hop in leg["hops"])
    connected = protocol is Protocol.TCP and user is User.NOBODY
    assert set(leg["rejected_replies"]) == (set() if connected else {"duplicate"})


@pytest.mark.parametrize("user", User)
@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize("protocol", Protocol)
def test_a_flood_of_guesses_is_not_believed(
    lab: Lab, off_the_path: Attack, protocol: Protocol, family: Family, user: User
) -> None:
    """Who knows who traces whom by what guesses the rest, 100,000 times, while one trace follows the other."""
    source, target = lab.fresh_source("client", family), lab.address("server", family)
    off_the_path.begin(f"flood {protocol} {source} {target} {FLOOD}")
    found = []
    while not off_the_path.done():
        leg = ours.trace(lab, ("-p", protocol, "--source", source, target), user=user).leg
        found.append(believed(lab, leg, family))
    assert off_the_path.result() >= FLOOD
    assert found == [[]] * len(found)
    assert len(found) > 1
