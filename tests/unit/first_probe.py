"""Trace until the first probe would leave, and print what is loaded by then."""

from __future__ import annotations

import posix
import sys

from probes.clock import SystemClock
from probes.drivers.waiter import PollWaiter
from probes.flow_facts import Family, FlowKind, Method, Node, Protocol, ProtocolChoice, Role
from probes.seam import Flow
from probes.trace.adaptive import Naming
from probes.trace.run import trace
from probes.trace.settings import TraceSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.flow_facts import Clocks, Refusal
    from probes.seam import Driver, Event, Probe, Stamp


class Telltale:
    """A driver that prints what is loaded instead of sending."""

    flow = Flow(family=Family.IPV4, protocol=Protocol.ICMP, source="192.0.2.1", destination="192.0.2.2", icmp_id=7)
    method = Method.RAW
    flow_kind = FlowKind.PARIS
    clocks: Clocks

    def send(self, probe: Probe) -> Stamp:
        assert probe.number == 0
        sys.stdout.write(" ".join(sys.modules))
        sys.exit()

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        assert hurried
        return ()

    def filenos(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        """Hold nothing."""


def opened(_: Protocol) -> tuple[Driver | None, tuple[Refusal, ...]]:
    """Return the driver."""
    return Telltale(), ()


def main(driver: str) -> None:
    """Load a real driver, as opening it would, and trace."""
    __import__("probes.drivers.ladder")
    __import__(f"probes.drivers.{driver}")
    trace(
        choice=ProtocolChoice.ICMP,
        settings=TraceSettings(),
        role=Role.DESTINATION,
        from_=Node.CLIENT,
        to=Node.DESTINATION,
        family=Family.IPV4,
        address="192.0.2.2",
        port=None,
        naming=Naming.HOST,
        open_driver=opened,
        waiter=PollWaiter(),
        clock=SystemClock(),
        random_bytes=posix.urandom,
    )
