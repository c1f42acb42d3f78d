"""The words: every member of a closed set has one, and figures are said as people say them."""

import pytest

from agent.views import proxy_words, web_words, words
from agent.views.style import Style, style_for
from probes.egress_facts import EgressSource, TunnelKind
from probes.facts import (
    Answer,
    EndReason,
    Icmp,
    LossClass,
    MtuCertainty,
    MtuStepKind,
    Node,
    Protocol,
    RouteKind,
    Trial,
    TrialOutcome,
)
from probes.failure import Failure
from probes.session_facts import SessionSource
from probes.web_facts import ProxyMode, RedirectProblem, WebPhase


def test_every_member_of_a_closed_set_has_words() -> None:
    assert set(words.NODES) == set(Node)
    assert set(words.ROUTES) == set(RouteKind)
    assert set(words.PROTOCOLS) == set(Protocol)
    assert set(words.CLASSES) == set(LossClass)
    assert set(words.ANSWERS) == set(Answer)
    assert set(words.FAILURES) == set(Failure)
    assert set(words.END_REASONS) == set(EndReason)
    assert set(words.MTU_CERTAINTIES) == set(MtuCertainty)
    assert set(words.MTU_STEPS) == set(MtuStepKind)
    assert set(words.TRIALS) == set(TrialOutcome)
    assert set(words.SHORT_NODES) == set(Node)
    assert set(words.EGRESS_SOURCES) == set(EgressSource)
    assert set(words.TUNNELS) == set(TunnelKind)
    assert set(words.SESSION_SOURCES) == set(SessionSource)
    assert set(proxy_words.PROXY_MODES) == set(ProxyMode)
    assert set(web_words.PHASES) == set(WebPhase)
    assert set(web_words.REDIRECT_PROBLEMS) == set(RedirectProblem)


def test_a_trial_is_said_with_its_round_trip_where_it_reached() -> None:
    reached = Trial(protocol=Protocol.TCP, outcome=TrialOutcome.REACHED, reached=True, rtt_us=12_340, reason="")
    assert words.trial_words(reached) == "TCP reached in 12.3 ms"
    refused = Trial(protocol=Protocol.ICMP, outcome=TrialOutcome.UNREACHABLE, reached=False, reason="")
    assert words.trial_words(refused) == "ICMP refused on the way"


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (4, "0.004"),
        (99, "0.099"),
        (100, "0.10"),
        (411, "0.41"),
        (9_994, "9.99"),
        (9_995, "10.0"),
        (99_949, "99.9"),
        (99_950, "100"),
        (123_456, "123"),
        (1_234_567, "1235"),
    ],
)
def test_milliseconds(us: int, text: str) -> None:
    assert words.milliseconds(us) == text


@pytest.mark.parametrize(("us", "text"), [(0, "0.00"), (4, "0.00"), (29, "0.03"), (12_340, "12.3")])
def test_spread(us: int, text: str) -> None:
    assert words.spread_ms(us) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 3, "0%"),
        (1, 3, "33%"),
        (3, 3, "100%"),
        (0, 0, "-"),
        (1, 1000, "<1%"),
        (999, 1000, ">99%"),
        (995, 1000, ">99%"),
        (99, 100, "99%"),
        (1, 100, "1%"),
    ],
)
def test_percent_is_0_and_100_only_where_it_is_exact(part: int, whole: int, text: str) -> None:
    assert words.percent(part, whole) == text


@pytest.mark.parametrize(("numbers", "text"), [([3], "3"), ([3, 4], "3-4"), ([1, 3, 4, 5, 9], "1, 3-5, 9"), ([], "")])
def test_listed(numbers: list[int], text: str) -> None:
    assert words.listed(numbers) == text


@pytest.mark.parametrize(
    ("answer", "icmp", "ipv6", "text"),
    [
        (Answer.DESTINATION_UNREACHABLE, Icmp(type=3, code=13), False, "administratively prohibited (ICMP 3/13)"),
        (Answer.DESTINATION_UNREACHABLE, Icmp(type=1, code=4), True, "port unreachable (ICMPv6 1/4)"),
        (Answer.DESTINATION_UNREACHABLE, Icmp(type=3, code=77), False, "destination unreachable (ICMP 3/77)"),
        (Answer.TIME_EXCEEDED, Icmp(type=11, code=0), False, "time exceeded (ICMP 11/0)"),
        (Answer.SYN_ACK, None, False, "SYN-ACK"),
    ],
)
def test_icmp_words(answer: Answer, icmp: Icmp | None, text: str, *, ipv6: bool) -> None:
    assert words.icmp_words(answer, icmp, ipv6=ipv6) == text


def test_a_terminal_gets_width_colour_and_unicode() -> None:
    style = style_for(is_terminal=True, columns=132, encoding="UTF-8", environment={"TERM": "xterm"})
    assert style == Style(width=132, colour=True, unicode=True)


def test_a_pipe_gets_no_colour_and_no_limit() -> None:
    style = style_for(is_terminal=False, columns=132, encoding="utf8", environment={"TERM": "xterm"})
    assert style == Style(width=None, colour=False, unicode=True)


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False), ({}, True)],
)
def test_no_color_and_a_dumb_terminal_are_honoured(environment: dict[str, str], *, colour: bool) -> None:
    assert style_for(is_terminal=True, columns=80, encoding="utf-8", environment=environment).colour is colour


@pytest.mark.parametrize("encoding", ["ascii", "ANSI_X3.4-1968", "latin-1", None])
def test_other_encodings_get_ascii(encoding: str | None) -> None:
    assert not style_for(is_terminal=True, columns=80, encoding=encoding, environment={}).unicode
