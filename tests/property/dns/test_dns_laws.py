"""Whatever a resolver sends, the codec answers or says why not; whatever happens, the plan ends."""

import dns.message
from hypothesis import given
from hypothesis import strategies as st

from probes.dns_check import TOTAL_S, NameAsked, NameCheck
from probes.dns_exchange import Question, Reply
from probes.drivers.dns_codec import Unusable, decoded, encoded
from probes.facts import Family, Role
from probes.failure import Failure
from probes.host_facts import Resolver
from probes.hosts_file import addresses_in_hosts
from probes.name_facts import Transport
from probes.proxy import ProxyError, choose_proxy
from probes.resolv_conf import ResolvConf, parse_resolv_conf

QUESTION = Question(
    number=0,
    resolver=Resolver(address="192.0.2.53"),
    name="crm.example.com",
    type="A",
    transport=Transport.UDP,
    attempt=1,
    edns=True,
)


@given(st.binary(max_size=300))
def test_any_datagram_is_a_reply_or_unusable(data: bytes) -> None:
    sent = encoded(QUESTION)
    assert isinstance(decoded(sent, data), Reply | Unusable)


@given(st.binary(max_size=300))
def test_any_datagram_with_the_right_identifier_is_a_reply_or_unusable(data: bytes) -> None:
    sent = encoded(QUESTION)
    assert isinstance(decoded(sent, sent[:2] + b"\x81\x80" + data), Reply | Unusable)


@given(st.data())
def test_a_true_reply_with_bytes_changed_is_a_reply_or_unusable(data: st.DataObject) -> None:
    sent = encoded(QUESTION)
    response = dns.message.make_response(dns.message.from_wire(sent))
    response.answer.append(dns.rrset.from_text("crm.example.com.", 60, "IN", "CNAME", "a.example."))
    response.answer.append(dns.rrset.from_text("a.example.", 60, "IN", "A", "192.0.2.80"))
    wire = bytearray(response.to_wire())
    for place, value in data.draw(st.lists(st.tuples(st.integers(2, len(wire) - 1), st.integers(0, 255)), max_size=4)):
        wire[place] = value
    assert isinstance(decoded(sent, bytes(wire)), Reply | Unusable)


@given(st.integers(0, 0xFFFF))
def test_another_identifier_is_never_believed(other: int) -> None:
    sent = encoded(QUESTION)
    wire = dns.message.make_response(dns.message.from_wire(sent)).to_wire()
    believed = decoded(sent, other.to_bytes(2, "big") + wire[2:])
    assert isinstance(believed, Reply) is (other.to_bytes(2, "big") == sent[:2])


OUTCOMES = st.sampled_from(
    [
        None,
        *(Reply(rcode=one) for one in ("NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR")),
        Reply(rcode="NOERROR", answers=("192.0.2.1",)),
        Reply(rcode="NOERROR", answers=("192.0.2.1",), truncated=True),
        Failure.TIMED_OUT,
        Failure.CONNECTION_REFUSED,
        Failure.NETWORK_UNREACHABLE,
        Failure.MALFORMED_REPLY,
    ]
)


@given(
    resolvers=st.integers(0, 3),
    search=st.integers(0, 3),
    ndots=st.integers(0, 3),
    dots=st.integers(0, 3),
    outcomes=st.lists(st.tuples(OUTCOMES, st.floats(0, 3)), min_size=1, max_size=30),
    system_after_s=st.none() | st.floats(0, 5),
)
def test_every_name_ends_in_time_and_every_question_has_its_fact(
    resolvers: int,
    search: int,
    ndots: int,
    dots: int,
    outcomes: list[tuple[Reply | Failure | None, float]],
    system_after_s: float | None,
) -> None:
    conf = ResolvConf(
        resolvers=tuple(Resolver(address=f"192.0.2.{n}") for n in range(resolvers)),
        search_domains=tuple(f"s{n}.example" for n in range(search)),
        ndots=ndots,
    )
    name = "a" + ".b" * dots
    check = NameCheck(NameAsked(role=Role.DESTINATION, name=name, families=tuple(Family)), conf, "")
    now, asked, due = 0.0, 0, list[tuple[float, int, Reply | Failure]]()
    for _ in range(2000):
        for question in check.queries_to_send(now):
            outcome, after = outcomes[asked % len(outcomes)]
            asked += 1
            if outcome is not None:
                due.append((now + after, question.number, outcome))
        if check.done(now):
            break
        deadline = check.next_deadline()
        assert deadline is not None
        coming = [at for at, _, _ in due] + ([] if system_after_s is None else [system_after_s])
        now = max(now, min([deadline, *coming]))
        if system_after_s is not None and system_after_s <= now:
            check.system_answered(())
            system_after_s = None
        for item in [one for one in due if one[0] <= now]:
            due.remove(item)
            if isinstance(item[2], Failure):
                check.failed(item[1], item[2], now)
            else:
                check.replied(item[1], item[2], now)
    assert check.done(now)
    assert now <= TOTAL_S + 1e-9
    facts = check.facts(now)
    assert len(facts.queries) == asked
    assert (facts.failure is None) is bool(facts.addresses)
    assert all((one.rcode is None) is (one.failure is not None) for one in facts.queries)


@given(st.text(), st.text())
def test_any_files_are_read(text: str, name: str) -> None:
    parse_resolv_conf(text, hostname=name)
    addresses_in_hosts(text, name)


@given(st.text(), st.text(max_size=40), st.dictionaries(st.sampled_from(["https_proxy", "NO_PROXY"]), st.text()))
def test_any_proxy_setting_is_a_choice_or_one_line(setting: str, host: str, environment: dict[str, str]) -> None:
    for one in (setting, "environment"):
        choice = choose_proxy(one, scheme="https", host=host, port=443, environment=environment)
        if isinstance(choice, ProxyError):
            assert choice.message.isprintable()
