"""The Hop View: each error hangs where it belongs, nothing from outside acts, and the page needs nothing else."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

import pytest

from agent.record import AgentIdentity, document_of, record_of
from agent.record_reader import read_records
from agent.views.command_line import command_line_view
from agent.views.escape import escape_text
from agent.views.hop_html.page import hop_page
from agent.views.style import UNICODE, Style
from probes.facts import Node
from probes.sample import Sample
from rules.diagnosis import Diagnosis, FiredError, Severity, Status
from rules.shipped import shipped_rules
from tests.cases.judged import judged
from tests.unit.views import far_samples as far
from tests.unit.views import samples
from tests.unit.views.html_tree import Element, tree_of
from tests.unit.views.situations import SITUATIONS, long_sample

MOST_BYTES = 300_000


def page_of(sample: Sample, diagnosis: Diagnosis) -> str:
    return hop_page([record_of(sample, diagnosis, samples.HEADER)])


@cache
def tree_of_code(code: str) -> Element:
    return tree(*judged(code))


def tree(sample: Sample, diagnosis: Diagnosis) -> Element:
    return tree_of(page_of(sample, diagnosis))


def flags_at(place: Element, code: str) -> list[Element]:
    return [flag for flag in place.all("button", "flag") if f"{code}:" in flag["aria-label"]]


# --- every error in its place -----------------------------------------------------------------------------------------


def test_there_are_thirty_one_codes() -> None:
    assert len(shipped_rules().catalogue) == 31


@pytest.mark.parametrize("code", shipped_rules().catalogue)
def test_the_icon_of_each_error_hangs_at_its_place_and_opens_all_of_it(code: str) -> None:
    _, diagnosis = judged(code)
    root = tree_of_code(code)
    error = next(each for each in diagnosis.errors if each.code == code)
    place = root.one("li", "station", data_node=error.anchor.node.value)
    (flag,) = flags_at(place, code)
    assert error.severity.value in flag.classes
    elsewhere = [each for each in root.all("li", "station") if each is not place and flags_at(each, code)]
    assert elsewhere == []
    assert_tells_all(root.one(id=flag["popovertarget"]), error, diagnosis)


def in_page(text: str) -> str:
    return " ".join(escape_text(text).split())


def assert_tells_all(details: Element, error: FiredError, diagnosis: Diagnosis) -> None:
    assert "popover" in details.attributes
    told = details.text
    for text in (error.code, error.message, error.description, error.solution, error.explanation):
        assert in_page(text) in told
    assert error.evidence
    for evidence in error.evidence:
        assert in_page(evidence.statement) in told
        assert all(fact in told for fact in evidence.facts)
    for rejected in diagnosis.rejected:
        assert f"{rejected.code} {rejected.because}" in told


@pytest.mark.parametrize("code", shipped_rules().catalogue)
def test_an_error_of_a_hop_hangs_below_that_hop_as_well(code: str) -> None:
    sample, diagnosis = judged(code)
    root = tree_of_code(code)
    error = next(each for each in diagnosis.errors if each.code == code)
    at = error.anchor
    hanging = [
        (int(lane["id"].rpartition("-")[2]) - 1, int(hop["data-ttl"]))
        for lane in root.all("section", "lane")
        for hop in lane.all("li", "hop")
        if flags_at(hop, code)
    ]
    if at.leg is not None and any(hop.probe_ttl == at.ttl for hop in sample.legs[at.leg].hops):
        assert hanging == [(at.leg, at.ttl)]
    else:
        assert len(hanging) <= 1


def test_some_error_hangs_at_a_hop() -> None:
    assert any(error.anchor.ttl for code in shipped_rules().catalogue for error in judged(code)[1].errors)


def test_the_gravest_error_stands_first() -> None:
    root = tree(far.DATA_CENTER, far.DATA_CENTER_DIAGNOSIS)
    listed = [item["class"] for item in root.one("ul", "findings").children if isinstance(item, Element)]
    assert listed == ["critical", "info", "info"]


def test_a_healthy_sample_has_no_icon_of_an_error() -> None:
    root = tree(samples.HEALTHY, samples.FINE)
    assert list(root.all("button", "flag")) == []
    assert list(root.all("ul", "findings")) == []


@pytest.mark.parametrize(
    ("name", "said"), [("healthy", "Healthy"), ("signs", "Worth a look"), ("discarded", "Discarded")]
)
def test_what_is_no_error_and_not_well_either_is_not_called_healthy(name: str, said: str) -> None:
    assert tree(*SITUATIONS[name]).one("p", "status").text == said


# --- the way, the legs, the hops --------------------------------------------------------------------------------------


def stations(root: Element) -> list[str]:
    return [place["data-node"] for place in root.all("li", "station")]


def test_the_way_runs_through_the_places_of_its_topology() -> None:
    assert stations(tree(far.THROUGH_EDGE, samples.FINE)) == [
        "client",
        "gateway",
        "egress",
        "service_edge",
        "destination",
    ]
    assert stations(tree(far.DATA_CENTER, far.DATA_CENTER_DIAGNOSIS)) == [
        "client",
        "gateway",
        "external_proxy",
        "data_center_egress",
        "destination",
    ]


def test_each_leg_is_a_band_with_its_direction_and_who_measured_it() -> None:
    root = tree(far.TUNNELLED, far.TUNNELLED_DIAGNOSIS)
    tunnel, *legs = root.one("ul", "bands").all("li", "band")
    assert "tunnel" in tunnel.classes
    assert "A GRE tunnel" in tunnel.text
    assert len(legs) == len(far.TUNNELLED.legs)
    back = [leg for leg in legs if "backwards" in leg.classes]
    assert [leg.one("a").text for leg in back] == ["service edge to egress"]
    assert "measured by the service edge" in back[0].text


def test_what_nobody_can_know_is_dotted_and_says_why() -> None:
    root = tree(far.DATA_CENTER, far.DATA_CENTER_DIAGNOSIS)
    unknown = [leg for leg in far.DATA_CENTER.legs if leg.reached is None]
    dotted = [band for band in root.all("li", "band") if "dotted" in band.classes]
    assert len(dotted) == len(unknown) > 0
    for band, leg in zip(dotted, unknown, strict=True):
        assert leg.reason
        assert leg.reason in band.text


def test_every_hop_is_a_bead_with_details() -> None:
    root = tree(samples.TELLING, samples.FINE)
    (leg,) = samples.TELLING.legs
    beads = list(root.all("button", "bead"))
    assert [int(bead.text) for bead in beads] == [hop.probe_ttl for hop in leg.hops]
    for bead, hop in zip(beads, leg.hops, strict=True):
        details = root.one(id=bead["popovertarget"])
        assert f"{hop.received} of {hop.sent} probe" in details.text
        for responder in hop.responders:
            assert responder.address in details.text
            assert all(str(label.label) in details.text for label in responder.mpls)


def test_delays_are_drawn_from_the_answers() -> None:
    root = tree(samples.HEALTHY, samples.FINE)
    hop = samples.HEALTHY.legs[0].hops[0]
    drawing = root.one(id="s1-leg-1-hop-1").one("svg", "plot")
    answers = hop.responders[0].rtt_us
    assert sum(path["d"].count("h0") for path in drawing.all("path", "dots")) == len(answers)
    assert drawing["aria-label"].startswith(f"{len(answers)} round trips: ")


def test_a_discarded_sample_shows_no_path() -> None:
    root = tree(samples.CHANGED, samples.DISCARDED)
    assert list(root.all("button", "bead")) == []
    assert {tuple(band.classes[1:2]) for band in root.all("li", "band")} == {("dotted",)}


@pytest.mark.parametrize("name", SITUATIONS)
def test_its_text_is_that_of_a_terminal_without_limits(name: str) -> None:
    assert text_in(tree(*SITUATIONS[name]).one("pre")) == in_terminal(*SITUATIONS[name])


def in_terminal(sample: Sample, diagnosis: Diagnosis) -> str:
    """Return what a terminal with colours and without a limit of width shows, its colours left out."""
    return re.sub(r"\x1b\[[0-9;]*m", "", command_line_view(sample, diagnosis, Style(colour=True), explain=True))


def text_in(element: Element) -> str:
    return "".join(text_in(child) if isinstance(child, Element) else child for child in element.children)


@pytest.mark.parametrize("code", shipped_rules().catalogue)
def test_each_icon_in_the_command_line_view_opens_its_error(code: str) -> None:
    _, diagnosis = judged(code)
    screen = tree_of_code(code).one("pre")
    error = next(each for each in diagnosis.errors if each.code == code)
    openers = [opener for opener in screen.all("button", "opens") if f"{code}:" in opener["aria-label"]]
    # At its headline, and at its place: in a row of the table or on the way.
    assert len(openers) >= (1 if diagnosis.status is Status.DISCARDED else 2)
    for opener in openers:
        assert error.severity.value in opener.classes
        assert_tells_all(tree_of_code(code).one(id=opener["popovertarget"]), error, diagnosis)


@pytest.mark.parametrize("code", shipped_rules().catalogue)
def test_no_icon_in_the_command_line_view_is_left_without_its_error(code: str) -> None:
    screen = tree_of_code(code).one("pre")
    assert list(screen.all("span", "opens")) == []
    signs = {severity.value: UNICODE.icon(severity) for severity in Severity}
    for opener in screen.all("button", "opens"):
        (severity,) = set(opener.classes) & signs.keys()
        assert opener.text in {signs[severity], ""}


# --- nothing from outside acts ----------------------------------------------------------------------------------------

HARMFUL = (
    "</style></script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\x1b[2J\x1b[31mowned\x07\x9b31m",
    "\u202emoc\u2066\u200b\u0000",
    "a" * 10_000,
    "<" * 10_000,
)


def with_texts(text: str) -> Sample:
    """Return a sample in which whatever comes from outside is one text."""
    sample = far.TUNNELLED
    hops = tuple(
        replace(hop, responders=tuple(replace(each, name=text, as_name=text) for each in hop.responders))
        for hop in sample.legs[1].hops
    )
    legs = tuple(
        replace(leg, reason=text, protocol_reason=text, hops=hops if leg is sample.legs[1] else leg.hops)
        for leg in sample.legs
    )
    assert sample.topology is not None
    return replace(
        sample,
        target=replace(sample.target, name=text, host=text, url=text),
        edges=tuple(replace(edge, host=text, name=text) for edge in sample.edges),
        topology=replace(sample.topology, evidence=text),
        legs=legs,
    )


def with_verdict(text: str) -> Diagnosis:
    errors = tuple(
        replace(error, message=text, description=text, solution=text, explanation=text, reason=text)
        for error in far.TUNNELLED_DIAGNOSIS.errors
    )
    return replace(far.TUNNELLED_DIAGNOSIS, errors=errors)


def page_with(text: str) -> str:
    header = replace(samples.HEADER, agent=AgentIdentity(id=text, version=text, hostname=text, boot_id=text))
    return hop_page([record_of(with_texts(text), with_verdict(text), header)])


def shape(element: Element) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield tag and names of attributes of every element; where a name or a coloured line may wrap is no matter."""
    for child in element.children:
        if isinstance(child, Element) and child.tag != "wbr":
            if not (element.tag == "pre" and child.tag == "span"):
                yield child.tag, tuple(child.attributes)
            yield from shape(child)


@pytest.mark.parametrize("text", HARMFUL, ids=range(len(HARMFUL)))
def test_no_text_from_outside_is_more_than_text(text: str) -> None:
    page = page_with(text)
    assert list(shape(tree_of(page))) == list(shape(tree_of(page_with("harmless"))))
    assert text not in page or text.isalnum() or not set(text) & set("<>\"'\x1b\u202e")
    assert [c for c in page if not c.isprintable() and c != "\n"] == []
    # All that is not ASCII is our own.
    assert {c for c in page if not c.isascii()} <= set("→↓↑●⚠✘✔┄─…")
    # Each `<` takes four bytes, and a score of sentences 2,000 of them.
    assert len(page.encode()) < 500_000


# --- the page needs nothing else --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_policy_lets_in_what_is_there_and_nothing_else(name: str) -> None:
    root = tree(*SITUATIONS[name])
    policy = root.one("meta", http_equiv="Content-Security-Policy")["content"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        contents = [content for element in root.all(tag) for content in element.children]
        hashes = [b64encode(sha256(str(content).encode()).digest()).decode() for content in contents]
        assert rules[rule].split() == [f"'sha256-{each}'" for each in hashes]
    assert set(rules) == {"default-src", "style-src", "script-src", "base-uri", "form-action"}


@pytest.mark.parametrize("name", SITUATIONS)
def test_nothing_points_out_of_the_page_or_at_nothing_in_it(name: str) -> None:
    root = tree(*SITUATIONS[name])
    elements = list(root.all())
    identities = [element["id"] for element in elements if "id" in element.attributes]
    assert len(set(identities)) == len(identities)
    for element in elements:
        assert not {"style", "src"} & set(element.attributes)
        assert not [attribute for attribute in element.attributes if attribute.startswith("on")]
        for attribute in ("popovertarget", "aria-controls", "aria-labelledby"):
            assert attribute not in element.attributes or element[attribute] in identities
        if "href" in element.attributes:
            assert element["href"][0] == "#"
            assert element["href"][1:] in identities
    text = page_of(*SITUATIONS[name])
    assert "@import" not in text
    assert "url(" not in text


@pytest.mark.parametrize("node", Node)
def test_every_place_has_a_drawing(node: Node) -> None:
    assert tree(samples.HEALTHY, samples.FINE).one("symbol", id=f"i-{node.value}").children


@pytest.mark.parametrize("answers", [3, 20])
def test_a_page_of_thirty_hops_is_small(answers: int) -> None:
    assert samples.LEG.hops
    page = page_of(long_sample(hops=30, answers=answers), samples.FINE)
    assert len(list(tree_of(page).all("button", "bead"))) == 30
    assert len(page.encode()) < MOST_BYTES


def test_several_records_stand_in_one_page() -> None:
    pairs = list(SITUATIONS.values())
    root = tree_of(hop_page([record_of(*pair, samples.HEADER) for pair in pairs]))
    identities = [element["id"] for element in root.all() if "id" in element.attributes]
    assert len(set(identities)) == len(identities)
    assert [article["id"] for article in root.all("article")] == [f"s{n}" for n in range(1, len(pairs) + 1)]
    links = [link["href"] for link in root.one("nav").all("a")]
    assert links == [f"#s{n}" for n in range(1, len(pairs) + 1)]


# --- from a file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_record_read_back_makes_the_same_page(name: str) -> None:
    record = record_of(*SITUATIONS[name], samples.HEADER)
    data = json.dumps(document_of(record)).encode()
    (again,) = read_records(data, "sample.json")
    assert again == record
    assert hop_page([again]) == hop_page([record])


def test_the_page_says_what_the_record_says_and_judges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a view asked the rules")

    monkeypatch.setattr("rules.engine.diagnose", refuse)
    sample, diagnosis = SITUATIONS["data center"]
    assert "CP-17" in page_of(sample, diagnosis)
    assert "CP-17" not in page_of(sample, samples.FINE)
