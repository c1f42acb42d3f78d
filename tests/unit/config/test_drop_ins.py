"""Drop-ins in conf.d beside the file: what is read, in which order, how it is merged, and whose mistake is whose."""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.layers import Layer, Merged
from agent.config.model import NoProxySection
from agent.config.reading import ConfigurationError, Loaded, load_configuration
from rules.yaml_marks import load_marked


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a directory with an empty conf.d, so that lines have short names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf.d").mkdir()
    return tmp_path


def write(**files: str) -> None:
    """Write agent.yaml (`agent`) and drop-ins; `_` in a name stands for a hyphen."""
    for name, text in files.items():
        path = Path("agent.yaml") if name == "agent" else Path("conf.d") / f"{name.replace('_', '-').lstrip('-')}.yaml"
        path.write_text(text, encoding="utf-8")


def load() -> Loaded:
    return load_configuration(Path("agent.yaml"), {})


def lines() -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load()
    return list(caught.value.problems)


@pytest.mark.usefixtures("here")
def test_mappings_are_merged_lists_appended_and_the_later_value_counts() -> None:
    write(
        agent="agent: {interval_s: 60, concurrent: 4}\ntargets: [{name: a, host: 192.0.2.1}]\ncontrols: [192.0.2.9]\n",
        _10="agent: {interval_s: 120}\ntargets: [{name: b, host: 192.0.2.2}]\nseverity_overrides: {CP-13: info}\n",
        _20="agent: {interval_s: 180}\ncontrols: [192.0.2.8]\nseverity_overrides: {CP-12: info}\n",
    )
    settings = load().settings
    assert (settings.agent.interval_s, settings.agent.concurrent) == (180, 4)
    assert [target.name for target in settings.targets] == ["a", "b"]
    assert settings.controls == ("192.0.2.9", "192.0.2.8")
    assert set(settings.severity_overrides) == {"CP-12", "CP-13"}


def test_drop_ins_are_read_by_name_and_backups_are_not(here: Path) -> None:
    write(agent="", _9="agent: {concurrent: 9}", _10="agent: {concurrent: 10}", _Z="agent: {concurrent: 26}")
    for name in (".hidden.yaml", ".#9.yaml", "#9.yaml#", "9.yaml~", "9.yaml.bak", "9.yaml.dpkg-old", "9.yaml.swp", "x"):
        (here / "conf.d" / name).write_text("no: configuration", encoding="utf-8")
    loaded = load()
    assert [str(source) for source in loaded.sources] == [
        "agent.yaml",
        "conf.d/10.yaml",
        "conf.d/9.yaml",
        "conf.d/Z.yaml",
    ]
    assert loaded.settings.agent.concurrent == 26


def test_no_directory_of_drop_ins_is_none(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.touch()
    assert load_configuration(file, {}).sources == (file,)


@pytest.mark.usefixtures("here")
def test_every_mistake_of_every_file_is_told_at_its_own_place() -> None:
    write(
        agent="targets: [{name: a, host: 192.0.2.1}]\nagent: {interval_s: 1}\n",
        _10="targets:\n  - {name: b, host: 192.0.2.2}\n  - {name: c, host: 192.0.2.3, port: x}\n",
        _20="service_edge: {prot: 1}\n",
        _30="agent: {interval_s: 60",
        _40="- targets\n",
        _50="agent: {interval_s: 2}",
    )
    assert lines() == [
        "conf.d/10.yaml:3:38: targets.1.port: expected a whole number, found 'x'",
        "conf.d/20.yaml:1:15: service_edge: the key 'host' is missing",
        "conf.d/20.yaml:1:16: service_edge.prot: unknown key; did you mean port?",
        "conf.d/30.yaml:2:1: did not find expected ',' or '}' while parsing a flow mapping",
        "conf.d/40.yaml:1:1: expected a mapping, found a list",
        "conf.d/50.yaml:1:21: agent.interval_s: 2 is out of range; 10 is the least",
    ]


@pytest.mark.usefixtures("here")
def test_a_name_given_twice_is_told_with_both_places() -> None:
    write(
        agent="targets:\n  - {name: crm, host: 192.0.2.1}\nemit: [{type: stdout}]\n",
        _10="targets:\n  - {name: crm, host: 192.0.2.2}\nemit: [{type: stdout}]\n",
    )
    target, sink = lines()
    what = "another target is already called 'crm', and names tell targets apart"
    assert target == f"conf.d/10.yaml:2:12: targets.0.name: {what}; first in agent.yaml:2:12"
    what = "another sink writes to standard output already; one writes there alone"
    assert sink == f"conf.d/10.yaml:3:8: emit.0: {what}; first in agent.yaml:3:8"


@pytest.mark.usefixtures("here")
def test_a_section_of_the_wrong_kind_is_not_mended_by_a_drop_in() -> None:
    write(agent="agent: [60]\nstore: {max_mb: 64}\ntargets: 7\n", _10="store: 64\ntargets: [{name: a, host: a}]\n")
    assert lines() == [
        "agent.yaml:1:8: agent: expected a mapping, found a list",
        "conf.d/10.yaml:1:8: store: expected a mapping, found 64",
        "conf.d/10.yaml:2:10: targets: a list here, and 7 in agent.yaml:3:10; one of them is wrong",
    ]


def test_paths_start_at_the_configuration_file_in_drop_ins_too(here: Path) -> None:
    (here / "edge.token").write_text("t0ken\n", encoding="utf-8")
    write(agent="", _10="service_edge: {host: e.example, token_file: edge.token}\nemit: [{type: file, path: out}]\n")
    settings = load().settings
    assert settings.service_edge is not None
    assert settings.service_edge.token_file == Path("edge.token")


@pytest.mark.usefixtures("here")
def test_another_kind_of_proxy_begins_the_section_anew() -> None:
    write(agent='proxy: {mode: explicit, url: "http://p.example.com:3128"}\n', _10="proxy: {mode: none}\n")
    assert load().settings.proxy == NoProxySection(mode="none")


@pytest.mark.usefixtures("here")
def test_a_drop_in_takes_a_key_or_a_section_back_by_null() -> None:
    write(
        agent='zpa: {lss_listen: "127.0.0.1:9601"}\nservice_edge: {host: e.example}\n',
        _10="zpa: {lss_listen: null, file: sessions}\nservice_edge: null\n",
    )
    settings = load().settings
    assert settings.service_edge is None
    assert settings.zpa is not None
    assert (settings.zpa.lss_listen, settings.zpa.file) == (None, Path("sessions"))


def in_place_of_the_directory(put: str) -> None:
    Path("conf.d").rmdir()
    if put == "file":
        Path("conf.d").touch()
    else:
        Path("conf.d").symlink_to("gone")


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (
            lambda: Path("conf.d/a.yml").touch(),
            "conf.d/a.yml: not read, for drop-ins end in .yaml; rename it, or move it away",
        ),
        (lambda: os.mkfifo("conf.d/a.yaml"), "conf.d/a.yaml: no file"),
        (lambda: Path("conf.d/a.yaml").mkdir(), "conf.d/a.yaml: cannot read it: is a directory"),
        (lambda: Path("conf.d/a.yaml").symlink_to("gone"), "conf.d/a.yaml: cannot read it: no such file or directory"),
        (lambda: Path("conf.d/a.yaml").write_bytes(b"a: \xff"), "conf.d/a.yaml:1:1: not UTF-8 text; save it as UTF-8"),
        (lambda: in_place_of_the_directory("file"), "conf.d: cannot read it: not a directory"),
        (lambda: in_place_of_the_directory("link"), "conf.d: cannot read it: no such file or directory"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_cannot_be_read_is_told_beside_every_other_mistake(make: Callable[[], object], line: str) -> None:
    write(agent="agent: {interval_s: 1}\n")
    make()
    assert lines() == [line, "agent.yaml:1:21: agent.interval_s: 1 is out of range; 10 is the least"]


TARGETS = [f"{{name: t{number}, host: 192.0.2.{number}}}" for number in range(1, 7)]


@given(st.lists(st.integers(0, len(TARGETS)), max_size=4), st.sampled_from(["flow", "block"]))
def test_targets_spread_over_files_are_those_of_one_file_in_the_same_order(cuts: list[int], style: str) -> None:
    bounds = [0, *sorted(cuts), len(TARGETS)]
    parts = [part for start, end in pairwise(bounds) if (part := TARGETS[start:end])]
    texts = [in_style(part, style) for part in parts]
    merged = Merged(Layer(load_marked(text, f"{number}.yaml")) for number, text in enumerate(texts))
    assert merged.value == Merged([Layer(load_marked(in_style(TARGETS, "flow"), "whole.yaml"))]).value
    # And each of them is found where it was written.
    for index in range(len(TARGETS)):
        place = merged.place(("targets", index, "name"))
        text = texts[int(place.source.removesuffix(".yaml"))]
        assert text.splitlines()[place.line - 1][place.column - 1 :].startswith(f"t{index + 1},")


def in_style(targets: list[str], style: str) -> str:
    if style == "flow":
        return f"targets: [{', '.join(targets)}]\n"
    return "targets:\n" + "".join(f"- {target}\n" for target in targets)
