"""What no documented error covers is said in a line each, and nothing is said where nothing is odd."""

from dataclasses import replace

import pytest

from agent.views.side_notes import side_notes
from probes.egress_facts import SeenAddress
from probes.facts import Leg, Node, Protocol, Reachability, Role
from probes.failure import Failure
from probes.name_facts import DnsCheck
from probes.sample import Sample
from probes.web_facts import CaptivePortal
from tests.unit.views import far_samples, samples


@pytest.mark.parametrize(
    "sample",
    [
        samples.HEALTHY,
        samples.UNRESOLVED,
        far_samples.THROUGH_EDGE,
        far_samples.CLOUD_PROXY,
        far_samples.REDIRECTED,
        far_samples.UNAVAILABLE,
        replace(samples.HEALTHY, captive_portal=CaptivePortal(url="http://check.example.com", detected=False)),
        replace(
            samples.HEALTHY, captive_portal=CaptivePortal(url="http://check.example.com", failure=Failure.TIMED_OUT)
        ),
    ],
)
def test_nothing_odd_has_no_note(sample: Sample) -> None:
    assert side_notes(sample) == []


def unheard(*resolvers: str) -> DnsCheck:
    query = replace(samples.RESOLVED.queries[0], rcode=None, answers=(), failure=Failure.TIMED_OUT)
    return replace(samples.RESOLVED, queries=tuple(replace(query, resolver=each) for each in resolvers))


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ((samples.RESOLVED, unheard("10.0.0.2")), ["Resolver 10.0.0.2 did not answer; 10.0.0.1 did."]),
        (
            (samples.RESOLVED, unheard("10.0.0.2", "10.0.0.3")),
            ["Resolvers 10.0.0.2 and 10.0.0.3 did not answer; 10.0.0.1 did."],
        ),
        # It was only slow once.
        ((samples.RESOLVED, unheard("10.0.0.1")), []),
        # All are dead: that is no note, but an error.
        ((unheard("10.0.0.1", "10.0.0.2"),), []),
    ],
    ids=["one_of_two", "two_of_three", "slow_once", "all"],
)
def test_a_dead_resolver_beside_a_living_one_is_named(checks: tuple[DnsCheck, ...], said: list[str]) -> None:
    assert side_notes(replace(samples.HEALTHY, dns=checks)) == said


def test_a_question_that_nobody_waited_for_makes_no_resolver_dead() -> None:
    open_question = replace(samples.RESOLVED.queries[0], resolver="10.0.0.2", rcode=None, answers=(), failure=None)
    check = replace(samples.RESOLVED, queries=(*samples.RESOLVED.queries, open_question))
    assert side_notes(replace(samples.HEALTHY, dns=(check,))) == []


def test_who_sees_which_public_address_is_told_where_they_differ() -> None:
    assert "Not everybody sees the same public address: HTTPS, TCP: 198.51.100.10; UDP: 198.51.100.11." in side_notes(
        far_samples.TUNNELLED
    )


def test_a_source_of_a_later_version_is_named_as_it_is() -> None:
    by = {"service_data": SeenAddress(address="198.51.100.10"), "quic\x1b[2J": SeenAddress(address="198.51.100.11")}
    sample = replace(samples.HEALTHY, egress=replace(far_samples.EGRESS, agree=False, by=by))
    assert side_notes(sample) == [
        "Not everybody sees the same public address: HTTPS: 198.51.100.10; quic\\u001b[2J: 198.51.100.11."
    ]


def mute_egress(*, answered: bool, seen: SeenAddress) -> Sample:
    checks = (
        Reachability(role=Role.EGRESS, address="198.51.100.10", protocol=Protocol.ICMP, answered=False),
        Reachability(role=Role.EGRESS, address="198.51.100.10", protocol=Protocol.TCP, port=443, answered=answered),
    )
    to_egress = Leg(from_=Node.CLIENT, to=Node.EGRESS, address="198.51.100.10", reached=False)
    egress = replace(far_samples.EGRESS, agree=True, by={"stun": seen})
    return replace(samples.HEALTHY, egress=egress, reachability=checks, legs=(to_egress, *samples.HEALTHY.legs))


def test_an_egress_that_answers_nobody_and_passes_everything_on_is_named() -> None:
    (note,) = side_notes(mute_egress(answered=False, seen=SeenAddress(address="198.51.100.10")))
    assert "egress_filters_input" in note


@pytest.mark.parametrize(
    ("answered", "seen"),
    [(True, SeenAddress(address="198.51.100.10")), (False, SeenAddress(failure=Failure.TIMED_OUT))],
    ids=["it answers another protocol", "nothing got through"],
)
def test_an_egress_of_which_that_is_not_known_is_not(answered: bool, seen: SeenAddress) -> None:  # noqa: FBT001
    assert side_notes(mute_egress(answered=answered, seen=seen)) == []


def test_old_service_data_says_how_old_and_why() -> None:
    said = "Earlier service data of edge.example.com, 120 s old, is used: asking anew failed (no answer in time)."
    assert said in side_notes(far_samples.TUNNELLED)


def test_who_may_read_along_is_named_with_the_other_reading() -> None:
    assert side_notes(far_samples.INTERCEPTED) == [
        (
            "No public authority vouches for the certificate, but CN=Office Inspection CA does, which this machine "
            "trusts: somebody on the way opens TLS and reads along, or the service has its own authority."
        )
    ]


def test_a_proxys_own_words_are_quoted() -> None:
    assert side_notes(far_samples.BEHIND_PROXY) == [
        "The proxy says of the way behind it: proxy.example.com: destination ip unroutable (192.0.2.80)."
    ]


def test_a_sign_in_page_is_told_with_the_proof() -> None:
    assert side_notes(far_samples.SIGN_IN) == [
        "A sign-in page stands before the Internet: http://check.example.com/generate_204 answered 302 in place of 204."
    ]
