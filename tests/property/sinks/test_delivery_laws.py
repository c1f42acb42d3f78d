"""Laws of delivery: whatever a sink answers nothing is lost, the order holds, and only what is refused is put aside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from agent.daemon.plan import SinkPlan
from agent.sinks.answers import Answer, es_outcome, otlp_json_partial, otlp_outcome, outcome_of, splunk_outcome
from agent.sinks.delivery import Delivery
from agent.sinks.otlp_logs import protobuf_partial
from agent.sinks.sink import DELIVERED, Fate, Outcome, RefusedEntry, refused, unavailable
from tests.unit.sinks.a_store import FakeClock, MemoryStore, a_batch, entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.store.entry import Batch

BATCH = a_batch(entry(1), entry(2), entry(3))


class DrawnSink:
    """Refuses bad entries in one of two ways, or their whole batch, and is away now and then."""

    def __init__(self, bad: set[int], away: list[bool], *, naming: bool) -> None:
        self.bad = bad
        self.naming = naming
        self.away = iter(away)
        self.seen: dict[str, tuple[int, ...]] = {}

    def send(self, batch: Batch, stop: Callable[[], bool]) -> Outcome:  # noqa: ARG002 - the interface
        seqs = tuple(each.seq for each in batch.entries)
        assert self.seen.setdefault(batch.id, seqs) == seqs
        if next(self.away, False):
            return unavailable("away")
        wrong = [seq for seq in seqs if seq in self.bad]
        if not wrong:
            return DELIVERED
        if self.naming and len(wrong) < len(seqs):
            return Outcome(fate=Fate.DELIVERED, refused=tuple(RefusedEntry(seq, "bad") for seq in wrong))
        return refused("bad")

    def close(self) -> None:
        """Nothing is open."""


@given(
    count=st.integers(0, 60),
    bad=st.sets(st.integers(1, 60)),
    naming=st.booleans(),
    away=st.lists(st.booleans(), max_size=40),
    limit=st.integers(1, 20),
)
def test_every_entry_is_delivered_once_or_put_aside_for_its_own_sake(
    count: int, bad: set[int], *, naming: bool, away: list[bool], limit: int
) -> None:
    store = MemoryStore([entry(seq) for seq in range(1, count + 1)])
    plan = SinkPlan(name="centre", type="http", options={"batch": limit})
    sink = DrawnSink(bad, away, naming=naming)
    delivery = Delivery(store, plan, sink, FakeClock(), lambda: 0.0, lambda *_: None)
    for _ in range(2_000):
        if delivery.turn() is None:
            break
    there = set(range(1, count + 1))
    assert [each.seq for each in store.taken] == sorted(there - bad)
    assert [each.seq for each, _ in store.aside] == sorted(there & bad)
    assert (delivery.status().delivered, delivery.status().parked) == (len(there - bad), len(there & bad))


IDS = [each.id for each in BATCH.entries]
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "date", "content-type"]), st.text(max_size=40))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from([each.id for each in BATCH.entries]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["errors", "items", "create", "_id", "status", "error", "reason", "code", "partialSuccess"])
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())


@given(st.integers(100, 999), HEADERS, BODIES)
def test_no_answer_makes_us_fall_over(status: int, headers: dict[str, str], body: bytes) -> None:
    answer = Answer(status=status, headers=headers, body=body)
    outcomes = [
        outcome_of(answer, 0.0),
        splunk_outcome(answer, 0.0),
        es_outcome(answer, BATCH, 0.0),
        otlp_outcome(answer, BATCH, otlp_json_partial(body), 0.0),
        otlp_outcome(answer, BATCH, protobuf_partial(body), 0.0),
    ]
    for outcome in outcomes:
        assert outcome.why is None or outcome.why.isprintable()
        assert outcome.retry_after_s is None or outcome.retry_after_s >= 0
        assert {each.seq for each in outcome.refused} < {1, 2, 3}
        assert outcome.fate is not Fate.DELIVERED or 200 <= status < 300
