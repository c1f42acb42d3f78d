"""Where UDP probes go."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.seam import Flow, Probe


def destination_port(flow: Flow, probe: Probe) -> int:
    """Return the port that a probe goes to."""
    return flow.own_port(probe.number) if probe.own_port else flow.destination_port or 0
