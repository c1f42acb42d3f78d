"""The service as metrics: what is counted, in base units, by target, sink, kind and code, never by hop. Pure.

docs/metrics.md lists them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.daemon.exposition import Metric, Point, Type
from agent.daemon.health import what_is_missing
from probes.frozen import frozen
from probes.host_facts import ChangeKind
from rules.diagnosis import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.daemon.status import ServiceStatus, SinkStatus, TargetStatus
    from agent.store.entry import SinkBacklog


@frozen
class ProcessFacts:
    """What this process takes of the host.

    Attributes:
        descriptors: How many are open; `most_descriptors` how many may be, None where there is no limit.
        started_at_s: Unix time.
        python: The interpreter's version.
    """

    cpu_s: float
    resident_bytes: int
    virtual_bytes: int
    threads: int
    descriptors: int
    most_descriptors: int | None
    started_at_s: float
    python: str


def metrics_of(status: ServiceStatus, process: ProcessFacts, unix_s: float) -> tuple[Metric, ...]:
    """Return everything that there is to count; `unix_s` is the Unix time of `status.at_s`."""
    return (
        *_service(status, process),
        *_targets(status, unix_s),
        *_sinks(status),
        *_store(status),
        *_process(process),
    )


def _service(status: ServiceStatus, process: ProcessFacts) -> Iterable[Metric]:
    versions = (("version", status.version), ("python_version", process.python))
    yield Metric(
        name="cloudpath_build",
        type=Type.INFO,
        help="The version of the agent, and of Python.",
        points=(Point(1, versions),),
    )
    yield _gauge("cloudpath_ready", "Whether the agent does its work, as /readyz says.", not what_is_missing(status))
    yield _gauge(
        "cloudpath_loop_age_seconds",
        "How long ago the loop that does the work last came round.",
        max(0.0, status.at_s - status.turned_at_s),
    )
    yield _gauge("cloudpath_samples_running", "Samples under way.", status.running)
    yield _gauge("cloudpath_samples_waiting", "Samples that are due and wait for a thread.", status.waiting)
    yield _gauge("cloudpath_samples_stuck", "Samples that do not come back.", status.stuck)
    yield _counter("cloudpath_samples_aborted", "Samples that a change of the network ended.", status.aborted)
    yield Metric(
        name="cloudpath_network_changes",
        type=Type.COUNTER,
        help="Changes of the host's network.",
        # Each from the start on, so that the first change is seen as one.
        points=tuple(Point(status.changes.get(kind, 0), (("kind", kind),)) for kind in ChangeKind),
    )
    yield Metric(
        name="cloudpath_config_reloads",
        type=Type.COUNTER,
        help="Configurations that were read again, by whether they were put to work.",
        points=(
            Point(status.reloads, (("result", "taken"),)),
            Point(status.reloads_refused, (("result", "refused"),)),
        ),
    )
    yield _gauge(
        "cloudpath_config_last_reload_successful",
        "Whether the configuration that was read last is at work.",
        status.last_reload_problem is None,
    )


# -- targets


def _targets(status: ServiceStatus, unix_s: float) -> Iterable[Metric]:
    yield _target_info(status.targets)
    yield from _target_words(status.targets)
    yield from _target_numbers(status, unix_s)


def _target_words(targets: Iterable[TargetStatus]) -> Iterable[Metric]:
    """Yield what has a label beside the target: statuses and codes."""
    found = tuple(targets)
    yield Metric(
        name="cloudpath_samples",
        type=Type.COUNTER,
        help="Samples taken since the agent started, by status.",
        points=tuple(
            _point(target, "status", word, target.samples.get(word, 0)) for target in found for word in Status
        ),
    )
    yield Metric(
        name="cloudpath_sample_status",
        type=Type.GAUGE,
        help="The status of the newest sample: 1 for the one that it has.",
        points=tuple(
            _point(target, "status", word, int(target.status == word))
            for target in found
            if target.status is not None
            for word in Status
        ),
    )
    yield Metric(
        name="cloudpath_sample_error",
        type=Type.GAUGE,
        help="The errors of the newest sample: 1 for each that it has.",
        points=tuple(_point(target, "code", code, 1) for target in found for code in dict.fromkeys(target.codes)),
    )
    yield Metric(
        name="cloudpath_sample_errors",
        type=Type.COUNTER,
        help="Samples that had an error, by its code.",
        points=tuple(
            _point(target, "code", code, times) for target in found for code, times in sorted(target.errors.items())
        ),
    )


def _point(target: TargetStatus, label: str, word: str, number: float) -> Point:
    return Point(number, (("target", target.name), (label, word)))


def _target_numbers(status: ServiceStatus, unix_s: float) -> Iterable[Metric]:
    """Yield what each target has one number of; none where there is none."""

    def each(name: str, about: str, value: Callable[[TargetStatus], float | None], kind: Type = Type.GAUGE) -> Metric:
        numbers = ((target, value(target)) for target in status.targets)
        return Metric(
            name=name,
            type=kind,
            help=about,
            points=tuple(Point(number, (("target", target.name),)) for target, number in numbers if number is not None),
        )

    yield each(
        "cloudpath_sample_duration_seconds", "How long the newest sample took.", lambda target: target.duration_s
    )
    yield each(
        "cloudpath_sample_timestamp_seconds",
        "When the newest sample ended, in Unix time.",
        lambda target: None if target.finished_at_s is None else unix_s - (status.at_s - target.finished_at_s),
    )
    yield each(
        "cloudpath_sample_rtt_seconds",
        "The newest sample's average delay to the end of its main leg.",
        lambda target: target.rtt_s,
    )
    yield each("cloudpath_sample_loss_ratio", "The newest sample's loss to that end.", lambda target: target.loss_ratio)
    yield each(
        "cloudpath_sample_lateness_seconds",
        "How much later than planned the newest sample began.",
        lambda target: target.late_s,
    )
    yield each("cloudpath_rounds_skipped", "Rounds without a sample.", lambda target: target.skipped, Type.COUNTER)


def _target_info(targets: Iterable[TargetStatus]) -> Metric:
    return Metric(
        name="cloudpath_target",
        type=Type.INFO,
        help="How a target is looked at.",
        points=tuple(
            Point(1, (("target", target.name), ("route", target.route), ("protocol", target.protocol)))
            for target in targets
        ),
    )


# -- sinks and store


def _sinks(status: ServiceStatus) -> Iterable[Metric]:
    sinks, backlogs = status.sinks, status.store.sinks

    def each(name: str, about: str, value: Callable[[SinkStatus], float], kind: Type = Type.GAUGE) -> Metric:
        points = tuple(Point(value(sink), (("sink", sink.name),)) for sink in sinks)
        return Metric(name=name, type=kind, help=about, points=points)

    def behind(name: str, about: str, value: Callable[[SinkBacklog], float]) -> Metric:
        points = tuple(Point(value(backlog), (("sink", backlog.sink),)) for backlog in backlogs)
        return Metric(name=name, type=Type.GAUGE, help=about, points=points)

    yield Metric(
        name="cloudpath_sink",
        type=Type.INFO,
        help="What kind of sink it is.",
        points=tuple(Point(1, (("sink", sink.name), ("type", sink.type))) for sink in sinks),
    )
    yield each("cloudpath_sink_up", "Whether the sink takes what it gets.", lambda sink: sink.failing_since_s is None)
    yield each(
        "cloudpath_sink_delivered_entries", "Entries that the sink took.", lambda sink: sink.delivered, Type.COUNTER
    )
    yield each(
        "cloudpath_sink_refused_entries",
        "Entries that the sink will never take, and that are kept aside.",
        lambda sink: sink.parked,
        Type.COUNTER,
    )
    yield each(
        "cloudpath_sink_dropped_entries",
        "Entries that the sink dropped of a batch, without saying which.",
        lambda sink: sink.rejected,
        Type.COUNTER,
    )
    yield each(
        "cloudpath_sink_attempts", "Batches sent, repeated ones included.", lambda sink: sink.attempts, Type.COUNTER
    )
    yield each("cloudpath_sink_failures", "Batches that did not arrive.", lambda sink: sink.failures, Type.COUNTER)
    yield behind("cloudpath_sink_pending_entries", "Entries that the sink has still to get.", lambda one: one.pending)
    yield behind("cloudpath_sink_parked_entries", "Entries that are kept aside for the sink.", lambda one: one.parked)


def _store(status: ServiceStatus) -> Iterable[Metric]:
    store = status.store
    yield _gauge("cloudpath_store_up", "Whether the store takes entries.", store.problem is None)
    yield _gauge("cloudpath_store_entries", "Entries in the store.", store.entries)
    yield _gauge("cloudpath_store_size_bytes", "What the store takes on the disk.", store.size_bytes)
    yield _gauge(
        "cloudpath_store_waiting_entries", "Entries held in memory because the disk takes nothing.", store.waiting
    )
    yield _gauge("cloudpath_store_newest_seq", "The newest entry's place in the sequence.", store.last_seq or 0)
    yield _counter("cloudpath_store_shed_entries", "Entries dropped to stay within the store's size.", store.shed)
    yield _counter("cloudpath_store_unreadable_entries", "Entries that were damaged.", store.unreadable)


# -- the process


def _process(process: ProcessFacts) -> Iterable[Metric]:
    """Yield what every client library of Prometheus calls so, which dashboards rely on."""
    yield _counter("process_cpu_seconds", "Time of the processors that the agent took.", process.cpu_s)
    yield _gauge("process_resident_memory_bytes", "Memory that the agent takes.", process.resident_bytes)
    yield _gauge("process_virtual_memory_bytes", "Addresses that the agent has in use.", process.virtual_bytes)
    yield _gauge("process_threads", "Threads of the agent.", process.threads)
    yield _gauge("process_open_fds", "Descriptors that the agent has open.", process.descriptors)
    if process.most_descriptors is not None:
        yield _gauge("process_max_fds", "Descriptors that the agent may have open.", process.most_descriptors)
    yield _gauge("process_start_time_seconds", "When the agent started, in Unix time.", process.started_at_s)


def _gauge(name: str, about: str, value: float) -> Metric:
    return Metric(name=name, type=Type.GAUGE, help=about, points=(Point(value),))


def _counter(name: str, about: str, value: float) -> Metric:
    return Metric(name=name, type=Type.COUNTER, help=about, points=(Point(value),))
