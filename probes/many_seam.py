"""The seam of the wide engine: one set of sockets carries the echo probes of thousands of traces.

Beside `probes.seam`, which carries one flow and describes each packet as a record, this one passes plain tuples and
keeps what arrived as bytes: a record for each packet costs more than sending and receiving it [measured].
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol as Interface

    from probes.facts import Clocks, Family, Method
    from probes.failure import Failure
    from probes.seam import Event, Flow, Stamp

    # What a reply says at first sight: (slot, type << 8 | code, sender, quoted source, quoted destination, token,
    # arrived at, evidence). Addresses are packed; the source is None for a direct answer, and where the kernel has
    # compared it; the token is None where the quote ends before it. Arrival is in monotonic seconds; the evidence is
    # what `Carrier.read` makes a whole `Received` of, when asked.
    Sighting = tuple[int, int, bytes, bytes | None, bytes, bytes | None, float, bytes]
else:
    Interface = object


class Lane:
    """One target's way through a carrier: both ends, packed, and what all of its probes have in common.

    `token` is 8 random bytes in the payload of every probe; `remainder` makes the checksum the same for all of them.
    """

    __slots__ = ("address", "destination", "flow", "remainder", "source", "token")

    def __init__(
        self,
        *,
        address: tuple[object, ...],
        flow: Flow,
        source: bytes,
        destination: bytes,
        token: bytes,
        remainder: int,
    ) -> None:
        self.address = address
        self.flow = flow
        self.source = source
        self.destination = destination
        self.token = token
        self.remainder = remainder


class Carrier(Interface):
    """Carries the echo probes of many traces of one family; never raises for what the network does."""

    family: Family
    method: Method
    clocks: Clocks
    # How many probes the identifiers can tell apart.
    slots: int

    def lane(self, destination: str, token: bytes) -> Lane | tuple[Failure, str]:
        """Return the way to a destination, or why the host knows none, with the words for a person."""

    def send(self, lane: Lane, probe_ttl: int, slot: int) -> float | Failure | None:
        """Send one probe now; return when it left (monotonic seconds), why the host refused, None: full, ask later."""

    def receive(self) -> Sequence[Sighting]:
        """Return what has arrived, oldest first, without waiting; a bounded number."""

    def read(self, lane: Lane, evidence: bytes, stamp: Stamp) -> Event:
        """Return everything that a believed message says, or the host's own verdict where the host sent it."""

    def lost(self) -> int:
        """Return how many messages the kernel dropped because nobody read them in time."""

    def filenos(self) -> Sequence[int]:
        """Return the descriptors to wait on."""

    def close(self) -> None:
        """Give everything back."""


class Readable(Interface):
    """Whatever has descriptors to wait on."""

    def filenos(self) -> Sequence[int]:
        """Return them."""


class Waiter(Interface):
    """Waits until a carrier has something to read, a time is reached, or somebody else wants attention."""

    def wait(self, drivers: Sequence[Readable], until: float) -> None:
        """Return when one of them is readable, a watched descriptor is, or monotonic time reaches `until`."""
