"""Traces that edges make: exactly what was asked for, or none; and what hostile edges send instead."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agent.record import plain
from probes.drivers.edge_client import ask_trace
from probes.edge_access import EdgeTraceAsked
from probes.edge_answers import read_trace
from probes.facts import (
    Answer,
    Direction,
    EndReason,
    Family,
    Hop,
    Leg,
    LossClass,
    Node,
    PathSign,
    Prober,
    Protocol,
    ProtocolChoice,
    ReachedBy,
    Responder,
    SignKind,
)
from probes.facts_reader import UnfitError
from probes.failure import Failure
from probes.frozen import replace
from tests.unit.egress.edges import CLOCK, access_to, found, response, says, served

BACK = EdgeTraceAsked(direction=Direction.REVERSE, protocol=ProtocolChoice.ICMP)
LEG = Leg(
    from_=Node.SERVICE_EDGE,
    to=Node.EGRESS,
    direction=Direction.REVERSE,
    probed_by=Prober.EDGE,
    protocol=Protocol.ICMP,
    family=Family.IPV4,
    address="203.0.113.9",
    reached=True,
    reached_by=ReachedBy(address="203.0.113.9", answer=Answer.ECHO_REPLY, probe_ttl=2),
    end_reason=EndReason.REACHED,
    hops=(
        Hop(probe_ttl=1, sent=3, received=0, loss_class=LossClass.SILENT),
        Hop(
            probe_ttl=2,
            sent=3,
            received=3,
            loss_class=LossClass.NONE,
            responders=(Responder(address="203.0.113.9", answer=Answer.ECHO_REPLY, rtt_us=(400, 410, 420)),),
        ),
    ),
)


SIGN = {"kind": "load_balanced", "probe_ttl": 2, "address": None, "sent": None, "seen": None, "evidence": "two answer"}


def answer(leg: Leg = LEG, **changed: object) -> dict[str, Any]:
    return {"leg": plain(leg), "dns": None, "cached": False, "age_s": 0, **changed}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    body = answer()
    change(body["leg"])
    return body


def test_a_trace_back() -> None:
    with served(says(response(answer(cached=True, age_s=12)))) as heard:
        trace, leg, dns = ask_trace(access_to(heard.port), BACK, clock=CLOCK, resolve=found("127.0.0.1"))
    assert (leg, dns) == (LEG, None)
    assert (trace.status, trace.cached, trace.age_s, trace.failure) == (200, True, 12, None)
    head, _, body = heard.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/traces HTTP/1.1\r\n")
    assert json.loads(body) == {
        "direction": "reverse",
        "protocol": "icmp",
        "host": None,
        "port": None,
        "max_ttl": 30,
        "queries": 3,
        "timeout_s": 1.0,
    }


@pytest.mark.parametrize(("sent", "seen"), [(None, None), (46, 0), ("198.51.100.34", "203.0.113.9"), (1, "two")])
def test_what_an_edges_path_gives_away_is_read_whatever_it_is(sent: int | str | None, seen: int | str | None) -> None:
    """Two ways of equal length before the edge are enough for such a sign."""
    sign = PathSign(kind=SignKind.LOAD_BALANCED, probe_ttl=2, address=None, sent=sent, seen=seen, evidence="two answer")
    leg = replace(LEG, signs=(sign,))
    assert read_trace(json.dumps(answer(leg)).encode(), BACK).leg == leg


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (answer(replace(LEG, direction=Direction.FORWARD)), "asked was reverse"),
        (answer(replace(LEG, to=Node.DESTINATION)), "asked was reverse"),
        (answer(replace(LEG, from_=Node.CLIENT)), "asked was reverse"),
        (answer(replace(LEG, probed_by=Prober.AGENT)), "asked was reverse"),
        (answer(replace(LEG, protocol=Protocol.TCP)), "asked was icmp"),
        (answer(replace(LEG, reached=False)), "contradict"),
        (answer(replace(LEG, reached_by=None)), "contradict"),
        (answer(replace(LEG, address="crm.example.com")), "no address"),
        (answer(replace(LEG, hops=(*LEG.hops, LEG.hops[0]))), "order of their TTLs"),
        (answer(replace(LEG, hops=(replace(LEG.hops[1], received=9),))), "more answers than probes"),
        (answer(replace(LEG, hops=(replace(LEG.hops[0], received=1),))), "from nobody"),
        (answer(replace(LEG, loss_ratio=1.5)), "above 1"),
        (answer(cached="yes"), "cached must be true or false"),
        (answer(age_s=-1), "out of range"),
        ({**answer(), "leg": None}, "leg must be an object"),
        (answer(dns=[]), "dns must be an object"),
        ({}, "leg must be an object"),
        (changed(lambda leg: leg.update(extra=1)), "unknown key"),
        (changed(lambda leg: leg.pop("signs")), "lacks signs"),
        (changed(lambda leg: leg.update(method="magic")), "no Method"),
        (changed(lambda leg: leg.update(signs=[{**SIGN, "sent": [1]}])), "sent must be a text"),
        (changed(lambda leg: leg.update(hops=[{}] * 5000)), "more than"),
        (changed(lambda leg: leg.update(port=10**40)), "out of range"),
        (changed(lambda leg: leg.update(reason="x" * 3000)), "longer than"),
        (changed(lambda leg: leg["hops"][1].update(probe_ttl=700)), "order of their TTLs"),
        (changed(lambda leg: leg["hops"][1]["responders"][0].update(address="::ffff:1.2.3")), "no address"),
    ],
)
def test_an_answer_that_is_another_trace_or_none(body: object, why: str) -> None:
    with pytest.raises(UnfitError, match=why):
        read_trace(json.dumps(body).encode(), BACK)


def test_adaptive_leaves_the_protocol_to_the_edge() -> None:
    assert read_trace(json.dumps(answer()).encode(), replace(BACK, protocol=ProtocolChoice.ADAPTIVE)).leg == LEG


@pytest.mark.parametrize("status", [401, 403, 413, 422, 429, 503])
def test_a_refusal_is_told_in_the_edges_words(status: int) -> None:
    problem = {"title": "Refused", "detail": "that destination is not allowed"}
    with served(says(response(problem, status, {"Retry-After": "7"}))) as heard:
        trace, leg, _ = ask_trace(access_to(heard.port), BACK, clock=CLOCK, resolve=found("127.0.0.1"))
    assert (trace.status, trace.failure, leg) == (status, Failure.UNEXPECTED_STATUS, None)
    assert trace.detail == f"HTTP {status}: that destination is not allowed (again in 7 s)"
    assert len(heard.requests) == 1


def test_a_trace_larger_than_any_trace_is() -> None:
    with served(says(response(b" " * 3_000_000))) as heard:
        trace, leg, _ = ask_trace(access_to(heard.port), BACK, clock=CLOCK, resolve=found("127.0.0.1"))
    assert (trace.failure, leg) == (Failure.MALFORMED_REPLY, None)


def test_who_stops_does_not_wait() -> None:
    trace, leg, _ = ask_trace(access_to(1), BACK, clock=CLOCK, resolve=found("127.0.0.1"), stop=lambda: True)
    assert (trace.failure, leg) == (Failure.ABORTED, None)
