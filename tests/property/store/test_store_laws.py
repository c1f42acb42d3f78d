"""Whatever happens to a store, in whatever order.

Nothing is lost uncounted, nothing that a sink has got is told of as lost to it, and no id comes with other content.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.store.entry import Batch, Entry, Kind
from agent.store.loss import LossReason
from tests.unit.store.stores import Clock, next_of, opened, sample

SINKS = ("a", "b")
# So small that a few dozen large entries fill it.
MOST_BYTES = 1 << 20

sinks = st.sampled_from(SINKS)


class StoreMachine(RuleBasedStateMachine):
    """A store beside a model: dictionaries of what went in and what came out."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="cloudpath-store-"))
        self.clock = Clock()
        self.store = opened(self.directory, self.clock, MOST_BYTES)
        self.appended: dict[int, Entry] = {}
        self.got: dict[str, list[Entry]] = {sink: [] for sink in SINKS}
        self.delivered: dict[str, set[int]] = {sink: set() for sink in SINKS}
        self.told: dict[int, dict[str, Any]] = {}
        self.batches: dict[str, tuple[Entry, ...]] = {}
        self.out: dict[str, Batch] = {}

    @initialize()
    def begin(self) -> None:
        self.store.register(SINKS)

    @rule(count=st.sampled_from((1, 3, 8, 20)), size=st.sampled_from((100, 20_000, 90_000)))
    def append(self, count: int, size: int) -> None:
        for _ in range(count):
            entry = self.store.append(sample(size=size))
            assert entry.seq not in self.appended
            assert entry.seq > max(self.appended, default=0)
            self.appended[entry.seq] = entry

    @rule(sink=sinks, most=st.integers(1, 10))
    def take(self, sink: str, most: int) -> None:
        batch = next_of(self.store, sink, most)
        if batch is None:
            return
        assert self.batches.setdefault(batch.id, batch.entries) == batch.entries
        for entry in batch.entries:
            assert entry.kind is Kind.GAP or self.appended[entry.seq] == entry
        self.hear(batch)
        seqs = [entry.seq for entry in batch.entries]
        assert seqs == sorted(seqs)
        assert not self.got[sink] or seqs[0] > self.got[sink][-1].seq
        self.out[sink] = batch

    @rule(sink=sinks)
    def deliver(self, sink: str) -> None:
        batch = self.out.pop(sink, None)
        if batch is not None:
            self.store.delivered(batch)
            self.got[sink] += batch.entries
            self.delivered[sink] |= {entry.seq for entry in batch.entries}

    @rule(sink=sinks, every=st.sampled_from((1, 2, 3)))
    def park(self, sink: str, every: int) -> None:
        """Refuse every first, second or third entry; the sink takes the others."""
        batch = self.out.pop(sink, None)
        if batch is not None:
            refused = tuple(entry.seq for entry in batch.entries[::every])
            self.store.park(batch, "refused", only=refused)
            self.got[sink] += batch.entries
            self.delivered[sink] |= {entry.seq for entry in batch.entries}.difference(refused)

    @rule(sink=sinks)
    def shorten(self, sink: str) -> None:
        batch = self.out.pop(sink, None)
        if batch is not None:
            self.store.shorten(batch)

    @rule(kill=st.booleans(), jump_s=st.sampled_from((-86_400.0, 0.0, 3600.0)))
    def start_again(self, *, kill: bool, jump_s: float) -> None:
        """End in peace, or as by SIGKILL; meanwhile the clock may jump."""
        if kill:
            owner = self.store._journal._disk._owner
            assert owner is not None
            owner.close()
        else:
            self.store.close()
        self.clock.realtime_s += jump_s
        self.store = opened(self.directory, self.clock, MOST_BYTES)
        self.store.register(SINKS)
        self.out.clear()

    def hear(self, batch: Batch) -> None:
        """Remember what a batch tells of losses, whether its sink takes it or not."""
        for entry in batch.entries:
            if entry.kind is Kind.GAP:
                self.told[entry.seq] = json.loads(entry.data)

    @rule(seconds=st.sampled_from((1.0, 61.0)))
    def wait(self, seconds: float) -> None:
        self.clock.now_s += seconds

    @invariant()
    def the_disk_is_not_exceeded(self) -> None:
        state = self.store.state()
        assert state.problem is None
        assert state.waiting == 0
        # One entry may go beyond it until the next one makes room.
        assert state.size_bytes <= MOST_BYTES + 300_000

    @invariant()
    def nothing_delivered_is_told_of_as_lost(self) -> None:
        for loss in (*self.told.values(), *self.untold()):
            numbers = range(loss["first_seq"], loss["last_seq"] + 1)
            for sink in loss["sinks"]:
                assert self.delivered[sink].isdisjoint(numbers), (sink, loss)

    def untold(self) -> list[dict[str, Any]]:
        """Return what the next entries tell of."""
        return [
            {"why": one.why, "lost": one.lost, "first_seq": one.first_seq, "last_seq": one.last_seq, "sinks": one.sinks}
            for one in self.store._journal.books.losses
        ]

    def teardown(self) -> None:  # type: ignore[explicit-override] # typing.override is Python 3.12's
        """Drain every sink; what it did not get is told of, exactly, to it or in what is still to be told."""
        for sink in SINKS:
            while (batch := next_of(self.store, sink, 500)) is not None:
                self.hear(batch)
                self.store.delivered(batch)
                self.got[sink] += batch.entries
                self.delivered[sink] |= {entry.seq for entry in batch.entries}
        self.nothing_delivered_is_told_of_as_lost()
        got = {entry.seq for sink in SINKS for entry in self.got[sink]}
        losses = [*self.untold(), *(loss for seq, loss in self.told.items() if seq in got)]
        for sink in SINKS:
            self.check(sink, losses)
        self.store.close()
        shutil.rmtree(self.directory)

    def check(self, sink: str, losses: list[dict[str, Any]]) -> None:
        """Nothing that a sink lacks is missing from what is told."""
        missing = self.appended.keys() - {entry.seq for entry in self.got[sink]}
        told = [loss for loss in losses if loss["why"] == LossReason.SIZE and sink in loss["sinks"]]
        for seq in missing:
            assert any(loss["first_seq"] <= seq <= loss["last_seq"] for loss in told), (sink, seq, told)
        assert len(missing) <= sum(loss["lost"] for loss in told)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
