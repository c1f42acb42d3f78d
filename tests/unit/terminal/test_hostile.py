"""Hostile texts in terminals: nothing acts, nothing breaks the layout, in no view and in no error message."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.doctor.findings import Finding, Level
from agent.record import document_of, record_of
from agent.views.command_line import command_line_view
from agent.views.dns_view import dns_view
from agent.views.doctor_view import doctor_view
from agent.views.explain_view import explain_view
from agent.views.ping_view import ping_view
from agent.views.progress import progress_lines
from agent.views.style import Style
from agent.views.web_view import web_view
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from rules.explain import explain
from rules.shipped import shipped_rules
from tests.unit.terminal.draw import APART, hostile_views
from tests.unit.terminal.hostile import HOSTILE, with_every_text
from tests.unit.terminal.pty_run import Terminal, run
from tests.unit.views import samples
from tests.unit.views.snapshots import DRAWINGS

OUR_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Prose of 2,000 characters, each of them six once escaped, is the longest that a line in a pipe can be.
LONGEST_LINE = 20_000

View = Callable[[Sample, Diagnosis, Style], str]
VIEWS: dict[str, View] = {
    "command line, explained": lambda s, diagnosis, style: command_line_view(s, diagnosis, style, explain=True),
    "web": lambda sample, diagnosis, style: web_view(sample, diagnosis, style, explain=True),
    "ping": lambda sample, _, style: ping_view(sample.reachability, style),
    "dns": lambda sample, _, style: "".join(dns_view(check, style) for check in sample.dns),
    "progress": lambda sample, _, style: "\n".join(
        line for leg in sample.legs for line in progress_lines(leg, style, 24)
    ),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("view", VIEWS)
def test_no_view_lets_a_text_act_or_run_over_the_edge(view: str, text: str) -> None:
    for drawing in DRAWINGS.values():
        sample, diagnosis = with_every_text(drawing.sample, text), with_every_text(drawing.diagnosis, text)
        if view == "web" and sample.web is None:
            continue
        for width in (40, None):
            drawn = VIEWS[view](sample, diagnosis, Style(width=width, unicode=False))
            assert drawn.replace("\n", "").isprintable()
            assert drawn.isascii()
            assert [line for line in drawn.splitlines() if len(line) > (width or LONGEST_LINE)] == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_chain_of_reasons_and_the_doctor_quote_is_text_too(text: str) -> None:
    sample = with_every_text(DRAWINGS["tunnelled"].sample, text)
    chain = explain_view(sample, explain(sample, shipped_rules()), Style(width=80, unicode=False))
    found = doctor_view(
        (Finding(check="x", level=Level.WARN, found=text or "-", advice="do this"),), Style(width=80, unicode=False)
    )
    for drawn in (chain, found):
        assert drawn.replace("\n", "").isprintable()
        assert [line for line in drawn.splitlines() if len(line) > 80] == []


def test_on_a_terminal_they_change_nothing_but_text() -> None:
    drawn = "".join(f"{view}{APART}\n" for view in hostile_views(Style(width=80)))
    command = (sys.executable, "-m", "tests.unit.terminal.draw", "hostile")
    with Terminal(command, columns=80, lines=24) as terminal:
        assert terminal.end() == 0
        assert terminal.everything == drawn.splitlines()
        screen = terminal.screen
        assert (screen.title, screen.icon_name, screen.alternate, screen.margins) == ("", "", False, None)
        assert (screen.cursor.x, screen.cursor.attrs.fg, screen.cursor.attrs.bold) == (0, "default", False)
        assert "\x1b" not in OUR_COLOURS.sub("", terminal.raw.decode())


def test_a_hostile_record_is_explained_as_text(tmp_path: Path) -> None:
    """Every text of a record that may be any text; those with a grammar (addresses, times) are refused, as text too."""
    for name in ("clear", "title", "c1", "direction", "lines", "long"):
        text = HOSTILE[name]
        target = replace(samples.HEALTHY.target, name=text, host=text, url=text)
        sample = replace(samples.HEALTHY, target=target)
        file = tmp_path / "record.json"
        file.write_text(json.dumps(document_of(record_of(sample, samples.FINE, samples.HEADER))))
        terminal, code = run("explain", str(file))
        assert code == 0, terminal.everything
        assert (terminal.screen.title, terminal.screen.cursor.x) == ("", 0)
        assert "\x1b" not in OUR_COLOURS.sub("", terminal.raw.decode())


@pytest.mark.parametrize("name", ["clear", "title", "clipboard", "c1", "direction", "lines", "surrogate"])
def test_a_hostile_target_is_refused_as_text(name: str) -> None:
    text = HOSTILE[name].replace("\ud800", "")
    terminal, code = run("trace", text)
    assert code == 2
    assert terminal.screen.title == ""
    assert "\x1b" not in terminal.raw.decode()
    assert terminal.shown[0].startswith("cloudpath trace: ")
