"""What is traced, and by whom: the stretch of a leg, and a line of one plan and the driver that carries it."""

from __future__ import annotations

from probes.frozen import frozen, frozen_positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol as Interface

    from probes.failure import Failure
    from probes.flow_facts import Family, Node, Role
    from probes.seam import Driver, Probe, Received, Stamp, Unreadable
    from probes.trace.plan import TracePlan

    class Plan(Interface):
        """What the one loop asks of a plan, whatever that measures."""

        def probes_to_send(self, now: float) -> Sequence[Probe]:
            """Return the probes that leave now, in order."""
            ...

        def sent(self, probe: Probe, stamp: Stamp) -> None:
            """Take in that a probe left."""
            ...

        def failed(
            self, number: int | None, failure: Failure, now: float, offender: str | None = None, mtu: int | None = None
        ) -> None:
            """Take in that the host refused a probe; None: the error concerns the flow."""
            ...

        def reply_received(self, event: Received | Unreadable, now: float) -> None:
            """Take in what arrived."""
            ...

        def next_deadline(self) -> float | None:
            """Return when there is something to do, None when the plan is over."""
            ...

    class Carried(Interface):
        """A plan and the driver that carries it."""

        @property
        def driver(self) -> Driver:
            """Return the driver."""
            ...

        @property
        def plan(self) -> Plan:
            """Return the plan."""
            ...


@frozen
class Stretch:
    """What is traced: between which nodes, towards which address, and what that address is to the sample."""

    role: Role
    from_: Node
    to: Node
    family: Family
    address: str
    port: int | None


@frozen_positional
class Line:
    """One plan and the driver that carries it."""

    driver: Driver
    plan: TracePlan
