"""A series of echo requests, on a clock of our own."""

from agent.ping import ping, summed
from probes.facts import Answer, Protocol, Reachability, Role
from probes.failure import Failure


def answered(rtt_us: int) -> Reachability:
    return Reachability(
        role=Role.DESTINATION,
        address="192.0.2.1",
        protocol=Protocol.ICMP,
        sent=1,
        received=1,
        answered=True,
        answer=Answer.ECHO_REPLY,
        rtt_us=(rtt_us,),
    )


SILENT = Reachability(
    role=Role.DESTINATION,
    address="192.0.2.1",
    protocol=Protocol.ICMP,
    sent=1,
    answered=False,
    failure=Failure.TIMED_OUT,
)
REFUSED = Reachability(
    role=Role.DESTINATION, address="192.0.2.1", protocol=Protocol.ICMP, failure=Failure.NOT_PERMITTED
)


class Bench:
    """Requests that take `lasting_s` each; remembers when they were made."""

    def __init__(self, *answers: Reachability, lasting_s: float = 0.01, ends_after: int = 99) -> None:
        self.now = 100.0
        self.asked_at: list[float] = []
        self._answers = iter(answers)
        self._lasting_s = lasting_s
        self._ends_after = ends_after

    def ask(self) -> Reachability:
        self.asked_at.append(round(self.now - 100.0, 6))
        self.now += self._lasting_s
        return next(self._answers)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def run(self, count: int, interval_s: float = 0.2) -> Reachability | None:
        return ping(
            self.ask,
            count=count,
            interval_s=interval_s,
            now=lambda: self.now,
            sleep=self.sleep,
            interrupted=lambda: len(self.asked_at) >= self._ends_after,
        )


def test_requests_leave_at_the_interval_and_no_wait_follows_the_last() -> None:
    bench = Bench(answered(1), answered(2), answered(3))
    result = bench.run(3)
    assert bench.asked_at == [0.0, 0.2, 0.4]
    assert round(bench.now - 100.0, 6) == 0.41
    assert result is not None
    assert (result.sent, result.received, result.rtt_us) == (3, 3, (1, 2, 3))


def test_a_request_that_outlasts_the_interval_is_followed_at_once() -> None:
    bench = Bench(SILENT, SILENT, lasting_s=1.0)
    bench.run(2)
    assert bench.asked_at == [0.0, 1.0]


def test_ctrl_c_keeps_what_was_measured() -> None:
    result = Bench(answered(1), answered(2), answered(3), ends_after=2).run(3)
    assert result is not None
    assert result.sent == 2


def test_ctrl_c_before_the_first_request_measures_nothing() -> None:
    assert Bench(ends_after=0).run(3) is None


def test_a_host_that_cannot_ask_is_asked_once() -> None:
    bench = Bench(REFUSED)
    assert bench.run(5) == REFUSED
    assert bench.asked_at == [0.0]


def test_an_answer_counts_more_than_a_silence_before_or_after_it() -> None:
    for checks in ([SILENT, answered(7)], [answered(7), SILENT]):
        total = summed(checks)
        assert (total.answered, total.answer, total.failure) == (True, Answer.ECHO_REPLY, None)
        assert (total.sent, total.received, total.rtt_us) == (2, 1, (7,))
