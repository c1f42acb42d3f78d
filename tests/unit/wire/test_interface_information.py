"""RFC 5837 objects, byte by byte and broken."""

import pytest

from probes.facts import InterfaceInformation, InterfaceRole
from probes.seam import Extensions
from probes.wire.icmp_extensions import build_extensions, read_extensions
from probes.wire.interface_information import build_interface, parse_interface
from probes.wire.malformed import MalformedDatagram

WHOLE = bytes.fromhex("00000007 00010000 c6336401 0865746830000000 000005dc")


def test_an_object_byte_by_byte() -> None:
    # RFC 5837 section 4.1: role 2 (outgoing) in the two highest bits, then index, address, name and MTU in the lowest.
    assert parse_interface(0b1000_1111, WHOLE) == InterfaceInformation(
        role=InterfaceRole.OUTGOING, index=7, address="198.51.100.1", name="eth0", mtu=1500
    )
    address = bytes((198, 51, 100, 1))
    made = build_interface(InterfaceRole.OUTGOING, index=7, address=address, name="eth0", mtu=1500)
    assert made == (2, 0b1000_1111, WHOLE)


@pytest.mark.parametrize(("bits", "role"), list(enumerate(InterfaceRole)))
def test_the_role_is_the_two_highest_bits(bits: int, role: InterfaceRole) -> None:
    assert parse_interface(bits << 6, b"") == InterfaceInformation(role=role)


def test_a_name_that_is_no_utf8_is_shown_as_such() -> None:
    assert parse_interface(0x02, b"\x04\xff\xfe\0").name == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("c_type", "payload"),
    [
        (0x08, b"\0\0\0"),
        (0x04, b"\0\x03\0\0" + bytes(4)),
        (0x04, b"\0\x01\0\0" + bytes(3)),
        (0x04, b"\0\x02\0\0" + bytes(15)),
        (0x02, b""),
        (0x02, b"\0\0\0\0"),
        (0x02, b"\x05abcd"),
        (0x02, b"\x08abc"),
        (0x02, b"\x44" + bytes(67)),
        (0x01, b"\0"),
    ],
    ids=[
        "index cut",
        "address of no family",
        "IPv4 address cut",
        "IPv6 address cut",
        "no name",
        "name without length",
        "name of no whole words",
        "name cut",
        "name of more than 64 octets",
        "MTU cut",
    ],
)
def test_a_broken_object(c_type: int, payload: bytes) -> None:
    with pytest.raises(MalformedDatagram):
        parse_interface(c_type, payload)
    # What came before it in the message is kept.
    good = build_interface(InterfaceRole.INCOMING, index=3, address=None, name=None, mtu=None)
    read = read_extensions(build_extensions((good, (2, c_type, payload))))
    kept = (InterfaceInformation(role=InterfaceRole.INCOMING, index=3),)
    assert read == Extensions(interfaces=kept, malformed=True)
