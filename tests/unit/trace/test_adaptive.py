"""Which protocol traces, when a second one may, which of two is shown, and why."""

from dataclasses import replace

import pytest

from probes.facts import Protocol, ProtocolChoice, Trial, TrialOutcome
from probes.trace.adaptive import (
    Choice,
    Naming,
    Standing,
    after_silence,
    choose,
    choose_after_silence,
    chosen_reason,
    first_reason,
    preference,
    settled,
    silence_is_plain,
    with_first,
    worth_comparing,
)

_ICMP, _TCP, _UDP = Protocol.ICMP, Protocol.TCP, Protocol.UDP
_ORDER = (_ICMP, _TCP, _UDP)


@pytest.mark.parametrize(
    ("choice", "naming", "order"),
    [
        (ProtocolChoice.ADAPTIVE, Naming.PORT, (_TCP, _ICMP, _UDP)),
        (ProtocolChoice.ADAPTIVE, Naming.URL, (_TCP, _ICMP, _UDP)),
        (ProtocolChoice.ADAPTIVE, Naming.EDGE, (_TCP, _ICMP, _UDP)),
        (ProtocolChoice.ADAPTIVE, Naming.HOST, (_ICMP, _TCP, _UDP)),
        (ProtocolChoice.UDP, Naming.PORT, (_UDP, _TCP, _ICMP)),
        (ProtocolChoice.TCP, Naming.HOST, (_TCP, _ICMP, _UDP)),
    ],
)
def test_the_order(choice: ProtocolChoice, naming: Naming, order: tuple[Protocol, ...]) -> None:
    assert preference(choice, naming) == order


def test_what_is_remembered_goes_first_and_moves_nothing_else() -> None:
    assert with_first(_ORDER, _UDP) == (_UDP, _ICMP, _TCP)
    assert with_first(_ORDER, None) == _ORDER


def _stands(protocol: Protocol, *, over: bool = True, reached: bool = False, rtt_us: int | None = None) -> Standing:
    return Standing(protocol=protocol, over=over, reached=reached, rtt_us=rtt_us)


# --- whether to trace again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waited_s", "rtt_us", "plain"),
    [
        (10.0, None, False),
        (0.099, 1_000, False),
        (0.1, 1_000, True),
        (0.299, 100_000, False),
        (0.3, 100_000, True),
    ],
)
def test_silence_is_plain_after_three_round_trips_and_a_tenth_of_a_second(
    waited_s: float,
    rtt_us: int | None,
    plain: bool,  # noqa: FBT001 - a table
) -> None:
    assert silence_is_plain(waited_s, rtt_us) is plain


def test_a_silent_target_is_traced_by_what_it_answers_once_its_silence_is_plain() -> None:
    open_first, waiting = _stands(_ICMP, over=False), _stands(_TCP, over=False)
    answered = _stands(_UDP, reached=True, rtt_us=40_000)
    assert after_silence(_ORDER, open_first, [waiting, answered], 0.119) is None
    assert after_silence(_ORDER, open_first, [waiting, answered], 0.12) is _UDP
    assert after_silence(_ORDER, _stands(_ICMP), [waiting, answered], 0.0) is _UDP, "it is over anyhow"
    assert after_silence(_ORDER, _stands(_ICMP), [_stands(_TCP), _stands(_UDP)], 9.0) is None


def test_of_several_that_the_target_answers_the_preferred_is_traced() -> None:
    others = [_stands(_TCP, reached=True, rtt_us=40_000), _stands(_UDP, reached=True, rtt_us=20_000)]
    assert after_silence(_ORDER, _stands(_ICMP), others, 1.0) is _TCP


def test_where_what_memory_put_first_fails_and_nobody_answers_the_preferred_makes_the_trial() -> None:
    dead = [_stands(_ICMP), _stands(_TCP)]
    assert after_silence(_ORDER, _stands(_UDP), dead, 1.0) is _ICMP
    assert after_silence(_ORDER, _stands(_UDP), [_stands(_ICMP, over=False), _stands(_TCP)], 1.0) is None
    assert after_silence(_ORDER, _stands(_UDP), [_stands(_TCP)], 1.0) is _TCP, "icmp could not be opened"
    assert after_silence(_ORDER, _stands(_UDP), [], 1.0) is None


def _reached(protocol: Protocol, rtt_us: int, found: int | None = None, hops: int | None = None) -> Standing:
    return Standing(protocol=protocol, over=True, reached=True, rtt_us=rtt_us, hops_found=found, hops=hops)


def test_a_reached_target_is_compared_with_a_materially_faster_protocol() -> None:
    first = _reached(_ICMP, 80_000, 10, 10)
    assert worth_comparing(first, [_reached(_TCP, 65_000)]) is None, "less than a fifth"
    assert worth_comparing(first, [_reached(_TCP, 64_000), _reached(_UDP, 50_000)]) is _UDP
    assert worth_comparing(_reached(_ICMP, 6_000, 5, 5), [_reached(_TCP, 1_100)]) is None, "less than 5 ms"
    assert worth_comparing(_reached(_ICMP, 6_000, 5, 5), [_reached(_TCP, 1_000)]) is _TCP
    assert worth_comparing(first, [_stands(_TCP, rtt_us=None)]) is None


def test_a_reached_target_is_compared_where_most_hops_are_silent() -> None:
    answered = [_stands(_TCP), _reached(_UDP, 40_000)]
    assert worth_comparing(_reached(_ICMP, 40_000, 4, 9), answered) is _UDP
    assert worth_comparing(_reached(_ICMP, 40_000, 5, 10), answered) is None
    assert worth_comparing(_reached(_ICMP, 40_000, 4, 9), [_stands(_TCP)]) is None


def test_it_is_over_when_the_first_reached_or_nobody_is_left() -> None:
    waiting = [_stands(_ICMP, over=False)]
    assert settled(_stands(_TCP, reached=True), waiting)
    assert not settled(_stands(_TCP), waiting)
    assert settled(_stands(_TCP), [_stands(_ICMP)])
    assert not settled(_stands(_TCP, over=False, reached=True), [])


# --- which of two to show ---------------------------------------------------------------------------------------------

_SHOWN = Trial(
    protocol=_ICMP,
    outcome=TrialOutcome.REACHED,
    traced=True,
    reached=True,
    rtt_us=40_000,
    loss_ratio=0.0,
    hops_found=10,
    hops=10,
    reason="",
)
_OTHER = replace(_SHOWN, protocol=_UDP)


@pytest.mark.parametrize(
    ("first", "second", "takes_second", "because"),
    [
        ({"reached": False}, {"rtt_us": 900_000, "hops_found": 1}, True, "udp reached the target and icmp did not"),
        ({"hops_found": 1}, {"reached": None, "rtt_us": None}, False, "icmp reached the target and udp did not"),
        ({"hops_found": 9}, {"rtt_us": 48_000}, True, "udp: 10 of 10 hops answered, icmp 9 of 10"),
        ({"hops_found": 9}, {"rtt_us": 50_000}, False, "icmp was answered in 40.0 ms, udp in 50.0 ms"),
        ({"rtt_us": 90_000}, {"loss_ratio": 0.5}, True, "udp was answered in 40.0 ms, icmp in 90.0 ms"),
        ({"loss_ratio": 0.2}, {"hops_found": 3}, True, "udp lost 0%, icmp 20%"),
        ({"loss_ratio": 0.1}, {"hops_found": 3}, False, "icmp: 10 of 10 hops answered, udp 3 of 10"),
        ({"loss_ratio": None}, {}, False, "udp showed no more than icmp"),
        ({"reached": False, "rtt_us": None, "hops_found": 2}, {"reached": False, "rtt_us": None}, True, None),
    ],
)
def test_the_end_counts_before_latency_before_loss_before_hops_and_equals_stay(
    *,
    first: dict[str, object],
    second: dict[str, object],
    takes_second: bool,
    because: str | None,
) -> None:
    choice = choose(replace(_SHOWN, **first), replace(_OTHER, **second))  # type: ignore[arg-type]
    assert choice.second is takes_second
    if because is not None:
        assert choice.because == because


def test_who_answers_faster_from_nearer_is_not_taken_for_the_better_path() -> None:
    nearer = replace(_OTHER, rtt_us=5_000, hops=3, hops_found=3)
    assert not choose(_SHOWN, nearer).second
    assert choose(_SHOWN, replace(nearer, hops=10, hops_found=10)).second


def test_after_plain_silence_the_second_is_shown_unless_only_the_first_reached() -> None:
    silent, dead = replace(_SHOWN, reached=False), replace(_OTHER, reached=False, hops_found=0)
    assert choose_after_silence(silent, _OTHER) == Choice(
        second=True, because="udp reached the target and icmp did not"
    )
    assert choose_after_silence(silent, dead) == Choice(second=True, because="neither icmp nor udp reached the target")
    assert choose_after_silence(_SHOWN, dead) == Choice(second=False, because="icmp reached the target and udp did not")
    assert choose_after_silence(_SHOWN, _OTHER).second, "the first gave way before it had seen the path"


# --- reasons ----------------------------------------------------------------------------------------------------------


def test_reasons_name_what_was_not_opened() -> None:
    said = first_reason(ProtocolChoice.ADAPTIVE, _TCP, Naming.HOST, [_ICMP])
    assert said == "tcp comes first of what could be opened (icmp could not), because the target names no port"
    assert first_reason(ProtocolChoice.UDP, _UDP, Naming.URL, []) == "udp was asked for"


def test_a_url_is_called_a_url() -> None:
    said = first_reason(ProtocolChoice.ADAPTIVE, _TCP, Naming.URL, [])
    assert said == "tcp comes first, because the target is a URL"


def test_the_reason_of_what_is_shown_says_why_and_what_memory_had_to_do_with_it() -> None:
    second, kept = Choice(second=True, because="b"), Choice(second=False, because="b")
    assert chosen_reason("a", second, from_memory=False) == "b"
    assert chosen_reason("a", second, from_memory=True) == "a; b"
    assert chosen_reason("a", kept, from_memory=False) == "a; b"
