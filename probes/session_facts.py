"""The vocabulary of private access: how an application is reached by it, and what its service says of sessions."""

from probes.frozen import frozen
from probes.word import Word


@frozen
class PrivateAccess:
    """Whether the target is reached by private access, and why that is believed.

    `synthetic_ranges` are those that the tunnel's resolver answers from. `resolved_into` is the range that holds the
    target's address, `interface` the tunnel interface that routes to it: None where it is not so. `connector_hops`
    says whether hops behind the service are known.
    """

    configured: bool = False
    synthetic_ranges: tuple[str, ...] = ()
    resolved_into: str | None = None
    interface: str | None = None
    connector_hops: bool = False


class SessionSource(Word):
    """Where a session event was read: the Log Streaming Service, or the local client's tunnel log."""

    LOG_STREAMING_SERVICE = "log_streaming_service"
    CLIENT_LOG = "client_log"


@frozen
class SessionEvent:
    """One event of a private access session as its log has it; `internal_reason` is the raw token, empty when healthy.

    `line` counts from 1 in its source. What a log leaves out is None. The client begins to count its tags anew with
    each start of its service: `tag_use` tells the uses of one `tag_id` in a log apart, from 1.
    """

    source: SessionSource
    line: int
    internal_reason: str
    at: str | None = None
    application: str | None = None
    app_group: str | None = None
    host: str | None = None
    port: int | None = None
    connection_status: str | None = None
    policy: str | None = None
    connector: str | None = None
    server: str | None = None
    username: str | None = None
    session_id: str | None = None
    connection_id: str | None = None
    tag_id: str | None = None
    tag_use: int | None = None
