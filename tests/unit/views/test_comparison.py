"""Two moments side by side: the same router in one row, no change without a sign of it, and a sentence that says so."""

from dataclasses import replace

import pytest

from agent.comparison import Change, aligned, compared
from agent.record import Record, record_of
from agent.views.hop_html.comparison import changed_words, comparison_html
from probes.facts import Hop, Leg
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from tests.unit.views import far_samples as far
from tests.unit.views import samples
from tests.unit.views.html_tree import Element, tree_of

LATER = "2026-01-05T09:00:00.000Z"
OTHER = samples.router(3, "198.51.100.200", "xe-0.core9.lon.isp.example.net", 30_100, 30_200, 30_050)


def leg(*hops: Hop, **changes: object) -> Leg:
    return replace(samples.LEG, hops=hops, **changes)  # type: ignore[arg-type]


def before(sample: Sample = samples.HEALTHY, diagnosis: Diagnosis = samples.FINE) -> Record:
    return record_of(sample, diagnosis, samples.HEADER)


def after(*legs: Leg, sample: Sample = samples.HEALTHY, diagnosis: Diagnosis = samples.FINE) -> Record:
    changed = replace(sample, started_at=LATER, legs=legs or sample.legs)
    return record_of(changed, diagnosis, replace(samples.HEADER, seq=samples.HEADER.seq + 1, id="later"))


def changes(old: tuple[Hop, ...], new: tuple[Hop, ...]) -> list[tuple[int | None, int | None, Change]]:
    return [
        (
            pair.before.probe_ttl if pair.before else None,
            pair.after.probe_ttl if pair.after else None,
            pair.change,
        )
        for pair in aligned(old, new)
    ]


# --- which hop is which -----------------------------------------------------------------------------------------------

HOPS = samples.LEG.hops


def test_the_same_path_is_the_same_in_every_row() -> None:
    assert changes(HOPS, HOPS) == [(ttl, ttl, Change.SAME) for ttl in range(1, 6)]


def test_one_more_router_moves_the_rest_and_replaces_nobody() -> None:
    further = tuple(replace(hop, probe_ttl=hop.probe_ttl + 1) for hop in HOPS[2:])
    assert changes(HOPS, (*HOPS[:2], OTHER, *further)) == [
        (1, 1, Change.SAME),
        (2, 2, Change.SAME),
        (None, 3, Change.APPEARED),
        (3, 4, Change.MOVED),
        (4, 5, Change.MOVED),
        (5, 6, Change.MOVED),
    ]


def test_another_router_at_the_same_distance_stands_beside_the_one_it_replaced() -> None:
    assert changes(HOPS, (*HOPS[:2], OTHER, *HOPS[3:]))[2] == (3, 3, Change.REPLACED)


def test_silence_is_no_other_router() -> None:
    silent = (*HOPS[:2], samples.nobody(3), *HOPS[3:])
    assert changes(HOPS, silent)[2] == (3, 3, Change.SILENT)
    assert changes(silent, HOPS)[2] == (3, 3, Change.ANSWERS)
    assert changes(silent, silent)[2] == (3, 3, Change.SAME)
    (pair,) = compared(before(), after(leg(*silent))).legs
    assert (pair.same_way, pair.kept_ttl) == (True, None)


def test_what_only_one_of_two_traces_reached_is_marked() -> None:
    assert changes(HOPS, HOPS[:3])[3:] == [(4, None, Change.GONE), (5, None, Change.GONE)]
    assert changes((), HOPS[:1]) == [(None, 1, Change.APPEARED)]
    assert changes((), ()) == []


def test_one_of_several_addresses_is_enough() -> None:
    (balanced,) = samples.BALANCED.legs
    several = next(hop for hop in balanced.hops if len(hop.responders) > 1)
    assert changes((several,), (replace(several, responders=several.responders[1:]),)) == [
        (several.probe_ttl, several.probe_ttl, Change.SAME)
    ]


def test_no_hop_is_lost_and_none_is_twice() -> None:
    old, new = far.TUNNELLED.legs[1].hops, HOPS
    pairs = aligned(old, new)
    assert tuple(pair.before for pair in pairs if pair.before) == old
    assert tuple(pair.after for pair in pairs if pair.after) == new


# --- what is said of it -----------------------------------------------------------------------------------------------


def slower(by_us: int) -> Leg:
    series = samples.SERIES.rtt_us
    assert series
    moved = replace(series, min=series.min + by_us, avg=series.avg + by_us, max=series.max + by_us)
    return leg(*HOPS, end_to_end=replace(samples.SERIES, rtt_us=moved))


def test_nothing_is_made_of_no_change() -> None:
    assert changed_words(before(), after()) == "The path is the same; 12.3 ms both times."


def test_the_sentence_says_where_the_path_changed_which_error_went_and_what_got_slower() -> None:
    moved = replace(slower(36_600), hops=(*HOPS[:2], OTHER, *HOPS[3:]))
    assert changed_words(before(diagnosis=samples.BROKEN), after(moved)) == (
        "The path changed behind hop 2; CP-02 is gone; 12.3 \u2192 48.9 ms."
    )
    assert changed_words(before(), after(diagnosis=samples.BROKEN)) == (
        "The path is the same; CP-02 is new; 12.3 ms both times."
    )
    assert "CP-02 stays" in changed_words(before(diagnosis=samples.BROKEN), after(diagnosis=samples.BROKEN))


def test_a_path_that_leads_elsewhere_at_once_changed_from_the_first_hop_on() -> None:
    other = replace(OTHER, probe_ttl=1)
    assert changed_words(before(), after(leg(other, *HOPS[1:]))).startswith("The path changed from the first hop on;")


def test_of_several_legs_those_are_named_that_changed() -> None:
    words = changed_words(before(far.TUNNELLED, far.TUNNELLED_DIAGNOSIS), after(sample=far.THROUGH_EDGE))
    assert words == (
        "The path from this machine to the Internet egress changed behind hop 1; CP-07 and CP-20 are gone; "
        "13.3 ms both times."
    )


def test_of_a_discarded_sample_nothing_is_compared() -> None:
    discarded = after(sample=samples.CHANGED, diagnosis=samples.DISCARDED)
    assert compared(before(), discarded).legs == ()
    assert "its path tells nothing" in changed_words(before(), discarded)


def test_loss_is_told_where_it_is_another() -> None:
    lossy = leg(*HOPS, loss_ratio=0.1, end_to_end=replace(samples.SERIES, received=9, loss_ratio=0.1))
    assert "loss 0% \u2192 10%" in changed_words(before(), after(lossy))
    assert "loss" not in changed_words(before(), after())


@pytest.mark.parametrize(
    ("by_us", "shift_us"), [(0, None), (500, None), (1_200, None), (5_000, 5_000), (-5_000, -5_000)]
)
def test_a_difference_is_told_where_chance_does_not_make_it(by_us: int, shift_us: int | None) -> None:
    (pair,) = compared(before(), after(slower(by_us))).legs
    assert pair.shift_us == shift_us


def test_a_wide_spread_hides_a_difference() -> None:
    series = samples.SERIES.rtt_us
    assert series
    wide = leg(*HOPS, end_to_end=replace(samples.SERIES, rtt_us=replace(series, avg=40_000, max=90_000)))
    (pair,) = compared(before(), after(wide)).legs
    assert pair.shift_us is None


# --- the page ---------------------------------------------------------------------------------------------------------


def rows(root: Element) -> list[list[str]]:
    return [[cell.text for cell in row.all("td")] for row in root.one("tbody").all("tr")]


def test_the_earlier_moment_stands_first_whichever_is_given_first() -> None:
    assert comparison_html(before(), after(), "c") == comparison_html(after(), before(), "c")
    sides = list(tree_of(comparison_html(after(), before(), "c")).all("section", "side"))
    assert [side["aria-label"] for side in sides] == ["Before", "After"]
    assert "08:00:00" in sides[0].text


def test_each_row_has_both_moments_and_the_difference() -> None:
    root = tree_of(comparison_html(before(), after(leg(*HOPS[:2], OTHER, *HOPS[3:4])), "c"))
    assert [row[2] for row in rows(root)] == ["same", "same", "another router", "same", "only before"]
    assert "198.51.100.77" in rows(root)[2][0]
    assert "198.51.100.200" in rows(root)[2][1]
    assert rows(root)[4][1] == "not there"


def test_an_error_opens_all_that_is_known_of_it() -> None:
    root = tree_of(comparison_html(before(diagnosis=samples.BROKEN), after(), "c"))
    (button,) = root.one("ul", "codes").all("button")
    assert button.text.endswith("gone")
    assert samples.BROKEN.errors[0].solution in root.one(id=button["popovertarget"]).text


def test_a_name_from_outside_is_only_text() -> None:
    harmful = replace(HOPS[1], responders=tuple(replace(each, name="<b>\u202e") for each in HOPS[1].responders))
    html = comparison_html(before(), after(leg(HOPS[0], harmful, *HOPS[2:])), "c")
    assert "<b>" not in html
    assert "\u202e" not in html
    assert "&lt;b&gt;" in html
