"""Numbers of the Linux socket interface that Python has no names for, and how the two families differ in them."""

from __future__ import annotations

import _socket as socket

from probes.flow_facts import Family
from probes.frozen import frozen_positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


# asm-generic/socket.h; the kernel's stamps are two native longs there.
SO_TIMESTAMPNS: Final = 35
# What a socket's queue had no room for comes as a count beside the next datagram (socket(7)).
SO_RXQ_OVFL: Final = 40
# linux/net_tstamp.h: stamp what leaves, by software, report that stamp, and return it without the packet.
SO_TIMESTAMPING: Final = 37
STAMP_DEPARTURES: Final = 1 << 1 | 1 << 4 | 1 << 11
SO_ATTACH_FILTER: Final = 26
# linux/in.h and linux/in6.h: send whole or not at all, and never mind what is known of the path's MTU.
PMTUDISC_PROBE: Final = 3
MSG_ERRQUEUE: Final = 0x2000
# linux/errqueue.h: struct sock_extended_err is errno, origin, type, code, pad, info, data; the offender's sockaddr
# follows. `info` is the MTU of a packet that was too big. With the RFC 4884 option `data` starts with the offset of the
# extension structure behind the quote.
EXTENDED_ERROR: Final = "=IBBBxIH2x"
EXTENDED_ERROR_LENGTH: Final = 16
ORIGIN_LOCAL: Final = 1
ORIGIN_TIMESTAMPING: Final = 4
# linux/icmp.h and linux/icmpv6.h: a bit for each type that must not pass.
SOL_RAW: Final = 255
ICMP_FILTER: Final = 1
ICMP6_FILTER: Final = 1
# linux/tcp.h: struct tcp_info. The state is its first byte; the smoothed RTT in microseconds and the number of segments
# sent again are words at these offsets.
TCP_INFO_RTT: Final = 68
TCP_INFO_RESENT: Final = 100
TCP_INFO_LENGTH: Final = 104
TCP_SYN_SENT: Final = 2


@frozen_positional
class Numbers:
    """One family's option and message numbers, and where an offender's address lies behind an extended error.

    `icmp_origin` is who an extended error is from where ICMP brought it (linux/errqueue.h), `expiry` the type of "time
    exceeded" (RFC 792, RFC 4443).
    """

    address_family: int
    level: int
    probe_ttl: int
    receive_ttl: int
    ttl_message: int
    traffic_class: int
    receive_traffic_class: int
    receive_errors: int
    receive_extensions: int
    unicast_interface: int
    path_mtu_discovery: int
    never_fragment: int | None
    address_offset: int
    address_length: int
    icmp_origin: int
    expiry: bytes


NUMBERS: Final = {
    Family.IPV4: Numbers(
        address_family=socket.AF_INET,
        level=socket.IPPROTO_IP,
        probe_ttl=socket.IP_TTL,
        receive_ttl=12,
        ttl_message=socket.IP_TTL,
        traffic_class=socket.IP_TOS,
        receive_traffic_class=13,
        receive_errors=11,
        receive_extensions=26,
        unicast_interface=50,
        path_mtu_discovery=10,
        never_fragment=None,
        address_offset=4,
        address_length=4,
        icmp_origin=2,
        expiry=b"\x0b",
    ),
    Family.IPV6: Numbers(
        address_family=socket.AF_INET6,
        level=socket.IPPROTO_IPV6,
        probe_ttl=socket.IPV6_UNICAST_HOPS,
        receive_ttl=socket.IPV6_RECVHOPLIMIT,
        ttl_message=socket.IPV6_HOPLIMIT,
        traffic_class=socket.IPV6_TCLASS,
        receive_traffic_class=66,
        receive_errors=25,
        receive_extensions=31,
        unicast_interface=76,
        path_mtu_discovery=23,
        never_fragment=62,
        address_offset=8,
        address_length=16,
        icmp_origin=3,
        expiry=b"\x03",
    ),
}
