"""The path MTU's settings: what is known of a path before its packets are made larger, and the numbers to obey."""

from __future__ import annotations

from probes.facts import Family
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# RFC 791 section 3.2 and RFC 8200 section 5: every link carries a packet of this size.
LEAST_LINK_MTU: Final = {Family.IPV4: 68, Family.IPV6: 1280}
# The longest packet without a jumbo payload option (RFC 791 section 3.1; RFC 8200 section 3, less its header).
MOST_OCTETS: Final = 65_535


@frozen
class KnownHop:
    """One hop that a trace found: the addresses that answered at this TTL, never none."""

    probe_ttl: int
    addresses: tuple[str, ...]


@frozen
class KnownPath:
    """What a trace found.

    Attributes:
        hops: The hops that answered, nearest first, without the target.
        answers: Whether the target answers the protocol that carries the probes.
        limited: Whether its answers come from a limiter's bucket (stock Linux: six, then one a second), as ICMP errors.
        distance: The TTL at which the target answers, None where that is not known.
        link_mtu: The first interface's MTU, None where it is not known.
        rtt_s: The largest round trip to the target, None where that is not known.
        suspected: What another protocol found, to be checked; None where nobody looked before.
    """

    hops: tuple[KnownHop, ...] = ()
    answers: bool = True
    limited: bool = False
    distance: int | None = None
    link_mtu: int | None = None
    rtt_s: float | None = None
    suspected: int | None = None


@frozen
class MtuSettings:
    """The constants of the search for the path MTU. Times are seconds.

    Attributes:
        small: A packet that passes everywhere: the control beside every larger one.
        width: So many sizes are asked at once where nobody says what passes.
        far_ttl: The TTL of probes to the target.
        repeats: A size is too big only when it vanished so often, each time beside a control that did not ...
        most_repeats: ... or up to so often where controls get lost too.
        doubt: The chance of taking loss for a black hole that decides how often, by the loss that controls show.
        rtt_factor: An answer may take this many times the largest round trip ...
        least_wait_s: ... and never less than this, nor ...
        confirm_wait_s: ... than this where it decides whether a size is too big ...
        timeout_s: ... and never more than this.
        pause_s: Between two questions to somebody whose answers a limiter may hold back: its refill.
        place_tries: So often a hop that answers small packets is asked with a large one before it is the wrong side.
        most_probes: So many probes end the search with what it has ...
        longest_s: ... and so many seconds do.
        clock_tolerance_s: As in `TraceSettings`.
    """

    small: int = 96
    width: int = 10
    far_ttl: int = 64
    repeats: int = 3
    most_repeats: int = 10
    doubt: float = 0.005
    rtt_factor: float = 3.0
    least_wait_s: float = 0.1
    confirm_wait_s: float = 0.25
    timeout_s: float = 1.0
    pause_s: float = 1.0
    place_tries: int = 2
    most_probes: int = 300
    longest_s: float = 15.0
    clock_tolerance_s: float = 0.05
