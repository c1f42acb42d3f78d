"""How a service edge is asked: where its API is, with which secret, and what a trace request says."""

from __future__ import annotations

from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from probes.facts import Direction, ProtocolChoice


@frozen
class EdgeAccess:
    """One configured edge; `api` None: it is only traced to, and asked nothing.

    `token_file` holds the bearer token, `ca_file` the authorities that its certificate is checked against (None: the
    host's own). `insecure` allows plain HTTP beyond loopback.
    """

    host: str
    port: int = 443
    api: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    insecure: bool = False


@frozen
class EdgeTraceAsked:
    """One trace that an edge is asked for: back to its caller, or on to `host`."""

    direction: Direction
    protocol: ProtocolChoice
    host: str | None = None
    port: int | None = None
    max_ttl: int = 30
    queries: int = 3
    timeout_s: float = 1.0
