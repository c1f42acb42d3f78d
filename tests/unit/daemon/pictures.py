"""Pictures of a service, as the pages get them."""

from agent.daemon.metrics import ProcessFacts
from agent.daemon.status import ServiceStatus, SinkStatus, TargetStatus
from agent.store.entry import SinkBacklog, StoreState

PROCESS = ProcessFacts(
    cpu_s=1.5,
    resident_bytes=45_000_000,
    virtual_bytes=90_000_000,
    threads=5,
    descriptors=20,
    most_descriptors=1_024,
    started_at_s=1_699_999_000.0,
    python="3.11.2",
)

# What an operator may call a target, and then some.
HOSTILE = 'a\\b"c\nd{e="f"} # \u202e\u00fc'

NEW_TARGET = TargetStatus(name=HOSTILE, route="service_edge", protocol="adaptive", samples={})
CRM = TargetStatus(
    name="crm",
    route="direct",
    protocol="icmp",
    status="critical",
    codes=("CP-02", "CP-02", "CP-05"),
    duration_s=0.25,
    rtt_s=0.0125,
    loss_ratio=0.5,
    finished_at_s=990.0,
    samples={"ok": 3, "critical": 1},
    errors={"CP-02": 1, "CP-05": 1},
    late_s=0.125,
    skipped=2,
)

STORE = StoreState(
    entries=120,
    size_bytes=65_536,
    first_seq=1,
    last_seq=120,
    shed=4,
    unreadable=1,
    waiting=3,
    problem="disk full",
    sinks=(SinkBacklog(sink="collector", pending=7, parked=2, delivered_seq=113),),
)

SERVICE = ServiceStatus(
    version="0.5.0",
    ready=True,
    at_s=1_000.0,
    started_at_s=100.0,
    turned_at_s=998.0,
    epoch="e1",
    targets=(CRM, NEW_TARGET),
    sinks=(
        SinkStatus(
            name="collector",
            type="http",
            delivered=113,
            parked=2,
            rejected=1,
            attempts=9,
            failures=4,
            failing_since_s=950.0,
        ),
    ),
    store=STORE,
    changes={"link": 2, "route": 1},
    aborted=1,
    running=2,
    waiting=5,
    stuck=1,
    reloads=3,
    reloads_refused=1,
    last_reload_problem="agent.yaml:3:1: nonsense",
)
