"""One connect() in a network of two hosts: what this host refuses, what the router refuses, and who is silent."""

import socket
import time
from collections.abc import Iterator

import pytest

from probes.drivers.connecting import connect_within
from probes.failure import Failure
from tests.unit.watch.own_namespace import OwnNamespace

pytestmark = pytest.mark.lab

SILENT = "2001:db8:1::53"
BY_ROUTER = "2001:db8:2::1"
BY_HOST = "2001:db8:3::1"


@pytest.fixture(scope="module")
def host() -> Iterator[OwnNamespace]:
    with OwnNamespace() as own, OwnNamespace() as router:
        own.ip(f"""
            link add up7 type veth peer name down7 netns {router.name}
            address add 2001:db8:1::2/64 dev up7 nodad
            link set up7 up
        """)
        router.ip(f"""
            address add 2001:db8:1::1/64 dev down7 nodad
            link set down7 up
            -6 route add prohibit {BY_ROUTER}/128
        """)
        router.shell("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        own.ip(f"""
            -6 route add default via 2001:db8:1::1
            -6 route add prohibit {BY_HOST}/128
            -6 neighbour add {SILENT} lladdr 02:00:00:00:00:53 dev up7
        """)
        yield own


def connected(address: str, port: int, timeout_s: float) -> tuple[Failure, str] | None:
    with socket.socket(socket.AF_INET6) as opened:
        return connect_within(opened, (address, port, 0, 0), timeout_s)


@pytest.mark.parametrize(
    ("address", "outcome"),
    [
        ("::1", (Failure.CONNECTION_REFUSED, "connection refused")),
        (BY_HOST, (Failure.ROUTE_PROHIBITED, "permission denied")),
        # The same errno, and not this host's doing (ICMPv6 1/1, RFC 4443 section 3.1).
        (BY_ROUTER, (Failure.HOST_UNREACHABLE, "prohibited on the way")),
    ],
)
def test_who_refuses(host: OwnNamespace, address: str, outcome: tuple[Failure, str]) -> None:
    # Ample: a link that has just come up may take seconds to know its neighbour.
    assert host.call(connected, address, 443, 8.0) == outcome


def test_silence_ends_at_the_deadline(host: OwnNamespace) -> None:
    began = time.monotonic()
    assert host.call(connected, SILENT, 443, 0.2) == (Failure.TIMED_OUT, "no answer in time")
    assert time.monotonic() - began >= 0.2


def test_a_connection_is_no_failure(host: OwnNamespace) -> None:
    def accepted() -> tuple[Failure, str] | None:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
            return connected("::1", server.getsockname()[1], 2.0)

    assert host.call(accepted) is None
