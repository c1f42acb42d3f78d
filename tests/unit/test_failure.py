"""The closed list of failures, and what the same errno means to different calls."""

import errno
import socket

import pytest

from probes.failure import Failure, Operation, failure_of


@pytest.mark.parametrize(
    ("code", "operation", "failure"),
    [
        (errno.EPERM, Operation.OPEN, Failure.NOT_PERMITTED),
        (errno.EPERM, Operation.SEND, Failure.BLOCKED_LOCALLY),
        (errno.EPERM, Operation.CONNECT, Failure.BLOCKED_LOCALLY),
        (errno.EACCES, Operation.OPEN, Failure.NOT_PERMITTED),
        (errno.EACCES, Operation.BIND, Failure.NOT_PERMITTED),
        (errno.EACCES, Operation.SEND, Failure.ROUTE_PROHIBITED),
        (errno.EACCES, Operation.RECEIVE, Failure.HOST_UNREACHABLE),
        (errno.EINVAL, Operation.SEND, Failure.ROUTE_BLACKHOLE),
        (errno.EINVAL, Operation.OPEN, Failure.OTHER),
        (errno.ENETUNREACH, Operation.SEND, Failure.NETWORK_UNREACHABLE),
        (errno.EHOSTUNREACH, Operation.RECEIVE, Failure.HOST_UNREACHABLE),
        (errno.EMFILE, Operation.OPEN, Failure.TOO_MANY_FILES),
        (errno.ENOBUFS, Operation.SEND, Failure.OUT_OF_MEMORY),
        (errno.EADDRNOTAVAIL, Operation.BIND, Failure.ADDRESS_NOT_AVAILABLE),
        (errno.ENODEV, Operation.BIND, Failure.NO_SUCH_INTERFACE),
        (errno.ELOOP, Operation.SEND, Failure.OTHER),
    ],
)
def test_an_errno_means_what_the_call_makes_of_it(code: int, operation: Operation, failure: Failure) -> None:
    assert failure_of(OSError(code, "x"), operation) is failure


def test_a_timeout_without_errno_is_a_timeout() -> None:
    assert failure_of(TimeoutError("timed out"), Operation.RECEIVE) is Failure.TIMED_OUT


def test_a_real_refused_connection_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with socket.socket() as client, pytest.raises(ConnectionRefusedError) as refused:
            client.connect(unused.getsockname())
    assert failure_of(refused.value, Operation.CONNECT) is Failure.CONNECTION_REFUSED
