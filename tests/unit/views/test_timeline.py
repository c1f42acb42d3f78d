"""The picture over time: what is drawn is what was measured, all of it can be read, and no link leads to nothing."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from agent.record import record_of
from agent.timeline import Moment, Timeline
from agent.views.hop_html.page import hop_page
from agent.views.hop_html.time_axes import latency_scale, span_of, stretch_words, time_ticks
from agent.views.hop_html.time_shapes import cells_of, levels_of, line_path, path_changes
from agent.views.hop_html.timeline import timeline_html
from agent.views.verdict import STATUS_WORDS
from probes.frozen import replace
from rules.diagnosis import Status
from tests.unit.views import samples
from tests.unit.views.html_tree import Element, tree_of
from tests.unit.views.time_samples import START, happening, instant, moment, moments, picture_of


def nowhere(_: Moment) -> None:
    return None


def to_its_number(of: Moment) -> str:
    return f"#s{of.seq}"


def tree(timeline: Timeline) -> Element:
    return tree_of(timeline_html(timeline, "t1", to_its_number))


def rows_of(root: Element) -> list[list[str]]:
    return [[cell.text for cell in line.children if isinstance(cell, Element)] for line in root.one("tbody").all("tr")]


def figures_of(root: Element) -> dict[str, str]:
    return {pair.one("dt").text: pair.one("dd").text for pair in root.one("dl", "t-figures").all("div")}


# --- what is drawn ----------------------------------------------------------------------------------------------------


def strokes(path: str) -> list[int]:
    """Return how many points each stroke of an outline has."""
    return [len(re.findall(r"[\d.]+ [\d.]+", stroke)) for stroke in path.split("M")[1:]]


def line_of(timeline: Timeline) -> str:
    scale = latency_scale(bucket.high_us for bucket in timeline.buckets if bucket.high_us is not None)
    return line_path(cells_of(timeline), span_of(timeline.since, timeline.until), scale)


def test_a_line_joins_what_was_measured() -> None:
    assert strokes(line_of(picture_of(*moments(50)))) == [50]


def test_no_line_crosses_what_was_not_measured() -> None:
    assert strokes(line_of(picture_of(*moments(50, missing=range(20, 25))))) == [20, 25]


def test_no_line_crosses_a_sample_that_nobody_answered() -> None:
    dead = moment(20, latency_us=None, loss_ratio=1.0, status="critical")
    assert strokes(line_of(picture_of(*moments(20), dead, *(moment(n) for n in range(21, 30))))) == [20, 9]


def test_no_line_crosses_a_stretch_without_samples() -> None:
    timeline = picture_of(*moments(3000, missing=range(1000, 1100)), most=200)
    assert timeline.bucket_s
    before, after = strokes(line_of(timeline))
    assert before + after == len(timeline.buckets)


def test_what_stands_alone_is_drawn_all_the_same() -> None:
    timeline = picture_of(*moments(10), moment(50), moment(100))
    assert strokes(line_of(timeline))[0] == 10
    # Two ends each: a short line as long as a sample stands for.
    assert strokes(line_of(timeline))[1:] == [2, 2]


def test_a_single_sample_is_a_picture() -> None:
    root = tree(picture_of(moment(0)))
    assert len(rows_of(root)) == 1
    assert root.one("path", "t-dots")["d"].count("h0") == 1


def test_one_slow_sample_among_a_thousand_hides_nothing_and_is_not_hidden() -> None:
    timeline = picture_of(*moments(1000), moment(1000, latency_us=2_100_000))
    scale = latency_scale(bucket.high_us for bucket in timeline.buckets if bucket.high_us)
    assert scale.top < 50_000
    root = tree_of(timeline_html(timeline, "t1", to_its_number))
    (drawn, _) = root.all("path", "t-beyond")  # and its sample in the key
    assert drawn["d"].count("h0") == 1
    assert "above the scale, up to 2100 ms" in root.one("ul", "t-key").text
    assert figures_of(root)["highest latency"] == "2100 ms"


@pytest.mark.parametrize("highs", [[], [0], [1], [41], [999_999], [12_000] * 99 + [13_000], [5, 5_000_000_000]])
def test_a_scale_begins_at_nothing_and_holds_what_is_usual(highs: list[int]) -> None:
    scale = latency_scale(highs)
    assert scale.y(0) == 100
    assert scale.ticks[0].label == "0"
    usual = sorted(highs)[: len(highs) * 97 // 100]
    assert all(us <= scale.top for us in usual)


@pytest.mark.parametrize("status", STATUS_WORDS)
def test_each_verdict_is_drawn_and_named_in_the_key(status: Status) -> None:
    root = tree(picture_of(*moments(5), moment(5, status=status.value)))
    (strip,) = (svg for svg in root.all("svg", "strip-of") if "t-plot" in svg.classes)
    assert f"t-{status.value}" in [shares["class"] for shares in strip.all("path")]
    assert STATUS_WORDS[status] in root.one("ul", "t-key").text


def test_one_bad_sample_among_many_is_seen_and_is_not_taken_for_all_of_them() -> None:
    timeline = picture_of(
        *moments(2000), moment(2000, status="warning"), *(moment(n) for n in range(2001, 3000)), most=50
    )
    (mixed,) = (bucket for bucket in timeline.buckets if len(bucket.counts) > 1)
    low, high = levels_of(mixed.counts)["warning"]
    assert (high, low) == (100, 92)
    assert levels_of(mixed.counts)["ok"] == (0, 92)
    row = rows_of(tree(timeline))[timeline.buckets.index(mixed)]
    assert row[1] == f"{mixed.samples - 1} healthy, 1 warning"
    assert [each[1] for each in rows_of(tree(timeline))].count("Healthy") == len(timeline.buckets) - 1


@pytest.mark.parametrize(
    "counts", [(1, 1, 1, 1, 1), (1000, 1, 1, 1, 1), (0, 144, 0, 1, 0), (0, 0, 0, 0, 3), (1, 2, 0, 0, 9)]
)
def test_statuses_stand_on_one_another_and_none_is_hidden(counts: tuple[int, ...]) -> None:
    words = ("discarded", "ok", "warning", "failed", "critical")
    levels = levels_of((word, count) for word, count in zip(words, counts, strict=True) if count)
    ends = [end for each in levels.values() for end in each]
    assert (ends[0], ends[-1]) == (0, 100)
    assert ends[1:-1:2] == ends[2:-1:2]
    assert all(high - low >= 8 - 0.1 for low, high in levels.values())
    assert list(levels) == [word for word in ("ok", "discarded", "failed", "warning", "critical") if word in levels]


def test_a_change_of_the_way_is_marked_where_it_was() -> None:
    other = (moment(number, path="other") for number in range(10, 20))
    changed = path_changes(cells_of(picture_of(*moments(10), *other)))
    assert [cell.bucket.shown.seq for cell in changed] == [11]


def test_silence_is_no_change_of_the_way() -> None:
    timeline = picture_of(*moments(10), moment(10, path=None), *(moment(n) for n in range(11, 20)))
    assert path_changes(cells_of(timeline)) == ()


def test_a_change_within_a_stretch_is_marked_once() -> None:
    other = (moment(number, path="other") for number in range(1005, 2000))
    timeline = picture_of(*moments(1005), *other, most=100)
    assert len(path_changes(cells_of(timeline))) == 1


# --- the axis of time -------------------------------------------------------------------------------------------------

LENGTHS = (1, 30, 90, 600, 3600, 5 * 3600, 86_400, 3 * 86_400, 40 * 86_400, 366 * 86_400, 20 * 366 * 86_400)


@pytest.mark.parametrize("length_s", LENGTHS)
def test_ticks_are_few_in_order_and_named_differently(length_s: int) -> None:
    start = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
    ticks = time_ticks(span_of(instant(start), instant(start + timedelta(seconds=length_s))))
    assert 1 <= len(ticks) <= 14
    assert [tick.at for tick in ticks] == sorted({tick.at for tick in ticks})
    assert all(0 <= tick.at <= 100 for tick in ticks)
    # A telephone has room for five; a time of day alone would not say of which day it is.
    least = [tick.label for tick in ticks if tick.level == 0]
    assert 1 <= len(least) == len(set(least)) <= 5


def test_a_day_is_named_where_it_begins() -> None:
    ticks = time_ticks(span_of("2026-11-22T11:00:00.000Z", "2026-11-23T11:00:00.000Z"))
    assert [tick.label for tick in ticks][:6] == ["12:00", "14:00", "16:00", "18:00", "20:00", "22:00"]
    assert "23 Nov" in [tick.label for tick in ticks]


def test_clocks_that_were_set_to_anything_are_no_mistake() -> None:
    wild = [moment(0, at="0001-01-01T00:00:00.000Z"), moment(1), moment(2, at="9999-12-31T23:59:59.999Z")]
    root = tree(picture_of(*wild))
    assert len(rows_of(root)) == 3


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (300, "5 min"), (43_800, "12 h 10 min"), (86_400, "1 day"), (1_209_600, "14 days")],
)
def test_a_stretch_in_words(seconds: int, said: str) -> None:
    assert stretch_words(seconds) == said


# --- what is said -----------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_samples() -> None:
    times = [10_000 + 100 * number for number in range(200)]
    timeline = picture_of(
        *(moment(number, latency_us=us) for number, us in enumerate(times)),
        moment(200, status="critical", latency_us=None, loss_ratio=1.0, codes=("CP-05",)),
    )
    assert figures_of(tree(timeline)) == {
        "of samples healthy": "99.5%",
        "median latency": "19.9 ms",
        "not exceeded by 95 in 100": "28.9 ms",
        "highest latency": "29.9 ms",
        "highest loss of a sample": "100%",
    }


def test_a_share_is_never_rounded_up_to_all() -> None:
    timeline = replace(picture_of(*moments(2)), samples=1_000_000, fine=999_999)
    assert figures_of(tree(timeline))["of samples healthy"] == "99.99%"


def test_every_stretch_is_a_row_that_says_the_same() -> None:
    timeline = picture_of(*moments(3000), most=100)
    rows = rows_of(tree(timeline))
    assert len(rows) == len(timeline.buckets)
    assert sum(int(row[-1].replace(",", "")) for row in rows) == 3000


def test_nothing_measured_is_said_and_is_no_zero() -> None:
    root = tree(picture_of(*(moment(n, latency_us=None, loss_ratio=None, status="failed") for n in range(3))))
    assert figures_of(root)["latency"] == "not measured"
    assert [row[1:5] for row in rows_of(root)] == [["Not measured", "", "", ""]] * 3


def test_an_empty_time_says_so() -> None:
    timeline = Timeline(
        target="crm",
        since=instant(START),
        until=instant(START + timedelta(days=1)),
        bucket_s=0,
        samples=0,
        buckets=(),
        happenings=(),
    )
    root = tree(timeline)
    assert "no sample" in root.one("p", "t-empty").text
    assert list(root.all("svg")) == []


def test_what_happened_is_marked_and_told() -> None:
    timeline = picture_of(
        *moments(50), happenings=(happening(10), happening(20, kind="gap", title="40 entries lost", text="Disk full."))
    )
    root = tree(timeline)
    marks = list(root.one("svg", "t-marks").all("a"))
    told = list(root.one("details", "t-happenings").all("li"))
    assert [mark["href"] for mark in marks] == [f"#{item['id']}" for item in told]
    assert told[1].one("b").text == "Lost samples: 40 entries lost"
    assert told[1].one("span").text == "Disk full."


def test_what_was_left_out_is_counted() -> None:
    timeline = replace(picture_of(*moments(5), happenings=(happening(1),)), left_out=1234)
    assert "1,234 more" in tree(timeline).one("details", "t-happenings").text


# --- links ------------------------------------------------------------------------------------------------------------


def test_each_moment_leads_where_the_page_says() -> None:
    root = tree(picture_of(*moments(30)))
    drawn = [link["href"] for link in root.one("svg", "t-links").all("a")]
    assert drawn == [link["href"] for link in root.one("tbody").all("a")] == [f"#s{n}" for n in range(1, 31)]


def test_what_is_not_there_has_no_link_and_is_counted() -> None:
    timeline = picture_of(*moments(30))
    root = tree_of(timeline_html(timeline, "t1", lambda of: f"#s{of.seq}" if of.seq % 10 == 0 else None))
    assert [link["href"] for link in root.one("tbody").all("a")] == ["#s10", "#s20", "#s30"]
    assert root.one("p", "t-missing").text.startswith("3 of 30 can be opened here")


def test_a_picture_without_any_link_is_whole() -> None:
    root = tree_of(timeline_html(picture_of(*moments(30)), "t1", nowhere))
    assert list(root.one("tbody").all("a")) == []
    assert len(rows_of(root)) == 30


def test_the_chosen_moment_is_found_by_its_time_within_a_stretch() -> None:
    timeline = picture_of(*moments(3000), most=100)
    within = moment(1234)
    root = tree_of(timeline_html(timeline, "t1", to_its_number, chosen=within.at, compared=moment(0).at))
    place = int(root.one("section", "timeline")["data-chosen"])
    assert timeline.buckets[place].since <= within.at < timeline.buckets[place].until
    assert root.one("section", "timeline")["data-compared"] == "0"
    assert [line["class"] for line in root.one("svg", "t-links").all("line")] == ["t-chosen", "t-compared"]


def test_a_moment_outside_is_not_marked() -> None:
    root = tree_of(timeline_html(picture_of(*moments(9)), "t1", to_its_number, chosen=moment(900).at))
    assert "data-chosen" not in root.one("section", "timeline").attributes


# --- nothing from outside acts, nothing is large ----------------------------------------------------------------------


@pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "\u202emoc\x1b[31m", "{{ 7 * 7 }}", "a" * 10_000])
def test_texts_from_outside_are_text(text: str) -> None:
    def page(said: str) -> str:
        wild = moment(5, codes=(said,), status="warning")
        timeline = picture_of(*moments(5), wild, happenings=(happening(1, title=said, text=said),))
        return timeline_html(replace(timeline, target=said), "t1", to_its_number)

    assert [each.tag for each in tree_of(page(text)).all()] == [each.tag for each in tree_of(page("fine")).all()]
    assert text not in page(text) or text.isalnum() or "{{" in text
    assert all(character.isprintable() or character == "\n" for character in page(text))


def test_a_full_picture_is_small_enough_for_a_file() -> None:
    timeline = picture_of(*moments(100_000), most=400)
    assert len(timeline.buckets) > 200
    assert len(timeline_html(timeline, "t1", nowhere).encode()) < 110_000


def test_a_report_of_two_dozen_samples_of_twelve_hops_goes_by_mail() -> None:
    name = "ae-1.r20.frankfurt-am-main.backbone.isp.example.net"
    hops = tuple(
        samples.router(ttl, f"198.51.100.{ttl}", name, 8000, 8137, 8274, sent=3, received=3) for ttl in range(1, 13)
    )
    timeline = picture_of(*moments(100_000), most=400)
    shown = [bucket.shown for bucket in timeline.buckets[-24:]]
    records = [
        replace(
            record_of(replace(samples.HEALTHY, legs=(replace(samples.LEG, hops=hops),)), samples.FINE, samples.HEADER),
            seq=each.seq,
            started_at=each.at,
        )
        for each in shown
    ]
    page = hop_page(records, [replace(timeline, target=samples.HEALTHY.target.name)])
    assert page.count("<article ") == 24 + 23
    assert len(page.encode()) < 1 << 20
