"""Addresses of live pages: what they ask for, how they are written, and which mean nothing."""

from datetime import UTC, datetime

import pytest

from agent.ui.places import (
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
)
from tests.unit.ui.live_stores import HOSTILE, LONG

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WEEK = Span(word="7d")
PLACES: dict[str, Place] = {
    "": Overview(),
    "?page=2&find=crm": Overview(page=2, find="crm"),
    "target/crm": TargetPlace(key="crm", span=Span()),
    "target/crm?range=7d&at=12&with=15": TargetPlace(key="crm", span=WEEK, at=12, beside=15),
    "target/crm?at=12&choose=": TargetPlace(key="crm", span=Span(), at=12, choosing=True),
    "target/crm?since=2026-11-20&until=2026-11-21T10:30": TargetPlace(
        key="crm", span=Span(word=None, since="2026-11-20T00:00:00.000Z", until="2026-11-21T10:30:00.000Z")
    ),
    "target/crm?since=2026-11-20T12:00%2B02:00": TargetPlace(
        key="crm", span=Span(word=None, since="2026-11-20T10:00:00.000Z")
    ),
    "target/crm?since=&until=2026-11-21": TargetPlace(
        key="crm", span=Span(word=None, since="2026-11-20T00:00:00.000Z", until="2026-11-21T00:00:00.000Z")
    ),
    # The form's fields, left empty.
    "target/crm?since=&until=": TargetPlace(key="crm", span=Span()),
    "target/crm/report.html?range=7d": ReportPlace(key="crm", span=WEEK),
    "changes?range=7d": Changes(span=WEEK),
    "sample/12": SamplePlace(seq=12),
    "sample/12.json": SamplePlace(seq=12, form="json"),
    "sample/12.html": SamplePlace(seq=12, form="html"),
    "state?after=7&target=crm": State(after=7, key="crm"),
}


def place_at(address: str) -> Place:
    path, _, query = address.partition("?")
    return place_of(tuple(path.split("/")), query, NOW)


@pytest.mark.parametrize("address", PLACES)
def test_an_address_says_what_is_shown(address: str) -> None:
    assert place_at(address) == PLACES[address]


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("nothing", 404, "no such page"),
        ("target", 404, "no such page"),
        ("target/a/b", 404, "no such page"),
        ("..", 404, "no such page"),
        ("target/../../etc/passwd", 404, "no such page"),
        ("sample/", 404, "no such page"),
        ("sample/12.xml", 404, "no such page"),
        ("sample/12.", 404, "no such page"),
        ("sample/x", 400, "has to be a number"),
        ("sample/-1", 400, "has to be a number"),
        ("sample/\u0661", 400, "has to be a number"),
        (f"sample/{'9' * 16}", 400, "has to be a number"),
        ("target/crm?at=1e3", 400, "“at” has to be a number"),
        ("target/crm?range=2h", 400, "there are 1h, 24h, 7d, 30d, 1y"),
        ("target/crm?since=yesterday", 400, "“since” has to be a date"),
        ("target/crm?until=0000-00-00", 400, "“until” has to be a date"),
        ("target/crm?since=2026-11-21&until=2026-11-20", 400, "ends before it begins"),
        ("?" + "&".join(f"a{number}=1" for number in range(20)), 400, "too many"),
    ],
)
def test_an_address_that_means_nothing_says_why(address: str, status: int, words: str) -> None:
    with pytest.raises(NoSuchPlaceError) as caught:
        place_at(address)
    assert caught.value.status == status
    assert words in str(caught.value)


def test_a_date_before_all_dates_is_no_mistake_of_ours() -> None:
    with pytest.raises(NoSuchPlaceError):
        place_at("target/crm?until=0001-01-01T00:00")


def test_links_lead_where_they_say() -> None:
    links = Links("/T/")
    place = TargetPlace(key="crm", span=WEEK, at=12, beside=15, choosing=True)
    assert links.target(place) == "/T/target/crm?range=7d&at=12&with=15&choose="
    assert links.report("crm", WEEK) == "/T/target/crm/report.html?range=7d"
    assert links.overview(2, "a&b") == "/T/?find=a%26b&page=2"
    assert links.sample(7, "json") == "/T/sample/7.json"
    assert links.state(7, "crm") == "/T/state?after=7&target=crm"


@pytest.mark.parametrize("name", [HOSTILE, LONG, "", ".", "..", "a/b", "%2e", "~0123", "büro", "\ud800", "a b"])
def test_a_name_that_needs_encoding_is_never_in_an_address(name: str) -> None:
    key = key_of(name)
    assert key.startswith("~")
    assert len(key) == 17
    assert named_by(key, ["crm", name, "other"]) == name


def test_a_plain_name_is_its_own_address() -> None:
    assert key_of("crm.example.com") == "crm.example.com"
    assert named_by("crm", ["crm.example.com", "crm"]) == "crm"
    assert named_by("crm", ["mail"]) is None


def test_a_span_ends_now_and_begins_so_long_before() -> None:
    assert Span(word="1h").ends(NOW) == ("2026-11-23T11:00:00.000Z", "2026-11-23T12:00:01.000Z")
    given = Span(word=None, since="2026-11-20T00:00:00.000Z")
    assert given.ends(NOW) == ("2026-11-20T00:00:00.000Z", "2026-11-23T12:00:01.000Z")
