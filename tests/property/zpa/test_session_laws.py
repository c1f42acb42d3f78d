"""Laws of session lines: no line costs another, no bytes raise, and a status comes from a known code alone."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.session_report import SessionReport
from agent.views.session_view import event_line, session_view
from agent.views.style import Style
from probes.json_line import LineProblem
from probes.line_assembly import Line, LineAssembly
from probes.session_facts import SessionEvent
from probes.session_lines import BadLine, SessionFormat, SessionLines
from rules.engine import diagnose
from rules.shipped import shipped_rules
from rules.zpa import Outcome, outcome_of, reason_codes, standing
from tests.cases.facts_text import sample_of
from tests.property.record.anything import SAMPLES
from tests.unit.zpa.session_events import ACTIVITY, activity, blocked, end, event, request, tunnel

TOKENS = sorted(reason_codes())
STATUSES = [f"ZPA-{number:02}" for number in range(1, 12)]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
good_lines = st.sampled_from(TOKENS).map(blocked) | st.just(activity())
odd_lines = st.dictionaries(st.sampled_from(sorted(ACTIVITY)), json_values, max_size=4).map(lambda odd: activity(**odd))
client_lines = st.integers(0, 5).flatmap(
    lambda tag: st.sampled_from([tunnel(request(tag)), *(tunnel(end(tag, token)) for token in TOKENS[:5])])
)
cut_lines = st.builds(lambda line, at: line[:at], good_lines | client_lines, st.integers(0, 600))
any_line = (st.binary(max_size=200) | good_lines | odd_lines | client_lines | cut_lines).filter(
    lambda one: b"\n" not in one
)

events = st.builds(
    event,
    st.sampled_from(["", *TOKENS]) | st.text(max_size=20),
    st.integers(1, 59),
    connection_status=st.sampled_from(["open", "active", "close", None]),
    connection_id=st.sampled_from(["a", "b", "c", None]),
)


def read(lines: list[bytes], form: SessionFormat = SessionFormat.AUTO) -> list[SessionEvent | BadLine | None]:
    reader = SessionLines(form)
    return [reader.read(Line(line)) for line in lines]


@given(st.lists(any_line, max_size=12), st.sampled_from(list(SessionFormat)))
def test_every_line_is_an_event_or_bad_or_of_no_concern_and_has_its_number(
    lines: list[bytes], form: SessionFormat
) -> None:
    for number, found in enumerate(read(lines, form), 1):
        assert found is None or found.line == number
        if isinstance(found, BadLine):
            assert found.detail


@given(st.lists(good_lines, max_size=6), st.lists(st.tuples(st.integers(0, 6), any_line), max_size=6))
def test_what_stands_between_costs_no_good_line(good: list[bytes], between: list[tuple[int, bytes]]) -> None:
    mixed = list(good)
    for at, line in between:
        mixed.insert(min(at, len(mixed)), line)
    kept = [found.internal_reason for found in read(mixed, SessionFormat.LSS) if isinstance(found, SessionEvent)]
    alone = [found.internal_reason for found in read(good, SessionFormat.LSS) if isinstance(found, SessionEvent)]
    assert len(alone) == len(good)
    remaining = iter(kept)
    assert all(reason in remaining for reason in alone)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=6), st.integers(1, 20))
def test_lines_are_the_same_however_the_bytes_arrive(data: bytes, cuts: list[int], longest: int) -> None:
    whole = LineAssembly(longest)
    expected = whole.feed(data) + whole.finish()
    pieces = LineAssembly(longest)
    edges = [0, *sorted(cuts), len(data)]
    found = [line for start, stop in pairwise(edges) for line in pieces.feed(data[start:stop])]
    assert found + pieces.finish() == expected
    assert all(len(line.data) <= longest for line in expected)


@given(st.text(max_size=60))
def test_a_status_comes_from_an_exact_code_alone(reason: str) -> None:
    if reason not in reason_codes():
        assert outcome_of(event(reason)) is not Outcome.STATUS


@given(st.lists(events, max_size=8))
def test_the_verdict_has_one_status_at_most_and_it_is_the_deciding_event_s(found: list[SessionEvent]) -> None:
    decided = standing(found)
    sample = sample_of({})
    sample = type(sample)(**{name: getattr(sample, name) for name in sample.__slots__} | {"sessions": tuple(found)})  # type: ignore[attr-defined]
    errors = [error for error in diagnose(sample, shipped_rules()).errors if error.code in STATUSES]
    if decided is None or decided.outcome is not Outcome.STATUS:
        assert errors == []
        return
    (error,) = errors
    code = decided.code
    assert code is not None
    assert (error.code, error.grade) == (code.status, code.grade)
    assert f"/sessions/{decided.place}" in error.evidence[0].facts
    assert code.token in error.explanation


@given(st.lists(events, min_size=1, max_size=8), st.randoms())
def test_the_order_of_lines_that_have_times_does_not_matter(found: list[SessionEvent], random: Any) -> None:
    # Each event has its own line and second, as in a log that was sent twice.
    distinct = list({one.line: one for one in found}.values())
    shuffled = list(distinct)
    random.shuffle(shuffled)
    first, second = standing(distinct), standing(shuffled)
    assert (first and first.event) == (second and second.event)


@settings(deadline=None)
@given(SAMPLES)
def test_any_sample_has_one_session_status_at_most(sample: Any) -> None:
    fired = {error.code for error in diagnose(sample, shipped_rules()).errors} & set(STATUSES)
    assert len(fired) <= 1


@given(st.lists(any_line, max_size=10))
def test_whatever_was_read_is_shown_without_control_characters_and_as_json(lines: list[bytes]) -> None:
    report = SessionReport(shipped_rules().catalogue)
    shown = ""
    reader = SessionLines()
    for line in lines:
        found = reader.read(Line(line))
        if found is not None:
            report.add(found)
            shown += event_line(report, found, Style(width=80))
    shown += session_view(report, Style(width=80), lines=reader.lines, undated=reader.undated)
    assert all(line.isprintable() for line in shown.split("\n"))
    document = report.document(source="x", lines=reader.lines, others=reader.others, undated=reader.undated)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert report.events + report.bad + reader.others == reader.lines


@given(st.lists(st.integers(0, 3), max_size=30))
def test_an_end_has_the_application_of_the_last_request_of_its_tag_or_none(tags: list[int]) -> None:
    """Requests (even turns) and ends (odd turns) of a few tags, a minute apart."""
    latest: dict[int, str | None] = {}
    reader = SessionLines(SessionFormat.CLIENT_LOG)
    for turn, tag in enumerate(tags):
        at = f"{turn // 60:02}:{turn % 60:02}:00.0"
        if turn % 2 == 0:
            latest[tag] = f"app{turn}.example.com"
            assert reader.read(Line(tunnel(request(tag, f"app{turn}.example.com"), at=at))) is None
        else:
            found = reader.read(Line(tunnel(end(tag, "APP_NOT_REACHABLE"), at=at)))
            assert isinstance(found, SessionEvent)
            assert found.host == latest.get(tag)
            latest[tag] = None


def test_the_problems_are_all_met_somewhere() -> None:
    met = {
        found.problem
        for line in (b"\xff", b"\0", b"x", b"[]", b'{"a":1,"a":2}', b'{"ConnectionStatus":"x"}', activity(Host=[]))
        for found in read([line], SessionFormat.LSS)
        if isinstance(found, BadLine)
    }
    elsewhere = {LineProblem.TOO_LONG, LineProblem.CUT_OFF, LineProblem.NOT_RECOGNISED}
    assert met | elsewhere == set(LineProblem)
