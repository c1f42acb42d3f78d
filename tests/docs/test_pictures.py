"""The pictures: what a page shows is there, light and dark, what is there is shown, and all of it is small."""

import re
import struct
from pathlib import Path
from typing import Final

import pytest

from tests.browser.pictures import LIVE, PICTURES, SCHEMES, WIDTH, file_of
from tests.browser.scenes import RECORDED, SCENES, record_of_scene
from tests.lab.scenario import find_row

_ROOT: Final = Path(__file__).parents[2]
_PAGE: Final = (_ROOT / "docs/hop-view.md").read_text(encoding="utf-8")
_MOST_BYTES: Final = 2_000_000
_SHOWN: Final = re.compile(r'(?:src|srcset)="([^"]+)"')
_IMAGE: Final = re.compile(r'<img [^>]*alt="[^"]{20,}"')
# W3C PNG (Third Edition) section 5.2 and 11.2.1: a signature, then the header's length and name, then width and height.
_PNG: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


def shown_in(page: Path) -> list[Path]:
    return [(page.parent / name).resolve() for name in _SHOWN.findall(page.read_text(encoding="utf-8"))]


def test_every_picture_that_is_drawn_is_shown_and_no_other_is_there() -> None:
    drawn = {file_of(name, scheme) for name in (*SCENES, *LIVE) for scheme in SCHEMES}
    assert set(PICTURES.iterdir()) == drawn
    shown = shown_in(_ROOT / "docs/hop-view.md")
    assert sorted(shown) == sorted(drawn)


def test_the_readme_shows_one_of_them_light_and_dark() -> None:
    shown = shown_in(_ROOT / "README.md")
    assert len(shown) == len(SCHEMES)
    assert {file.name.rpartition("-")[2] for file in shown} == {f"{scheme}.png" for scheme in SCHEMES}
    assert all(file.parent == PICTURES and file.exists() for file in shown)


@pytest.mark.parametrize("page", ["README.md", "docs/hop-view.md"])
def test_every_picture_is_told_in_words_as_well(page: str) -> None:
    text = (_ROOT / page).read_text(encoding="utf-8")
    assert len(_IMAGE.findall(text)) == text.count("<img ") > 0


@pytest.mark.parametrize("name", [*SCENES, *LIVE])
def test_a_picture_has_its_size_in_both_schemes(name: str) -> None:
    height = SCENES[name].height if name in SCENES else LIVE[name][2]
    for scheme in SCHEMES:
        data = file_of(name, scheme).read_bytes()
        assert data.startswith(_PNG)
        assert struct.unpack(">II", data[len(_PNG) : len(_PNG) + 8]) == (WIDTH, height)


def test_all_pictures_together_are_small() -> None:
    assert sum(file.stat().st_size for file in PICTURES.iterdir()) <= _MOST_BYTES


def test_the_page_names_the_commands_that_make_them() -> None:
    assert "`python -m tests.browser pictures`" in _PAGE
    assert "`python -m tests.browser record`" in _PAGE


@pytest.mark.parametrize("name", SCENES)
def test_what_a_picture_shows_is_a_row_of_the_lab_and_gave_its_errors(name: str) -> None:
    row = find_row(SCENES[name].row)
    assert f"`{row.id}`" in _PAGE
    assert sorted(error.code for error in record_of_scene(name).errors) == list(row.codes)


def test_no_record_is_kept_that_no_picture_shows() -> None:
    assert {file.stem for file in RECORDED.iterdir()} == set(SCENES)
