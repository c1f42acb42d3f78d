"""ICMP messages: what they answer, how their checksums stay equal, and what is refused."""

import pytest

from probes.facts import Answer, Family
from probes.wire.echo import build_echo_probe, checksummed
from probes.wire.icmp import (
    IcmpMessage,
    answer_kind,
    build_icmp,
    is_error,
    parse_echo,
    parse_icmp,
    verify_icmp_checksum,
)
from probes.wire.malformed import MalformedDatagram

SOURCE, DESTINATION = bytes(15) + b"\1", bytes(15) + b"\2"
IDENTITIES = [(0, bytes(8)), (1, b"abcdefgh"), (0xFFFF, b"\xff" * 8), (0x8000, b"\0\xff" * 4)]


@pytest.mark.parametrize("family", Family)
def test_the_checksum_is_the_same_for_every_probe(family: Family) -> None:
    probes = [
        checksummed(build_echo_probe(family, 0x1234, sequence, token), family, SOURCE, DESTINATION)
        for sequence, token in IDENTITIES
    ]
    assert len({probe[2:4] for probe in probes}) == 1
    assert len(set(probes)) == len(IDENTITIES)


def test_an_echo_probe_holds_its_identity() -> None:
    message = parse_icmp(build_echo_probe(Family.IPV4, 0x1234, 0x5678, b"abcdefgh"))
    assert (message.type, parse_echo(message), message.body[:8]) == (8, (0x1234, 0x5678), b"abcdefgh")


def test_a_wrong_checksum_is_refused_and_a_right_one_is_not() -> None:
    right = checksummed(build_echo_probe(Family.IPV4, 1, 2, b"abcdefgh"), Family.IPV4, b"", b"")
    verify_icmp_checksum(right)
    with pytest.raises(MalformedDatagram):
        verify_icmp_checksum(right[:-1] + bytes([right[-1] ^ 1]))


def test_seven_bytes_are_no_message() -> None:
    with pytest.raises(MalformedDatagram):
        parse_icmp(bytes(7))


def test_a_message_keeps_its_bytes() -> None:
    message = IcmpMessage(type=11, code=1, checksum=0xABCD, rest=b"\0\x11\0\0", body=b"quote")
    assert build_icmp(message) == bytes.fromhex("0b01abcd 00110000") + b"quote"


@pytest.mark.parametrize(
    ("family", "kind", "code", "answer"),
    [
        (Family.IPV4, 0, 0, Answer.ECHO_REPLY),
        *((Family.IPV4, 3, code, Answer.DESTINATION_UNREACHABLE) for code in range(16)),
        (Family.IPV4, 11, 0, Answer.TIME_EXCEEDED),
        (Family.IPV4, 11, 1, Answer.REASSEMBLY_TIME_EXCEEDED),
        (Family.IPV4, 11, 2, Answer.OTHER_ICMP),
        (Family.IPV4, 12, 0, Answer.PARAMETER_PROBLEM),
        (Family.IPV4, 4, 0, Answer.OTHER_ICMP),
        *((Family.IPV6, 1, code, Answer.DESTINATION_UNREACHABLE) for code in range(8)),
        (Family.IPV6, 2, 0, Answer.PACKET_TOO_BIG),
        (Family.IPV6, 3, 0, Answer.TIME_EXCEEDED),
        (Family.IPV6, 3, 1, Answer.REASSEMBLY_TIME_EXCEEDED),
        (Family.IPV6, 4, 1, Answer.PARAMETER_PROBLEM),
        (Family.IPV6, 129, 0, Answer.ECHO_REPLY),
        (Family.IPV6, 127, 0, Answer.OTHER_ICMP),
    ],
)
def test_what_a_type_and_code_mean(family: Family, kind: int, code: int, answer: Answer) -> None:
    assert answer_kind(family, kind, code) is answer


@pytest.mark.parametrize(
    ("family", "kind", "quotes"),
    [
        (Family.IPV4, 3, True),
        (Family.IPV4, 5, False),
        (Family.IPV4, 0, False),
        (Family.IPV4, 8, False),
        (Family.IPV6, 3, True),
        (Family.IPV6, 127, True),
        (Family.IPV6, 129, False),
        (Family.IPV6, 137, False),
    ],
)
def test_which_types_quote(family: Family, kind: int, *, quotes: bool) -> None:
    assert is_error(family, kind) is quotes
