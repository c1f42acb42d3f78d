"""How the service is doing, as one picture: what metrics, health pages and `systemctl status` are made from."""

from __future__ import annotations

from probes.frozen import field, frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.store.entry import StoreState


@frozen
class TargetStatus:
    """One target: its newest sample and what is due.

    Attributes:
        status: Of the newest sample, None before the first; `codes` are its errors.
        duration_s: How long the newest sample took.
        rtt_s: The newest sample's average delay to the end of the main leg, None where nothing came back; `loss_ratio`
            likewise.
        samples: How many there were, by status, since the service started; `errors` how often each code was diagnosed.
        late_s: How much later than planned the newest one began.
        skipped: How many rounds went by without one, because the one before ran still or the host was stopped.
    """

    name: str
    route: str
    protocol: str
    status: str | None = None
    codes: tuple[str, ...] = ()
    duration_s: float | None = None
    rtt_s: float | None = None
    loss_ratio: float | None = None
    finished_at_s: float | None = None
    samples: Mapping[str, int]
    errors: Mapping[str, int] = field(default_factory=dict)
    late_s: float = 0.0
    skipped: int = 0


@frozen
class SinkStatus:
    """One sink since the service started; `failing_since_s` is monotonic, None while it takes what it gets.

    `parked` entries were refused and are kept aside; `rejected` ones it dropped of a batch, without saying which.
    """

    name: str
    type: str
    delivered: int = 0
    parked: int = 0
    rejected: int = 0
    attempts: int = 0
    failures: int = 0
    failing_since_s: float | None = None
    last_failure: str | None = None


@frozen
class ServiceStatus:
    """The whole service.

    Attributes:
        ready: Whether the first plan is at work.
        at_s: Monotonic seconds at which the picture was made; `started_at_s` when the service started.
        turned_at_s: When the loop that does the work last came round.
        changes: How many changes of the network there were, by kind; `aborted` how many samples they ended.
        reloads: How many plans were taken, and `reloads_refused` how many were wrong.
        running: How many samples are under way, and `waiting` how many wait for one of them to end.
        stuck: How many samples have not come back long after they had to.
    """

    version: str
    ready: bool
    at_s: float
    started_at_s: float
    turned_at_s: float
    epoch: str | None
    targets: tuple[TargetStatus, ...]
    sinks: tuple[SinkStatus, ...]
    store: StoreState
    changes: Mapping[str, int]
    aborted: int = 0
    running: int = 0
    waiting: int = 0
    stuck: int = 0
    reloads: int = 0
    reloads_refused: int = 0
    last_reload_problem: str | None = None
