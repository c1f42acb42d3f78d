import dataclasses
import pickle
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from probes.frozen import field, frozen, frozen_positional, mutable, replace


@frozen
class Point:
    """A record with everything that a field can have."""

    x: int
    y: int = 0
    tags: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def sum(self) -> int:
        return self.x + self.y


@frozen_positional
class Pair:
    left: int
    right: int = 2


@mutable
class Box:
    content: int
    seen: list[int] = field(default_factory=list)


def test_fields_are_given_by_name_and_default_where_they_may() -> None:
    point = Point(x=1)
    assert (point.x, point.y, point.tags, point.notes, point.sum) == (1, 0, (), [], 1)


def test_a_default_that_is_made_is_made_for_each() -> None:
    Point(x=1).notes.append("mine")
    assert Point(x=1).notes == []


@pytest.mark.parametrize("given", [{}, {"x": 1, "z": 2}, {"y": 1}])
def test_a_missing_or_unknown_field_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Point(**given)  # type: ignore[arg-type]


def test_positions_are_refused_where_names_are_wanted() -> None:
    with pytest.raises(TypeError):
        Point(1)  # type: ignore[call-arg]
    assert Pair(1) == Pair(1, 2) == Pair(left=1, right=2)


def test_records_are_equal_and_hashed_by_value_and_kind() -> None:
    assert Pair(1, 2) == Pair(1, 2)
    assert hash(Pair(1, 2)) == hash(Pair(1, 2))
    assert Pair(1, 2) != Pair(2, 1)
    assert Pair(1, 2) != cast("Any", (1, 2))
    assert Box(1) != Box(1)


def test_a_record_has_no_room_for_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Pair(1).middle = 3  # type: ignore[attr-defined]


def test_it_shows_what_it_holds() -> None:
    assert repr(Pair(1)) == "Pair(left=1, right=2)"


def test_replace_changes_what_is_named_and_refuses_what_is_not_there() -> None:
    assert replace(Pair(1, 2), right=3) == Pair(1, 3)
    with pytest.raises(TypeError):
        replace(Pair(1), middle=3)


def test_dataclasses_and_pydantic_take_it_for_a_dataclass() -> None:
    kind: Any = cast("Any", Point)
    assert [each.name for each in dataclasses.fields(kind)] == ["x", "y", "tags", "notes"]
    assert dataclasses.replace(kind(x=1), y=2) == kind(x=1, y=2)
    assert dataclasses.asdict(kind(x=1)) == {"x": 1, "y": 0, "tags": (), "notes": []}
    assert TypeAdapter(Point).validate_python({"x": "1", "tags": ["a"]}) == kind(x=1, tags=("a",))


def test_it_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(Pair(1))) == Pair(1)  # noqa: S301 - made one line above
