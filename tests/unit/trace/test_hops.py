"""From replies to hops: classes of loss, responders, the end's samples."""

from probes.facts import Answer, Hop, Icmp, LossClass, StampSource
from probes.seam import Identity, Probe, Stamp
from probes.trace.attempt import Attempt, Ending, Purpose, Reply
from probes.trace.hops import PathEnd, hops

_ROUTER = {1: "10.0.0.1", 2: "10.0.0.2", 3: "10.0.0.3", 4: "10.0.0.4"}
_TARGET = "192.0.2.1"


class Story:
    """Builds attempts from rows like `1: "++-"`: answered, answered, silent.

    `T` and `U` are the target's answers, `B` a block, `l` late, `x` another router; `O` and `o` have their own port.
    """

    def __init__(self, rows: dict[int, str]) -> None:
        self.attempts: list[Attempt] = []
        for round_ in range(max(len(row) for row in rows.values())):
            for ttl, row in rows.items():
                if round_ < len(row):
                    self._add(ttl, row[round_])

    def _add(self, ttl: int, what: str) -> None:
        number = len(self.attempts)
        probe = Probe(number, ttl, Identity(number + 1, b"12345678"), own_port=what in "oO")
        attempt = Attempt(probe=probe, purpose=Purpose.HOP, issued_at=0.0)
        attempt.sent = Stamp(0.0, 0, StampSource.USER)
        if what not in "-o":
            attempt.reply = _reply(ttl, number, what)
        self.attempts.append(attempt)

    def hops(self, end: PathEnd | None = None, last: int = 4, *, target_loss: bool = False) -> tuple[Hop, ...]:
        return hops(self.attempts, first_ttl=1, last_ttl=last, end=end, queries=3, target_loss=target_loss)


def _reply(ttl: int, number: int, what: str) -> Reply:
    if what == "T":
        return Reply(sender=_TARGET, answer=Answer.ECHO_REPLY, ending=Ending.REACHED, rtt_us=number + 1, late=False)
    if what in "Bb":
        answer, icmp, ending = Answer.DESTINATION_UNREACHABLE, Icmp(type=3, code=13), Ending.BLOCKED
    elif what == "U":
        answer, icmp, ending = Answer.DESTINATION_UNREACHABLE, Icmp(type=3, code=3), Ending.REACHED
    else:
        answer, icmp, ending = Answer.TIME_EXCEEDED, Icmp(type=11, code=0), Ending.PASSED
    sender = "10.9.9.9" if what == "x" else _TARGET if what == "U" else _ROUTER[ttl]
    return Reply(sender=sender, answer=answer, icmp=icmp, ending=ending, rtt_us=number + 1, late=what == "l")


def _classes(rows: tuple[Hop, ...]) -> list[str]:
    return [row.loss_class.value for row in rows]


_AT_4 = PathEnd(probe_ttl=4, ending=Ending.REACHED)


def test_nothing_missing_is_no_loss() -> None:
    assert set(_classes(Story({1: "+++", 2: "+++", 3: "+++", 4: "TTT"}).hops(_AT_4))) == {"none"}


def test_a_hop_that_stops_answering_is_rate_limited_when_the_target_answers_all() -> None:
    assert _classes(Story({1: "+++", 2: "+--", 3: "++-", 4: "TTT"}).hops(_AT_4))[1:3] == ["rate_limited"] * 2


def test_a_hop_that_answers_again_lost_its_answers_on_their_way() -> None:
    assert _classes(Story({1: "+-+", 2: "--+", 3: "+++", 4: "TTT"}).hops(_AT_4))[:2] == ["return_path"] * 2


def test_a_hop_that_never_answers_is_silent_when_others_behind_it_do() -> None:
    assert _classes(Story({1: "+++", 2: "---", 3: "---", 4: "TTT"}).hops(_AT_4))[1:3] == ["silent"] * 2


def test_loss_persists_at_every_later_hop_and_at_the_target() -> None:
    rows = {1: "+++", 2: "+-+", 3: "++-", 4: "TTT"}
    assert _classes(Story(rows).hops(_AT_4, target_loss=True)) == ["none", "loss", "loss", "none"]
    assert _classes(Story(rows).hops(_AT_4)) == ["none", "return_path", "rate_limited", "none"]


def test_loss_that_heals_at_a_later_hop_is_none() -> None:
    rows = {1: "+++", 2: "+-+", 3: "+++", 4: "TT-"}
    assert _classes(Story(rows).hops(_AT_4, target_loss=True)) == ["none", "return_path", "none", "loss"]


def test_without_the_target_loss_everywhere_is_unknown() -> None:
    rows = {1: "+-+", 2: "+-+", 3: "++-", 4: "---"}
    assert _classes(Story(rows).hops()) == ["unknown"] * 4


def test_nothing_behind_tells_nothing() -> None:
    assert _classes(Story({1: "+++", 2: "---", 3: "---"}).hops(last=3)) == ["none", "unknown", "unknown"]


def test_a_target_that_limits_its_errors() -> None:
    assert _classes(Story({1: "+++", 4: "U-U"}).hops(_AT_4))[-1] == "rate_limited"


def test_answers_from_beyond_the_end_are_its_samples_and_silence_there_is_nothing() -> None:
    rows = Story({1: "+", 2: "T--", 3: "T--", 4: "T--"}).hops(PathEnd(probe_ttl=2, ending=Ending.REACHED))
    assert len(rows) == 2
    assert (rows[1].sent, rows[1].received, rows[1].loss_class) == (3, 3, LossClass.NONE)


def test_silence_at_the_end_counts_up_to_the_queries() -> None:
    rows = Story({1: "+++", 2: "T--"}).hops(PathEnd(probe_ttl=2, ending=Ending.REACHED))
    assert (rows[1].sent, rows[1].received) == (3, 1)


def test_a_late_answer_is_shown_and_is_no_loss_and_no_sample() -> None:
    rows = Story({1: "+l+", 4: "TTT"}).hops(_AT_4)
    first = rows[0]
    assert (first.sent, first.received, first.late, first.loss_class) == (3, 2, 1, LossClass.NONE)
    assert first.responders[0].rtt_us == (1, 5)
    assert first.rtt_us is not None
    assert (first.rtt_us.min, first.rtt_us.max) == (1, 5)


def test_a_hop_with_late_answers_only_has_a_responder_and_no_times() -> None:
    first = Story({1: "lll", 4: "TTT"}).hops(_AT_4)[0]
    assert [responder.address for responder in first.responders] == ["10.0.0.1"]
    assert (first.received, first.rtt_us, first.responders[0].rtt_us) == (0, None, ())


def test_responders_are_grouped_by_address_and_kind() -> None:
    first = Story({1: "+x+", 2: "+Bx"}).hops(last=2)
    assert [(r.address, r.rtt_us) for r in first[0].responders] == [("10.0.0.1", (1, 5)), ("10.9.9.9", (3,))]
    assert [r.answer for r in first[1].responders] == [
        Answer.TIME_EXCEEDED,
        Answer.DESTINATION_UNREACHABLE,
        Answer.TIME_EXCEEDED,
    ]


def test_a_block_takes_the_blocks_from_beyond() -> None:
    rows = Story({1: "+++", 2: "B--", 3: "B--", 4: "B--"}).hops(PathEnd(probe_ttl=2, ending=Ending.BLOCKED))
    assert (len(rows), rows[1].sent, rows[1].received) == (2, 3, 3)


def test_probes_that_only_a_port_of_their_own_could_name_count_neither_way() -> None:
    assert [(r.sent, r.received, r.loss_class) for r in Story({1: "---OOO", 4: "TTT"}).hops(_AT_4)[:1]] == [
        (3, 3, LossClass.NONE)
    ]
    assert Story({1: "--+OOo", 4: "TTT"}).hops(_AT_4)[0].sent == 6


def test_a_probe_that_the_host_kept_was_not_sent() -> None:
    story = Story({1: "+--", 4: "TTT"})
    for attempt in story.attempts:
        if attempt.reply is None:
            attempt.sent = None
    assert (story.hops(_AT_4)[0].sent, story.hops(_AT_4)[0].loss_class) == (1, LossClass.NONE)
