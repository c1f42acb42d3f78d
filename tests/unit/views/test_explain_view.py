"""The explanation on a terminal: facts from outside are quoted in it, and none of them acts."""

from dataclasses import replace

from agent.views.explain_view import explain_view
from agent.views.style import Style
from rules.explain import explain
from rules.load import load_rules
from tests.unit.views import samples

EVIL = "evil\x1b[2J\x9b31m\u202e.example"
# A record from elsewhere may call its target anything.
SAMPLE = replace(
    samples.UNRESOLVED,
    target=replace(samples.TARGET, name=EVIL, host=EVIL),
    dns=(replace(samples.UNRESOLVED.dns[0], name=EVIL),),
)
LINES = explain(SAMPLE, load_rules())


def test_the_rules_quote_what_came_from_outside() -> None:
    assert any("\x1b" in line for line in LINES)


def test_nothing_from_outside_acts_on_the_terminal() -> None:
    for width in (None, 80):
        text = explain_view(SAMPLE, LINES, Style(width=width))
        assert text.isascii()
        assert all(line.isprintable() for line in text.split("\n"))
        assert "evil\\u001b[2J\\u009b31m\\u202e.example" in text


def test_a_pipe_gets_one_line_for_each_and_a_terminal_gets_them_wrapped() -> None:
    assert explain_view(SAMPLE, LINES, Style()).count("\n") == len(LINES) + 1
    wrapped = explain_view(SAMPLE, LINES, Style(width=60))
    assert [line for line in wrapped.splitlines() if len(line) > 60] == []


def test_the_depth_of_a_line_is_kept() -> None:
    assert "\n  ruled out:\n" in explain_view(SAMPLE, LINES, Style(width=80))
