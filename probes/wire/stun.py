"""STUN binding messages: a client asks which source its packet arrived with, and is told (RFC 8489)."""

from __future__ import annotations

import struct

from probes.frozen import frozen_positional
from probes.wire.ipv4 import ipv4_text
from probes.wire.ipv6 import ipv6_text
from probes.wire.malformed import MalformedDatagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

TRANSACTION_LENGTH: Final = 12
HEADER_LENGTH: Final = 20
# A binding message has a handful of attributes; more is noise, and a TCP stream must not make anybody wait for it.
LONGEST_MESSAGE: Final = 548
MAGIC_COOKIE: Final = 0x2112A442

# Section 5: method binding (1) with the class bits of request, success and error.
_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111
_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
# Section 14 and 18.3.
_MAPPED_ADDRESS, _XOR_MAPPED_ADDRESS = 0x0001, 0x0020
_ERROR_CODE, _UNKNOWN_ATTRIBUTES = 0x0009, 0x000A
# Section 14: an attribute below this that a reader does not know must not be passed over.
_FIRST_OPTIONAL: Final = 0x8000
# Section 18.3.1 and RFC 8445 section 7.1: what a server may meet in a request and need not act on, for it asks nobody
# to authenticate: USERNAME, MESSAGE-INTEGRITY, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM, USERHASH.
_IGNORED: Final = frozenset({0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E})
# Section 14.1: family, then the port and the address.
_ADDRESS: Final = struct.Struct("!xBH")
_FAMILIES: Final = {4: 0x01, 16: 0x02}
_LENGTHS: Final = {family: length for length, family in _FAMILIES.items()}
UNKNOWN_ATTRIBUTE: Final = 420
# No more of them are named in an answer: it should not outgrow the question.
_MOST_NAMED: Final = 8


@frozen_positional
class BindingRequest:
    """One question: its transaction, 12 octets, and the attributes that must be understood and are not."""

    transaction: bytes
    unknown: tuple[int, ...] = ()


@frozen_positional
class BindingResponse:
    """One answer: the source that the server saw, or the error code (300..699) that it gave instead."""

    transaction: bytes
    address: str | None
    port: int | None
    error_code: int | None = None


def build_binding_request(transaction: bytes) -> bytes:
    """Return a request without attributes, 20 octets; `transaction` is 12 unguessable ones (RFC 8489 section 5)."""
    return _message(_REQUEST, transaction, b"")


def build_binding_success(transaction: bytes, address: bytes, port: int, *, plain: bool = False) -> bytes:
    """Return the answer that tells a source address.

    Args:
        transaction: The request's.
        address: Packed, 4 or 16 octets.
        port: 0..65535.
        plain: In clear (MAPPED-ADDRESS) and not masked (XOR-MAPPED-ADDRESS), which translators that rewrite addresses
            inside packets leave alone.

    Source: RFC 8489 sections 14.1 and 14.2.
    """
    kind = _MAPPED_ADDRESS if plain else _XOR_MAPPED_ADDRESS
    mask = bytes(HEADER_LENGTH) if plain else _mask(transaction)
    masked_port = port ^ int.from_bytes(mask[:2], "big")
    value = _ADDRESS.pack(_FAMILIES[len(address)], masked_port) + _xor(address, mask)
    return _message(_SUCCESS, transaction, _attribute(kind, value))


def build_unknown_attribute(request: BindingRequest) -> bytes:
    """Return the answer to a request that demands what nobody here knows (RFC 8489 sections 6.3.1, 14.8 and 14.13)."""
    named = request.unknown[:_MOST_NAMED]
    code = struct.pack("!xxBB", *divmod(UNKNOWN_ATTRIBUTE, 100))
    unknown = struct.pack(f"!{len(named)}H", *named)
    body = _attribute(_ERROR_CODE, code) + _attribute(_UNKNOWN_ATTRIBUTES, unknown)
    return _message(_ERROR, request.transaction, body)


def message_length(data: bytes) -> int | None:
    """Return how many octets the message at the start of a stream has, None while its header is not all there.

    Raises:
        MalformedDatagram: No STUN message starts so, or it is longer than 548 octets.

    Source: RFC 8489 sections 5 and 6.2.2.
    """
    if len(data) < HEADER_LENGTH:
        return None
    length = HEADER_LENGTH + _header(data)[1]
    if length > LONGEST_MESSAGE:
        raise MalformedDatagram("a STUN binding message is not so long")
    return length


def parse_binding_request(data: bytes) -> BindingRequest:
    """Return the request that a datagram is.

    Raises:
        MalformedDatagram: It is no STUN message, not a binding request, or its lengths contradict each other.

    Source: RFC 8489 sections 5, 6.3 and 14.
    """
    kind, transaction, attributes = _parsed(data)
    if kind != _REQUEST:
        raise MalformedDatagram("not a STUN binding request")
    unknown = tuple(name for name, _ in attributes if name < _FIRST_OPTIONAL and name not in _IGNORED)
    return BindingRequest(transaction, unknown)


def parse_binding_response(data: bytes, transaction: bytes) -> BindingResponse:
    """Return the answer to the request with this transaction.

    The masked address counts before the plain one.

    Raises:
        MalformedDatagram: It is no answer to this request, or it tells neither an address nor an error.

    Source: RFC 8489 sections 6.3.3, 6.3.4 and 14.
    """
    kind, answered, attributes = _parsed(data)
    if kind not in {_SUCCESS, _ERROR} or answered != transaction:
        raise MalformedDatagram("not the answer to this STUN request")
    # Section 14: of an attribute that is there twice the first one counts.
    values = dict(reversed(attributes))
    if kind == _ERROR:
        return BindingResponse(transaction, None, None, _error_code(values.get(_ERROR_CODE, b"")))
    if _XOR_MAPPED_ADDRESS in values:
        return BindingResponse(transaction, *_told(values[_XOR_MAPPED_ADDRESS], _mask(transaction)))
    if _MAPPED_ADDRESS in values:
        return BindingResponse(transaction, *_told(values[_MAPPED_ADDRESS], bytes(HEADER_LENGTH)))
    raise MalformedDatagram("a STUN answer without an address")


# --- octets -----------------------------------------------------------------------------------------------------------


def _message(kind: int, transaction: bytes, body: bytes) -> bytes:
    return _HEADER.pack(kind, len(body), MAGIC_COOKIE, transaction) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _header(data: bytes) -> tuple[int, int, bytes]:
    """Return kind, length behind the header, and transaction."""
    if len(data) < HEADER_LENGTH:
        raise MalformedDatagram("a STUN header needs 20 octets")
    kind, length, cookie, transaction = _HEADER.unpack_from(data)
    if kind >> 14 or cookie != MAGIC_COOKIE or length % 4:
        raise MalformedDatagram("not a STUN message")
    return kind, length, transaction


def _parsed(data: bytes) -> tuple[int, bytes, Sequence[tuple[int, bytes]]]:
    kind, length, transaction = _header(data)
    if len(data) != HEADER_LENGTH + length:
        raise MalformedDatagram("a STUN message's length is not the datagram's")
    return kind, transaction, list(_attributes(data))


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = HEADER_LENGTH
    while at < len(data):
        # The whole length is a multiple of four: there is always room for these four octets.
        kind, length = _ATTRIBUTE.unpack_from(data, at)
        at += _ATTRIBUTE.size
        if at + length > len(data):
            raise MalformedDatagram("a STUN attribute ends behind its message")
        yield kind, data[at : at + length]
        at += length + -length % 4


def _told(value: bytes, mask: bytes) -> tuple[str, int]:
    if len(value) < _ADDRESS.size:
        raise MalformedDatagram("a STUN address is too short")
    family, port = _ADDRESS.unpack_from(value)
    packed = value[_ADDRESS.size :]
    if len(packed) != _LENGTHS.get(family):
        raise MalformedDatagram("a STUN address has not its family's length")
    text = ipv4_text if family == _FAMILIES[4] else ipv6_text
    return text(_xor(packed, mask)), port ^ int.from_bytes(mask[:2], "big")


def _error_code(value: bytes) -> int:
    if len(value) < _ADDRESS.size:
        raise MalformedDatagram("a STUN error without a code")
    return (value[2] & 0x07) * 100 + value[3]


def _mask(transaction: bytes) -> bytes:
    """Return what addresses are masked with: the cookie, and for IPv6 the transaction behind it (section 14.2)."""
    return MAGIC_COOKIE.to_bytes(4, "big") + transaction


def _xor(value: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(value, mask, strict=False))
