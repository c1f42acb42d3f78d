"""The decorator behind the records of this tree: dataclasses frozen for the type checker, and cheap to make.

`dataclass(frozen=True)` writes and compiles up to seven methods for each class, 0.8 ms; a hundred classes would take a
third of the time that the whole command has. This one compiles `__init__` only, 0.2 ms, and shares the rest; making an
instance takes half as long, too. mypy refuses every assignment to a field, as it does for frozen dataclasses; at run
time nothing does (docs/adr/0006-records-frozen-by-the-type-checker.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

_Class = TypeVar("_Class")


def _values(record: object) -> tuple[object, ...]:
    return tuple([getattr(record, name) for name in record.__dataclass_fields__])  # type: ignore[attr-defined]


def _equal(self: object, other: object) -> bool:
    return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: object) -> int:
    return hash((self.__class__, _values(self)))


def _show(self: object) -> str:
    names = self.__dataclass_fields__  # type: ignore[attr-defined]
    return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def _made(kind: type[_Class], make: Callable[[type[_Class]], type[_Class]]) -> type[_Class]:
    made = make(kind)
    for name, method in (("__eq__", _equal), ("__hash__", _hash), ("__repr__", _show)):
        setattr(made, name, method)
    return made


@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen(kind: type[_Class]) -> type[_Class]:
    """Return the class as a slotted dataclass with keyword-only fields, equal and hashed by value."""
    return _made(kind, dataclass(slots=True, kw_only=True, eq=False, repr=False))


@dataclass_transform(frozen_default=True)
def frozen_positional(kind: type[_Class]) -> type[_Class]:
    """Return what `frozen` does, with fields that may be given by position: for pairs and the like."""
    return _made(kind, dataclass(slots=True, eq=False, repr=False))
