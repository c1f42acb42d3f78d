"""What the service works by: the configuration as plain records, which a process without pydantic can hold."""

from __future__ import annotations

from probes.frozen import field, frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agent.request import SampleRequest, SessionSource
    from rules.ruleset import RuleSet


@frozen
class TargetPlan:
    """One target: what each of its samples is asked, and how often."""

    name: str
    request: SampleRequest
    interval_s: float


@frozen
class SinkPlan:
    """One sink, as `emit` has it with every default filled in.

    Attributes:
        name: What its cursor in the store, its metrics and its log lines are called; unique.
        type: `stdout`, `file`, `http`, `otlp`, `syslog` or `journald`.
        options: The keys of its section but `type` and `name`, as plain values (text, numbers, paths, dictionaries).
    """

    name: str
    type: str
    options: Mapping[str, object] = field(default_factory=dict)


@frozen
class ServicePlan:
    """Everything that the service does, until a reload brings another plan.

    Attributes:
        concurrent: How many samples may run at once.
        store_bytes: How large the store may grow.
        metrics_listen: `address:port`, or `unix:PATH`; None for no listener.
        sessions: How the log of private access is read, None where there is none.
        sources: The files that the plan was read from, the configuration first.
        rules: The shipped rules with the operator's own on top; None where there are none of the operator's.
    """

    targets: tuple[TargetPlan, ...]
    sinks: tuple[SinkPlan, ...]
    state_dir: Path
    concurrent: int = 16
    store_bytes: int = 256 << 20
    metrics_listen: str | None = None
    sessions: SessionSource | None = None
    sources: tuple[Path, ...] = ()
    rules: RuleSet | None = None


@frozen
class PlanProblems:
    """Why there is no plan: lines for a person, at least one, with no secret in them."""

    lines: tuple[str, ...]
