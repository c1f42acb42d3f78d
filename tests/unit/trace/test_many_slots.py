"""Slots: whose a slot is, when it is given again, and that its order is nobody's guess."""

from array import array
from random import Random

from probes.trace.many.slots import Slots
from probes.trace.many.state import ManyTrace
from probes.trace.many.sweep import UNHURRIED
from tests.simulation.many import Clock, SimulatedCarrier, Way

COUNT = 512


def owner(name: str) -> ManyTrace:
    lane = SimulatedCarrier(Clock(), {"198.51.100.1": Way(hops=())}).lane("198.51.100.1", bytes(8))
    assert not isinstance(lane, tuple)
    return ManyTrace(name, lane, UNHURRIED, hint=None)


def slots(seed: int = 0) -> Slots:
    return Slots(COUNT, Random(seed).randbytes)  # noqa: S311 - any bytes will do


def test_every_slot_is_given_once_and_names_its_probe() -> None:
    table, mine = slots(), owner("mine")
    given = [table.give(mine, number) for number in range(COUNT)]
    assert sorted(given) == list(range(COUNT))
    assert [table.numbers[slot] for slot in given] == list(range(COUNT))
    assert all(table.owners[slot] is mine for slot in given)


def test_a_slot_that_comes_back_waits_behind_all_that_are_free() -> None:
    table, mine, other = slots(), owner("mine"), owner("other")
    given = array("I", [table.give(mine, number) for number in range(10)])
    table.take_back(given)
    assert all(table.owners[slot] is None for slot in given)
    again = [table.give(other, number) for number in range(COUNT)]
    assert again[-10:] == list(given)
    assert table.used == COUNT


def test_a_probe_that_did_not_leave_gives_its_slot_back_at_once() -> None:
    table, mine = slots(), owner("mine")
    first = table.give(mine, 0)
    table.keep(first)
    assert table.owners[first] is None
    assert table.used == 0
    assert table.give(mine, 0) == first


def test_the_order_depends_on_the_random_bytes_and_on_nothing_else() -> None:
    mine = owner("mine")

    def order(seed: int) -> list[int]:
        table = slots(seed)
        return [table.give(mine, number) for number in range(COUNT)]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert order(1) != sorted(order(1))
