"""Which of two traces is shown, and why."""

from dataclasses import replace

import pytest

from probes.facts import Protocol, ProtocolChoice, Trial, TrialOutcome
from probes.trace.adaptive import Naming
from probes.trace.choice import Choice, choose, choose_after_silence, chosen_reason, first_reason

_ICMP, _TCP, _UDP = Protocol.ICMP, Protocol.TCP, Protocol.UDP

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
