"""Laws of the live pages' addresses and gate: what is written is read back, and nothing that is typed is too much."""

from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from agent.pages.page import Request
from agent.ui.gate import Gate
from agent.ui.places import (
    RANGES,
    Changes,
    Links,
    NoSuchPlaceError,
    Overview,
    Place,
    ReportPlace,
    SamplePlace,
    Span,
    State,
    TargetPlace,
    key_of,
    named_by,
    place_of,
    utc,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GATE = Gate("T" * 32, "127.0.0.1", 8437)
LINKS = Links("/T/")
NAMES = st.text(max_size=200)
SEQS = st.integers(1, 10**15 - 1)
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)).map(lambda at: utc(at.replace(tzinfo=UTC)))  # noqa: DTZ001 - given a zone at once
SPANS = st.one_of(
    st.sampled_from(list(RANGES)).map(lambda word: Span(word=word)),
    INSTANTS.map(lambda since: Span(word=None, since=since)),
    st.tuples(INSTANTS, INSTANTS)
    .map(sorted)
    .filter(lambda ends: ends[0] < ends[1])
    .map(lambda ends: Span(word=None, since=ends[0], until=ends[1])),
)
TARGETS = st.builds(
    TargetPlace,
    key=NAMES.map(key_of),
    span=SPANS,
    at=st.none() | SEQS,
    beside=st.none() | SEQS,
    choosing=st.booleans(),
)


def read(address: str) -> Place:
    parts = urlsplit(address)
    assert parts.path.startswith("/T/")
    return place_of(tuple(parts.path.split("/")[2:]), parts.query, NOW)


@given(TARGETS, st.integers(1, 10**6), SEQS, st.sampled_from([None, "html", "json"]))
def test_what_is_written_is_read_back(target: TargetPlace, page: int, seq: int, form: str | None) -> None:
    assert read(LINKS.target(target)) == target
    assert read(LINKS.report(target.key, target.span)) == ReportPlace(key=target.key, span=target.span)
    assert read(LINKS.changes(target.span)) == Changes(span=target.span)
    assert read(LINKS.sample(seq, form)) == SamplePlace(seq=seq, form=form)
    assert read(LINKS.state(seq, target.key)) == State(after=seq, key=target.key)
    assert read(LINKS.overview(page, "a b&c")) == Overview(page=page, find="a b&c")


@given(NAMES, st.lists(NAMES))
def test_a_name_in_an_address_needs_no_encoding_and_leads_back(name: str, others: list[str]) -> None:
    key = key_of(name)
    assert quote(key, safe="~") == key
    assert key.strip(".")
    assert named_by(key, [*others, name]) == name


def status_of(parts: tuple[str, ...], query: str) -> int:
    """Return the status that an address is refused with, 200 where it is a place."""
    try:
        place_of(parts, query, NOW)
    except NoSuchPlaceError as error:
        return error.status
    return 200


@given(st.lists(st.text(max_size=30), max_size=5), st.text(max_size=200))
def test_whatever_is_typed_is_a_place_or_refused(parts: list[str], query: str) -> None:
    assert status_of(tuple(parts), query) in {200, 400, 404}


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=10), st.text(max_size=20))
def test_nobody_is_let_in_without_the_token(path: str, host: str, method: str, site: str) -> None:
    asked = Request(method=method, path=path, host=host, fetch_site=site)
    assert GATE.refusal(asked) is not None
