"""What is traced, and by whom: the stretch of a leg, and a line of one plan and the driver that carries it."""

from __future__ import annotations

from probes.frozen import frozen, frozen_positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.facts import Family, Node, Role
    from probes.seam import Driver
    from probes.trace.plan import TracePlan


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
