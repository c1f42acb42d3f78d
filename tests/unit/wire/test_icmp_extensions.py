"""RFC 4884 lengths and objects, RFC 4950 labels, right and wrong."""

import struct

import pytest

from probes.facts import ExtensionObject, Family, MplsLabel
from probes.seam import Extensions
from probes.wire.checksum import internet_checksum
from probes.wire.icmp_extensions import build_mpls, read_extensions, split_quote

LABELS = (
    MplsLabel(label=16, traffic_class=5, bottom=False, mpls_ttl=1),
    MplsLabel(label=1048575, traffic_class=0, bottom=True, mpls_ttl=255),
)
STRUCTURE = build_mpls(LABELS)
QUOTE = bytes(range(128))


def structure_of(objects: bytes) -> bytes:
    blank = b"\x20\0\0\0" + objects
    return blank[:2] + struct.pack("!H", internet_checksum(blank)) + objects


@pytest.mark.parametrize(
    ("family", "kind", "rest"), [(Family.IPV4, 11, b"\0\x20\0\0"), (Family.IPV6, 3, b"\x10\0\0\0")]
)
def test_a_declared_length_splits_the_quote(family: Family, kind: int, rest: bytes) -> None:
    assert split_quote(family, kind, rest, QUOTE + STRUCTURE) == (QUOTE, STRUCTURE)


def test_a_length_without_extension_is_the_whole_quote() -> None:
    assert split_quote(Family.IPV4, 3, b"\0\x20\0\0", QUOTE) == (QUOTE, b"")


@pytest.mark.parametrize(
    ("family", "kind", "rest"), [(Family.IPV4, 11, b"\0\x21\0\0"), (Family.IPV6, 1, b"\x11\0\0\0")]
)
def test_a_length_that_promises_more_than_there_is_costs_no_answer(family: Family, kind: int, rest: bytes) -> None:
    assert split_quote(family, kind, rest, QUOTE) == (QUOTE, b"")


@pytest.mark.parametrize(
    ("family", "kind", "rest", "quote"),
    [(Family.IPV4, 11, b"\0\x05\0\0", b"\x45" + QUOTE[1:]), (Family.IPV6, 3, b"\x05\0\0\0", QUOTE)],
)
def test_a_length_of_less_than_any_error_quotes_costs_no_answer(
    family: Family, kind: int, rest: bytes, quote: bytes
) -> None:
    assert split_quote(family, kind, rest, quote) == (quote, b"")


def test_the_pointer_of_another_type_is_no_length() -> None:
    # ICMPv6 "packet too big" carries the MTU there, "parameter problem" the pointer.
    assert split_quote(Family.IPV6, 2, b"\0\0\x05\0", QUOTE) == (QUOTE, b"")
    assert split_quote(Family.IPV6, 4, b"\xff\xff\xff\xff", QUOTE) == (QUOTE, b"")


def test_an_old_router_declares_no_length() -> None:
    assert split_quote(Family.IPV4, 11, bytes(4), QUOTE + STRUCTURE) == (QUOTE, STRUCTURE)


def test_a_long_quote_is_not_taken_for_extensions() -> None:
    long_quote = QUOTE + b"\x20\0" + bytes(40)
    assert split_quote(Family.IPV4, 11, bytes(4), long_quote) == (long_quote, b"")


def test_labels_byte_by_byte() -> None:
    # RFC 3032 section 2.1: label 20 bits, class 3, bottom 1, TTL 8.
    assert STRUCTURE[4:] == bytes.fromhex("000c 01 01 00010a01 fffff1ff")
    assert read_extensions(STRUCTURE) == Extensions(mpls=LABELS)


def test_an_unknown_object_is_kept_by_what_it_is() -> None:
    # Class 4 is RFC 8883's extended information; nobody here reads it.
    other = struct.pack("!HBB", 8, 4, 1) + b"\0\0\0\x28"
    read = read_extensions(structure_of(other + STRUCTURE[4:]))
    unknown = ExtensionObject(class_number=4, c_type=1, octets=4)
    assert read == Extensions(mpls=LABELS, others=(unknown,))


def test_a_checksum_of_zero_was_not_computed() -> None:
    assert read_extensions(STRUCTURE[:2] + b"\0\0" + STRUCTURE[4:]) == Extensions(mpls=LABELS)


@pytest.mark.parametrize(
    "rest",
    [b"\0\3\1\1", b"\0\0\1\1", b"\0\x0c\1\1\0\0\0\1", b"\0\4"],
    ids=["shorter than itself", "zero", "longer than there is", "cut"],
)
def test_an_object_whose_length_lies_ends_the_reading_and_nothing_else(rest: bytes) -> None:
    read = read_extensions(structure_of(STRUCTURE[4:] + rest))
    assert read == Extensions(mpls=LABELS, malformed=True)


def test_a_broken_structure_is_marked_and_padding_is_none() -> None:
    assert read_extensions(STRUCTURE[:2] + b"\x12\x34" + STRUCTURE[4:]) == Extensions(malformed=True)
    assert read_extensions(b"\x10" + STRUCTURE[1:]) == Extensions(malformed=True)
    assert read_extensions(b"\x20\0\0") == Extensions(malformed=True)
    assert read_extensions(bytes(12)) is None
    assert read_extensions(b"") is None


def test_an_endless_list_of_objects_ends() -> None:
    objects = struct.pack("!HBB", 4, 200, 0) * 100
    read = read_extensions(structure_of(objects))
    assert read is not None
    assert len(read.others) == 16
