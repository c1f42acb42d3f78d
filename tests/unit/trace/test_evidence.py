"""Which captured packets are believed to be the trace's: the matcher's own rules, in the order of what was read."""

from probes.captured import Packet, SentProbe
from probes.facts import Answer, Family, Protocol, StampSource
from probes.seam import Flow, Identity, Probe, Stamp
from probes.trace.evidence import evidence
from probes.wire import echo, icmp, udp
from probes.wire.checksum import internet_checksum
from probes.wire.icmp import IcmpMessage
from probes.wire.ipv4 import Ipv4Header, build_ipv4

HERE, THERE, ROUTER = "192.0.2.1", "198.51.100.2", "192.0.2.254"
UDP_FLOW = Flow(
    family=Family.IPV4, protocol=Protocol.UDP, source=HERE, destination=THERE, source_port=4321, destination_port=7
)
ECHO_FLOW = Flow(family=Family.IPV4, protocol=Protocol.ICMP, source=HERE, destination=THERE, icmp_id=77)


def packed(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


def ipv4(source: str, destination: str, protocol: int, payload: bytes, ttl: int = 64) -> bytes:
    header = Ipv4Header(
        header_length=20,
        tos=0,
        total_length=20 + len(payload),
        identification=0,
        ttl=ttl,
        protocol=protocol,
        source=packed(source),
        destination=packed(destination),
    )
    return build_ipv4(header) + payload


def probe(number: int, probe_ttl: int = 3) -> Probe:
    return Probe(number, probe_ttl, Identity(1000 + number, bytes([number]) * 8))


def sent(each: Probe, flow: Flow = UDP_FLOW) -> SentProbe:
    return SentProbe(flow, each, Stamp(1.0, 1, StampSource.USER))


def packet(data: bytes, at_ns: int = 1, *, outgoing: bool = False) -> Packet:
    return Packet(interface="eth0", outgoing=outgoing, realtime_ns=at_ns, data=data)


def probe_data(each: Probe, source_port: int = 4321) -> bytes:
    ends = packed(HERE), packed(THERE)
    segment = udp.build_udp_probe(*ends, source_port, 7, each.identity.token, each.identity.sequence)
    return ipv4(HERE, THERE, 17, segment, each.probe_ttl)


def error_data(quoted: bytes, sender: str = ROUTER) -> bytes:
    blank = icmp.build_icmp(IcmpMessage(type=11, code=0, checksum=0, rest=bytes(4), body=quoted))
    message = blank[:2] + internet_checksum(blank).to_bytes(2, "big") + blank[4:]
    return ipv4(sender, HERE, 1, message)


def test_a_probe_and_its_error_are_told_apart_and_named() -> None:
    data = probe_data(probe(7))
    found = evidence([sent(probe(7)), packet(data, 5, outgoing=True), packet(error_data(data), 6)])
    first, second = found.exhibits
    assert (first.answer, first.probe, first.protocol, first.sender) == (None, probe(7), Protocol.UDP, HERE)
    assert (second.answer, second.probe, second.sender) == (Answer.TIME_EXCEEDED, probe(7), ROUTER)
    assert (found.probes, found.unseen) == (1, 0)


def test_somebody_elses_packets_between_the_same_addresses_are_left_out() -> None:
    foreign = probe_data(probe(9), source_port=5555)
    strangers = [
        foreign,
        error_data(foreign),
        ipv4(HERE, THERE, 6, bytes(20)),
        ipv4(THERE, HERE, 17, bytes(20)),
        b"",
        b"\x45",
    ]
    found = evidence([sent(probe(7)), *(packet(data) for data in strangers)])
    assert found.exhibits == ()
    assert (found.probes, found.unseen) == (1, 1)


def test_a_forged_error_is_left_out_as_the_trace_leaves_it_out() -> None:
    data = probe_data(probe(7))
    wrong_token = data[:28] + b"\xff" * 8 + data[36:]
    damaged = error_data(data)[:22] + b"\0\0" + error_data(data)[24:]
    found = evidence([sent(probe(7)), packet(error_data(wrong_token)), packet(damaged)])
    assert found.exhibits == ()


def test_an_echo_to_oneself_is_a_request_and_a_reply() -> None:
    flow = Flow(family=Family.IPV4, protocol=Protocol.ICMP, source=HERE, destination=HERE, icmp_id=77)
    blank = echo.build_echo_probe(Family.IPV4, 77, 1007, bytes([7]) * 8)
    request = echo.checksummed(blank, Family.IPV4, b"", b"")
    reply = echo.checksummed(b"\0" + blank[1:], Family.IPV4, b"", b"")
    datagrams = [ipv4(HERE, HERE, 1, message) for message in (request, reply)]
    found = evidence([sent(probe(7), flow), *(packet(data) for data in datagrams)])
    assert [each.answer for each in found.exhibits] == [None, Answer.ECHO_REPLY]


def test_flows_are_kept_apart() -> None:
    blank = echo.build_echo_probe(Family.IPV4, 77, 1007, bytes([7]) * 8)
    asked = ipv4(HERE, THERE, 1, echo.checksummed(blank, Family.IPV4, b"", b""))
    asking = sent(probe(7)), sent(probe(7), ECHO_FLOW)
    found = evidence([*asking, packet(asked, 1), packet(probe_data(probe(7)), 2)])
    assert [each.protocol for each in found.exhibits] == [Protocol.ICMP, Protocol.UDP]


def test_packets_come_in_the_order_of_their_stamps() -> None:
    data = probe_data(probe(7))
    found = evidence([sent(probe(7)), packet(error_data(data), 9), packet(data, 8, outgoing=True)])
    assert [each.packet.realtime_ns for each in found.exhibits] == [8, 9]


def test_a_reply_that_names_no_probe_counts_while_one_alone_can_be_meant() -> None:
    """As in the trace: a service that answers without an echo is believed by its port, before a second probe leaves."""
    said = ipv4(THERE, HERE, 17, b"\x00\x07\x10\xe1\x00\x0a\x00\x00hi")
    lone = evidence([sent(probe(1)), packet(said), sent(probe(2))])
    assert [each.answer for each in lone.exhibits] == [Answer.UDP_REPLY]
    assert evidence([sent(probe(1)), sent(probe(2)), packet(said)]).exhibits == ()
