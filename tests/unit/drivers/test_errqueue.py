"""What an error queue says that no router said: an entry without an offender is nobody's answer."""

import struct

from probes.clock import SystemClock
from probes.drivers.errqueue import event_of, queued_error
from probes.drivers.linux import NUMBERS
from probes.drivers.sockets import Datagram
from probes.drivers.stamps import StampReader
from probes.facts import Family, Protocol, RejectReason
from probes.seam import Flow, Quote, Unreadable

# linux/errqueue.h: struct sock_extended_err of an ICMP time exceeded, and a sockaddr of no family behind it.
NOBODYS = struct.pack("=IBBBxII", 113, 2, 11, 0, 0, 0) + bytes(16)


def test_an_error_of_nobody_is_no_answer() -> None:
    numbers = NUMBERS[Family.IPV4]
    control = {(numbers.level, numbers.receive_errors): NOBODYS}
    queued = queued_error(Datagram(bytes(8), "192.0.2.2", 33434, control), numbers)
    flow = Flow(family=Family.IPV4, protocol=Protocol.UDP, source="192.0.2.1", destination="192.0.2.2")
    event = event_of(queued, flow, numbers, StampReader(SystemClock()).now(), lambda _: Quote())
    assert event == Unreadable(RejectReason.NOT_AN_ANSWER)
