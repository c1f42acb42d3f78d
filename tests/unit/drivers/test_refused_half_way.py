"""Where the host refuses a socket's last option, the sockets opened before it are given back."""

import gc
import os
import warnings
from pathlib import Path

import pytest

from probes.drivers.ladder import open_driver
from probes.drivers.packet_capture import open_capture
from probes.facts import Family, Protocol
from probes.failure import Failure
from tests.unit.drivers.chain import SERVER
from tests.unit.drivers.driving import CLOCK

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("chain")]

# Octets of memory for a socket's options, per network namespace (net/core/filter.c, sk_filter_charge) [measured]: what
# lets a filter of one instruction in and refuses the next, and what refuses the third of TCP's.
NOT_ENOUGH = {Protocol.ICMP: 300, Protocol.UDP: 300, Protocol.TCP: 1000}


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("family", Family)
def test_a_driver_without_room_for_its_filter_leaves_nothing_open(family: Family, protocol: Protocol) -> None:
    Path("/proc/sys/net/core/optmem_max").write_text(str(NOT_ENOUGH[protocol]), encoding="ascii")
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always", ResourceWarning)
        driver, refused = open_driver(
            protocol, family, SERVER[family], None, clock=CLOCK, random_bytes=os.urandom, privileged=True
        )
        gc.collect()
    assert driver is None
    assert [refusal.failure for refusal in refused] == [Failure.OUT_OF_MEMORY]
    assert left_open == []


def test_a_capture_without_room_for_its_filter_leaves_nothing_open() -> None:
    Path("/proc/sys/net/core/optmem_max").write_text("100", encoding="ascii")
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always", ResourceWarning)
        assert open_capture() is Failure.OUT_OF_MEMORY
        gc.collect()
    assert left_open == []
