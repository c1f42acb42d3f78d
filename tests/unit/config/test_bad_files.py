"""Each bad configuration file, with every line that it must get, and no other."""

from pathlib import Path

import pytest

from agent.config.reading import ConfigurationError, load_configuration

BAD = Path(__file__).parent / "bad"
FILES = sorted(BAD.glob("*.yaml"))


def test_there_are_bad_files_to_test() -> None:
    assert len(FILES) >= 40
    assert {file.stem for file in FILES} == {file.stem for file in BAD.glob("*.expected")}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_bad_file_gets_exactly_its_lines(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(Path(file.name), {"HOME": "/home/somebody"})
    assert list(caught.value.problems) == file.with_suffix(".expected").read_text(encoding="utf-8").splitlines()
