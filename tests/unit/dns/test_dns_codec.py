"""Answers of resolvers that are wrong at the end only, and what is still believed of them."""

import dns.edns
import dns.message
import dns.rcode
import dns.rrset
import pytest

from probes.dns_exchange import Question, Reply
from probes.drivers.dns_codec import Unusable, decoded, encoded
from probes.host_facts import Resolver
from probes.name_facts import Transport

SENT = encoded(
    Question(
        number=1,
        resolver=Resolver(address="127.0.0.1"),
        name="crm.example.com",
        type="A",
        transport=Transport.UDP,
        attempt=1,
        edns=True,
    )
)
ANSWER = "192.0.2.80"
# Extended error 22 with the last octet of a text lost, and a cookie of one octet (RFC 7873 section 4: at least eight).
CUT_REASON = dns.edns.GenericOption(dns.edns.OptionType.EDE, b"\x00\x16caf\xc3")
SHORT_COOKIE = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"\x00")


def answered(option: dns.edns.Option, *answers: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(SENT))
    message.set_rcode(rcode)
    message.use_edns(0, options=[option])
    if answers:
        message.answer.append(dns.rrset.from_text("crm.example.com.", 60, "IN", "A", *answers))
    return message.to_wire()


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (answered(CUT_REASON, rcode=dns.rcode.SERVFAIL), Reply(rcode="SERVFAIL")),
        (answered(SHORT_COOKIE, ANSWER), Reply(rcode="NOERROR", answers=(ANSWER,))),
        (answered(SHORT_COOKIE, ANSWER) + b"\x00\x00", Reply(rcode="NOERROR", answers=(ANSWER,))),
        (answered(SHORT_COOKIE, rcode=dns.rcode.NXDOMAIN), Reply(rcode="NXDOMAIN")),
        # BADVERS is 0 without its higher bits, and would say that there is no address.
        (answered(SHORT_COOKIE, rcode=dns.rcode.BADVERS), Unusable.MALFORMED),
        (bytes([SENT[0] ^ 0xFF]) + answered(SHORT_COOKIE, ANSWER)[1:], Unusable.FOREIGN),
    ],
    ids=["reason", "cookie", "octets behind it", "no such name", "lost bits", "another identifier"],
)
def test_a_bad_end_spoils_no_answer(message: bytes, reply: Reply | Unusable) -> None:
    assert decoded(SENT, message) == reply


def test_a_bad_answer_section_is_no_answer() -> None:
    whole = answered(SHORT_COOKIE, ANSWER)
    # The address's length says five octets.
    assert decoded(SENT, whole.replace(b"\x00\x04\xc0\x00\x02\x50", b"\x00\x05\xc0\x00\x02\x50")) is Unusable.MALFORMED
