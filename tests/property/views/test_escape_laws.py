"""Laws of what reaches a terminal: no character of the network's acts on it, and different texts look different."""

import re
from dataclasses import fields

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.views.command_line import command_line_view
from agent.views.dns_view import dns_view
from agent.views.escape import escape, escape_text
from agent.views.ping_view import ping_view
from agent.views.progress import progress_lines
from agent.views.style import UNICODE, Style
from probes.facts import Leg, Reachability
from probes.name_facts import DnsCheck
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from rules.load import load_rules
from tests.property.record.anything import DIAGNOSES, SAMPLES, instances

# Surrogates too: they are how bytes that are no text arrive.
ANY_TEXT = st.text(st.characters())
OURS = frozenset(getattr(UNICODE, field.name) for field in fields(UNICODE))
OUR_COLOURS = re.compile(r"\x1b\[(1|2|32|36|33|1;31|0)m")

slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
widths = st.none() | st.integers(min_value=40, max_value=200)


def only_ours(text: str) -> bool:
    """Return whether the text is printable ASCII, line breaks and our own symbols."""
    return all(character in OURS or character == "\n" or " " <= character <= "~" for character in text)


@given(ANY_TEXT)
@example("\x1b[2J\x07\r\n\t\x00\x7f\x9b31m\u202e\u2066\u200b\ufeff\U000e0041\ud800")
def test_escaped_text_is_printable_ascii(text: str) -> None:
    assert all(" " <= character <= "~" for character in escape_text(text))


@given(ANY_TEXT, st.integers(min_value=0, max_value=300))
def test_escaped_text_keeps_to_its_limit(text: str, limit: int) -> None:
    assert len(escape(text, limit)) <= limit


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
@example("\\u202e", "\u202e")
@example("\\", "\\\\")
def test_different_texts_look_different(first: str, second: str) -> None:
    assert (escape_text(first) == escape_text(second)) == (first == second)


def test_the_shipped_texts_are_left_alone() -> None:
    entries = load_rules().catalogue.values()
    texts = [text for entry in entries for text in (entry.code, entry.message, entry.description, entry.solution)]
    assert [text for text in texts if escape_text(text) != text] == []


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z]{2,10}){1,3}", fullmatch=True))
def test_an_ordinary_name_is_left_alone(name: str) -> None:
    assert escape(name) == name


@slow
@given(sample=SAMPLES, diagnosis=DIAGNOSES, width=widths, wide=st.booleans())
def test_the_command_line_view_of_anything_is_safe(
    sample: Sample, diagnosis: Diagnosis, width: int | None, *, wide: bool
) -> None:
    style = Style(width=width, colour=True)
    text = command_line_view(sample, diagnosis, style, wide=wide, explain=True)
    assert only_ours(OUR_COLOURS.sub("", text))


@slow
@given(leg=instances(Leg), width=st.integers(min_value=1, max_value=200), height=st.integers(min_value=1, max_value=60))
def test_the_progress_of_anything_is_safe_and_fits(leg: Leg, width: int, height: int) -> None:
    lines = progress_lines(leg, Style(width=width), height)
    assert len(lines) <= height
    assert only_ours("\n".join(lines))


@slow
@given(check=instances(DnsCheck), width=widths)
def test_the_dns_view_of_anything_is_safe(check: DnsCheck, width: int | None) -> None:
    assert only_ours(dns_view(check, Style(width=width)))


@slow
@given(checks=st.lists(instances(Reachability), min_size=1, max_size=3), width=widths)
def test_the_ping_view_of_anything_is_safe(checks: list[Reachability], width: int | None) -> None:
    assert only_ours(ping_view(checks, Style(width=width)))
