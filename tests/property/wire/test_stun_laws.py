"""Laws of the STUN codec: addresses survive, and nothing but MalformedDatagram ever leaves."""

import socket
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from probes.wire.malformed import MalformedDatagram
from probes.wire.stun import (
    BindingRequest,
    build_binding_request,
    build_binding_success,
    build_unknown_attribute,
    message_length,
    parse_binding_request,
    parse_binding_response,
)

TRANSACTIONS = st.binary(min_size=12, max_size=12)
ADDRESSES = st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))
PORTS = st.integers(0, 65535)


@given(TRANSACTIONS)
def test_a_request_comes_back(transaction: bytes) -> None:
    assert parse_binding_request(build_binding_request(transaction)) == BindingRequest(transaction)


@given(TRANSACTIONS, ADDRESSES, PORTS, st.booleans())
def test_an_address_comes_back(transaction: bytes, address: bytes, port: int, plain: bool) -> None:  # noqa: FBT001
    message = build_binding_success(transaction, address, port, plain=plain)
    told = parse_binding_response(message, transaction)
    assert told.address is not None
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    assert socket.inet_pton(family, told.address) == address
    assert told.port == port
    assert message_length(message) == len(message)


@given(TRANSACTIONS, st.lists(st.integers(0, 0x7FFF), min_size=1, max_size=30))
def test_a_refusal_is_read_as_one(transaction: bytes, unknown: list[int]) -> None:
    refusal = build_unknown_attribute(BindingRequest(transaction, tuple(unknown)))
    assert parse_binding_response(refusal, transaction).error_code == 420


@given(st.binary(max_size=80), TRANSACTIONS)
def test_noise_is_malformed_and_nothing_else(noise: bytes, transaction: bytes) -> None:
    for behind in (
        noise,
        bytes.fromhex("0101") + len(noise).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + transaction + noise,
    ):
        for read in (parse_binding_request, lambda data: parse_binding_response(data, transaction), message_length):
            with suppress(MalformedDatagram):
                read(behind)


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=24)), max_size=6), TRANSACTIONS)
def test_any_attributes_are_walked(attributes: list[tuple[int, bytes]], transaction: bytes) -> None:
    body = b"".join(
        kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)
        for kind, value in attributes
    )
    header = len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + transaction
    request = parse_binding_request(b"\0\1" + header + body)
    known = {0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E}
    assert request.unknown == tuple(kind for kind, _ in attributes if kind < 0x8000 and kind not in known)
