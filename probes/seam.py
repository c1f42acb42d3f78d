"""The seam between the trace engine and the world: what goes out, what comes back, and who carries it.

Plans are pure and see only these types; `probes.drivers` carries them over real sockets, the simulation over none.
"""

from __future__ import annotations

from probes.frozen import frozen, frozen_positional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final
    from typing import Protocol as Interface

    from probes.answer_facts import Answer, ExtensionObject, Icmp, InterfaceInformation, MplsLabel, RejectReason
    from probes.failure import Failure
    from probes.flow_facts import Clocks, Family, FlowKind, Method, Protocol, StampSource
else:
    Interface = object


_PORTS: Final = 65536
_OWN_PORTS: Final = 512


@frozen
class Flow:
    """The addresses and ports that all probes of one trace share; addresses are bare, without a zone.

    For ICMP both ports are None and `icmp_id` is the identifier of RFC 792. `source_port` is None where it differs
    between probes (TCP: `Driver.flow_kind` says how). `tos` is the type of service or traffic class of the probes.
    """

    family: Family
    protocol: Protocol
    source: str
    destination: str
    source_port: int | None = None
    destination_port: int | None = None
    icmp_id: int | None = None
    tos: int = 0

    def own_port(self, number: int) -> int:
        """Return the destination port of a UDP probe that has one of its own: 512 ports from the flow's on.

        Near the end of the port range they run down from the flow's port instead.
        """
        base = self.destination_port or 0
        offset = number % _OWN_PORTS
        return base + offset if base + _OWN_PORTS <= _PORTS else base - offset


@frozen_positional
class Identity:
    """What makes one probe recognisable and unguessable; random, never reused inside a trace.

    `sequence` is 16 bits: the ICMP sequence number or the UDP checksum (so never 0 for UDP: RFC 768 sends that as
    65535). `token` is 8 random bytes: the payload's first,
    and its first four, as a big-endian number, are the TCP sequence number.
    """

    sequence: int
    token: bytes

    @property
    def tcp_sequence(self) -> int:
        """Return the 32-bit sequence number of a TCP probe."""
        return int.from_bytes(self.token[:4], "big")


@frozen_positional
class Probe:
    """One packet to send. `number` is unique inside the trace, 0 upwards.

    `size` asks for a whole IP packet of so many octets, header included, that nobody may fragment (Don't Fragment,
    and past the kernel's own path-MTU cache); None: as small as usual.

    `own_port` asks for a port of the probe's own. UDP: the destination port `Flow.own_port(number)`, the only identity
    that a quote cut at 28 bytes leaves visible to a socket without privilege. TCP by raw sockets: a source port that no
    probe in flight shares, because a destination answers one SYN for each pair of ports. Else it changes nothing.
    """

    number: int
    probe_ttl: int
    identity: Identity
    own_port: bool = False
    size: int | None = None


@frozen_positional
class Stamp:
    """When a packet left or arrived: monotonic seconds always, and the wall clock that the kernel's stamps use.

    `off_by_s`: the packet left or arrived at most so much later or earlier, respectively, than it says here. A process
    that reads the clock itself may lose the processor between that and the packet.
    """

    monotonic_s: float
    realtime_ns: int
    source: StampSource
    off_by_s: float = 0.0


@frozen
class Quote:
    """What a reply tells of the probe that it answers; None where the quote does not reach or the channel hides it.

    For an ICMP error these are the quoted headers. For a direct answer they are the echoed ones, as the probe had them:
    an echo reply's identifier, sequence and token; a SYN-ACK's or RST's ports swapped back and its acknowledgement
    number minus one. `number` is set where the channel itself names the probe (a socket for each probe).
    """

    source: str | None = None
    destination: str | None = None
    protocol: int | None = None
    source_port: int | None = None
    destination_port: int | None = None
    icmp_id: int | None = None
    sequence: int | None = None
    tcp_sequence: int | None = None
    token: bytes | None = None
    quoted_ttl: int | None = None
    quoted_tos: int | None = None
    number: int | None = None


@frozen
class Extensions:
    """What the objects behind a quote say (RFC 4884): labels, interfaces, and what nobody here can read.

    `malformed` says that something in them broke its own format; what was read before it is kept.
    """

    mpls: tuple[MplsLabel, ...] = ()
    interfaces: tuple[InterfaceInformation, ...] = ()
    others: tuple[ExtensionObject, ...] = ()
    malformed: bool = False


@frozen
class Received:
    """One reply as it came, parsed but not believed: `sender` is who claims to have sent it.

    `next_hop_mtu` is what it claims a narrower link takes (RFC 1191 section 4, RFC 4443 section 3.2); old ones say 0.
    """

    sender: str
    answer: Answer
    stamp: Stamp
    quote: Quote
    icmp: Icmp | None = None
    reply_ttl: int | None = None
    reply_tos: int | None = None
    next_hop_mtu: int | None = None
    extensions: Extensions | None = None


@frozen_positional
class Unreadable:
    """Datagrams that could not be parsed, or are plainly not ours; they are counted and forgotten."""

    reason: RejectReason
    count: int = 1


@frozen_positional
class LocalError:
    """The host's own verdict on an earlier probe (neighbour unreachable, packet too big for the link).

    `number` names the probe where the channel can, else None: the error concerns the flow. `mtu` is what the link
    takes, where the host says it.
    """

    failure: Failure
    offender: str | None
    number: int | None
    mtu: int | None = None


Event = Received | Unreadable | LocalError


class Way(Interface):
    """How probes leave: what a leg says of its driver, which may be closed by then."""

    @property
    def flow(self) -> Flow:
        """Return the flow that every probe shares."""

    @property
    def method(self) -> Method:
        """Return how probes leave and replies arrive."""

    @property
    def flow_kind(self) -> FlowKind:
        """Return whether load balancers see one flow or many."""

    @property
    def clocks(self) -> Clocks:
        """Return who stamps sending and receiving."""


class Driver(Way, Interface):
    """Carries the probes of one flow. Opened by a factory; never raises for what the network does."""

    def send(self, probe: Probe) -> Stamp | Failure:
        """Send one probe now; return when it left, or why the host refused."""

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        """Return what has arrived, oldest first, without waiting.

        `hurried`: probes are leaving, so that a router's "time exceeded" may be left for the next call without hurry.
        Whatever else has arrived brings it along.
        """

    def filenos(self) -> Sequence[int]:
        """Return the descriptors to wait on; they may change after `send` and `receive`."""

    def close(self) -> None:
        """Give everything back."""


class Waiter(Interface):
    """Waits until a driver has something to read, a time is reached, or somebody else wants attention."""

    def wait(self, drivers: Sequence[Driver], until: float) -> None:
        """Return when one of the drivers is readable, a watched descriptor is, or monotonic time reaches `until`."""
