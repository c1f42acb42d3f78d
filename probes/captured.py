"""What a packet capture beside a trace saw: packets as they were, and in between them the probes as they left."""

from __future__ import annotations

from probes.frozen import frozen, frozen_positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol as Interface

    from probes.seam import Driver, Flow, Probe, Stamp
else:
    Interface = object


@frozen
class Packet:
    """One packet, IP header first, and when the kernel saw it pass which interface in which direction."""

    interface: str
    outgoing: bool
    realtime_ns: int
    data: bytes


@frozen_positional
class SentProbe:
    """One probe that the host took, and the flow that it belongs to."""

    flow: Flow
    probe: Probe
    stamp: Stamp


@frozen
class Capture:
    """Everything in the order in which it was read; `dropped` packets had no room, and nobody knows what they were."""

    entries: tuple[Packet | SentProbe, ...]
    dropped: int


class Recorder(Interface):
    """Captures beside drivers."""

    def follow(self, driver: Driver) -> Driver:
        """Return a driver that does what `driver` does, and whose packets are captured from now on."""

    def close(self) -> Capture:
        """Return everything captured, and give everything back."""
