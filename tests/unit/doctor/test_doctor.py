"""What the doctor makes of a host: the healthy one, and one thing amiss at a time."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from agent.doctor.findings import Finding, Level, Observations, examine, worst
from agent.views.doctor_view import doctor_view
from agent.views.style import Style
from probes.facts import Family, Method, Protocol, Reachability, Role
from probes.failure import Failure
from probes.host_facts import Interface, InterfaceAddress, Neighbour, NeighbourState, Network, Resolver, Route
from probes.name_facts import DnsCheck, DnsQuery, Transport
from probes.rights import Rights, SocketRight

WAYS = {
    Protocol.ICMP: (Method.RAW, Method.PING_SOCKET),
    Protocol.UDP: (Method.RAW, Method.ERROR_QUEUE),
    Protocol.TCP: (Method.RAW, Method.CONNECT),
}


def sockets(refused: Iterable[tuple[Protocol, Method]] = ()) -> tuple[SocketRight, ...]:
    """Return what opens: everything but `refused`."""
    no = set(refused)
    return tuple(
        SocketRight(
            protocol=protocol,
            family=family,
            method=method,
            failure=Failure.NOT_PERMITTED if (protocol, method) in no else None,
        )
        for family in Family
        for protocol, methods in WAYS.items()
        for method in methods
    )


RIGHTS = Rights(
    sockets=sockets(),
    ping_groups=(0, 2_147_483_647),
    receive_buffer_bytes=4_194_304,
    clock_synchronised=True,
    clock_error_us=2_500,
    python_version="3.11.2",
)
ETH0 = Interface(
    name="eth0",
    index=2,
    up=True,
    carrier=True,
    loopback=False,
    mtu=1500,
    addresses=(
        InterfaceAddress(address="192.0.2.2", prefix_length=24),
        InterfaceAddress(address="2001:db8::2", prefix_length=64),
        InterfaceAddress(address="fe80::2", prefix_length=64),
    ),
)
DEFAULT = Route(destination="0.0.0.0/0", family=Family.IPV4, interface="eth0", gateway="192.0.2.1")
NETWORK = Network(epoch="e", interfaces=(ETH0,), default_routes=(DEFAULT,), resolvers=(Resolver(address="192.0.2.53"),))
GATEWAY = Reachability(
    role=Role.GATEWAY,
    address="192.0.2.1",
    protocol=Protocol.ICMP,
    sent=2,
    received=2,
    answered=True,
    rtt_us=(400, 300),
)
SILENT_GATEWAY = Reachability(
    role=Role.GATEWAY, address="192.0.2.1", protocol=Protocol.ICMP, sent=2, answered=False, failure=Failure.TIMED_OUT
)


def resolver_says(rcode: str | None, failure: Failure | None = None) -> DnsCheck:
    query = DnsQuery(
        resolver="192.0.2.53",
        question_name="x.invalid",
        question_type="A",
        transport=Transport.UDP,
        attempt=1,
        rcode=rcode,
        failure=failure,
    )
    return DnsCheck(role=Role.RESOLVER, name="x.invalid", queries=(query,))


HEALTHY = Observations(
    rights=RIGHTS,
    network=NETWORK,
    resolver_check=resolver_says("NXDOMAIN"),
    gateways=(GATEWAY,),
    memory_directory="/var/lib/cloudpath-agent",
)


def amiss(seen: Observations) -> list[Finding]:
    return [finding for finding in examine(seen) if finding.level is not Level.OK]


def test_a_memory_that_cannot_be_kept_is_said_and_is_no_fault() -> None:
    findings = examine(replace(HEALTHY, memory_problem="/ro cannot be written to"))
    said = {finding.check: (finding.level, finding.found) for finding in findings}
    assert said["path_memory"] == (Level.OK, "paths are not remembered: /ro cannot be written to")


def test_a_healthy_host_is_well() -> None:
    findings = examine(HEALTHY)
    assert [(finding.check, finding.found) for finding in findings] == [
        ("python", "Python 3.11.2"),
        ("probe_icmp", "ICMP by raw sockets"),
        ("probe_udp", "UDP by raw sockets"),
        ("probe_tcp", "TCP by raw sockets"),
        ("receive_buffer", "receive buffers of up to 4,194,304 bytes"),
        ("clock", "the clock is kept in step, within 2 ms"),
        ("path_memory", "paths are remembered in /var/lib/cloudpath-agent"),
        ("ipv4", "IPv4: 192.0.2.2 on eth0"),
        ("ipv6", "IPv6: 2001:db8::2 on eth0"),
        ("default_route", "default route: IPv4 by eth0 through 192.0.2.1"),
        ("gateway", "gateway 192.0.2.1 answers in 0.3 ms"),
        ("resolvers", "resolvers answer: 192.0.2.53"),
    ]
    assert worst(findings) is Level.OK


def with_rights(**changes: object) -> Observations:
    return replace(HEALTHY, rights=replace(RIGHTS, **changes))  # type: ignore[arg-type]


def with_network(**changes: object) -> Observations:
    return replace(HEALTHY, network=replace(NETWORK, **changes))  # type: ignore[arg-type]


RAW = [(protocol, Method.RAW) for protocol in Protocol]


def test_without_privilege_the_host_is_still_well() -> None:
    findings = examine(with_rights(sockets=sockets(RAW)))
    assert worst(findings) is Level.OK
    assert [finding.found for finding in findings[1:4]] == [
        "ICMP by ping sockets, without privilege",
        "UDP by the error queue, without privilege",
        "TCP by connections, without privilege",
    ]


DOWN = replace(ETH0, addresses=())


@pytest.mark.parametrize(
    ("seen", "check", "level", "found"),
    [
        (with_rights(python_version="3.10.1"), "python", Level.FAIL, "Python 3.10.1 is too old"),
        (
            with_rights(sockets=sockets([*RAW, (Protocol.ICMP, Method.PING_SOCKET)]), ping_groups=(1, 0)),
            "probe_icmp",
            Level.WARN,
            "no socket for ICMP probes opens: not permitted",
        ),
        (
            with_rights(sockets=sockets([(Protocol.TCP, Method.RAW), (Protocol.TCP, Method.CONNECT)])),
            "probe_tcp",
            Level.FAIL,
            "no socket for TCP probes opens: not permitted",
        ),
        (with_rights(receive_buffer_bytes=1_000), "receive_buffer", Level.WARN, "receive buffers of up to 1,000 bytes"),
        (with_rights(clock_synchronised=False), "clock", Level.WARN, "nothing keeps the clock in step"),
        (with_network(default_routes=()), "default_route", Level.WARN, "there is no default route"),
        (with_network(resolvers=()), "resolvers", Level.WARN, "no resolver is configured"),
        (
            replace(HEALTHY, resolver_check=resolver_says(None, Failure.TIMED_OUT)),
            "resolvers",
            Level.WARN,
            "resolvers that do not answer: 192.0.2.53 (timed out)",
        ),
        (
            replace(HEALTHY, resolver_check=resolver_says("REFUSED")),
            "resolvers",
            Level.WARN,
            "resolvers that do not answer: 192.0.2.53 (REFUSED)",
        ),
        (
            replace(
                HEALTHY,
                gateways=(SILENT_GATEWAY,),
                network=replace(
                    NETWORK,
                    neighbours=(Neighbour(address="192.0.2.1", interface="eth0", state=NeighbourState.FAILED),),
                ),
            ),
            "gateway",
            Level.WARN,
            "gateway 192.0.2.1 is not on the link",
        ),
    ],
)
def test_one_thing_amiss_is_one_finding_with_advice(seen: Observations, check: str, level: Level, found: str) -> None:
    (finding,) = amiss(seen)
    assert (finding.check, finding.level, finding.found) == (check, level, found)
    assert finding.advice


@pytest.mark.parametrize(
    "seen",
    [
        # A gateway that answers no echo while its neighbour entry is alive is healthy.
        replace(
            HEALTHY,
            gateways=(SILENT_GATEWAY,),
            network=replace(
                NETWORK, neighbours=(Neighbour(address="192.0.2.1", interface="eth0", state=NeighbourState.REACHABLE),)
            ),
        ),
        # So is a host of one family only.
        with_network(interfaces=(replace(ETH0, addresses=ETH0.addresses[:1]),)),
        with_network(interfaces=(replace(ETH0, addresses=ETH0.addresses[1:]),)),
        # What the host does not tell is no reason to worry.
        with_rights(clock_synchronised=None, clock_error_us=None, receive_buffer_bytes=None, ping_groups=None),
        replace(HEALTHY, resolver_check=None),
        # A resolver that says no to the question is alive.
        replace(HEALTHY, resolver_check=resolver_says("NOERROR")),
    ],
)
def test_what_is_no_trouble_is_not_called_trouble(seen: Observations) -> None:
    assert amiss(seen) == []


@pytest.mark.parametrize("interface", [replace(ETH0, up=False), replace(ETH0, carrier=False), DOWN])
def test_a_host_without_a_usable_interface_is_told_so_once_for_each_family(interface: Interface) -> None:
    found = [finding.check for finding in amiss(with_network(interfaces=(interface,)))]
    assert found == ["ipv4", "ipv6"]


@pytest.mark.parametrize(
    ("count", "end"), [(4, "192.0.2.5 on eth0"), (5, "192.0.2.5 on eth0 and 1 more"), (200, "196 more")]
)
def test_a_host_with_many_addresses_is_named_by_a_few(count: int, end: str) -> None:
    own = tuple(InterfaceAddress(address=f"192.0.2.{n}", prefix_length=24) for n in range(2, 2 + count))
    found = next(f for f in examine(with_network(interfaces=(replace(ETH0, addresses=own),))) if f.check == "ipv4")
    assert found.found.endswith(end)
    assert found.found.count("eth0") == 4


def test_the_gravest_level_counts() -> None:
    levels = [Level.OK, Level.WARN, Level.FAIL]
    findings = [Finding(check="c", level=level, found="f") for level in levels]
    assert [worst(findings[:count]) for count in (0, 1, 2, 3)] == [Level.OK, Level.OK, Level.WARN, Level.FAIL]


def test_the_view_says_level_finding_and_advice() -> None:
    findings = (
        Finding(check="a", level=Level.OK, found="well"),
        Finding(check="b", level=Level.WARN, found="ill \x1b[2J", advice="do this"),
    )
    assert doctor_view(findings, Style(width=80)) == "ok    well\nwarn  ill \\u001b[2J\n      -> do this\n"
