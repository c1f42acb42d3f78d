import copy
import json
import pickle
from enum import StrEnum
from typing import Any, cast

import pytest
from pydantic import TypeAdapter, ValidationError

from probes.word import Word


class Colour(Word):
    """As the source writes one; beside it the same as an enum, which it has to be taken for."""

    RED = "red"
    SEA_GREEN = "sea green"

    def shout(self) -> str:
        return self.upper()


class Twin(StrEnum):
    RED = "red"
    SEA_GREEN = "sea green"


def test_a_word_is_its_text_and_the_only_one_of_it() -> None:
    assert Colour("red") is Colour.RED
    assert Colour["SEA_GREEN"] is Colour.SEA_GREEN
    text: object = "red"
    assert text == Colour.RED
    assert {text: 1}[Colour.RED] == 1
    assert isinstance(Colour.RED, Colour)
    assert Colour.SEA_GREEN.shout() == "SEA GREEN"


@pytest.mark.parametrize("show", [str, "{}".format, json.dumps, len, hash, lambda word: (word.name, word.value)])
def test_it_looks_as_an_enum_does(show: object) -> None:
    assert callable(show)
    assert [show(word) for word in Colour] == [show(word) for word in Twin]


def test_its_representation_names_it() -> None:
    assert repr(Colour.RED) == "<Colour.RED: 'red'>"


@pytest.mark.parametrize("text", ["blue", "RED", "", None, 7, ["red"]])
def test_a_text_that_is_not_in_the_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Colour"):
        Colour(text)


def test_copies_and_pickles_are_the_word_itself() -> None:
    assert copy.copy(Colour.RED) is Colour.RED
    assert copy.deepcopy([Colour.RED])[0] is Colour.RED
    assert pickle.loads(pickle.dumps(Colour.RED)) is Colour.RED  # noqa: S301 - made one line above


def test_the_list_can_be_counted_and_asked() -> None:
    assert len(Colour) == 2
    held = cast("Any", Colour)
    assert "red" in held
    assert "blue" not in held
    assert list(Colour.__members__) == ["RED", "SEA_GREEN"]


def test_a_match_statement_tells_words_apart() -> None:
    match Colour("sea green"):
        case Colour.RED:
            raise AssertionError
        case Colour.SEA_GREEN:
            pass


def test_pydantic_reads_one_and_says_what_it_expected() -> None:
    adapter = TypeAdapter(Colour)
    assert adapter.validate_python("red") is Colour.RED
    assert adapter.validate_json('"sea green"') is Colour.SEA_GREEN
    with pytest.raises(ValidationError, match="Input should be 'red' or 'sea green'"):
        adapter.validate_python("blue")
