"""Which protocol traces, and when a second one may."""

import pytest

from probes.facts import Answer, EndReason, Hop, Leg, LossClass, Node, Protocol, ProtocolChoice, Responder
from probes.trace.adaptive import Naming, Standing, better, first_reason, preference, second_protocol, settled

_ICMP, _TCP, _UDP = Protocol.ICMP, Protocol.TCP, Protocol.UDP


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


def _stands(protocol: Protocol, *, over: bool = True, reached: bool = False) -> Standing:
    return Standing(protocol=protocol, over=over, reached=reached)


def test_a_second_trace_needs_a_failed_first_and_an_answer() -> None:
    adaptive = ProtocolChoice.ADAPTIVE
    others = [_stands(_ICMP), _stands(_UDP, reached=True)]
    assert second_protocol(adaptive, _stands(_TCP), others) is _UDP
    assert second_protocol(adaptive, _stands(_TCP, over=False), others) is None
    assert second_protocol(adaptive, _stands(_TCP, reached=True), others) is None
    assert second_protocol(adaptive, _stands(_TCP), [_stands(_ICMP)]) is None
    assert second_protocol(ProtocolChoice.TCP, _stands(_TCP), others) is None


def test_it_is_over_when_the_first_reached_or_nobody_is_left() -> None:
    waiting = [_stands(_ICMP, over=False)]
    assert settled(_stands(_TCP, reached=True), waiting)
    assert not settled(_stands(_TCP), waiting)
    assert settled(_stands(_TCP), [_stands(_ICMP)])
    assert not settled(_stands(_TCP, over=False, reached=True), [])


def _leg(*, reached: bool | None, found: int) -> Leg:
    responder = Responder(address="10.0.0.1", answer=Answer.TIME_EXCEEDED)
    rows = tuple(
        Hop(probe_ttl=ttl, sent=1, received=1, loss_class=LossClass.NONE, responders=(responder,))
        for ttl in range(1, found + 1)
    )
    end = EndReason.REACHED if reached else EndReason.GAP_LIMIT
    return Leg(from_=Node.CLIENT, to=Node.DESTINATION, reached=reached, end_reason=end, hops=rows)


def test_reaching_counts_before_hops_and_the_first_of_equals_stays() -> None:
    near, far, reached = _leg(reached=False, found=2), _leg(reached=False, found=4), _leg(reached=True, found=1)
    assert better(far, reached) is reached
    assert better(reached, far) is reached
    assert better(near, far) is far
    equal = _leg(reached=False, found=2)
    assert better(near, equal) is near


def test_reasons_name_what_was_not_opened() -> None:
    said = first_reason(ProtocolChoice.ADAPTIVE, _TCP, Naming.HOST, [_ICMP])
    assert said == "tcp comes first of what could be opened (icmp could not), because the target names no port"
    assert first_reason(ProtocolChoice.UDP, _UDP, Naming.URL, []) == "udp was asked for"


def test_a_url_is_called_a_url() -> None:
    said = first_reason(ProtocolChoice.ADAPTIVE, _TCP, Naming.URL, [])
    assert said == "tcp comes first, because the target is a URL"
