"""What the kernel throws away before a raw socket's queue fills: filters by message type and by port."""

from __future__ import annotations

import _ctypes  # `array` and `ctypes` take 4 ms and more to load [measured]
import _socket as socket
import struct

from probes.drivers.icmp_filter import icmp_program
from probes.drivers.linux import ICMP6_FILTER, ICMP_FILTER, SO_ATTACH_FILTER, SOL_RAW
from probes.facts import Family
from probes.wire.answers import protocol_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from probes.seam import Flow


# Echo reply; destination unreachable, source quench, time exceeded, parameter problem and their ICMPv6 twins.
_WANTED: Final = {Family.IPV4: (0, 3, 4, 11, 12), Family.IPV6: (1, 2, 3, 4, 129)}
# linux/filter.h: code, jump if true, jump if false, constant.
_INSTRUCTION: Final = struct.Struct("=HBBI")
_LOAD_IHL_TO_X: Final = 0xB1
_LOAD_HALF_BEHIND_X: Final = 0x48
_LOAD_HALF: Final = 0x28
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_DESTINATION_PORT_AT: Final = 2
_WHOLE: Final = 0xFFFFFFFF


class _Octet(_ctypes._SimpleCData):  # type: ignore[type-arg]  # noqa: SLF001 - what `ctypes.c_byte` is made of
    """One byte of memory that has an address."""

    _type_ = "b"


def pass_wanted_icmp(opened: socket.socket, family: Family) -> None:
    """Let only messages that may answer a probe reach a raw ICMP socket (raw(7); RFC 3542 section 3.2)."""
    wanted = sum(1 << kind for kind in _WANTED[family])
    if family is Family.IPV4:
        opened.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~wanted & 0xFFFFFFFF))
        return
    blocked = ~wanted & (1 << 256) - 1
    words = (blocked >> 32 * index & 0xFFFFFFFF for index in range(8))
    opened.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, struct.pack("=8I", *words))


def pass_destination_ports(opened: socket.socket, family: Family, ports: Sequence[int]) -> None:
    """Let only segments for `ports` (at most 250) reach a raw TCP socket, which else gets all of the host's."""
    _attach(opened, _port_program(family, ports))


def pass_answers(opened: socket.socket, flow: Flow, identifiers: Sequence[int]) -> None:
    """Let only messages that may answer this flow's probes reach a raw ICMP socket, which else gets all of the host's.

    What passes is judged again when it is read.

    Args:
        opened: The socket.
        flow: Whose probes.
        identifiers: Their source ports, or the echo identifier.

    Raises:
        OSError: The kernel takes no filters.
    """
    number = protocol_number(flow.family, flow.protocol)
    _attach(opened, icmp_program(flow.family, flow.protocol, number, identifiers))


def pass_nothing(opened: socket.socket) -> None:
    """Keep the queue of a raw socket empty that is there for sending only."""
    _attach(opened, [_INSTRUCTION.pack(_RETURN, 0, 0, 0)])


def _attach(opened: socket.socket, program: list[bytes]) -> None:
    """Give the kernel a classic BPF program; it copies what the address points at."""
    code = b"".join(program)
    held = (_Octet * len(code)).from_buffer_copy(code)
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program), _ctypes.addressof(held)))


def _port_program(family: Family, ports: Sequence[int]) -> list[bytes]:
    """Return the instructions: IPv4 raw sockets see the IP header, IPv6 ones do not (raw(7), ipv6(7))."""
    load = [_INSTRUCTION.pack(_LOAD_HALF, 0, 0, _DESTINATION_PORT_AT)]
    if family is Family.IPV4:
        load = [
            _INSTRUCTION.pack(_LOAD_IHL_TO_X, 0, 0, 0),
            _INSTRUCTION.pack(_LOAD_HALF_BEHIND_X, 0, 0, _DESTINATION_PORT_AT),
        ]
    # Each test jumps over the remaining ones and the refusal.
    tests = [_INSTRUCTION.pack(_JUMP_IF_EQUAL, len(ports) - index, 0, port) for index, port in enumerate(ports)]
    return [*load, *tests, _INSTRUCTION.pack(_RETURN, 0, 0, 0), _INSTRUCTION.pack(_RETURN, 0, 0, _WHOLE)]
