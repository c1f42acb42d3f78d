"""One sample for the service: taken, judged, and filed in the store under the next number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.composition import diagnosis_of
from agent.cycle import collect
from agent.formats.json_text import ndjson_line
from agent.measures import measures_of
from agent.record import RecordHeader, document, uuid7, without_scores
from agent.store.entry import Entry, Kind
from probes.facts import Prober
from probes.frozen import frozen
from rules.diagnosis import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.daemon.plan import TargetPlan
    from agent.measures import Measures
    from agent.record import AgentIdentity
    from agent.store.entry import Store
    from agent.world import World
    from probes.sample import Sample
    from rules.diagnosis import Diagnosis, FiredError
    from rules.ruleset import RuleSet


@frozen
class Taken:
    """What came of one sample, in short.

    Attributes:
        entry: What was filed; None where it was abandoned because the service ends.
        addresses: Where its legs from here lead.
        rtt_us: The average delay to the destination, as far as it was asked, None where nothing came back; `loss_ratio`
            likewise: the `agent.measures` of the record.
    """

    target: str
    status: Status
    errors: tuple[FiredError, ...]
    duration_us: int
    entry: Entry | None
    addresses: tuple[str, ...] = ()
    rtt_us: int | None = None
    loss_ratio: float | None = None

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes of its errors."""
        return tuple(error.code for error in self.errors)

    @property
    def in_words(self) -> str:
        """Return its errors in a line, or its figures where it has none."""
        if self.errors:
            return "; ".join(f"{error.code} {error.message}" for error in self.errors)
        delay = None if self.rtt_us is None else f"{self.rtt_us / 1000:.3f} ms"
        loss = None if self.loss_ratio is None else f"{self.loss_ratio:.0%} loss"
        return ", ".join(text for text in (delay, loss) if text) or "nothing was measured"

    @property
    def discarded(self) -> bool:
        """Return whether the network changed meanwhile."""
        return self.status is Status.DISCARDED


def take_sample(
    plan: TargetPlan,
    world: World,
    rules: RuleSet,
    store: Store,
    identity: AgentIdentity,
    interrupted: Callable[[], bool],
) -> Taken:
    """Return what came of a sample of one target, filed if it was not interrupted: half a sample accuses nobody."""
    sample = collect(plan.request, world, interrupted=interrupted)
    diagnosis = diagnosis_of(sample, plan.request, rules)
    measures = measures_of(without_scores(sample) if diagnosis.status is Status.DISCARDED else sample)
    entry = None
    if not interrupted():
        entry = store.append(lambda seq: _entry(seq, plan.name, sample, diagnosis, measures, world, identity))
    return Taken(
        target=plan.name,
        status=diagnosis.status,
        errors=diagnosis.errors,
        duration_us=sample.duration_us,
        entry=entry,
        addresses=tuple(leg.address for leg in sample.legs if leg.probed_by is Prober.AGENT and leg.address),
        rtt_us=measures.latency_us,
        loss_ratio=measures.loss_ratio,
    )


def _entry(
    seq: int,
    target: str,
    sample: Sample,
    diagnosis: Diagnosis,
    measures: Measures,
    world: World,
    identity: AgentIdentity,
) -> Entry:
    header = RecordHeader(id=uuid7(world.clock.realtime_ns(), world.random_bytes(10)), seq=seq, agent=identity)
    line = ndjson_line(document(sample, diagnosis, header))
    return Entry(
        seq=seq,
        kind=Kind.SAMPLE,
        id=header.id,
        at=sample.started_at,
        target=target,
        status=diagnosis.status,
        codes=tuple(error.code for error in diagnosis.errors),
        latency_us=measures.latency_us,
        loss_ratio=measures.loss_ratio,
        path=measures.path,
        data=line.rstrip("\n").encode(),
    )
