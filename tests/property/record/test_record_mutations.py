"""A record with one value replaced is either read, or refused with the place of that value: never a traceback."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.record import document
from agent.record_reader import RecordError, read_samples
from tests.unit.views import samples

RECORD = json.loads(json.dumps(document(samples.BALANCED, samples.FINE, samples.HEADER)))


def places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to every value of a document."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in children:
        yield (*path, step)
        yield from places(child, (*path, step))


PLACES = list(places(RECORD))
OTHERS = st.sampled_from([None, True, -1, 1.5, "", "nothing", [], {}, [None], {"x": 1}, "\x1b[2J"])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), OTHERS)
def test_a_replaced_value_is_read_or_refused_by_its_place(path: tuple[str | int, ...], other: object) -> None:
    changed: Any = copy.deepcopy(RECORD)
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = other
    try:
        assert len(read_samples(json.dumps(changed).encode(), "file.json")) == 1
    except RecordError as error:
        first = str(error).split("\n")[0]
        assert first.startswith(f"file.json:1: {path[0]}")
        assert first.isprintable()
