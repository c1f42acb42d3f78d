"""The fixture of the drivers' own small lab."""

import socket
import time
from collections.abc import Iterator

import pytest

from probes.drivers.linux import SO_TIMESTAMPNS
from probes.drivers.sockets import read_datagram
from tests.unit.drivers.chain import Chain


@pytest.fixture
def chain() -> Iterator[Chain]:
    """Give a fresh path, whose routers' ICMP buckets are full, and be its client."""
    made = Chain()
    try:
        made.build()
        with made.inside("client"):
            yield made
    finally:
        made.close()


@pytest.fixture(scope="session", autouse=True)
def _kernel_stamps() -> Iterator[None]:
    """Keep the kernel stamping, which it starts some time after the first socket that asks [measured]."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.bind(("127.0.0.1", 0))
        asking.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        end = time.monotonic() + 5
        while not _stamped_before_reading(asking):
            assert time.monotonic() < end, "the kernel does not stamp what arrives"
        yield


def _stamped_before_reading(asking: socket.socket) -> bool:
    """Return whether a datagram's stamp is older than its reading."""
    asking.sendto(b"?", asking.getsockname())
    time.sleep(0.001)
    before_ns = time.time_ns()
    datagram = read_datagram(asking)
    assert datagram is not None
    return (datagram.stamp_ns() or before_ns) < before_ns
