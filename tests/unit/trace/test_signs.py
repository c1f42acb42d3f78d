"""Signs that hang on figures: what is enough for one, and what is just not enough."""

import pytest

from probes.facts import Answer, Family, FlowKind, Icmp, Protocol, SignKind, StampSource
from probes.frozen import replace
from probes.seam import Flow, Identity, Probe, Stamp
from probes.trace.attempt import Attempt, Ending, Purpose, Reply
from probes.trace.nat64 import translation
from probes.trace.signs import signs_of

TARGET = "192.0.2.80"
FLOW = Flow(family=Family.IPV4, protocol=Protocol.ICMP, source="198.51.100.2", destination=TARGET, icmp_id=7)


def attempt(number: int, ttl: int, reply: Reply, purpose: Purpose = Purpose.HOP) -> Attempt:
    probe = Probe(number=number, probe_ttl=ttl, identity=Identity(number, bytes(8)))
    sent = Stamp(0.0, 0, StampSource.USER)
    return Attempt(probe=probe, purpose=purpose, issued_at=0.0, sent=sent, reply=reply)


def direct(reply_ttl: int | None, rtt_ms: float, *, late: bool = False) -> Reply:
    return Reply(
        sender=TARGET,
        answer=Answer.ECHO_REPLY,
        ending=Ending.REACHED,
        rtt_us=round(rtt_ms * 1000),
        late=late,
        reply_ttl=reply_ttl,
    )


def expired(sender: str, reply_ttl: int) -> Reply:
    return Reply(
        sender=sender,
        answer=Answer.TIME_EXCEEDED,
        ending=Ending.PASSED,
        rtt_us=1000,
        late=False,
        icmp=Icmp(type=11, code=0),
        reply_ttl=reply_ttl,
    )


def kinds(attempts: list[Attempt]) -> list[SignKind]:
    seen, _ = signs_of(FLOW, FlowKind.PARIS, attempts, (), None, compared=True)
    return [sign.kind for sign in seen]


def answers(*own: Reply) -> list[Attempt]:
    """Answers of the target's, four hops away, and of the router before it."""
    hops = [attempt(0, 4, own[0]), attempt(99, 3, expired("10.0.0.3", 62))]
    return hops + [attempt(number, 64, reply, Purpose.SERIES) for number, reply in enumerate(own[1:], start=1)]


@pytest.mark.parametrize(
    ("own", "several"),
    [
        ([direct(61, 10), direct(61, 90)], False),
        ([direct(61, 10), direct(60, 11)], False),
        ([direct(61, 10), direct(60, 29)], False),
        ([direct(61, 10), direct(60, 31)], True),
        ([direct(61, 10), direct(60, 31), direct(60, 15)], False),
        ([direct(61, 100), direct(60, 125)], False),
        ([direct(61, 10), direct(58, 10)], True),
        ([direct(61, 10), direct(125, 10)], True),
        ([direct(61, 10), direct(60, 900, late=True)], False),
        ([direct(None, 10), direct(None, 90)], False),
    ],
    ids=[
        "times alone differ",
        "a hop and no time",
        "a hop and 19 ms",
        "a hop and 21 ms",
        "a hop, and times that overlap",
        "a hop, and a quarter more time",
        "three hops",
        "another start",
        "a hop and a late answer",
        "no reply TTL",
    ],
)
def test_what_makes_two_targets(own: list[Reply], several: bool) -> None:  # noqa: FBT001 - a table's column
    assert (SignKind.SEVERAL_TARGETS in kinds(answers(*own))) is several


def test_a_translator_beside_a_router_is_no_load_shared() -> None:
    attempts = [attempt(0, 2, expired("10.0.0.2", 63)), attempt(1, 2, expired(TARGET, 63))]
    assert kinds(attempts) == [SignKind.TARGET_ANSWERS_EARLY]
    attempts.append(attempt(2, 2, expired("10.0.0.22", 63)))
    assert kinds(attempts) == [SignKind.TARGET_ANSWERS_EARLY, SignKind.LOAD_BALANCED]


def test_what_answers_control_probes_is_no_sign_of_the_path() -> None:
    assert kinds([*answers(direct(61, 10)), attempt(7, 2, expired("10.0.0.9", 40), Purpose.CONTROL)]) == []


def test_the_last_router_alone_makes_no_way_back_longer() -> None:
    assert kinds([attempt(0, 1, expired("10.0.0.1", 64)), attempt(1, 2, expired("10.0.0.2", 59))]) == []


@pytest.mark.parametrize(
    ("nearer", "found"), [(False, []), (True, [SignKind.TTL_REWRITTEN, SignKind.ASYMMETRIC_RETURN])]
)
def test_a_trace_that_begins_behind_its_target_measures_nothing_by_its_distance(
    nearer: bool,  # noqa: FBT001 - a table's column
    found: list[SignKind],
) -> None:
    attempts = [attempt(0, 5, replace(direct(64, 1), quoted_ttl=5))]
    if nearer:
        attempts.append(replace(attempt(1, 4, direct(64, 1)), reply=None))
    assert kinds(attempts) == found


def test_nothing_heard_is_nothing_seen_rather_than_nothing_there() -> None:
    seen, hidden = signs_of(FLOW, FlowKind.PARIS, [], (), None, compared=False)
    assert seen == ()
    assert set(SignKind) - set(hidden) == {SignKind.NAT64}


@pytest.mark.parametrize(
    "hops",
    [
        [(1, "2001:db8:64::a00:3")],
        [(1, "2001:db8:64::a00:3"), (2, "2001:db8:64::a00:3")],
        [(1, "2001:db8:64::e000:1"), (2, "2001:db8:64::e000:2")],
        [(1, "2001:db8:65::a00:3"), (2, "2001:db8:65::a00:4")],
    ],
    ids=["one hop", "one address twice", "multicast", "another prefix"],
)
def test_what_is_no_translators_prefix(hops: list[tuple[int, str]]) -> None:
    assert translation("2001:db8:64::c000:250", hops) is None


def test_the_reserved_octet_must_be_zero() -> None:
    # RFC 6052 section 2.2: bits 64 to 71.
    hops = [(1, "2001:db8:64:0:100::a00:3"), (2, "2001:db8:64:0:100::a00:4")]
    assert translation("2001:db8:64:0:100::c000:250", hops) is None
    assert translation("2001:db8:64:0:1::c000:250", [(t, a.replace("100::", "1::")) for t, a in hops]) is not None


def test_a_link_local_router_does_not_disturb() -> None:
    found = translation("64:ff9b::c000:250", [(1, "fe80::1%eth0"), (2, "64:ff9b::a00:3")])
    assert found is not None
    assert (found.probe_ttl, found.ipv4) == (2, "10.0.0.3")
