"""STUN binding messages against the published vectors, and what a server may refuse."""

import socket

import pytest

from probes.wire.malformed import MalformedDatagram
from probes.wire.stun import (
    BindingRequest,
    BindingResponse,
    build_binding_request,
    build_binding_success,
    build_unknown_attribute,
    message_length,
    parse_binding_request,
    parse_binding_response,
)

# RFC 5769 section 2: the sample request (with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY and
# FINGERPRINT), and its IPv4 and IPv6 responses.
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
SAMPLE_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff"
    "80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
SAMPLE_IPV4_RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
SAMPLE_IPV6_RESPONSE = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c"
)


@pytest.mark.parametrize(
    ("response", "address"),
    [(SAMPLE_IPV4_RESPONSE, "192.0.2.1"), (SAMPLE_IPV6_RESPONSE, "2001:db8:1234:5678:11:2233:4455:6677")],
)
def test_the_published_responses_tell_the_published_address(response: bytes, address: str) -> None:
    assert parse_binding_response(response, TRANSACTION) == BindingResponse(TRANSACTION, address, 32853)


def test_the_published_request_demands_what_only_connectivity_checks_know() -> None:
    """PRIORITY (RFC 8445 section 7.1.1) must be understood, and a server for bindings alone does not."""
    assert parse_binding_request(SAMPLE_REQUEST) == BindingRequest(TRANSACTION, (0x0024,))


def test_a_request_is_its_header() -> None:
    request = build_binding_request(TRANSACTION)
    assert request == bytes.fromhex("000100002112a442") + TRANSACTION
    assert parse_binding_request(request) == BindingRequest(TRANSACTION)


@pytest.mark.parametrize("text", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("plain", [True, False])
def test_an_address_comes_back_masked_or_in_clear(text: str, *, plain: bool) -> None:
    packed = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    response = build_binding_success(TRANSACTION, packed, 49152, plain=plain)
    assert (packed in response) == plain
    assert parse_binding_response(response, TRANSACTION) == BindingResponse(TRANSACTION, text, 49152)


def test_unknown_attributes_are_refused_by_name() -> None:
    refusal = build_unknown_attribute(BindingRequest(TRANSACTION, (0x0024, 0x7FFF)))
    assert refusal.hex() == "011100102112a442" + TRANSACTION.hex() + "0009000400000414" + "000a000400247fff"
    assert parse_binding_response(refusal, TRANSACTION).error_code == 420


def test_a_refusal_does_not_outgrow_a_request_full_of_unknown_attributes() -> None:
    names = range(0x7000, 0x7040)
    request = b"".join(name.to_bytes(2, "big") + b"\0\0" for name in names)
    message = (
        build_binding_request(TRANSACTION)[:2]
        + len(request).to_bytes(2, "big")
        + build_binding_request(TRANSACTION)[4:]
    )
    refusal = build_unknown_attribute(parse_binding_request(message + request))
    assert len(refusal) < len(message + request)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        build_binding_request(TRANSACTION)[:-1],
        build_binding_request(TRANSACTION) + b"\0",
        b"\x80" + build_binding_request(TRANSACTION)[1:],
        b"\0\1\0\0\0\0\0\0" + TRANSACTION,
        b"\0\1\0\2" + build_binding_request(TRANSACTION)[4:] + b"\0\0",
        b"\0\1\0\4" + build_binding_request(TRANSACTION)[4:] + b"\x80\0\0\1",
        SAMPLE_IPV4_RESPONSE,
    ],
    ids=["nothing", "cut", "longer", "no stun", "no cookie", "odd length", "attribute too long", "a response"],
)
def test_no_request_is_no_request(data: bytes) -> None:
    with pytest.raises(MalformedDatagram):
        parse_binding_request(data)


@pytest.mark.parametrize(
    "data",
    [
        build_binding_request(TRANSACTION),
        SAMPLE_IPV4_RESPONSE[:-4],
        bytes.fromhex("010100002112a442") + TRANSACTION,
        bytes.fromhex("0101000c2112a442") + TRANSACTION + bytes.fromhex("0020000800030000c0000201"),
        bytes.fromhex("0101000c2112a442") + TRANSACTION + bytes.fromhex("0020000800020000c0000201"),
        bytes.fromhex("010100082112a442") + TRANSACTION + bytes.fromhex("0020000200010000"),
        bytes.fromhex("011100002112a442") + TRANSACTION,
    ],
    ids=["a request", "cut", "no address", "no such family", "other family", "short address", "error without code"],
)
def test_no_answer_is_no_answer(data: bytes) -> None:
    with pytest.raises(MalformedDatagram):
        parse_binding_response(data, TRANSACTION)


def test_an_answer_to_somebody_else_is_none() -> None:
    with pytest.raises(MalformedDatagram):
        parse_binding_response(SAMPLE_IPV4_RESPONSE, bytes(12))


def test_a_stream_says_how_long_its_message_is() -> None:
    assert message_length(SAMPLE_REQUEST[:19]) is None
    assert message_length(SAMPLE_REQUEST[:20]) == len(SAMPLE_REQUEST)
    assert message_length(SAMPLE_REQUEST + b"more") == len(SAMPLE_REQUEST)
    with pytest.raises(MalformedDatagram):
        message_length(b"GET / HTTP/1.1\r\nHost: x\r\n")
    with pytest.raises(MalformedDatagram):
        message_length(bytes.fromhex("0001fffc2112a442") + TRANSACTION)
