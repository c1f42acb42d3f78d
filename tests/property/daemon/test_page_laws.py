"""Laws of the pages and the log: whatever a target is called and whatever is logged, the line stays one line."""

import json
import logging

from hypothesis import given
from hypothesis import strategies as st

from agent.daemon.exposition import ExpositionForm, Metric, Point, Type, exposition, form_for
from agent.daemon.log import LONGEST_LINE, Line, LogForm, lines_of
from agent.pages.connection import _is_ours, _target_of
from tests.unit.daemon.client_parsers import families_in

# Everything that UTF-8 has; a configuration holds nothing else.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
NUMBERS = st.one_of(st.booleans(), st.integers(0, 2**53), st.floats(0.0, 1e18))


@given(
    st.sampled_from(list(ExpositionForm)),
    st.sampled_from(list(Type)),
    st.dictionaries(st.tuples(TEXTS, TEXTS), NUMBERS, min_size=1, max_size=5),
)
def test_any_label_and_any_number_are_read_back(
    form: ExpositionForm, kind: Type, numbers: dict[tuple[str, str], float]
) -> None:
    points = tuple(
        Point(1 if kind is Type.INFO else number, (("target", target), ("code", code)))
        for (target, code), number in numbers.items()
    )
    text = exposition([Metric(name="cloudpath_x", type=kind, help="Whatever.", points=points)], form)
    (family,) = families_in(text, form)
    assert [(sample.labels, sample.value) for sample in family.samples] == [
        (dict(point.labels), float(point.value)) for point in points
    ]


@given(st.text(max_size=200))
def test_no_accept_header_is_too_much(accept: str) -> None:
    assert form_for(accept) in ExpositionForm


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_name_but_localhost_is_ours(target: str, host: str) -> None:
    _, path, _ = _target_of(target)
    assert "?" not in path
    assert not _is_ours(f"{host}.example.com")
    assert _is_ours("LOCALHOST:1")


@given(
    st.sampled_from([LogForm.TEXT, LogForm.JSON, LogForm.JOURNAL]),
    st.text(max_size=300),
    st.one_of(st.none(), st.text(max_size=300)),
    st.lists(st.text(max_size=300), max_size=30),
)
def test_an_event_is_lines_that_nobody_obeys(form: LogForm, text: str, about: str | None, more: list[str]) -> None:
    line = Line(at_ns=0, level=logging.ERROR, logger="agent", text=text, about=about, more=tuple(more))
    lines = lines_of(line, form)
    assert len(lines) == (1 if form is LogForm.JSON else 1 + len(more))
    for each in lines:
        assert each.isprintable()
        assert len(each.encode()) < LONGEST_LINE
        assert form is not LogForm.JSON or json.loads(each)["level"] == "error"
        assert form is not LogForm.JOURNAL or each.startswith("<3>")
