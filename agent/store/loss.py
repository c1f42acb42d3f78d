"""Entries that are lost: how many, which, and why."""

from __future__ import annotations

from probes.frozen import frozen
from probes.word import Word


class LossReason(Word):
    """Why entries are not there any more, though somebody still had to get them."""

    # The store was full, and a sink had not taken them yet.
    SIZE = "size"
    # The disk took nothing, and memory was full.
    DISK = "disk"
    # What the disk gave back was not what had been written.
    DAMAGED = "damaged"
    # A sink refused them, and there were too many that it had refused.
    REFUSED = "refused"
    # Nothing was lost: the numbers were left out, because the last one that was used could not be known.
    SKIPPED = "skipped"


@frozen
class Losses:
    """Entries that are lost, for one reason.

    Attributes:
        lost: How many, None where nobody can know.
        first_seq: The first number that is concerned, and `last_seq` the last.
        sinks: Who had not got them; empty where that is not known.
    """

    why: LossReason
    lost: int | None
    first_seq: int
    last_seq: int
    sinks: tuple[str, ...] = ()
