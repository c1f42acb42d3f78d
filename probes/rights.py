"""What a host lets the agent do, as facts: which sockets open, how its clock is kept."""

from __future__ import annotations

from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.facts import Family, Method, Protocol
    from probes.failure import Failure


@frozen
class SocketRight:
    """Whether one way of probing could be opened; `failure` is None where it could."""

    protocol: Protocol
    family: Family
    method: Method
    failure: Failure | None


@frozen
class Rights:
    """What was found; None where the host does not tell.

    `clock_error_us` is the kernel's own bound on the clock's error, `receive_buffer_bytes` the most that a socket may
    ask for (net.core.rmem_max), `ping_groups` the group ids that may open ping sockets (net.ipv4.ping_group_range).
    """

    sockets: tuple[SocketRight, ...]
    ping_groups: tuple[int, int] | None
    receive_buffer_bytes: int | None
    clock_synchronised: bool | None
    clock_error_us: int | None
    python_version: str
