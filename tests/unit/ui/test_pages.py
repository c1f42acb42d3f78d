"""The pages made from real stores: what they say, what they lead to, and that nothing in a store is obeyed."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from agent.pages.page import Page, Request
from agent.store.schema import FILE
from agent.ui.app import App
from agent.ui.gate import Gate
from agent.ui.places import Links, key_of
from probes.clock import SystemClock
from tests.cases.judged import judged
from tests.unit.store.stores import opened, sample
from tests.unit.ui.live_stores import HOSTILE, LONG, NOW, SetClock, change, days, fill, sample_entry
from tests.unit.views import samples
from tests.unit.views.html_tree import tree_of

HEALTHY = (samples.HEALTHY, samples.FINE)


class Visitor:
    """Asks an app as a browser would."""

    def __init__(self, directory: Path) -> None:
        self.clock = SetClock(NOW, SystemClock())
        self.app = App(directory, Gate("T", "127.0.0.1", 80), Links("/T/"), self.clock, {"crm.example.com": 1800.0})

    def page(self, address: str) -> Page:
        path, _, query = address.removeprefix("/T/").partition("?")
        return self.app(Request(method="GET", path=f"/T/{path}", query=query, host="127.0.0.1"))

    def text(self, address: str) -> str:
        page = self.page(address)
        assert page.status == 200, page.body
        return page.body

    def said(self, address: str) -> str:
        """Return the words of a page."""
        return words_of(self.text(address))


def words_of(html: str) -> str:
    return tree_of(html).one("main").text


def links_in(html: str) -> list[str]:
    return [link["href"] for link in tree_of(html).all("a")]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("store")
    fill(directory, days())
    return directory


@pytest.fixture
def visitor(full: Path) -> Visitor:
    return Visitor(full)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    opened(tmp_path).close()
    return tmp_path


def test_the_worst_target_comes_first_with_its_verdict_in_a_sentence(visitor: Visitor) -> None:
    html = visitor.text("")
    assert tree_of(html).one("ul", "targets").children[1].one("h2").text == "intranet"  # type: ignore[union-attr]
    said = words_of(html)
    assert "4 targets 1 Critical 3 Healthy" in said
    assert "intranet Critical CP-05 The network is fine. The web address is wrong" in said
    assert re.search(r"crm\.example\.com Healthy No errors: .* Latency\d+\.\d ms Loss0% Measured2 min ago", said)
    assert "default route changed 192.0.2.1 -> 198.51.100.1" in said
    assert "The store has 208 samples since 2026-11-22 10:28:00 UTC" in said
    assert "Measurements stopped" not in said
    assert "No measurement for" not in said


def test_a_target_that_is_not_measured_any_more_says_since_when(visitor: Visitor) -> None:
    visitor.clock.now = NOW + timedelta(hours=3)
    said = visitor.said("")
    assert "No measurement for 3 h." in said
    assert "Measurements stopped 3 h ago." in visitor.said("target/crm.example.com")


def test_one_silent_target_among_others_is_named(fresh: Path) -> None:
    now = [sample_entry("mail", HEALTHY, NOW - timedelta(minutes=5 * ago + 1)) for ago in range(9, -1, -1)]
    then = [sample_entry("crm", HEALTHY, NOW - timedelta(minutes=5 * ago + 60)) for ago in range(9, -1, -1)]
    fill(fresh, [*then, *now])
    said = Visitor(fresh).said("")
    assert said.count("Measurements stopped 60 min ago") == 1
    assert "No measurement for" not in said


def test_a_target_shows_its_time_line_and_its_newest_sample(visitor: Visitor) -> None:
    html = visitor.text("target/crm.example.com")
    assert html.count('<article id="s1"') == 1
    assert html.count('class="timeline"') == 1
    assert "data-follows" in html
    said = words_of(html)
    assert "2026-11-23 11:58:00 UTC, 2 min ago" in said


def test_a_chosen_sample_stays_and_says_how_many_are_newer(visitor: Visitor) -> None:
    seqs = [
        int(seq)
        for seq in re.findall(r'href="/T/target/crm\.example\.com\?at=(\d+)"', visitor.text("target/crm.example.com"))
    ]
    chosen = sorted(set(seqs))[-4]
    html = visitor.text(f"target/crm.example.com?at={chosen}")
    assert "data-follows" not in html
    said = words_of(html)
    newer = int(re.search(r"(\d+) newer samples\. Show the newest", said)[1])  # type: ignore[index]
    state = json.loads(visitor.text(f"state?after={chosen}&target=crm.example.com"))
    assert state["newer"] == newer == 3 + (max(seqs) == chosen)


def test_the_steps_lead_to_neighbours_and_to_changes_of_status(visitor: Visitor) -> None:
    html = visitor.text("target/intranet")
    steps = re.findall(r'<a class="button" href="([^"]*)" data-swap>([^<]*)</a>', html)
    by_name = {name: address.replace("&amp;", "&") for address, name in steps}
    assert set(by_name) == {"← Previous change", "← Previous"}
    before = visitor.text(by_name["← Previous"])
    assert "Next →</a>" in before
    changed = words_of(visitor.text(by_name["← Previous change"]))
    assert "Healthy" in changed


def test_two_moments_are_shown_beside_each_other(visitor: Visitor) -> None:
    html = visitor.text("target/intranet?choose=")
    assert "Choose the other moment" in words_of(html)
    both = [link for link in links_in(html) if "with=" in link]
    said = visitor.said(both[0])
    assert "End the comparison" in said
    assert re.search(r"UTC beside 2026-11-23 \d\d:\d\d:\d\d UTC", said)


def test_a_time_without_samples_says_so_and_where_they_are(visitor: Visitor) -> None:
    visitor.clock.now = NOW + timedelta(days=3)
    html = visitor.text("target/crm.example.com?range=1h")
    assert "Nothing was measured in this time: the last 1 hour." in words_of(html)
    (instead,) = {link for link in links_in(html) if "since=2026-11-22" in link}
    assert 'class="timeline"' in visitor.text(instead.replace("&amp;", "&"))


@pytest.mark.parametrize(
    "query", ["since=0001-01-01&until=9999-12-31T23:59", "since=9999-12-31T23:59", "until=0001-01-01T00:01"]
)
def test_times_at_the_end_of_the_calendar_make_pages(visitor: Visitor, query: str) -> None:
    assert visitor.page(f"target/crm.example.com?{query}").status in {200, 400}
    assert visitor.page(f"changes?{query}").status in {200, 400}


def test_changes_are_listed_by_day_newest_first(visitor: Visitor) -> None:
    said = visitor.said("changes?range=7d")
    assert said.index("2026-11-23") < said.index("09:00:00") < said.index("03:42:00")
    visitor.clock.now = NOW + timedelta(days=2)
    assert "Nothing changed in this time." in visitor.said("changes")


def test_of_very_many_changes_the_newest_are_listed_and_it_says_so(fresh: Path) -> None:
    fill(fresh, [change(NOW - timedelta(seconds=300 - number)) for number in range(250)])
    html = Visitor(fresh).text("changes")
    assert html.count('<li class="change"') == 200
    assert "These are the newest 200." in words_of(html)
    assert "11:59:09" in words_of(html)
    assert Visitor(fresh).text("").count('<li class="change"') == 6


def test_a_sample_is_a_page_a_report_and_json(visitor: Visitor) -> None:
    alone = visitor.page("sample/1")
    assert '<article id="s1"' in alone.body
    data = visitor.page("sample/1.json")
    assert json.loads(data.body)["seq"] == 1
    assert ("Content-Disposition", 'attachment; filename="cloudpath-1.json"') in data.headers
    report = visitor.page("sample/1.html")
    assert report.body.startswith("<!DOCTYPE html>")
    assert ("Content-Disposition", 'attachment; filename="cloudpath-1.html"') in report.headers
    assert visitor.page("sample/999999").status == 404


def test_a_time_can_be_taken_away_as_one_file(visitor: Visitor) -> None:
    page = visitor.page("target/crm.example.com/report.html?range=24h")
    assert ("Content-Disposition", 'attachment; filename="cloudpath-crm.example.com.html"') in page.headers
    assert page.body.startswith("<!DOCTYPE html>")
    assert page.body.count("<article ") > 5
    assert visitor.page("target/nope/report.html").status == 404
    visitor.clock.now = NOW + timedelta(days=3)
    assert visitor.page("target/crm.example.com/report.html?range=1h").status == 404


def test_what_is_no_sample_is_not_shown_as_one(fresh: Path) -> None:
    fill(fresh, [change(NOW)])
    visitor = Visitor(fresh)
    assert visitor.page("sample/1").status == 404
    assert json.loads(visitor.page("sample/1.json").body)["schema"].startswith("cloudpath.change/")


@pytest.mark.parametrize(
    "address", ["target/nope", "target/crm.example.com?at=99999", "nothing", "sample/x", "target/~0000000000000000"]
)
def test_what_is_not_there_has_a_page_that_says_so(visitor: Visitor, address: str) -> None:
    page = visitor.page(address)
    assert page.status == (200 if "at=" in address else 400 if address == "sample/x" else 404)
    assert re.search("no sample of such|no such|There is no|has to be a number", words_of(page.body))
    assert "</html>" in page.body


def test_an_empty_store_says_what_to_do(fresh: Path) -> None:
    said = Visitor(fresh).said("")
    assert "No samples yet" in said
    assert "cloudpath run --once" in said
    assert "Nothing changed in this time." in Visitor(fresh).said("changes")


def test_a_store_that_goes_away_and_comes_back(fresh: Path) -> None:
    visitor = Visitor(fresh)
    assert visitor.page("").status == 200
    aside = fresh / "aside"
    (fresh / FILE).rename(aside)
    page = visitor.page("")
    assert page.status == 503
    assert "there is no store" in words_of(page.body)
    state = visitor.page("state?after=0")
    assert state.status == 503
    assert "there is no store" in json.loads(state.body)["problem"]
    aside.rename(fresh / FILE)
    assert visitor.page("").status == 200


def test_a_sample_of_another_version_is_named_and_can_be_taken_away(fresh: Path) -> None:
    fill(fresh, [sample(target="crm", at="2026-11-23T11:59:00.000Z")])
    visitor = Visitor(fresh)
    assert "crm Not readable" in visitor.said("")
    assert "This version cannot read the sample" in visitor.said("target/crm")
    assert visitor.page("sample/1").status == 500
    assert visitor.page("sample/1.html").status == 500
    assert visitor.page("sample/1.json").status == 200


def test_the_newest_number_is_told_until_there_is_a_newer_one(fresh: Path) -> None:
    visitor = Visitor(fresh)
    assert json.loads(visitor.text("state?after=0")) == {"newest": 0, "newer": 0}
    fill(fresh, [sample_entry("crm", HEALTHY, NOW), sample_entry("mail", HEALTHY, NOW), change(NOW)])
    assert json.loads(visitor.text("state?after=0")) == {"newest": 3, "newer": 2}
    assert json.loads(visitor.text("state?after=1&target=crm")) == {"newest": 3, "newer": 0}
    assert json.loads(visitor.text("state?after=0&target=mail")) == {"newest": 3, "newer": 1}
    assert json.loads(visitor.text("state?after=3")) == {"newest": 3, "newer": 0}
    # Another log, in the place of a longer one.
    assert json.loads(visitor.text("state?after=900")) == {"newest": 3, "newer": 2}


@pytest.mark.parametrize("name", [HOSTILE, LONG, "\u202e\u2066", "'\"<b>&amp;", "{{ 7*7 }}", "\ud800x"])
def test_hostile_names_are_shown_and_lead_somewhere_but_do_nothing(fresh: Path, name: str) -> None:
    fill(fresh, [sample_entry(name.encode("utf-8", "replace").decode(), judged("CP-05"), NOW - timedelta(minutes=1))])
    visitor = Visitor(fresh)
    key = key_of(name.encode("utf-8", "replace").decode())
    for address in ("", f"target/{key}", "changes", "sample/1", "?find=%3Cscript%3E"):
        html = visitor.text(address)
        assert html.isprintable() or all(character.isprintable() or character == "\n" for character in html)
        elements = list(tree_of(html).all())
        assert sum(element.tag == "script" for element in elements) == 1
        assert not [name for each in elements for name in each.attributes if name.startswith("on") or name == "style"]
        assert all(element["href"].startswith(("/T/", "#")) for element in elements if element.tag == "a")
    assert f"/T/target/{key}" in links_in(visitor.text(""))


def test_many_targets_are_pages_and_can_be_searched(fresh: Path) -> None:
    fill(fresh, [sample_entry(f"t{number:03}", HEALTHY, NOW) for number in range(45)])
    visitor = Visitor(fresh)
    first = visitor.text("")
    assert first.count('<li class="target') == 40
    assert "Page 1 of 2" in words_of(first)
    assert visitor.text("?page=2").count('<li class="target') == 5
    assert visitor.text("?page=99").count('<li class="target') == 5
    assert visitor.text("?find=T04").count('<li class="target') == 5
    assert "No target has “<b>” in its name." in visitor.said("?find=%3Cb%3E")


def test_every_link_leads_to_a_page(visitor: Visitor) -> None:
    seen: set[str] = set()
    waiting = [""]
    while waiting and len(seen) < 60:
        address = waiting.pop(0)
        seen.add(address)
        page = visitor.page(address)
        assert page.status == 200, address
        if page.media_type.startswith("text/html") and not address.endswith(".html"):
            found = {link.removeprefix("/T/") for link in links_in(page.body) if link.startswith("/T/")}
            # Of moments on a time line, a few.
            fewer = sorted(found)[:: max(1, len(found) // 12)]
            waiting += [link for link in fewer if link not in seen and link not in waiting]
    assert len(seen) == 60


def test_pages_are_allowed_their_own_style_and_script_only(visitor: Visitor) -> None:
    headers = dict(visitor.page("").headers)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    for address in ("sample/1.json", "sample/1.html", "state?after=0"):
        assert "default-src 'none'" in dict(visitor.page(address).headers)["Content-Security-Policy"]
