"""The plan for one name, in simulated time: resolvers are a table of what each says and when."""

from dataclasses import dataclass, field

import pytest

from probes.dns_check import SYSTEM_S, TOTAL_S, NameAsked, NameCheck
from probes.dns_exchange import Question, Reply
from probes.facts import Family, Role
from probes.failure import Failure
from probes.host_facts import Resolver
from probes.name_facts import DnsCheck, NameSource, Transport
from probes.resolv_conf import ResolvConf

ONE, TWO = Resolver(address="10.0.0.53"), Resolver(address="10.0.1.53")
V4, V6 = "192.0.2.80", "2001:db8::80"
NXDOMAIN = Reply(rcode="NXDOMAIN")
NODATA = Reply(rcode="NOERROR")
SERVFAIL = Reply(rcode="SERVFAIL")
SILENT = None

Outcome = Reply | Failure | None


def answer(*addresses: str) -> Reply:
    return Reply(rcode="NOERROR", answers=addresses)


@dataclass(slots=True)
class World:
    """What each (resolver, name, type, attempt) brings, and after how many seconds; `*` stands for any of one field."""

    says: dict[tuple[str, str, str, int | str], tuple[Outcome, float]]
    asked: list[Question] = field(default_factory=list)
    took_s: float = 0.0

    def run(self, check: NameCheck, *, system: tuple[tuple[str, ...], float] | None = ((), 0.001)) -> DnsCheck:
        now = 100.0
        due: list[tuple[float, int, Outcome]] = []
        system_at = None if system is None or check.system_name is None else now + system[1]
        for _ in range(1000):
            for question in check.queries_to_send(now):
                self.asked.append(question)
                outcome, after = self._outcome(question)
                if outcome is not None:
                    due.append((now + after, question.number, outcome))
            if check.done(now):
                self.took_s = now - 100.0
                return check.facts(now)
            deadline = check.next_deadline()
            assert deadline is not None
            coming = [at for at, _, _ in due] + ([] if system_at is None else [system_at])
            now = max(now, min([deadline, *coming]))
            for item in sorted(one for one in due if one[0] <= now):
                due.remove(item)
                _hand_over(check, item[1], item[2], now)
            if system is not None and system_at is not None and system_at <= now:
                system_at = None
                check.system_answered(system[0])
        raise AssertionError("the plan never ends")

    def _outcome(self, question: Question) -> tuple[Outcome, float]:
        for address in (question.resolver.address, "*"):
            for name in (question.name, "*"):
                for kind in (question.type, "*"):
                    for attempt in (question.attempt, question.transport.value, "*"):
                        if (address, name, kind, attempt) in self.says:
                            return self.says[address, name, kind, attempt]
        return SILENT, 0.0


def _hand_over(check: NameCheck, number: int, outcome: Outcome, now: float) -> None:
    if isinstance(outcome, Failure):
        check.failed(number, outcome, now)
    elif outcome is not None:
        check.replied(number, outcome, now)


def plan(
    name: str = "crm.example.com",
    *,
    resolvers: tuple[Resolver, ...] = (ONE,),
    search: tuple[str, ...] = (),
    ndots: int = 1,
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6),
    hosts: str = "",
) -> NameCheck:
    conf = ResolvConf(resolvers=resolvers, search_domains=search, ndots=ndots)
    return NameCheck(NameAsked(role=Role.DESTINATION, name=name, families=families), conf, hosts)


def test_both_types_are_asked_at_once_and_both_answers_kept() -> None:
    world = World({("*", "*", "A", "*"): (answer(V4), 0.01), ("*", "*", "AAAA", "*"): (answer(V6), 0.01)})
    check = world.run(plan())
    assert (check.addresses, check.source, check.failure) == ((V4, V6), NameSource.RESOLVER, None)
    assert [(one.question_type, one.rcode, one.duration_us) for one in check.queries] == [
        ("A", "NOERROR", 10_000),
        ("AAAA", "NOERROR", 10_000),
    ]
    assert check.duration_us == 10_000


@pytest.mark.parametrize(("family", "kind"), [(Family.IPV4, "A"), (Family.IPV6, "AAAA")])
def test_only_the_family_asked_for_is_asked(family: Family, kind: str) -> None:
    world = World({("*", "*", "*", "*"): (NODATA, 0.01)})
    world.run(plan(families=(family,)))
    assert [one.type for one in world.asked] == [kind]


def test_a_dead_second_resolver_costs_next_to_nothing_and_is_not_said_to_be_silent() -> None:
    world = World({("10.0.0.53", "*", "A", "*"): (answer(V4), 0.005), ("10.0.0.53", "*", "AAAA", "*"): (NODATA, 0.005)})
    check = world.run(plan(resolvers=(ONE, TWO)))
    assert world.took_s == pytest.approx(0.025)
    assert check.addresses == (V4,)
    assert {one.failure for one in check.queries if one.resolver == TWO.address} == {Failure.ABORTED}


def test_a_dead_first_resolver_costs_no_more() -> None:
    world = World({("10.0.1.53", "*", "*", "*"): (answer(V4), 0.005)})
    check = world.run(plan(resolvers=(ONE, TWO), families=(Family.IPV4,)))
    assert world.took_s == pytest.approx(0.025)
    assert check.addresses == (V4,)


def test_the_first_resolver_that_knows_the_name_decides() -> None:
    world = World(
        {
            ("10.0.0.53", "*", "*", "*"): (answer("192.0.2.1"), 0.015),
            ("10.0.1.53", "*", "*", "*"): (answer("192.0.2.2"), 0.001),
        }
    )
    assert world.run(plan(resolvers=(ONE, TWO), families=(Family.IPV4,))).addresses == ("192.0.2.1",)


def test_silence_about_one_type_does_not_hold_the_other_up() -> None:
    world = World({("*", "*", "A", "*"): (answer(V4), 0.01)})
    check = world.run(plan())
    assert world.took_s == pytest.approx(0.31)
    assert check.addresses == (V4,)
    assert [one.failure for one in check.queries] == [None, Failure.ABORTED]


def test_a_dead_resolver_is_asked_twice_and_the_verdict_comes_within_the_bound() -> None:
    world = World({})
    check = world.run(plan())
    assert world.took_s <= TOTAL_S
    assert (check.addresses, check.failure) == ((), Failure.TIMED_OUT)
    assert [(one.question_type, one.attempt, one.failure, one.duration_us) for one in check.queries] == [
        ("A", 1, Failure.TIMED_OUT, None),
        ("A", 2, Failure.TIMED_OUT, None),
        ("AAAA", 1, Failure.TIMED_OUT, None),
        ("AAAA", 2, Failure.TIMED_OUT, None),
    ]


def test_one_servfail_heals() -> None:
    world = World({("*", "*", "*", 1): (SERVFAIL, 0.01), ("*", "*", "*", 2): (answer(V4), 0.01)})
    check = world.run(plan(families=(Family.IPV4,)))
    assert check.addresses == (V4,)
    assert [one.rcode for one in check.queries] == ["SERVFAIL", "NOERROR"]


@pytest.mark.parametrize(
    ("rcode", "failure"),
    [("SERVFAIL", Failure.SERVFAIL), ("REFUSED", Failure.REFUSED), ("NOTAUTH", Failure.RCODE_OTHER)],
)
def test_a_resolver_that_cannot_is_asked_twice_and_then_believed(rcode: str, failure: Failure) -> None:
    world = World({("*", "*", "*", "*"): (Reply(rcode=rcode), 0.01)})
    check = world.run(plan(families=(Family.IPV4,)))
    assert (len(check.queries), check.failure) == (2, failure)
    assert world.took_s == pytest.approx(0.02)


@pytest.mark.parametrize(("reply", "failure"), [(NXDOMAIN, Failure.NXDOMAIN), (NODATA, Failure.NO_DATA)])
def test_a_definite_no_is_asked_for_once(reply: Reply, failure: Failure) -> None:
    world = World({("*", "*", "*", "*"): (reply, 0.01)})
    check = world.run(plan())
    assert (len(check.queries), check.failure) == (2, failure)


def test_a_no_from_one_resolver_waits_for_the_others() -> None:
    world = World({("10.0.0.53", "*", "*", "*"): (NXDOMAIN, 0.01), ("10.0.1.53", "*", "A", "*"): (answer(V4), 0.9)})
    check = world.run(plan(resolvers=(ONE, TWO), families=(Family.IPV4,)))
    assert check.addresses == (V4,)


def test_what_is_known_of_the_name_comes_before_what_is_known_of_a_resolver() -> None:
    world = World({("10.0.0.53", "*", "*", "*"): (SERVFAIL, 0.01), ("10.0.1.53", "*", "*", "*"): (NXDOMAIN, 0.01)})
    assert world.run(plan(resolvers=(ONE, TWO))).failure is Failure.NXDOMAIN


def test_a_late_answer_to_the_first_attempt_is_taken() -> None:
    world = World({("*", "*", "*", 1): (answer(V4), 1.4)})
    check = world.run(plan(families=(Family.IPV4,)))
    assert check.addresses == (V4,)
    assert [(one.failure, one.duration_us) for one in check.queries] == [(None, 1_400_000), (Failure.ABORTED, None)]


def test_a_truncated_answer_is_fetched_by_tcp() -> None:
    cut = Reply(rcode="NOERROR", answers=("192.0.2.1",), truncated=True)
    world = World({("*", "*", "*", "udp"): (cut, 0.01), ("*", "*", "*", "tcp"): (answer("192.0.2.1", V4), 0.01)})
    check = world.run(plan(families=(Family.IPV4,)))
    assert check.addresses == ("192.0.2.1", V4)
    assert [(one.transport, one.truncated) for one in check.queries] == [(Transport.UDP, True), (Transport.TCP, False)]


def test_a_server_that_does_not_know_edns_is_asked_without() -> None:
    world = World({("*", "*", "*", 1): (Reply(rcode="FORMERR"), 0.01), ("*", "*", "*", 2): (answer(V4), 0.01)})
    assert world.run(plan(families=(Family.IPV4,))).addresses == (V4,)
    assert [one.edns for one in world.asked] == [True, False]


def test_what_the_host_refuses_to_send_is_not_tried_again() -> None:
    world = World({("*", "*", "*", "*"): (Failure.NETWORK_UNREACHABLE, 0.0)})
    check = world.run(plan())
    assert (len(check.queries), check.failure) == (2, Failure.NETWORK_UNREACHABLE)


def test_a_port_that_is_closed_is_tried_again() -> None:
    world = World({("*", "*", "*", 1): (Failure.CONNECTION_REFUSED, 0.0), ("*", "*", "*", 2): (answer(V4), 0.01)})
    assert world.run(plan(families=(Family.IPV4,))).addresses == (V4,)


def test_rubbish_is_waited_on_and_names_the_silence() -> None:
    check = plan(families=(Family.IPV4,))
    for now in (0.0, 1.0):
        for question in check.queries_to_send(now):
            check.garbled(question.number)
    check.queries_to_send(2.0)
    check.system_answered(())
    assert check.done(2.0)
    assert check.facts(2.0).failure is Failure.MALFORMED_REPLY


def test_the_system_knows_a_name_that_no_resolver_does() -> None:
    world = World({("*", "*", "*", "*"): (NXDOMAIN, 0.01)})
    check = world.run(plan("printer.local"), system=((V4,), 0.5))
    assert (check.addresses, check.source, check.system_addresses) == ((V4,), NameSource.SYSTEM, (V4,))


def test_the_system_is_not_waited_for_when_the_resolvers_know() -> None:
    world = World({("*", "*", "*", "*"): (answer(V4), 0.01)})
    check = world.run(plan(families=(Family.IPV4,)), system=((V4,), 5.0))
    assert world.took_s == pytest.approx(0.01)
    assert check.system_addresses is None


@pytest.mark.parametrize("said", [{("*", "*", "*", "*"): (NXDOMAIN, 0.01)}, {}], ids=["no such name", "all silent"])
def test_a_system_that_never_answers_has_the_time_that_resolvers_have(
    said: dict[tuple[str, str, str, int | str], tuple[Outcome, float]],
) -> None:
    world = World(said)
    check = world.run(plan(), system=None)
    assert world.took_s == pytest.approx(SYSTEM_S)
    assert check.system_addresses is None


def test_the_system_may_take_as_long_as_silent_resolvers() -> None:
    check = World({}).run(plan("printer.local"), system=((V4,), SYSTEM_S - 0.01))
    assert (check.addresses, check.source) == ((V4,), NameSource.SYSTEM)


def test_without_a_resolver_the_system_alone_is_asked() -> None:
    check = World({}).run(plan(resolvers=()))
    assert (check.failure, check.queries, check.system_addresses) == (Failure.NO_RESOLVER, (), ())


@pytest.mark.parametrize("name", ["bad..name", "a" * 64 + ".example", "-x.example", "10.0.0.300", "a b", "x:80", ""])
def test_a_name_that_cannot_exist_is_not_asked_for(name: str) -> None:
    check = plan(name)
    assert (check.queries_to_send(0.0), check.done(0.0), check.system_name) == ((), True, None)
    assert check.facts(0.0).failure is Failure.NAME_SYNTAX


@pytest.mark.parametrize("literal", [V4, V6])
def test_a_literal_is_its_own_answer(literal: str) -> None:
    check = World({}).run(plan(literal))
    assert (check.addresses, check.source, check.queries, check.failure) == ((literal,), NameSource.LITERAL, (), None)


def test_underscores_are_asked_for_and_other_scripts_are_encoded() -> None:
    world = World({("*", "*", "*", "*"): (NXDOMAIN, 0.01)})
    world.run(plan("_sip.bücher.example", families=(Family.IPV4,)))
    assert [one.name for one in world.asked] == ["_sip.xn--bcher-kva.example"]


def test_the_hosts_file_is_believed_without_asking() -> None:
    check = World({}).run(plan("crm", hosts=f"{V4} crm\n{V6} crm\n"))
    assert (check.addresses, check.source) == ((V4, V6), NameSource.HOSTS_FILE)


def test_the_hosts_file_of_the_other_family_does_not_help() -> None:
    world = World({("*", "*", "*", "*"): (answer(V6), 0.01)})
    check = world.run(plan("crm", hosts=f"{V4} crm\n", families=(Family.IPV6,)))
    assert (check.addresses, check.source) == ((V6,), NameSource.RESOLVER)


def test_a_short_name_is_completed_and_the_first_completion_that_exists_wins() -> None:
    world = World(
        {
            ("*", "crm.one.example", "*", "*"): (NXDOMAIN, 0.03),
            ("*", "crm.two.example", "*", "*"): (answer(V4), 0.01),
            ("*", "crm", "*", "*"): (answer("192.0.2.99"), 0.01),
        }
    )
    check = world.run(plan("crm", search=("one.example", "two.example"), families=(Family.IPV4,)))
    assert check.addresses == (V4,)
    assert {one.name for one in world.asked} == {"crm.one.example", "crm.two.example", "crm"}


def test_a_long_name_is_completed_only_when_it_does_not_exist() -> None:
    world = World({("*", "crm.example", "*", "*"): (answer(V4), 0.01)})
    world.run(plan("crm.example", search=("corp.example",), families=(Family.IPV4,)))
    assert [one.name for one in world.asked] == ["crm.example"]
    world = World(
        {
            ("*", "crm.dev", "*", "*"): (NXDOMAIN, 0.01),
            ("*", "crm.dev.corp.example", "*", "*"): (answer(V4), 0.01),
        }
    )
    check = world.run(plan("crm.dev", search=("corp.example",), families=(Family.IPV4,)))
    assert check.addresses == (V4,)


def test_a_dot_at_the_end_forbids_completion() -> None:
    world = World({("*", "*", "*", "*"): (NXDOMAIN, 0.01)})
    world.run(plan("crm.", search=("corp.example",), families=(Family.IPV4,)))
    assert [one.name for one in world.asked] == ["crm"]


def test_the_failure_is_that_of_the_name_as_typed() -> None:
    world = World({("*", "crm.dev", "*", "*"): (NXDOMAIN, 0.01), ("*", "*", "*", "*"): (SERVFAIL, 0.01)})
    check = world.run(plan("crm.dev", search=("corp.example",), families=(Family.IPV4,)))
    assert check.failure is Failure.NXDOMAIN
