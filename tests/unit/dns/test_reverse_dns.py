from probes.dns_exchange import Reply
from probes.failure import Failure
from probes.host_facts import Resolver
from probes.reverse_dns import ReverseNames

ONE, TWO = Resolver(address="10.0.0.53"), Resolver(address="10.0.1.53")


def named(name: str) -> Reply:
    return Reply(rcode="NOERROR", answers=(name,))


def test_each_address_is_asked_for_once_of_the_first_resolver() -> None:
    plan = ReverseNames(["192.0.2.1", "2001:db8::1", "192.0.2.1", "fe80::1%eth0"], [ONE, TWO], until=1.0)
    asked = plan.queries_to_send(0.0)
    assert [(one.resolver, one.type) for one in asked] == [(ONE, "PTR")] * 3
    assert asked[0].name == "1.2.0.192.in-addr.arpa"
    for question in asked:
        plan.replied(question.number, named(f"r{question.number}.example"), 0.01)
    assert plan.done(0.01)
    assert plan.names() == {"192.0.2.1": "r0.example", "2001:db8::1": "r1.example", "fe80::1%eth0": "r2.example"}


def test_a_silent_resolver_has_its_neighbour_asked_and_may_still_answer() -> None:
    plan = ReverseNames(["192.0.2.1"], [ONE, TWO], until=1.0)
    (first,) = plan.queries_to_send(0.0)
    assert plan.queries_to_send(0.1) == ()
    (second,) = plan.queries_to_send(plan.next_deadline())
    assert second.resolver == TWO
    plan.replied(first.number, named("late.example"), 0.3)
    assert plan.done(0.3)
    assert plan.names() == {"192.0.2.1": "late.example"}


def test_a_refusal_has_the_neighbour_asked_at_once_and_two_end_it() -> None:
    plan = ReverseNames(["192.0.2.1"], [ONE, TWO], until=1.0)
    (first,) = plan.queries_to_send(0.0)
    plan.failed(first.number, Failure.CONNECTION_REFUSED, 0.01)
    (second,) = plan.queries_to_send(0.01)
    plan.replied(second.number, Reply(rcode="SERVFAIL"), 0.02)
    assert plan.done(0.02)
    assert plan.names() == {}


def test_an_address_without_a_name_is_settled() -> None:
    plan = ReverseNames(["192.0.2.1"], [ONE], until=1.0)
    (asked,) = plan.queries_to_send(0.0)
    plan.replied(asked.number, Reply(rcode="NXDOMAIN"), 0.01)
    assert plan.done(0.01)


def test_a_dead_resolver_costs_no_more_than_was_allowed() -> None:
    plan = ReverseNames(["192.0.2.1"], [ONE], until=0.05)
    plan.queries_to_send(0.0)
    assert not plan.done(0.049)
    assert plan.next_deadline() == 0.05
    assert plan.done(0.05)


def test_without_addresses_or_resolvers_there_is_nothing_to_wait_for() -> None:
    assert ReverseNames([], [ONE], until=1.0).done(0.0)
    assert ReverseNames(["192.0.2.1"], [], until=1.0).done(0.0)
