"""The fallback ladder of the wide engine: a raw socket, else a ping socket, and why the better one was refused."""

from __future__ import annotations

from probes.drivers.ladder import climb
from probes.drivers.many_ping import open_ping_echo
from probes.drivers.many_raw import open_raw_echo
from probes.facts import Method, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.clock import Clock
    from probes.facts import Family, Refusal
    from probes.many_seam import Carrier

_RUNGS: Final[tuple[tuple[Method, Callable[..., Carrier]], ...]] = (
    (Method.RAW, open_raw_echo),
    (Method.PING_SOCKET, open_ping_echo),
)


def open_carrier(
    family: Family,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    *,
    source: str | None = None,
    interface: str | None = None,
    tos: int = 0,
    privileged: bool | None = None,
) -> tuple[Carrier | None, tuple[Refusal, ...]]:
    """Return a carrier of many traces by the first rung that holds, and a refusal for each one above it.

    Args:
        family: Of every target.
        clock: Who tells the time.
        random_bytes: Where identifiers come from.
        source: The address to send from, None for each route's.
        interface: The interface to send by, None for each route's.
        tos: The type of service or traffic class, 0..255.
        privileged: False leaves the raw rung out, True leaves the other out, None takes the first that opens.

    Returns:
        No carrier where every rung was refused: then each target must be traced alone (`probes.trace.run`).
    """
    rungs = [each for each in _RUNGS if privileged in {None, each[0] is Method.RAW}]
    options = {"source": source, "interface": interface}
    return climb(Protocol.ICMP, rungs, lambda opener: opener(family, clock, random_bytes, **options, tos=tos))
