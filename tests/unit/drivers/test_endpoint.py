"""Where a flow starts: the source port that it should have, and any other where somebody has that one."""

import errno
import socket

import pytest

from probes.drivers.endpoint import Endpoint, bind_source, find_endpoint
from probes.facts import Family, Protocol
from probes.frozen import replace

LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}


def endpoint_to(family: Family, source_port: int) -> Endpoint:
    found = find_endpoint(family, Protocol.UDP, LOOPBACK[family], 33434, source_port=source_port)
    assert isinstance(found, Endpoint)
    return found


def datagram_socket(family: Family) -> socket.socket:
    return socket.socket(socket.AF_INET if family is Family.IPV4 else socket.AF_INET6, socket.SOCK_DGRAM)


@pytest.mark.parametrize("family", Family)
def test_a_flow_has_the_port_that_it_should_have_again_and_another_while_that_is_taken(family: Family) -> None:
    with datagram_socket(family) as first:
        port = bind_source(first, endpoint_to(family, 0))
        assert port
        with datagram_socket(family) as second:
            assert bind_source(second, endpoint_to(family, port)) not in {0, port}
    with datagram_socket(family) as third:
        assert bind_source(third, endpoint_to(family, port)) == port


def test_a_source_that_is_not_this_host_s_is_told_as_what_it_is() -> None:
    elsewhere = replace(endpoint_to(Family.IPV4, 0), source="192.0.2.1")
    with datagram_socket(Family.IPV4) as opened, pytest.raises(OSError, match="assign") as raised:
        bind_source(opened, elsewhere)
    assert raised.value.errno == errno.EADDRNOTAVAIL
