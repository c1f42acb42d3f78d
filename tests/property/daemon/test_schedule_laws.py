"""Laws of the schedule, whatever samples, admission, reloads and the host do meanwhile."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.daemon.schedule import Schedule, splay_s

INTERVALS = st.sampled_from([10.0, 60.0, 300.0])
# From a turn that comes at once to a host that was stopped for more than an hour.
PAUSES = st.one_of(st.floats(0.0, 1.0), st.floats(0.0, 400.0), st.floats(0.0, 4_000.0))


class Account:
    """What became of one target's rounds, as seen from outside."""

    def __init__(self, name: str, interval_s: float, now: float) -> None:
        self.first_s = now + splay_s("agent", name, interval_s)
        self.interval_s = interval_s
        self.samples = 0
        self.running = False
        self.held_until_s: float | None = None
        self.times_again = 0

    def rounds(self, now: float) -> int:
        """Return how many slots have come."""
        return 0 if now < self.first_s else int((now - self.first_s) // self.interval_s) + 1


class ScheduleLaws(RuleBasedStateMachine):
    """Every round has its sample, waits for it, or is counted as skipped; and no target has two samples at once."""

    @initialize(intervals=st.lists(INTERVALS, min_size=1, max_size=5))
    def begin(self, intervals: list[float]) -> None:
        self.now = 0.0
        self.accounts = {f"target-{n}": Account(f"target-{n}", each, 0.0) for n, each in enumerate(intervals)}
        self.schedule = Schedule(self.timings(), "agent", self.now, lambda: 0.0)
        self.made = len(intervals)

    def timings(self) -> list[tuple[str, float]]:
        return [(name, account.interval_s) for name, account in self.accounts.items()]

    @rule(pause_s=PAUSES)
    def turn(self, pause_s: float) -> None:
        self.now += pause_s
        due = self.schedule.due(self.now)
        assert len(due) == len(set(due))
        for name in due:
            account = self.accounts[name]
            assert not account.running, "handed out while its sample was under way"
            account.running = True
            account.samples += 1
            account.held_until_s = None
        for account in self.accounts.values():
            if account.held_until_s is not None and account.held_until_s <= self.now:
                # Not handed out though its time has come: given up, and counted.
                account.held_until_s = None
        self.what_is_next_lies_ahead()

    def what_is_next_lies_ahead(self) -> None:
        deadline = self.schedule.next_deadline()
        assert deadline is not None
        assert deadline > self.now
        for name, account in self.accounts.items():
            assert self.schedule.timing(name).next_at_s > self.now or account.running

    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.accounts)))
        self.accounts[name].running = False
        self.schedule.finished(name)

    @rule(data=st.data(), wait_s=st.floats(0.001, 20.0))
    def hold(self, data: st.DataObject, wait_s: float) -> None:
        name = data.draw(st.sampled_from(sorted(self.accounts)))
        account = self.accounts[name]
        if account.running:
            account.running = False
            account.samples -= 1
            account.held_until_s = self.now + wait_s
        self.schedule.hold(name, self.now + wait_s)

    @rule(data=st.data(), wait_s=st.floats(0.001, 20.0))
    def again(self, data: st.DataObject, wait_s: float) -> None:
        name = data.draw(st.sampled_from(sorted(self.accounts)))
        self.accounts[name].times_again += 1
        self.schedule.again(name, self.now + wait_s)

    @rule(data=st.data(), interval_s=INTERVALS)
    def reload(self, data: st.DataObject, interval_s: float) -> None:
        gone = data.draw(st.sampled_from(sorted(self.accounts)))
        del self.accounts[gone]
        new = f"target-{self.made}"
        self.made += 1
        self.accounts[new] = Account(new, interval_s, self.now)
        self.schedule.replace(self.timings(), self.now)

    @invariant()
    def every_round_is_accounted_for(self) -> None:
        for name, account in self.accounts.items():
            timing = self.schedule.timing(name)
            told = account.samples + timing.skipped + (account.held_until_s is not None)
            assert account.rounds(self.now) <= told <= account.rounds(self.now) + account.times_again
            assert timing.running == account.running


TestScheduleLaws = ScheduleLaws.TestCase
