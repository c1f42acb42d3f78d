"""What a new plan changes of an old one: what a reload has to start, to end and to leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.frozen import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    from agent.daemon.plan import ServicePlan, SinkPlan, TargetPlan

# What a running service can take up, by its key in the configuration ...
_AT_ONCE: Final = {"concurrent": "agent.concurrent", "sessions": "zpa", "rules": "rules"}
# ... and what it cannot: its store is open, and somebody may be reading its metrics.
_FOR_A_RESTART: Final = {
    "state_dir": "agent.state_dir",
    "store_bytes": "store.max_mb",
    "metrics_listen": "metrics.listen",
}
_MOST_NAMED: Final = 5


@frozen
class Difference:
    """Which of the named things of two plans are new, gone, other than before, and the same; in their order."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def is_none(self) -> bool:
        """Return whether everything is as it was."""
        return not (self.added or self.removed or self.changed)


@frozen
class PlanChange:
    """What becomes different.

    Attributes:
        settings: The other keys of the configuration that have a new value, and that count at once.
        restart: Those whose new value counts after a restart only.
        plan: The new plan with the old values of what needs a restart: what the service does from now on.
    """

    targets: Difference
    sinks: Difference
    settings: tuple[str, ...]
    restart: tuple[str, ...]
    plan: ServicePlan

    @property
    def text(self) -> str:
        """Return it as the log has it: `targets: 2 added (a, b), 17 kept; sinks: 1 added (otlp)`."""
        parts = [_in_words("targets", self.targets)]
        parts += [] if self.sinks.is_none else [_in_words("sinks", self.sinks)]
        parts += [f"changed: {', '.join(self.settings)}"] if self.settings else []
        parts += [f"changes with the next start only: {', '.join(self.restart)}"] if self.restart else []
        return "; ".join(parts)


def plan_difference(old: ServicePlan, new: ServicePlan) -> PlanChange:
    """Return what a new plan changes; everything is compared by value."""
    restart = [name for name in _FOR_A_RESTART if getattr(old, name) != getattr(new, name)]
    return PlanChange(
        targets=_difference(old.targets, new.targets),
        sinks=_difference(old.sinks, new.sinks),
        settings=tuple(key for name, key in _AT_ONCE.items() if getattr(old, name) != getattr(new, name)),
        restart=tuple(_FOR_A_RESTART[name] for name in restart),
        plan=replace(new, **{name: getattr(old, name) for name in restart}),
    )


def _difference(
    old: Sequence[TargetPlan] | Sequence[SinkPlan], new: Sequence[TargetPlan] | Sequence[SinkPlan]
) -> Difference:
    before: Mapping[str, object] = {each.name: each for each in old}
    now: Mapping[str, object] = {each.name: each for each in new}
    both = [name for name in now if name in before]
    return Difference(
        added=tuple(name for name in now if name not in before),
        removed=tuple(name for name in before if name not in now),
        changed=tuple(name for name in both if before[name] != now[name]),
        kept=tuple(name for name in both if before[name] == now[name]),
    )


def _in_words(things: str, difference: Difference) -> str:
    told = {"added": difference.added, "removed": difference.removed, "changed": difference.changed}
    parts = [f"{len(names)} {verb} ({_named(names)})" for verb, names in told.items() if names]
    parts += [f"{len(difference.kept)} kept"] if difference.kept else []
    return f"{things}: {', '.join(parts) or 'none'}"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
