"""Any value of the vocabulary: strategies made from the dataclasses themselves, so that no new field is forgotten."""

from dataclasses import fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from probes.sample import Sample
from probes.word import Word
from rules.diagnosis import Diagnosis

INSTANTS = st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z".rjust(24, "0"))
TEXTS = st.text(max_size=12)
BY_NAME: dict[str, st.SearchStrategy[object]] = {"started_at": INSTANTS, "at": INSTANTS}
PLAIN: dict[type, st.SearchStrategy[object]] = {
    int: st.integers(min_value=0, max_value=2**63 - 1),
    float: st.floats(min_value=0, max_value=1),
    bool: st.booleans(),
    str: TEXTS,
    NoneType: st.none(),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for one annotation of the vocabulary."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2)
    if origin is UnionType or isinstance(kind, UnionType):
        return st.one_of(*(values(argument) for argument in arguments))
    if isinstance(kind, type) and issubclass(kind, Enum | Word):
        return st.sampled_from(list(kind))
    return instances(kind) if is_dataclass(kind) else PLAIN[kind]


def instances(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for instances of a dataclass, every field filled."""
    hints = get_type_hints(kind)
    chosen = {
        field.name: BY_NAME[field.name] if field.name in BY_NAME else values(hints[field.name])
        for field in fields(kind)
    }
    return st.builds(kind, **chosen)


SAMPLES: st.SearchStrategy[Sample] = instances(Sample)
DIAGNOSES: st.SearchStrategy[Diagnosis] = instances(Diagnosis)
