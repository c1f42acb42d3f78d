"""The Internet checksum against the RFC's own example, and what compensation must do."""

import pytest

from probes.wire.checksum import compensation, internet_checksum, ones_complement_sum, pseudo_header


def test_the_example_of_rfc_1071() -> None:
    # RFC 1071 section 3: the sum of 0001 f203 f4f5 f6f7 is ddf2.
    data = bytes.fromhex("0001f203f4f5f6f7")
    assert ones_complement_sum(data) == 0xDDF2
    assert internet_checksum(data) == 0x220D


def test_an_odd_last_byte_is_the_high_one() -> None:
    assert ones_complement_sum(b"\x12") == 0x1200


@pytest.mark.parametrize(
    ("data", "expected"), [(b"", 0), (b"\0\0", 0), (b"\xff\xff", 0xFFFF), (b"\xff\xfe\0\1", 0xFFFF)]
)
def test_zero_is_written_as_the_standard_adder_does(data: bytes, expected: int) -> None:
    assert ones_complement_sum(data) == expected


@pytest.mark.parametrize("wanted", [0, 1, 0x7FFF, 0xFFFE, 0xFFFF])
def test_compensation_brings_the_sum_where_it_is_wanted(wanted: int) -> None:
    data = b"some data!"
    assert ones_complement_sum(data + compensation(data, wanted)) % 0xFFFF == wanted % 0xFFFF


def test_pseudo_headers_hold_what_the_rfcs_say() -> None:
    assert pseudo_header(b"\x0a\0\0\1", b"\x0a\0\0\2", 17, 18) == bytes.fromhex("0a000001 0a000002 00000012 00000011")
    assert len(pseudo_header(bytes(16), bytes(16), 58, 8)) == 40
