"""Which protocol traces, and when another one does so again."""

import pytest

from probes.facts import Protocol, ProtocolChoice
from probes.trace.adaptive import (
    Naming,
    Standing,
    after_silence,
    instead_of_remembered,
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
    assert after_silence(open_first, [waiting, answered], 0.119) is None
    assert after_silence(open_first, [waiting, answered], 0.12) is _UDP
    assert after_silence(_stands(_ICMP), [waiting, answered], 0.0) is _UDP, "it is over anyhow"
    assert after_silence(_stands(_ICMP), [_stands(_TCP), _stands(_UDP)], 9.0) is None


def test_of_several_that_the_target_answers_the_preferred_is_traced() -> None:
    others = [_stands(_TCP, reached=True, rtt_us=40_000), _stands(_UDP, reached=True, rtt_us=20_000)]
    assert after_silence(_stands(_ICMP), others, 1.0) is _TCP


def test_where_what_memory_put_first_stays_silent_the_preferred_begins_the_trial() -> None:
    others = [_stands(_ICMP, over=False), _stands(_TCP, over=False)]
    assert instead_of_remembered(_ORDER, _stands(_UDP), others, 0.0, None) is _ICMP
    assert instead_of_remembered(_ORDER, _stands(_UDP, over=False), others, 0.119, 40_000) is None
    assert instead_of_remembered(_ORDER, _stands(_UDP, over=False), others, 0.12, 40_000) is _ICMP
    assert instead_of_remembered(_ORDER, _stands(_UDP, over=False), others, 9.0, None) is None
    assert instead_of_remembered(_ORDER, _stands(_UDP, reached=True), others, 1.0, None) is None
    assert instead_of_remembered(_ORDER, _stands(_UDP), others[1:], 1.0, None) is _TCP, "icmp could not be opened"
    assert instead_of_remembered(_ORDER, _stands(_UDP), [], 1.0, None) is None
    assert instead_of_remembered(_ORDER, _stands(_ICMP), [_stands(_TCP)], 1.0, None) is None, "it is the preferred one"


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
