"""The Command Line View, drawn for every situation, against text that a person has read."""

import re
from dataclasses import replace

import pytest

from agent.views.command_line import command_line_view
from agent.views.style import Style
from probes.facts import LossClass, PathMtu, Protocol, Trial, TrialOutcome
from probes.failure import Failure
from probes.sample import AgentFailure
from probes.web_facts import Proxy, ProxyMode
from tests.unit.views import far_samples, samples
from tests.unit.views.snapshots import DRAWINGS, EXPECTED, OTHER_VIEWS, Drawing

ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
SITUATIONS = {name: (drawing.sample, drawing.diagnosis) for name, drawing in DRAWINGS.items()}


@pytest.mark.parametrize("name", DRAWINGS)
def test_view_is_as_approved(name: str) -> None:
    assert DRAWINGS[name].draw() == (EXPECTED / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", OTHER_VIEWS)
def test_other_view_is_as_approved(name: str) -> None:
    assert OTHER_VIEWS[name]() == (EXPECTED / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "width"), [("dns_narrow", 44), ("ping_narrow", 44), ("progress_low_terminal", 44)])
def test_other_views_keep_to_a_narrow_terminal(name: str, width: int) -> None:
    assert [line for line in OTHER_VIEWS[name]().splitlines() if len(line) > width] == []


def test_a_database_that_broke_is_named_below_the_table() -> None:
    broken = AgentFailure(
        operation="address_database", failure=Failure.INVALID_SETTING, detail="a\x1b[2J.mmdb is damaged; fetch it anew"
    )
    text = command_line_view(replace(samples.HEALTHY, agent_failures=(broken,)), samples.FINE, Style(width=100))
    assert r"Networks and places may be missing: a\u001b[2J.mmdb is damaged; fetch it anew." in text


def test_every_approved_text_belongs_to_a_view() -> None:
    assert {file.stem for file in EXPECTED.glob("*.txt")} == {*DRAWINGS, *OTHER_VIEWS}


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132])
@pytest.mark.parametrize("name", SITUATIONS)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    sample, diagnosis = SITUATIONS[name]
    text = command_line_view(sample, diagnosis, Style(width=width), explain=True)
    assert [line for line in text.splitlines() if len(line) > width] == []


@pytest.mark.parametrize("name", SITUATIONS)
def test_colour_adds_nothing_but_colour(name: str) -> None:
    sample, diagnosis = SITUATIONS[name]
    plain = command_line_view(sample, diagnosis, Style(width=80))
    coloured = command_line_view(sample, diagnosis, Style(width=80, colour=True))
    assert ESCAPE_SEQUENCE.sub("", coloured) == plain
    assert "\x1b" not in plain


@pytest.mark.parametrize("name", SITUATIONS)
def test_ascii_style_is_ascii(name: str) -> None:
    sample, diagnosis = SITUATIONS[name]
    assert command_line_view(sample, diagnosis, Style(width=80, unicode=False), wide=True, explain=True).isascii()


@pytest.mark.parametrize("name", SITUATIONS)
def test_no_line_ends_in_spaces_and_the_last_one_ends(name: str) -> None:
    text = Drawing(*SITUATIONS[name]).draw()
    assert re.search(r"[ \t]\n", text) is None
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_icon_stands_beside_the_address_of_the_hop_it_belongs_to() -> None:
    lines = DRAWINGS["prohibited_by_a_hop"].draw().splitlines()
    assert [line for line in lines if "⚠ 198.51.100.77" in line] != []


def test_every_column_is_shown_at_80_columns_without_names() -> None:
    longest = replace(samples.CORE.responders[0], address="198.151.100.177")
    hops = tuple(
        replace(hop, responders=tuple(replace(responder, name=None) for responder in hop.responders))
        for hop in (replace(samples.CORE, responders=(longest,)), *samples.SILENT_HOPS.legs[0].hops)
    )
    text = command_line_view(samples.with_leg(hops=hops), samples.FINE, Style(width=80))
    header = next(line for line in text.splitlines() if line.startswith("  Hop"))
    assert header.split() == ["Hop", "Address", "Loss", "Class", "Failed", "Min", "Avg", "Max", "Dev", "Jitter"]


def test_wide_shows_every_column_on_any_terminal() -> None:
    text = command_line_view(samples.BALANCED, samples.FINE, Style(width=60), wide=True)
    for header in ("Loss", "Class", "Failed", "Min", "Avg", "Max", "Dev", "Jitter", "Late", "TTL", "ASN", "Answer"):
        assert f" {header}" in text


def test_what_was_tried_is_shown_only_when_asked_for() -> None:
    reached = Trial(protocol=Protocol.ICMP, outcome=TrialOutcome.REACHED, reached=True, rtt_us=40_100, reason="")
    silent = Trial(protocol=Protocol.UDP, outcome=TrialOutcome.NO_ANSWER, reached=False, reason="")
    sample = samples.with_leg(tried=(reached, silent))
    line = "Tried     ICMP reached in 40.1 ms; UDP no answer"
    for wide, explain in ((True, False), (False, True)):
        assert line in command_line_view(sample, samples.FINE, Style(width=100), wide=wide, explain=explain)
    assert "Tried" not in command_line_view(sample, samples.FINE, Style(width=100))


def test_rejected_and_not_evaluated_are_shown_only_when_asked_for() -> None:
    short = DRAWINGS["no_route"].draw()
    long = DRAWINGS["no_route_explained"].draw()
    assert "suppressed by CP-02" not in short
    assert "suppressed by CP-02" in long
    assert "reverse_trace.asked" not in short
    assert "reverse_trace.asked" in long


def test_a_lost_packet_or_a_closed_port_never_gets_the_mark_of_health() -> None:
    for name in ("loss", "closed_port", "dead_proxy", "dead_end", "dead_end_but_alive", "name_not_resolved"):
        assert "✔" not in DRAWINGS[name].draw()
    assert "✔" in DRAWINGS["healthy"].draw()


def test_what_a_limiter_keeps_back_is_no_loss() -> None:
    text = DRAWINGS["limited_end"].draw()
    end_row = next(line for line in text.splitlines() if " end " in line)
    assert "%" not in end_row
    assert "packets are lost" not in text
    assert "✔" in text


def test_a_late_answer_is_no_loss() -> None:
    text = command_line_view(samples.LATE_SERIES, samples.FINE, Style())
    end_row = next(line for line in text.splitlines() if " end " in line)
    assert end_row.split()[3:5] == ["0%", "0/10"]
    assert "✔ No errors" in text
    assert "no loss." in text


def test_an_edge_that_answers_is_not_the_target() -> None:
    text = " ".join(DRAWINGS["edge_reached"].draw().split())
    assert "the service edge edge.example.com (198.51.100.9) reached in 1 hop" in text
    assert "crm.example.com reached" not in text
    assert "The way on to crm.example.com was not traced." in text


def test_an_edge_without_an_address_is_the_reason_why_nothing_was_traced() -> None:
    text = " ".join(DRAWINGS["edge_not_resolved"].draw().split())
    assert "crm.example.com was not traced: no address to trace: edge.example.com did not resolve." in text


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        (samples.PROXY, "proxy.example.com:3128 carries traffic"),
        (
            replace(samples.PROXY, works=None, connect_status=None),
            "proxy.example.com:3128 did not say in time whether it carries traffic",
        ),
        (
            replace(samples.PROXY, works=False, connect_status=407, failure=Failure.UNEXPECTED_STATUS),
            "proxy.example.com:3128 does not carry traffic: it answered with status 407",
        ),
        (
            Proxy(mode=ProxyMode.ENVIRONMENT, works=False, failure=Failure.INVALID_SETTING),
            "does not carry traffic: its setting is wrong",
        ),
    ],
    ids=["works", "late", "status", "setting"],
)
def test_a_proxy_is_named_and_only_a_working_one_is_healthy(proxy: Proxy, said: str) -> None:
    text = command_line_view(replace(samples.HEALTHY, proxy=proxy), samples.FINE, Style())
    assert f"Proxy {said} (set by the environment)" in " ".join(text.split())
    assert ("✔" in text) is bool(proxy.works)


def test_a_bare_host_whose_guessed_port_is_closed_is_healthy() -> None:
    sample = replace(samples.CLOSED_PORT, target=replace(samples.TARGET, url=None, port=None))
    assert "✔ No errors" in command_line_view(sample, samples.FINE, Style())


def test_a_black_hole_never_gets_the_mark_of_health() -> None:
    text = DRAWINGS["path_mtu_black_hole"].draw()
    assert "✔" not in text
    assert "No documented error, but large packets vanish on the way" in text
    assert "✔" in DRAWINGS["path_mtu"].draw()


def test_a_leg_that_was_not_traced_gives_its_reason_once() -> None:
    why = "no way to send probes could be opened"
    untraced = samples.with_leg(
        hops=(), reached=None, reached_by=None, end_to_end=None, reason=why, mtu=PathMtu(reason=why)
    )
    text = command_line_view(untraced, samples.FINE, Style())
    assert "Path MTU" not in text
    assert text.count(f"        {why}") == 1


def test_hops_under_the_destinations_address_are_told_in_one_sentence() -> None:
    translated = [samples.router(ttl, samples.DESTINATION, None, 9_000, 9_100, 9_200) for ttl in (2, 3, 4)]
    for count, said in (
        (3, "Hops 2-4 answer under the destination's address, yet forward: "),
        (1, "Hop 2 answers under"),
    ):
        text = command_line_view(
            samples.with_leg(hops=(samples.GATEWAY, *translated[:count], samples.END)), samples.FINE, Style()
        )
        assert text.count("under the destination's address") == 1
        assert said in text


@pytest.mark.parametrize(("first_ttl", "said"), [(1, "in 5 hops"), (4, "in 5 hops"), (5, "within 5 hops")])
def test_a_trace_that_begins_behind_the_target_does_not_say_how_far_it_is(first_ttl: int, said: str) -> None:
    hops = tuple(hop for hop in samples.LEG.hops if hop.probe_ttl >= first_ttl)
    assert f"reached {said}," in command_line_view(samples.with_leg(hops=hops), samples.FINE, Style())


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("tcp was asked for", "TCP to port 443: was asked for"),
        ("tcp: 5 of 5 hops answered, icmp 1 of 5", "TCP to port 443: 5 of 5 hops answered, ICMP 1 of 5"),
        ("neither icmp nor udp reached the target", "TCP to port 443: neither ICMP nor UDP reached the target"),
    ],
)
def test_protocols_are_named_once_and_in_capitals(reason: str, said: str) -> None:
    text = command_line_view(samples.with_leg(protocol_reason=reason), samples.FINE, Style())
    assert f"Protocol  {said}\n" in text


def test_marks_are_explained_where_somebody_asks_and_the_way_to_ask_is_shown() -> None:
    short, long = (command_line_view(samples.TELLING, samples.FINE, Style(), explain=asked) for asked in (False, True))
    assert "What the marks in [brackets] mean: --explain." in short
    assert "(MPLS)" not in short
    assert "--explain" not in long
    for told in ("(MPLS)", "name interfaces", "(NAT)", "(DSCP)"):
        assert told in long
    assert "[brackets]" not in DRAWINGS["path_mtu"].draw()


def rows_of(text: str) -> list[str]:
    """Return the hop column of each row of the table."""
    return [line[2:].split()[0] for line in text.splitlines() if line.startswith("↓ ") and line[2:5].strip()]


def test_a_long_silence_is_one_row_and_wide_shows_each_hop() -> None:
    assert rows_of(command_line_view(samples.DEAD_END, samples.FINE, Style())) == ["0", "1", "2", "3", "4-8", "end"]
    every = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "end"]
    assert rows_of(command_line_view(samples.DEAD_END, samples.FINE, Style(), wide=True)) == every


def test_a_short_silence_keeps_its_rows() -> None:
    assert rows_of(DRAWINGS["silent_hops"].draw()) == ["0", "1", "2", "3", "4", "5", "end"]


def test_a_silence_adds_up_what_was_sent() -> None:
    text = command_line_view(samples.DEAD_END, samples.FINE, Style())
    (row,) = [line for line in text.splitlines() if line.startswith("↓ 4-8")]
    assert row.split() == ["↓", "4-8", "*", "100%", "unknown", "15/15", "-", "-", "-", "-", "-"]


def test_a_silent_hop_with_an_icon_or_of_another_class_stands_alone() -> None:
    at_six = replace(samples.CP_13, anchor=replace(samples.CP_13.anchor, ttl=6))
    text = command_line_view(samples.DEAD_END, replace(samples.BROKEN, errors=(at_six,)), Style())
    assert rows_of(text) == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "end"]
    assert "↓   6 ⚠ *" in text
    hops = (samples.GATEWAY, *(samples.nobody(ttl) for ttl in (2, 3)), samples.nobody(4, LossClass.UNKNOWN))
    assert rows_of(command_line_view(samples.with_leg(hops=hops), samples.FINE, Style())) == ["0", *"1234", "end"]


def test_one_reason_of_several_legs_in_a_row_is_said_once() -> None:
    text = DRAWINGS["on_premises_proxy"].draw()
    assert text.count(far_samples.NOT_DISCOVERABLE) == 1
    lines = text.splitlines()
    assert "proxy → egress" in lines[lines.index(f"        {far_samples.NOT_DISCOVERABLE}") - 2]


def test_each_leg_has_its_heading_and_a_single_one_has_none() -> None:
    headings = [line.strip("─ ") for line in DRAWINGS["tunnelled"].draw().splitlines() if line.startswith("── ")]
    assert headings == [
        "this machine → egress, ICMP",
        "this machine → service edge, TCP to port 443, inside a GRE tunnel",
        "service edge → egress, ICMP, by the edge 12 s ago",
        "service edge → destination, TCP to port 443, by the edge",
    ]
    assert "── " not in DRAWINGS["healthy"].draw()


def test_what_is_only_information_never_stands_before_what_is_grave() -> None:
    text = DRAWINGS["data_center_proxy"].draw()
    at = [text.index(mark) for mark in ("✘ CP-04", "For information", "● CP-17", "● CP-18", "✘ It is the proxy")]
    assert at == sorted(at)


def test_evidence_is_shown_to_whoever_asks_for_it() -> None:
    said = "no routing table holds a default route for ipv4"
    assert said not in DRAWINGS["no_route"].draw()
    assert said in DRAWINGS["no_route_explained"].draw()


def test_redirects_are_told_one_by_one_and_many_are_counted() -> None:
    assert far_samples.REDIRECTED.web is not None
    hop = far_samples.REDIRECTED.web.exchanges[0]
    many = replace(far_samples.REDIRECTED.web, exchanges=(*([hop] * 5), far_samples.EXCHANGE))
    text = command_line_view(replace(samples.HEALTHY, web=many), samples.FINE, Style())
    assert text.count("301 Moved Permanently → https://crm.example.com/") == 3
    assert "\n          2 more redirects\n" in text


def test_a_refused_connect_is_the_proxys_answer() -> None:
    steps = (*far_samples.PROXY.steps[:2], replace(far_samples.PROXY.steps[2], failure=Failure.UNEXPECTED_STATUS))
    refused = replace(far_samples.EXCHANGE, through_proxy=True, status=None, connect_status=502, steps=steps)
    web = replace(far_samples.WEB, exchanges=(refused,), status=None, failure=Failure.UNEXPECTED_STATUS)
    proxy = replace(far_samples.PROXY, works=False, connect_status=502, failure=Failure.UNEXPECTED_STATUS)
    sample = replace(far_samples.ON_PREMISES, web=web, proxy=proxy)
    text = " ".join(command_line_view(sample, far_samples.ON_PREMISES_DIAGNOSIS, Style()).split())
    assert "Web 502 Bad Gateway from the proxy in 20.9 ms: resolve 0.90" in text
    assert "The network is fine as far as the proxy: " in text
    assert text.endswith("The proxy answers 502 Bad Gateway in place of crm.example.com.")
    assert "Without it" not in text


def test_loss_and_delay_outlast_names_on_a_narrow_terminal() -> None:
    text = command_line_view(samples.TELLING, samples.FINE, Style(width=40))
    header = next(line for line in text.splitlines() if line.startswith("  Hop"))
    assert header.split() == ["Hop", "Address", "Loss", "Failed", "Avg"]
    assert "Too narrow for Name, Min," in text


def test_marks_beside_words_are_bracketed_in_ascii() -> None:
    text = command_line_view(samples.NO_ROUTE, samples.BROKEN, Style(width=80, unicode=False))
    assert "v   0 [x] this machine" in text
    assert "\n[x] CP-02  " in text
    assert "\n[x] It is this machine's" in text


def test_a_sentence_has_the_terminals_own_colour() -> None:
    drawn = DRAWINGS["prohibited_in_colour"].draw()
    assert "\x1b[33m⚠ CP-13\x1b[0m\x1b[1m  Traceroute packets" in drawn
