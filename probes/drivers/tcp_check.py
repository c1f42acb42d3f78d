"""Whether one TCP port answers at all: a single connect(), apart from any trace."""

from __future__ import annotations

import _socket as socket
import errno
import select
import struct

from probes.drivers.endpoint import Endpoint, find_endpoint
from probes.drivers.errqueue import read_queued_error
from probes.drivers.linux import ORIGIN_LOCAL, TCP_INFO_LENGTH, TCP_INFO_RTT
from probes.drivers.sockets import open_socket, queue_errors
from probes.facts import Answer, Family, Protocol, Reachability
from probes.failure import Failure, Operation, failure_of
from probes.wire.icmp import answer_kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.clock import Clock
    from probes.facts import Icmp, Role


_U32: Final = struct.Struct("=I")
# The kernel sends its second SYN after 1 s (RFC 6298 section 2.1), and an RTT measured over it would be wrong.
_LONGEST_S: Final = 0.95


def connect(
    role: Role,
    address: str,
    port: int,
    timeout_s: float,
    *,
    clock: Clock,
    source: str | None = None,
    interface: str | None = None,
) -> Reachability:
    """Return whether `address` answers a SYN to `port`.

    A refusal is an answer: RST when the socket's error queue is empty, otherwise the ICMP message that it holds, with
    whoever sent it as the offender (a firewall, then) [measured]. Silence is `answered` False with TIMED_OUT; what the
    host itself refuses to send is `answered` None with its failure.

    Args:
        role: What the address is to the sample.
        address: An IP literal.
        port: The port, 1..65535.
        timeout_s: How long to wait, at most 0.95 s of it.
        clock: The clock.
        source: The address to send from, None for the kernel's choice.
        interface: The interface to send by, None for the kernel's choice.
    """
    family = Family.IPV6 if ":" in address else Family.IPV4
    found = find_endpoint(family, Protocol.TCP, address, port, source=source, interface=interface)
    if not isinstance(found, Endpoint):
        return Reachability(role=role, address=address, protocol=Protocol.TCP, port=port, failure=found[0])
    try:
        opened = open_socket(found, socket.SOCK_STREAM)
    except OSError as error:
        return _not_made(role, found, failure_of(error, Operation.OPEN))
    try:
        return _connect(opened, found, role, min(timeout_s, _LONGEST_S), clock)
    finally:
        opened.close()


def _connect(opened: socket.socket, endpoint: Endpoint, role: Role, timeout_s: float, clock: Clock) -> Reachability:
    sent_at = clock.monotonic()
    try:
        queue_errors(opened, endpoint.numbers)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        opened.bind(endpoint.local(0))
        sent_at = clock.monotonic()
        code = opened.connect_ex(endpoint.remote(endpoint.port or 0))
    except OSError as error:
        return _not_made(role, endpoint, failure_of(error, Operation.BIND))
    # By the loopback a refusal is there before connect() returns.
    if code not in {0, errno.EINPROGRESS, errno.ECONNREFUSED}:
        return _not_made(role, endpoint, failure_of(OSError(code, ""), Operation.CONNECT))
    heard = code != errno.EINPROGRESS or _wait(opened, timeout_s)
    rtt_us = round((clock.monotonic() - sent_at) * 1_000_000)
    if not heard:
        return _answered(role, endpoint, answered=False, failure=Failure.TIMED_OUT)
    code = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or (code if code == errno.ECONNREFUSED else 0)
    return _outcome(opened, endpoint, role, code, rtt_us)


def _wait(opened: socket.socket, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(opened, select.POLLOUT)
    return bool(poll.poll(max(0, round(timeout_s * 1000))))


def _outcome(opened: socket.socket, endpoint: Endpoint, role: Role, code: int, rtt_us: int) -> Reachability:
    if code == 0:
        return _answered(role, endpoint, answered=True, answer=Answer.SYN_ACK, rtt_us=_kernel_rtt_us(opened) or rtt_us)
    queued = read_queued_error(opened, endpoint.numbers)
    if queued is None:
        if code == errno.ECONNREFUSED:
            return _answered(role, endpoint, answered=True, answer=Answer.RST, rtt_us=rtt_us)
        return _answered(role, endpoint, answered=False, failure=failure_of(OSError(code, ""), Operation.RECEIVE))
    failure = failure_of(OSError(queued.errno or code, ""), Operation.RECEIVE)
    if queued.origin == ORIGIN_LOCAL:
        return _answered(role, endpoint, answered=False, failure=failure, offender=queued.offender)
    return _answered(
        role,
        endpoint,
        # Somebody on the way speaks for himself, not for the address.
        answered=queued.offender == endpoint.destination,
        answer=answer_kind(endpoint.family, queued.icmp.type, queued.icmp.code),
        failure=failure,
        offender=queued.offender,
        icmp=queued.icmp,
        rtt_us=rtt_us,
    )


def _kernel_rtt_us(opened: socket.socket) -> int | None:
    """Return the RTT of the handshake as the kernel measured it, None where it did not."""
    info = opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_LENGTH)
    return int(_U32.unpack_from(info, TCP_INFO_RTT)[0]) or None if len(info) >= TCP_INFO_LENGTH else None


def _not_made(role: Role, endpoint: Endpoint, failure: Failure) -> Reachability:
    return Reachability(
        role=role, address=endpoint.destination, protocol=Protocol.TCP, port=endpoint.port, failure=failure
    )


def _answered(
    role: Role,
    endpoint: Endpoint,
    *,
    answered: bool,
    answer: Answer | None = None,
    failure: Failure | None = None,
    offender: str | None = None,
    icmp: Icmp | None = None,
    rtt_us: int | None = None,
) -> Reachability:
    return Reachability(
        role=role,
        address=endpoint.destination,
        protocol=Protocol.TCP,
        port=endpoint.port,
        sent=1,
        received=0 if answer is None else 1,
        answered=answered,
        answer=answer,
        offender=offender,
        icmp=icmp,
        rtt_us=() if rtt_us is None or answer is None else (rtt_us,),
        failure=failure,
    )
