"""DNS messages to bytes and back, by dnspython; nothing is sent from here."""

from __future__ import annotations

import os
from enum import Enum
from functools import cache

from probes.dns_exchange import Reply
from probes.drivers.stand_in import StandIn
from probes.name_facts import ExtendedDnsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from dns.message import Message

    from probes.dns_exchange import Question


# The size that no path fragments (DNS flag day 2020; RFC 9715 section 3.1 allows up to 1,400).
_UDP_PAYLOAD_BYTES: Final = 1232
_HEADER_BYTES: Final = 12
_TRUNCATED_BIT: Final = 0x02
_RESPONSE_BIT: Final = 0x80


class Unusable(Enum):
    """Why a datagram is no reply: it answers another question, or it answers ours and cannot be read."""

    FOREIGN = "foreign"
    MALFORMED = "malformed"


@cache
def load_dnspython() -> None:
    """Import dnspython in half its time, for those only who ask a resolver: 40 ms instead of 80 [measured].

    The other half goes to `importlib.metadata`, which it loads to learn the version of `idna`. Names come to us in wire
    form already, so it is told that `idna` is not there, and an empty module stands in while it binds the name.
    """
    with StandIn("importlib.metadata"):
        import dns._features  # noqa: PLC0415
    # Its own documented workaround for hosts where the metadata is of no use.
    dns._features.force("idna", False)  # noqa: SLF001


def encoded(question: Question) -> bytes:
    """Return the message, with an identifier that cannot be guessed (RFC 5452 section 9)."""
    load_dnspython()
    import dns.flags  # noqa: PLC0415 - see `load_dnspython`
    import dns.message  # noqa: PLC0415 - likewise

    message = dns.message.make_query(
        f"{question.name}.",
        question.type,
        id=int.from_bytes(os.urandom(2), "big"),
        use_edns=0 if question.edns else False,
        payload=_UDP_PAYLOAD_BYTES,
        flags=dns.flags.RD,
    )
    return message.to_wire()


def decoded(sent: bytes, data: bytes) -> Reply | Unusable:
    """Return what a datagram says in answer to the message `sent`.

    The identifier, the name, the type and the class must be those of the question (RFC 5452 section 9.1). One whose
    identifier fits and that then cannot be parsed is MALFORMED; a forger would have to guess the identifier for that.
    """
    import dns.exception  # noqa: PLC0415 - see `load_dnspython`
    import dns.message  # noqa: PLC0415

    if len(data) < _HEADER_BYTES or data[:2] != sent[:2] or not data[2] & _RESPONSE_BIT:
        return Unusable.FOREIGN
    try:
        message = dns.message.from_wire(data)
        if not dns.message.from_wire(sent).is_response(message):
            return Unusable.FOREIGN
        return _reply(message)
    except dns.exception.DNSException:
        # Some servers cut a long answer in the middle of a record; what matters is that they say so.
        return Reply(rcode="NOERROR", truncated=True) if data[2] & _TRUNCATED_BIT else _without_additions(sent, data)


def _without_additions(sent: bytes, data: bytes) -> Reply | Unusable:
    """Return what a message says up to its additional section, where it is only that, or what follows it, that is bad.

    A reason cut in the middle of a letter (RFC 8914 section 2) spoils no answer. The higher bits of the RCODE are lost
    with it (RFC 6891 section 6.1.3), so that nothing is believed of a message that then says neither yes nor no.
    """
    import dns.exception  # noqa: PLC0415 - see `load_dnspython`
    import dns.message  # noqa: PLC0415 - likewise

    bare = data[: _HEADER_BYTES - 2] + b"\0\0" + data[_HEADER_BYTES:]
    try:
        message = dns.message.from_wire(bare, ignore_trailing=True)
        if not dns.message.from_wire(sent).is_response(message):
            return Unusable.FOREIGN
        reply = _reply(message)
    except dns.exception.DNSException:
        return Unusable.MALFORMED
    return reply if reply.answers or reply.rcode != "NOERROR" else Unusable.MALFORMED


def _reply(message: Message) -> Reply:
    import dns.edns  # noqa: PLC0415 - see `load_dnspython`
    import dns.flags  # noqa: PLC0415
    import dns.message  # noqa: PLC0415
    import dns.rcode  # noqa: PLC0415

    rcode = dns.rcode.to_text(message.rcode())
    answers: tuple[str, ...] = ()
    canonical: str | None = None
    if isinstance(message, dns.message.QueryMessage) and message.question:
        chain = message.resolve_chaining()
        end = chain.canonical_name.to_text(omit_final_dot=True)
        canonical = end if chain.cnames else None
        answers = tuple(record.to_text().removesuffix(".") for record in chain.answer or ())
    return Reply(
        rcode=rcode,
        answers=answers,
        canonical_name=canonical,
        truncated=bool(message.flags & dns.flags.TC),
        extended_errors=tuple(
            ExtendedDnsError(code=int(option.code), text=option.text or "")
            for option in message.options
            if isinstance(option, dns.edns.EDEOption)
        ),
    )
