"""Real sockets and real resolvers: dnsmasq for what it can say, a server of the test's own for what it cannot."""

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from probes.clock import SystemClock
from probes.dns_check import NameAsked
from probes.drivers.dns_socket import check_name, check_names, reverse_names
from probes.drivers.host import HostReader
from probes.facts import Family, Role
from probes.failure import Failure
from probes.host_facts import Resolver
from probes.name_facts import DnsCheck, NameSource, Transport
from probes.resolv_conf import ResolvConf
from tests.unit.watch.own_namespace import OwnNamespace

pytestmark = pytest.mark.lab

V4, V6 = "192.0.2.80", "2001:db8::80"
DNSMASQ = Resolver(address="127.0.0.1", port=5301)
SCRIPTED = Resolver(address="127.0.0.1", port=5302)
CLOSED = Resolver(address="127.0.0.1", port=5303)
BLACK_HOLE = Resolver(address="10.66.0.53")
NO_ROUTE = Resolver(address="203.0.113.53")

BIG = [f"--host-record=big.example,192.0.2.{n}" for n in range(1, 121)]
ZONES = [
    f"--host-record=both.example,{V4},{V6}",
    f"--host-record=four.example,{V4}",
    "--cname=alias.example,both.example",
    "--local=/example/",
    "--local=/local.lan/",
    "--address=/sink.example/0.0.0.0",
    *BIG,
]

Behaviour = Callable[[dns.message.Message, bytes], Sequence[bytes]]


@pytest.fixture(scope="module")
def namespace() -> Iterator[OwnNamespace]:
    with OwnNamespace() as own:
        # A neighbour that answers ARP for nobody: silence, and no ICMP error within the time of a check.
        own.ip("link add hole type veth peer name void\nlink set hole up\nlink set void up")
        own.ip("address add 10.66.0.1/24 dev hole\nneighbour add 10.66.0.53 lladdr 02:00:00:00:00:53 dev hole")
        command = [
            "dnsmasq",
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=root",
        ]
        listen = ["--pid-file=", f"--port={DNSMASQ.port}", "--listen-address=127.0.0.1", "--bind-interfaces"]
        with subprocess.Popen(["ip", "netns", "exec", own.name, *command, *listen, *ZONES]) as dnsmasq:
            try:
                own.call(_wait_for_resolver)
                yield own
            finally:
                dnsmasq.send_signal(signal.SIGTERM)


def _wait_for_resolver() -> None:
    until = time.monotonic() + 5
    query = dns.message.make_query("both.example", "A").to_wire()
    while time.monotonic() < until:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking, contextlib.suppress(OSError):
            asking.settimeout(0.1)
            asking.connect((DNSMASQ.address, DNSMASQ.port))
            asking.send(query)
            asking.recv(512)
            return
        time.sleep(0.02)
    raise AssertionError("dnsmasq does not answer")


@contextlib.contextmanager
def scripted(
    namespace: OwnNamespace, behaviour: Behaviour, tcp: Behaviour | None = None, *, from_another_port: bool = False
) -> Iterator[None]:
    """Answer each message that comes to SCRIPTED with what `behaviour` makes of it, by TCP with `tcp`."""
    address = (SCRIPTED.address, SCRIPTED.port)
    stop, stopped = os.pipe()

    def open_all() -> tuple[socket.socket, socket.socket, socket.socket]:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(address)
        return server, socket.create_server(address), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def serve() -> None:
        with server, listener, another:
            while True:
                ready, _, _ = select.select([server.fileno(), listener.fileno(), stop], [], [])
                if stop in ready:
                    return
                if server.fileno() in ready:
                    data, client = server.recvfrom(65535)
                    for reply in behaviour(dns.message.from_wire(data), data):
                        (another if from_another_port else server).sendto(reply, client)
                if listener.fileno() in ready:
                    _serve_tcp(listener, tcp)

    server, listener, another = namespace.call(open_all)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        os.close(stopped)
        thread.join(timeout=5)
        os.close(stop)
    assert not thread.is_alive()


def _serve_tcp(listener: socket.socket, behaviour: Behaviour | None) -> None:
    connection, _ = listener.accept()
    with connection:
        data = connection.recv(65535)
        for reply in [] if behaviour is None else behaviour(dns.message.from_wire(data[2:]), data[2:]):
            whole = struct.pack("!H", len(reply)) + reply
            # In two parts, as a stream may come.
            connection.sendall(whole[:7])
            time.sleep(0.01)
            connection.sendall(whole[7:])


def answer(query: dns.message.Message, *addresses: str, flags: int = 0, **options: object) -> bytes:
    reply = dns.message.make_response(query)
    assert isinstance(reply, dns.message.Message)
    reply.flags |= flags
    question = query.question[0]
    if addresses:
        reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", question.rdtype, *addresses))
    if options:
        reply.use_edns(0, options=[dns.edns.EDEOption(**options)])  # type: ignore[arg-type]
    return reply.to_wire()


def check(
    namespace: OwnNamespace, name: str, *resolvers: Resolver, families: tuple[Family, ...] = (Family.IPV4, Family.IPV6)
) -> DnsCheck:
    return namespace.call(
        check_name,
        Role.DESTINATION,
        name,
        resolv=ResolvConf(resolvers=resolvers),
        hosts="",
        clock=SystemClock(),
        route_to=HostReader().route_to,
        families=families,
    )


V4_ONLY = (Family.IPV4,)


def test_both_families(namespace: OwnNamespace) -> None:
    found = check(namespace, "both.example", DNSMASQ)
    assert (set(found.addresses), found.source, found.failure) == ({V4, V6}, NameSource.RESOLVER, None)
    assert all(one.duration_us is not None and 0 < one.duration_us < 1_000_000 for one in found.queries)


def test_an_address_without_a_way_comes_last(namespace: OwnNamespace) -> None:
    namespace.ip("route add 192.0.2.0/24 via 10.66.0.53 dev hole")
    assert check(namespace, "both.example", DNSMASQ).addresses == (V4, V6)
    namespace.ip("route delete 192.0.2.0/24")
    namespace.ip("address add fd66::1/64 dev hole nodad\nroute add 2001:db8::/32 via fd66::53 dev hole")
    assert check(namespace, "both.example", DNSMASQ).addresses == (V6, V4)
    namespace.ip("route delete 2001:db8::/32\naddress delete fd66::1/64 dev hole")


@pytest.mark.parametrize(
    ("name", "failure", "rcode"),
    [
        ("nobody.local.lan", Failure.NXDOMAIN, "NXDOMAIN"),
        ("elsewhere.org", Failure.REFUSED, "REFUSED"),
    ],
)
def test_what_dnsmasq_refuses(namespace: OwnNamespace, name: str, failure: Failure, rcode: str) -> None:
    found = check(namespace, name, DNSMASQ)
    assert (found.failure, found.addresses, {one.rcode for one in found.queries}) == (failure, (), {rcode})


def test_a_name_without_addresses_of_the_family(namespace: OwnNamespace) -> None:
    found = check(namespace, "four.example", DNSMASQ, families=(Family.IPV6,))
    assert (found.failure, [one.rcode for one in found.queries]) == (Failure.NO_DATA, ["NOERROR"])


def test_an_alias_names_its_end(namespace: OwnNamespace) -> None:
    found = check(namespace, "alias.example", DNSMASQ, families=V4_ONLY)
    assert (found.addresses, found.queries[0].canonical_name) == ((V4,), "both.example")


def test_a_long_answer_comes_by_tcp(namespace: OwnNamespace) -> None:
    found = check(namespace, "big.example", DNSMASQ, families=V4_ONLY)
    assert len(found.addresses) == len(BIG)
    assert [(one.transport, one.truncated) for one in found.queries] == [(Transport.UDP, True), (Transport.TCP, False)]


def test_a_sinkholed_name_is_told_as_it_is(namespace: OwnNamespace) -> None:
    assert check(namespace, "ads.sink.example", DNSMASQ, families=V4_ONLY).addresses == ("0.0.0.0",)


@pytest.mark.parametrize(
    ("resolver", "failure"),
    [(CLOSED, Failure.CONNECTION_REFUSED), (NO_ROUTE, Failure.NETWORK_UNREACHABLE)],
)
def test_a_resolver_that_cannot_be_reached_is_told_at_once(
    namespace: OwnNamespace, resolver: Resolver, failure: Failure
) -> None:
    started = time.monotonic()
    found = check(namespace, "both.example", resolver)
    assert (found.failure, found.addresses) == (failure, ())
    assert time.monotonic() - started < 0.5


def test_a_silent_resolver_gets_its_verdict_in_time(namespace: OwnNamespace) -> None:
    started = time.monotonic()
    found = check(namespace, "both.example", BLACK_HOLE)
    assert time.monotonic() - started < 2.5
    assert found.failure is Failure.TIMED_OUT
    assert [one.attempt for one in found.queries if one.question_type == "A"] == [1, 2]


@pytest.mark.parametrize("order", [(DNSMASQ, BLACK_HOLE), (BLACK_HOLE, DNSMASQ)])
def test_a_silent_resolver_beside_a_good_one_costs_nothing(
    namespace: OwnNamespace, order: tuple[Resolver, Resolver]
) -> None:
    check(namespace, "both.example", DNSMASQ)  # what the first look-up of a process costs is not asked here
    started = time.monotonic()
    found = check(namespace, "both.example", *order)
    assert time.monotonic() - started < 0.3
    assert set(found.addresses) == {V4, V6}
    assert {one.failure for one in found.queries if one.resolver == BLACK_HOLE.address} == {Failure.ABORTED}


def test_servfail_twice(namespace: OwnNamespace) -> None:
    def servfail(query: dns.message.Message, _: bytes) -> list[bytes]:
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.SERVFAIL)
        return [reply.to_wire()]

    with scripted(namespace, servfail):
        found = check(namespace, "crm.example", SCRIPTED, families=V4_ONLY)
    assert (found.failure, [one.attempt for one in found.queries]) == (Failure.SERVFAIL, [1, 2])


def test_an_extended_error_is_kept_word_for_word(namespace: OwnNamespace) -> None:
    def bogus(query: dns.message.Message, _: bytes) -> list[bytes]:
        return [answer(query, code=6, text="signature expired \x1b[31m")]

    with scripted(namespace, bogus):
        found = check(namespace, "crm.example", SCRIPTED, families=V4_ONLY)
    (error,) = found.queries[0].extended_errors
    assert (int(error.code), error.text) == (6, "signature expired \x1b[31m")


def test_forged_replies_are_waited_past(namespace: OwnNamespace) -> None:
    def forger_then_server(query: dns.message.Message, data: bytes) -> list[bytes]:
        other_id = bytes([data[0] ^ 0xFF, data[1]])
        wrong_name = dns.message.make_query("evil.example", "A", id=query.id)
        wrong_type = dns.message.make_query("crm.example", "TXT", id=query.id)
        return [
            other_id + answer(query, "198.51.100.66")[2:],
            answer(wrong_name, "198.51.100.66"),
            dns.message.make_response(wrong_type).to_wire(),
            data,
            b"",
            b"\x00",
            answer(query, V4),
        ]

    with scripted(namespace, forger_then_server):
        found = check(namespace, "crm.example", SCRIPTED, families=V4_ONLY)
    assert found.addresses == (V4,)


def test_only_forged_replies_are_not_believed(namespace: OwnNamespace) -> None:
    def forger(query: dns.message.Message, data: bytes) -> list[bytes]:
        return [bytes([data[0] ^ 0xFF, data[1]]) + answer(query, "198.51.100.66")[2:]]

    with scripted(namespace, forger):
        found = check(namespace, "crm.example", SCRIPTED, families=V4_ONLY)
    assert (found.addresses, found.failure) == ((), Failure.MALFORMED_REPLY)


def test_a_reply_from_another_port_is_not_heard(namespace: OwnNamespace) -> None:
    def perfect(query: dns.message.Message, _: bytes) -> list[bytes]:
        return [answer(query, V4)]

    with scripted(namespace, perfect, from_another_port=True):
        found = check(namespace, "crm.example", SCRIPTED, families=V4_ONLY)
    assert found.failure is Failure.TIMED_OUT


def test_a_reply_that_cannot_be_read_is_asked_for_again_at_once(namespace: OwnNamespace) -> None:
    def cut(query: dns.message.Message, _: bytes) -> list[bytes]:
        # Within the address: behind it stands only an OPT record of 11 octets (RFC 6891 section 6.1.2).
        return [answer(query, V4)[: -11 - 3]]

    started = time.monotonic()
    with scripted(namespace, cut):
        found = check(namespace, "crm.example", SCRIPTED, families=V4_ONLY)
    assert [one.failure for one in found.queries] == [Failure.MALFORMED_REPLY] * 2
    assert time.monotonic() - started < 1.0


def test_a_record_cut_in_the_middle_but_marked_as_cut_comes_by_tcp(namespace: OwnNamespace) -> None:
    def cut(query: dns.message.Message, _: bytes) -> list[bytes]:
        return [answer(query, V4, flags=dns.flags.TC)[:-3]]

    def whole(query: dns.message.Message, _: bytes) -> list[bytes]:
        return [answer(query, V4)]

    with scripted(namespace, cut, tcp=whole):
        found = check(namespace, "crm.example", SCRIPTED, families=V4_ONLY)
    assert (found.addresses, [one.transport for one in found.queries]) == ((V4,), [Transport.UDP, Transport.TCP])


def test_a_server_that_hangs_up_on_tcp(namespace: OwnNamespace) -> None:
    def cut(query: dns.message.Message, _: bytes) -> list[bytes]:
        return [answer(query, flags=dns.flags.TC)]

    with scripted(namespace, cut):
        found = check(namespace, "crm.example", SCRIPTED, families=V4_ONLY)
    assert (found.addresses, found.failure) == ((), Failure.CONNECTION_RESET)


def test_several_names_take_as_long_as_one(namespace: OwnNamespace) -> None:
    asked = [NameAsked(role=Role.CONTROL, name=name) for name in ("both.example", "four.example", "no.local.lan", V4)]
    started = time.monotonic()
    found = namespace.call(
        check_names,
        asked,
        resolv=ResolvConf(resolvers=(BLACK_HOLE, DNSMASQ)),
        hosts="",
        clock=SystemClock(),
        route_to=HostReader().route_to,
    )
    assert [one.name for one in found] == ["both.example", "four.example", "no.local.lan", V4]
    assert [one.failure for one in found] == [None, None, Failure.NXDOMAIN, None]
    assert time.monotonic() - started < 2.5


def test_names_of_addresses(namespace: OwnNamespace) -> None:
    clock = SystemClock()
    until = clock.monotonic() + 1.0
    names = namespace.call(reverse_names, [V4, V6], [BLACK_HOLE, DNSMASQ], until, clock)
    assert names == {V4: "both.example", V6: "both.example"}
    assert clock.monotonic() < until


def test_an_address_that_nobody_names_is_not_waited_for(namespace: OwnNamespace) -> None:
    clock = SystemClock()
    until = clock.monotonic() + 1.0
    assert namespace.call(reverse_names, ["203.0.113.250", V4], [DNSMASQ], until, clock) == {V4: "both.example"}
    assert clock.monotonic() < until


def test_a_dead_resolver_costs_names_no_more_than_was_allowed(namespace: OwnNamespace) -> None:
    clock = SystemClock()
    started = clock.monotonic()
    assert namespace.call(reverse_names, [V4], [BLACK_HOLE], started + 0.1, clock) == {}
    assert clock.monotonic() - started < 0.2
