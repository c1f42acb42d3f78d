"""Which messages end a path, and which prove that the target was reached."""

import pytest

from probes.facts import Answer, Icmp
from probes.trace.attempt import Ending
from probes.trace.ending import ending_of

_UNREACHABLE = Answer.DESTINATION_UNREACHABLE


@pytest.mark.parametrize("answer", [Answer.ECHO_REPLY, Answer.SYN_ACK, Answer.RST, Answer.UDP_REPLY])
def test_direct_answers_reach(answer: Answer) -> None:
    assert ending_of(answer, None, from_target=True) is Ending.REACHED


@pytest.mark.parametrize("from_target", [True, False])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer.TIME_EXCEEDED, (11, 0)),
        (Answer.TIME_EXCEEDED, (3, 0)),
        (Answer.REASSEMBLY_TIME_EXCEEDED, (11, 1)),
        (Answer.PACKET_TOO_BIG, (2, 0)),
        (_UNREACHABLE, (3, 4)),
    ],
)
def test_these_pass_whoever_sends_them(answer: Answer, kind: tuple[int, int], *, from_target: bool) -> None:
    assert ending_of(answer, Icmp(type=kind[0], code=kind[1]), from_target=from_target) is Ending.PASSED


@pytest.mark.parametrize("kind", [(3, 2), (3, 3), (3, 9), (3, 10), (3, 13), (1, 1), (1, 4)])
def test_what_hosts_say_of_themselves_is_proof_from_the_target_only(kind: tuple[int, int]) -> None:
    icmp = Icmp(type=kind[0], code=kind[1])
    assert ending_of(_UNREACHABLE, icmp, from_target=True) is Ending.REACHED
    assert ending_of(_UNREACHABLE, icmp, from_target=False) is Ending.BLOCKED


@pytest.mark.parametrize("kind", [(3, 0), (3, 1), (3, 5), (3, 6), (3, 12), (3, 15), (1, 0), (1, 3)])
def test_what_routers_say_is_a_block_whoever_says_it(kind: tuple[int, int]) -> None:
    icmp = Icmp(type=kind[0], code=kind[1])
    assert ending_of(_UNREACHABLE, icmp, from_target=True) is Ending.BLOCKED
    assert ending_of(_UNREACHABLE, icmp, from_target=False) is Ending.BLOCKED


def test_an_unknown_next_header_is_the_targets_protocol_unreachable() -> None:
    assert ending_of(Answer.PARAMETER_PROBLEM, Icmp(type=4, code=1), from_target=True) is Ending.REACHED
    assert ending_of(Answer.PARAMETER_PROBLEM, Icmp(type=4, code=0), from_target=True) is Ending.BLOCKED
