"""One probe's life: issued, sent or refused, answered or not."""

from __future__ import annotations

from probes.frozen import frozen, mutable
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.answer_facts import Answer, Icmp
    from probes.failure import Failure
    from probes.seam import Extensions, Probe, Stamp


class Ending(Word):
    """What an answer says of the path: it goes on, somebody stopped it, or the target was reached."""

    PASSED = "passed"
    BLOCKED = "blocked"
    REACHED = "reached"


class Purpose(Word):
    """What a probe is sent for: to find one hop, to measure the target end to end, or to check who answers at a TTL."""

    HOP = "hop"
    SERIES = "series"
    CONTROL = "control"


@frozen
class Reply:
    """An answer that was believed. `late`: it took the whole timeout, or came when nobody waited any more.

    A late RTT is no sample, nor is one that is not `exact`: its stamps may be off by too much. `quoted_source` and
    `quoted_source_id` (a port, or an ICMP identifier) are None where the quote shows our own or none at all.
    """

    sender: str
    answer: Answer
    ending: Ending
    rtt_us: int
    late: bool
    icmp: Icmp | None = None
    reply_ttl: int | None = None
    reply_tos: int | None = None
    quoted_ttl: int | None = None
    quoted_tos: int | None = None
    quoted_source: str | None = None
    quoted_source_id: int | None = None
    extensions: Extensions | None = None
    exact: bool = True

    @property
    def is_sample(self) -> bool:
        """Return whether its RTT counts."""
        return self.exact and not self.late


@mutable
class Attempt:
    """What became of one probe; `duplicates` counts the answers after the first, `given_up`: nobody waits any more."""

    probe: Probe
    purpose: Purpose
    issued_at: float
    sent: Stamp | None = None
    failure: Failure | None = None
    reply: Reply | None = None
    duplicates: int = 0
    given_up: bool = False

    @property
    def at(self) -> float:
        """Return the monotonic time at which the probe left, or was meant to."""
        return self.issued_at if self.sent is None else self.sent.monotonic_s

    @property
    def left(self) -> bool:
        """Return whether the probe went out on the wire, as far as the host says."""
        return self.sent is not None and self.failure is None

    @property
    def in_time(self) -> bool:
        """Return whether it was answered, and in time."""
        return self.reply is not None and not self.reply.late
