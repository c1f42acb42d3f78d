"""What the wide engine's carriers say where the host itself refuses."""

import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from probes.clock import SystemClock
from probes.drivers.many_ping import open_ping_echo
from probes.drivers.many_raw import open_raw_echo
from probes.facts import Family
from probes.failure import Failure
from probes.many_seam import Lane
from tests.unit.watch.own_namespace import OwnNamespace

pytestmark = pytest.mark.lab

LINK = "link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up"
SETTLED = "while ip -6 addr show tentative | grep -q .; do sleep 0.05; done"


def sent_by_a_link_that_is_down(open_carrier: Callable[..., Any]) -> object:
    carrier = open_carrier(Family.IPV6, SystemClock(), os.urandom)
    lane = carrier.lane("fe80::9%v0", bytes(8))
    assert isinstance(lane, Lane), lane
    subprocess.run(["ip", "link", "set", "v0", "down"], check=True)
    outcome = carrier.send(lane, 5, 1)
    carrier.close()
    return outcome


@pytest.mark.parametrize("open_carrier", [open_raw_echo, open_ping_echo])
def test_a_target_on_a_link_that_went_down_has_no_way_rather_than_no_zone(
    open_carrier: Callable[..., Any],
) -> None:
    with OwnNamespace() as client:
        client.shell("echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range")
        client.ip(LINK)
        client.shell(SETTLED)
        assert client.call(sent_by_a_link_that_is_down, open_carrier) is Failure.NETWORK_UNREACHABLE
