"""The decorators behind the records of this tree: dataclasses for the type checker, and cheap to make.

`dataclass(frozen=True)` writes and compiles up to seven methods for each class, 0.8 ms, and importing `dataclasses`
takes another 18; a hundred classes would take longer than the whole trace may. These compile `__init__` only, and only
once a first instance is made; making an instance takes half as long, too. mypy refuses every assignment to a field of a
`frozen` class, as it does for frozen dataclasses; at run time nothing does
(docs/adr/0006-records-frozen-by-the-type-checker.md). `dataclasses.fields`, `dataclasses.replace` and pydantic take the
classes for the dataclasses that they stand for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, TypeVar, dataclass_transform

    _Class = TypeVar("_Class")
    _Record = TypeVar("_Record")
else:

    def dataclass_transform(**_: object) -> Callable[[_Class], _Class]:
        """Return a decorator that changes nothing: only type checkers read this one."""
        return lambda made: made


# Compiling an `__init__` takes 100 µs and saves 2 µs each time: half of the classes are made once in a trace.
_WORTH_COMPILING: Final = 16


class _Made:
    """Stands for a default that is made anew for each instance."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """Return what a field's default is written as where each instance needs one of its own."""
    return _Made(default_factory)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(kind: type[_Class]) -> type[_Class]:
    """Return the class as a slotted record with keyword-only fields, equal and hashed by value."""
    return _made(kind, keywords=True)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen_positional(kind: type[_Class]) -> type[_Class]:
    """Return what `frozen` does, with fields that may be given by position: for pairs and the like."""
    return _made(kind, keywords=False)


@dataclass_transform(field_specifiers=(field,))
def mutable(kind: type[_Class]) -> type[_Class]:
    """Return what `frozen` does for a record whose fields change; it is equal to itself alone."""
    made = _made(kind, keywords=False)
    made.__eq__ = object.__eq__  # type: ignore[method-assign]
    made.__hash__ = object.__hash__  # type: ignore[method-assign]
    return made


def replace(record: _Record, /, **changes: object) -> _Record:
    """Return a copy of a record with other values for some fields; TypeError for a field that it has not."""
    values = {name: getattr(record, name) for name in record.__slots__}  # type: ignore[attr-defined]
    return type(record)(**{**values, **changes})


def is_record(value: object) -> bool:
    """Return whether a value is an instance of a class that one of these decorators made."""
    return "__dataclass_fields__" in type(value).__dict__


def _made(kind: type[_Class], *, keywords: bool) -> type[_Class]:
    """Return the class again with slots, and everything else that a record has."""
    body = dict(kind.__dict__)
    names = tuple(body.get("__annotations__", ()))
    defaults = {name: body.pop(name) for name in names if name in body}
    for own in ("__dict__", "__weakref__"):
        body.pop(own, None)
    body.update(
        __slots__=names,
        __match_args__=() if keywords else names,
        __eq__=_equal,
        __hash__=_hash,
        __repr__=_show,
        __init__=_first_init(names, defaults, keywords=keywords),
        __dataclass_fields__=_Fields(names, defaults, keywords=keywords),
    )
    made: type[_Class] = type.__call__(type(kind), kind.__name__, kind.__bases__, body)
    return made


def _first_init(names: tuple[str, ...], defaults: dict[str, Any], *, keywords: bool) -> Callable[..., None]:
    """Return an `__init__` that needs no compiling, and puts a compiled one in its place once it was called often."""
    calls = 0
    parameters = 0 if keywords else len(names)

    def first(self: object, *positions: object, **values: object) -> None:
        nonlocal calls
        calls += 1
        if calls > _WORTH_COMPILING or len(positions) > parameters:
            kind = type(self)
            kind.__init__ = _compiled(names, defaults, keywords=keywords)  # type: ignore[method-assign]
            kind.__init__(self, *positions, **values)
            return
        given = dict(zip(names, positions, strict=False))
        if given.keys() & values.keys() or values.keys() - names:
            _compiled(names, defaults, keywords=keywords)(self, *positions, **values)
        given.update(values)
        for name in names:
            if name in given:
                setattr(self, name, given[name])
            else:
                setattr(self, name, _default(self, name, defaults))

    return first


def _default(record: object, name: str, defaults: dict[str, Any]) -> object:
    """Return what a field is that was not given; TypeError where it has to be."""
    try:
        default = defaults[name]
    except KeyError:
        raise TypeError(f"{type(record).__qualname__} needs {name}") from None
    return default.make() if isinstance(default, _Made) else default


def _compiled(names: tuple[str, ...], defaults: dict[str, Any], *, keywords: bool) -> Callable[..., None]:
    """Return an `__init__` with these parameters, compiled."""
    parameters = ["self", *(["*"] if keywords and names else [])]
    lines = []
    for name in names:
        parameters.append(f"{name}=_{name}" if name in defaults else name)
        made = f"_{name}.make() if {name} is _{name} else " if isinstance(defaults.get(name), _Made) else ""
        lines.append(f" self.{name} = {made}{name}")
    scope: dict[str, Any] = {f"_{name}": default for name, default in defaults.items()}
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or [" pass"]), scope)  # noqa: S102
    init: Callable[..., None] = scope["__init__"]
    return init


class _Fields:
    """Makes `__dataclass_fields__` when somebody asks for it."""

    __slots__ = ("_defaults", "_keywords", "_names")

    def __init__(self, names: tuple[str, ...], defaults: dict[str, Any], *, keywords: bool) -> None:
        self._names = names
        self._defaults = defaults
        self._keywords = keywords

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        """Return the fields as `dataclasses` has them, by name, and keep them."""
        import dataclasses  # noqa: PLC0415 - 18 ms that a trace does not spend

        def as_field(default: Any) -> Any:
            return dataclasses.field(default_factory=default.make) if isinstance(default, _Made) else default

        body = {name: as_field(default) for name, default in self._defaults.items()}
        body["__annotations__"] = owner.__annotations__
        body["__module__"] = owner.__module__
        shadow: Any = type(owner.__name__, (), body)
        dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=self._keywords)(shadow)
        fields: dict[str, Any] = shadow.__dataclass_fields__
        owner.__dataclass_fields__ = fields  # type: ignore[attr-defined]
        return fields


def _values(record: object) -> tuple[object, ...]:
    return tuple([getattr(record, name) for name in record.__slots__])  # type: ignore[attr-defined]


def _equal(self: object, other: object) -> bool:
    return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: object) -> int:
    return hash((self.__class__, _values(self)))


def _show(self: object) -> str:
    names: tuple[str, ...] = self.__slots__  # type: ignore[attr-defined]
    return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"
