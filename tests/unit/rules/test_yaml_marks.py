"""YAML with places: values, strictness, and every problem where it is."""

import pytest

from rules.yaml_marks import YamlValue, load_marked
from rules.yaml_nodes import MOST_VALUES


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 1", {"a": 1}),
        ("a: -12", {"a": -12}),
        ("a: 1.5", {"a": 1.5}),
        ("a: true\nb: FALSE\nc: null\nd: ~\ne:", {"a": True, "b": False, "c": None, "d": None, "e": None}),
        ("a: on\nb: no\nc: yes", {"a": "on", "b": "no", "c": "yes"}),
        ("a: 010\nb: 1_000\nc: 12:30\nd: 2001-01-01", {"a": "010", "b": "1_000", "c": "12:30", "d": "2001-01-01"}),
        ("a: '1'\nb: \"true\"\nc: !!str 1", {"a": "1", "b": "true", "c": "1"}),
        ("a: |\n  1\n", {"a": "1\n"}),
        ("1: one", {"1": "one"}),
        ("- a\n- [b, {c: d}]", ["a", ["b", {"c": "d"}]]),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
    ],
)
def test_values(text: str, value: YamlValue) -> None:
    marked = load_marked(text, "file")
    assert marked.problems == []
    assert marked.value == value


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("a: 1\nb:\n  a: 2\n  a: 3\n", ["file:4:3: b.a: key given twice, first in line 3"]),
        ("a: [1\nb", ["file:3:1: did not find expected ',' or ']' while parsing a flow sequence"]),
        ("a: \x01", ["file:1:4: the character U+0001 is not allowed in YAML"]),
        ("x: &a\n  - *a\n", ["file:1:4: x.0: contains itself"]),
        (
            "a: !pi 3\nb: !e 2",
            ["file:1:4: a: the tag !pi is not understood", "file:2:4: b: the tag !e is not understood"],
        ),
        ("[a]: b", ["file:1:1: ?: a key must be a word"]),
    ],
)
def test_problems_of_the_text(text: str, problems: list[str]) -> None:
    assert [problem.text for problem in load_marked(text, "file").problems] == problems


def test_aliases_cannot_explode() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]" for before, name in zip("abcdef", "bcdefg", strict=True)
    ]
    problems = load_marked("\n".join(lines), "file").problems
    assert [problem.what for problem in problems] == [f"more than {MOST_VALUES} values"]


def test_places_of_values_keys_and_what_is_missing() -> None:
    marked = load_marked("targets:\n  - name: crm\n    port:   443\n", "file")
    assert marked.place(("targets", 0, "port")) == (3, 13)
    assert marked.key_place(("targets", 0, "port")) == (3, 5)
    assert marked.place(("targets", 0, "missing", "deeper")) == (2, 5)
    assert marked.place(("nothing",)) == (1, 1)
    assert marked.key_place(("targets", 0)) == (2, 5)


def test_a_problem_reads_as_file_line_column_path_and_what() -> None:
    marked = load_marked("a:\n  b: 1", "f.yaml")
    assert marked.problem(("a", "b"), "is wrong").text == "f.yaml:2:6: a.b: is wrong"
    assert marked.problem(("a", "b"), "is wrong", at_key=True).text == "f.yaml:2:3: a.b: is wrong"
    assert marked.problem((), "is wrong").text == "f.yaml:1:1: is wrong"
