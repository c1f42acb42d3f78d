"""Which identity has which probe: a table of slots, given out in an order that nobody can guess."""

from __future__ import annotations

from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.trace.many.state import ManyTrace


class Slots:
    """Gives slots to probes, takes them back, and knows whose they are.

    A slot that comes back waits behind all others that are free, and at most half of them are ever out: an answer that
    comes late finds its slot empty rather than somebody else's.

    Args:
        count: How many there are, as the carrier's identifiers can tell apart.
        random_bytes: Returns so many unguessable bytes, as `os.urandom`.
    """

    __slots__ = ("_count", "_free", "_head", "_tail", "limit", "numbers", "owners", "used")

    def __init__(self, count: int, random_bytes: Callable[[int], bytes]) -> None:
        keys = array("Q", random_bytes(8 * count))
        self._count = count
        self._free = array("I", sorted(range(count), key=keys.__getitem__))
        self._head = self._tail = 0
        self.used = 0
        self.limit = count // 2
        # Whose probe a slot names, and which of its owner's.
        self.owners: list[ManyTrace | None] = [None] * count
        self.numbers = array("H", bytes(2 * count))

    def give(self, owner: ManyTrace, number: int) -> int:
        """Return the next free slot for a probe; the caller keeps to `limit`."""
        slot = self._free[self._head]
        self._head = (self._head + 1) % self._count
        self.used += 1
        self.owners[slot] = owner
        self.numbers[slot] = number
        return slot

    def keep(self, slot: int) -> None:
        """Take the slot back that was given last: its probe did not leave."""
        self.owners[slot] = None
        self._head = (self._head - 1) % self._count
        self.used -= 1

    def take_back(self, slots: array[int]) -> None:
        """Make slots free again, behind all that are."""
        for slot in slots:
            self.owners[slot] = None
            self._free[self._tail] = slot
            self._tail = (self._tail + 1) % self._count
        self.used -= len(slots)
