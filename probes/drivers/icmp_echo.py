"""Whether an address answers pings at all: plain echo requests by icmplib, apart from any trace.

icmplib stamps with the wall clock, close to the wire; a monotonic reading round it tells when that clock was set. It
tells failures as text; here they are read from the errors behind its own.
"""

from __future__ import annotations

import os
import socket

from probes.drivers.stand_in import StandIn
from probes.facts import Answer, Family, Icmp, Protocol, Reachability
from probes.failure import Failure, Operation, failure_of
from probes.wire.icmp import answer_kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from probes.clock import Clock
    from probes.facts import Role


_ERRORS: Final = frozenset({Answer.DESTINATION_UNREACHABLE, Answer.TIME_EXCEEDED, Answer.PACKET_TOO_BIG})


class _Refused(Exception):  # noqa: N818 - a way out of the loop, never seen outside this file
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def echo(
    role: Role,
    address: str,
    *,
    count: int,
    timeout_s: float,
    clock: Clock,
    source: str | None = None,
    interface: str | None = None,
    payload: bytes | None = None,
) -> Reachability:
    """Return whether `address` answers echo requests; may be called on any thread.

    By a raw socket where that is allowed, otherwise by a ping socket; where neither is, `answered` is None with
    NOT_PERMITTED. Stops early at an ICMP error that names an offender: what is behind it will not answer either.

    Args:
        role: What the address is to the sample.
        address: An IP literal.
        count: How many requests, one after the other, each sent when the one before was answered or given up.
        timeout_s: How long to wait for each.
        clock: The clock.
        source: The address to send from, None for the kernel's choice.
        interface: The interface to send by, None for the kernel's choice.
        payload: What the requests carry, None for random octets.
    """
    series = _Series(role, address, clock, payload)
    try:
        with _open(series.family, source, interface) as opened:
            series.run(opened, count, timeout_s)
    except _Refused as refused:
        return series.facts(refused.failure)
    return series.facts(None)


class _Series:
    """The requests of one check and what came back."""

    def __init__(self, role: Role, address: str, clock: Clock, payload: bytes | None) -> None:
        self._payload = payload
        self.family = Family.IPV6 if ":" in address else Family.IPV4
        self._role = role
        self._address = address
        self._clock = clock
        self._sent = 0
        self._rtt_us: list[int] = []
        self._error: tuple[str, Icmp] | None = None

    def run(self, opened: Any, count: int, timeout_s: float) -> None:
        """Send and hear; raises _Refused where the host will not send."""
        identifier = int.from_bytes(os.urandom(2), "big")
        for sequence in range(count):
            self._once(opened, identifier, sequence, timeout_s)
            if self._error is not None:
                return

    def facts(self, failure: Failure | None) -> Reachability:
        """Return what was seen."""
        offender, icmp = self._error or (None, None)
        received = len(self._rtt_us)
        answer = Answer.ECHO_REPLY if received else None
        if icmp is not None and not received:
            answer = answer_kind(self.family, icmp.type, icmp.code)
        return Reachability(
            role=self._role,
            address=self._address,
            protocol=Protocol.ICMP,
            sent=self._sent,
            received=received,
            answered=None if failure and not self._sent else bool(received),
            answer=answer,
            offender=offender,
            icmp=icmp,
            rtt_us=tuple(self._rtt_us),
            failure=None if received else failure or self._silence(),
        )

    def _once(self, opened: Any, identifier: int, sequence: int, timeout_s: float) -> None:
        import icmplib  # noqa: PLC0415 - see `_open`

        request = icmplib.ICMPRequest(
            destination=self._address, id=identifier, sequence=sequence, payload=self._payload
        )
        sent_at = self._clock.monotonic()
        try:
            opened.send(request)
            self._sent += 1
            self._hear(opened, request, sent_at, sent_at + timeout_s)
        except icmplib.TimeoutExceeded:
            return
        except icmplib.ICMPSocketError as error:
            raise _Refused(_failure_behind(error, Operation.SEND)) from error

    def _hear(self, opened: Any, request: Any, sent_at: float, until: float) -> None:
        while (left_s := until - self._clock.monotonic()) > 0:
            reply = opened.receive(request, timeout=left_s)
            heard_at = self._clock.monotonic()
            answer = answer_kind(self.family, reply.type, reply.code)
            if answer is Answer.ECHO_REPLY and reply.source == self._address.partition("%")[0]:
                self._rtt_us.append(_rtt_us(reply.time - request.time, heard_at - sent_at))
                return
            # An echo reply from anybody else, and our own request seen again on the loopback, answer nothing.
            if answer in _ERRORS:
                self._error = reply.source, Icmp(type=reply.type, code=reply.code)
                return

    def _silence(self) -> Failure:
        return Failure.TIMED_OUT if self._error is None else Failure.HOST_UNREACHABLE


def _rtt_us(stamped_s: float, elapsed_s: float) -> int:
    """Return the stamped time, or the elapsed one where no answer can have taken what the stamps say."""
    return round((stamped_s if 0 < stamped_s <= elapsed_s else elapsed_s) * 1_000_000)


def _open(family: Family, source: str | None, interface: str | None) -> Any:
    """Return an icmplib socket of the first kind that the host allows."""
    # For pings by coroutines, of which we have none, it loads asyncio: 1.7 MB and half of its 18 ms [measured].
    with StandIn("asyncio"):
        import icmplib  # noqa: PLC0415 - only a check of reachability needs it

    kind = icmplib.ICMPv6Socket if family is Family.IPV6 else icmplib.ICMPv4Socket
    failure = Failure.NOT_PERMITTED
    for privileged in (True, False):
        try:
            opened = kind(address=source, privileged=privileged)
        except icmplib.ICMPSocketError as error:
            failure = _failure_behind(error, Operation.OPEN)
            if failure is not Failure.NOT_PERMITTED:
                break
            continue
        _bind_to(opened, interface)
        return opened
    raise _Refused(failure)


def _bind_to(opened: Any, interface: str | None) -> None:
    try:
        if interface is not None:
            opened.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    except OSError as error:
        opened.close()
        raise _Refused(failure_of(error, Operation.BIND)) from error


def _failure_behind(error: Exception, operation: Operation) -> Failure:
    """Return the name of the OSError that icmplib turned into words."""
    cause = error.__cause__ or error.__context__
    return failure_of(cause, operation) if isinstance(cause, OSError) else Failure.OTHER
