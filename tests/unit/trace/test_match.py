"""Matching: what is believed, and for which reason something is not."""

from dataclasses import replace
from random import Random

import pytest

from probes.facts import Answer, Family, Icmp, Protocol, RejectReason, StampSource
from probes.seam import Flow, Quote, Received, Stamp
from probes.trace.attempt import Attempt, Ending, Purpose, Reply
from probes.trace.ledger import Ledger
from probes.trace.match import Match, Rejection, match

_STAMP = Stamp(1.0, 1_000, StampSource.KERNEL)
_FLOWS = {
    Protocol.ICMP: Flow(
        family=Family.IPV4, protocol=Protocol.ICMP, source="10.0.0.9", destination="192.0.2.1", icmp_id=7
    ),
    Protocol.UDP: Flow(
        family=Family.IPV4,
        protocol=Protocol.UDP,
        source="10.0.0.9",
        destination="192.0.2.1",
        source_port=50000,
        destination_port=33434,
    ),
    Protocol.TCP: Flow(
        family=Family.IPV4,
        protocol=Protocol.TCP,
        source="10.0.0.9",
        destination="192.0.2.1",
        source_port=50000,
        destination_port=443,
    ),
}
_NUMBER = {Protocol.ICMP: 1, Protocol.UDP: 17, Protocol.TCP: 6}


def ledger(protocol: Protocol = Protocol.UDP) -> Ledger:
    return Ledger(_FLOWS[protocol], Random(3).randbytes)  # noqa: S311 - the same bytes each time


def sent(book: Ledger, *, own_port: bool = False) -> Attempt:
    attempt = book.issue(probe_ttl=3, purpose=Purpose.HOP, now=0.0, own_port=own_port)
    attempt.sent = Stamp(0.5, 500, StampSource.USER)
    return attempt


def whole_quote(book: Ledger, attempt: Attempt) -> Quote:
    flow, identity = book.flow, attempt.probe.identity
    tcp = flow.protocol is Protocol.TCP
    return Quote(
        source=flow.source,
        destination=flow.destination,
        protocol=_NUMBER[flow.protocol],
        source_port=flow.source_port,
        destination_port=flow.destination_port,
        icmp_id=flow.icmp_id,
        sequence=None if tcp else identity.sequence,
        tcp_sequence=identity.tcp_sequence if tcp else None,
        token=None if tcp else identity.token,
    )


def error(quote: Quote, sender: str = "10.9.9.9") -> Received:
    icmp = Icmp(type=11, code=0)
    return Received(sender=sender, answer=Answer.TIME_EXCEEDED, stamp=_STAMP, quote=quote, icmp=icmp)


def direct(quote: Quote, answer: Answer, sender: str = "192.0.2.1") -> Received:
    return Received(sender=sender, answer=answer, stamp=_STAMP, quote=quote)


def reason(verdict: Match | Rejection) -> RejectReason | None:
    return None if isinstance(verdict, Match) else verdict.reason


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_whole_quote_names_its_probe(protocol: Protocol) -> None:
    book = ledger(protocol)
    first, second = sent(book), sent(book)
    assert match(book, error(whole_quote(book, second))) == Match(second)
    assert match(book, error(whole_quote(book, first))) == Match(first)


@pytest.mark.parametrize("protocol", list(Protocol))
def test_another_destination_or_protocol_is_a_foreign_flow(protocol: Protocol) -> None:
    book = ledger(protocol)
    attempt = sent(book)
    quote = whole_quote(book, attempt)
    for altered in (replace(quote, destination="192.0.2.2"), replace(quote, protocol=47)):
        assert reason(match(book, error(altered))) is RejectReason.FOREIGN_FLOW


@pytest.mark.parametrize("protocol", [Protocol.UDP, Protocol.TCP])
def test_another_destination_port_is_a_foreign_flow(protocol: Protocol) -> None:
    book = ledger(protocol)
    attempt = sent(book)
    assert reason(match(book, error(replace(whole_quote(book, attempt), destination_port=1)))) is (
        RejectReason.FOREIGN_FLOW
    )


def test_another_icmp_identifier_without_a_token_is_a_foreign_flow() -> None:
    book = ledger(Protocol.ICMP)
    attempt = sent(book)
    quote = replace(whole_quote(book, attempt), icmp_id=8, token=None)
    assert reason(match(book, error(quote))) is RejectReason.FOREIGN_FLOW


def test_identity_that_was_never_issued_is_unknown() -> None:
    book = ledger()
    attempt = sent(book)
    quote = replace(whole_quote(book, attempt), sequence=None, token=b"12345678")
    assert reason(match(book, error(quote))) is RejectReason.UNKNOWN_PROBE


def test_a_right_sequence_with_a_wrong_token_is_a_guess() -> None:
    book = ledger(Protocol.ICMP)
    attempt = sent(book)
    quote = replace(whole_quote(book, attempt), token=b"\0" * 8)
    assert reason(match(book, error(quote))) is RejectReason.WRONG_IDENTITY


def test_a_token_right_only_where_a_tcp_sequence_would_end_is_a_guess() -> None:
    book = ledger(Protocol.ICMP)
    attempt = sent(book)
    guess = attempt.probe.identity.token[:4] + b"\0\0\0\0"
    assert reason(match(book, error(replace(whole_quote(book, attempt), token=guess)))) is RejectReason.WRONG_IDENTITY


def test_the_identities_of_two_probes_contradict_each_other() -> None:
    book = ledger(Protocol.ICMP)
    first, second = sent(book), sent(book)
    mixed = replace(whole_quote(book, first), sequence=second.probe.identity.sequence)
    assert reason(match(book, error(mixed))) is RejectReason.WRONG_IDENTITY


def test_a_channel_that_names_another_probe_contradicts() -> None:
    book = ledger(Protocol.TCP)
    first, second = sent(book), sent(book)
    mixed = replace(whole_quote(book, first), number=second.probe.number)
    assert reason(match(book, error(mixed))) is RejectReason.WRONG_IDENTITY


@pytest.mark.parametrize("number", [-1, 2, 99])
def test_a_channel_that_names_no_probe_is_unknown(number: int) -> None:
    book = ledger(Protocol.TCP)
    sent(book)
    sent(book)
    assert reason(match(book, error(Quote(number=number)))) is RejectReason.UNKNOWN_PROBE


def test_a_probe_that_never_left_cannot_be_answered() -> None:
    book = ledger()
    attempt = book.issue(probe_ttl=1, purpose=Purpose.HOP, now=0.0)
    assert reason(match(book, error(whole_quote(book, attempt)))) is RejectReason.UNKNOWN_PROBE


def test_the_first_answer_wins() -> None:
    book = ledger()
    attempt = sent(book)
    quote = whole_quote(book, attempt)
    attempt.reply = Reply(sender="x", answer=Answer.TIME_EXCEEDED, ending=Ending.PASSED, rtt_us=1, late=False)
    assert match(book, error(quote)) == Rejection(RejectReason.DUPLICATE, attempt)


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [(Protocol.ICMP, Answer.ECHO_REPLY), (Protocol.TCP, Answer.SYN_ACK), (Protocol.TCP, Answer.RST)],
)
def test_a_direct_answer_must_come_from_the_target(protocol: Protocol, answer: Answer) -> None:
    book = ledger(protocol)
    attempt = sent(book)
    quote = replace(whole_quote(book, attempt), source=None, destination=None, protocol=None)
    assert reason(match(book, direct(quote, answer, "203.0.113.5"))) is RejectReason.WRONG_SOURCE
    assert match(book, direct(quote, answer)) == Match(attempt)


def test_an_echo_reply_without_the_requests_data_names_nobody() -> None:
    book = ledger(Protocol.ICMP)
    attempt = sent(book)
    whole = replace(whole_quote(book, attempt), source=None, destination=None, protocol=None)
    assert reason(match(book, direct(replace(whole, token=None), Answer.ECHO_REPLY))) is RejectReason.SHORT_QUOTE
    assert match(book, direct(whole, Answer.ECHO_REPLY)) == Match(attempt)


def test_a_reset_without_acknowledgement_answers_no_probe_not_even_a_lone_one() -> None:
    book = ledger(Protocol.TCP)
    attempt = sent(book)
    whole = replace(whole_quote(book, attempt), source=None, destination=None, protocol=None)
    assert reason(match(book, direct(replace(whole, tcp_sequence=None), Answer.RST))) is RejectReason.SHORT_QUOTE
    assert match(book, direct(whole, Answer.RST)) == Match(attempt)


def test_an_error_may_come_from_anybody() -> None:
    book = ledger()
    attempt = sent(book)
    assert match(book, error(whole_quote(book, attempt), sender="198.18.0.1")) == Match(attempt)


def test_a_redirect_is_no_answer() -> None:
    book = ledger()
    attempt = sent(book)
    redirect = replace(error(whole_quote(book, attempt)), answer=Answer.OTHER_ICMP, icmp=Icmp(type=5, code=1))
    assert reason(match(book, redirect)) is RejectReason.NOT_AN_ANSWER
    assert match(book, error(whole_quote(book, attempt))) == Match(attempt)


# --- quotes without identity ------------------------------------------------------------------------------------------


def _short(book: Ledger, port: int) -> Quote:
    return Quote(destination=book.flow.destination, destination_port=port, source_port=book.flow.source_port)


def test_a_short_quote_of_a_shared_port_names_nobody() -> None:
    book = ledger()
    sent(book)
    sent(book)
    assert reason(match(book, error(_short(book, 33434)))) is RejectReason.SHORT_QUOTE
    assert reason(match(book, error(Quote()))) is RejectReason.SHORT_QUOTE


def test_a_short_quote_of_a_port_of_its_own_names_its_probe() -> None:
    book = ledger()
    sent(book)
    sent(book)
    own = sent(book, own_port=True)
    assert own.probe.own_port
    assert match(book, error(_short(book, 33436))) == Match(own)
    assert reason(match(book, error(_short(book, 33435)))) is RejectReason.FOREIGN_FLOW


def test_a_whole_quote_must_show_the_port_of_its_own() -> None:
    book = ledger()
    sent(book)
    own = sent(book, own_port=True)
    shared = whole_quote(book, own)
    assert reason(match(book, error(shared))) is RejectReason.FOREIGN_FLOW
    assert match(book, error(replace(shared, destination_port=33435))) == Match(own)


def test_a_lone_probe_needs_no_identity() -> None:
    book = ledger()
    only = sent(book)
    assert match(book, error(_short(book, 33434))) == Match(only)


def test_only_where_there_are_ports_may_a_probe_have_its_own() -> None:
    assert not sent(ledger(Protocol.ICMP), own_port=True).probe.own_port
    assert sent(ledger(Protocol.UDP), own_port=True).probe.own_port


def test_a_tcp_probes_own_port_is_its_source_port() -> None:
    book = ledger(Protocol.TCP)
    sent(book)
    own = sent(book, own_port=True)
    assert match(book, error(replace(whole_quote(book, own), source_port=None))) == Match(own)


# --- translators ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", list(Protocol))
def test_an_untranslated_source_is_believed_with_a_strong_identity(protocol: Protocol) -> None:
    book = ledger(protocol)
    attempt = sent(book)
    quote = replace(whole_quote(book, attempt), source="203.0.113.1", source_port=1024, icmp_id=9)
    assert match(book, error(quote)) == Match(attempt)


@pytest.mark.parametrize("protocol", [Protocol.ICMP, Protocol.UDP])
def test_an_untranslated_source_with_sixteen_bits_is_not(protocol: Protocol) -> None:
    book = ledger(protocol)
    attempt = sent(book)
    quote = replace(whole_quote(book, attempt), source="203.0.113.1", token=None)
    assert reason(match(book, error(quote))) is RejectReason.FOREIGN_FLOW


def test_a_rewritten_udp_checksum_does_not_outweigh_the_token() -> None:
    book = ledger(Protocol.UDP)
    attempt = sent(book)
    quote = replace(whole_quote(book, attempt), sequence=(attempt.probe.identity.sequence + 1) % 0xFFFF)
    assert match(book, error(quote)) == Match(attempt)


def test_a_zone_is_the_hosts_own_addition() -> None:
    flow = replace(_FLOWS[Protocol.ICMP], family=Family.IPV6, source="fe80::2", destination="fe80::1%eth0")
    book = Ledger(flow, Random(3).randbytes)  # noqa: S311 - the same bytes each time
    attempt = sent(book)
    quote = Quote(destination="fe80::1", protocol=58, token=attempt.probe.identity.token)
    assert match(book, direct(quote, Answer.ECHO_REPLY, "fe80::1")) == Match(attempt)


# --- identities -------------------------------------------------------------------------------------------------------


def test_identities_are_never_reused_and_never_no_checksum() -> None:
    drawn = iter([b"\0\0" + b"a" * 8, b"\xff\xff" + b"b" * 8, b"\1\1" + b"c" * 8, b"\1\1" + b"d" * 8])
    rest = Random(5)  # noqa: S311 - the same bytes each time

    def source(count: int) -> bytes:
        return next(drawn, None) or rest.randbytes(count)

    book = Ledger(_FLOWS[Protocol.UDP], source)
    identities = [sent(book).probe.identity for _ in range(2000)]
    assert identities[0].sequence == 0x0101
    assert len({identity.sequence for identity in identities}) == 2000
    assert len({identity.tcp_sequence for identity in identities}) == 2000
    assert {0, 0xFFFF}.isdisjoint(identity.sequence for identity in identities)
