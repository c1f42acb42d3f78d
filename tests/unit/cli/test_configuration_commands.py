"""check-config and show-config with drop-ins and variables, as a person meets them."""

from pathlib import Path

import pytest
import yaml

from tests.unit.cli.command import Finished, cloudpath


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "agent.yaml").write_text("targets:\n  - {name: crm, host: crm.example.com}\n", encoding="utf-8")
    (tmp_path / "conf.d").mkdir()
    return tmp_path


def drop_in(here: Path, name: str, text: str) -> None:
    (here / "conf.d" / name).write_text(text, encoding="utf-8")


def test_check_config_says_how_many_drop_ins_it_read(here: Path) -> None:
    drop_in(here, "10.yaml", "agent: {interval_s: 60}\n")
    one = cloudpath("check-config", "agent.yaml", directory=here)
    assert one == Finished(0, "agent.yaml and 1 file in conf.d: no mistakes\n", "")
    drop_in(here, "20.yaml", "")
    assert cloudpath("check-config", "agent.yaml", directory=here).out.startswith("agent.yaml and 2 files in conf.d: ")


def test_check_config_takes_a_file_without_targets_and_says_so(tmp_path: Path) -> None:
    said = "agent.yaml: no mistakes; no targets, which `cloudpath run` needs\n"
    (tmp_path / "agent.yaml").touch()
    assert cloudpath("check-config", "agent.yaml", directory=tmp_path) == Finished(0, said, "")


def test_check_config_finds_what_would_keep_the_service_from_starting(here: Path) -> None:
    drop_in(here, "10.yaml", "agent: {address_databases: [agent.yaml]}\nrules: [agent.yaml]\n")
    ended = cloudpath("check-config", "agent.yaml", directory=here)
    assert (ended.code, ended.out) == (2, "")
    rule, database = ended.lines[0], ended.lines[-1]
    assert rule.startswith("agent.yaml:1:1: ")
    assert database == "agent.yaml is no MMDB file, or a part of it is missing"


def test_the_file_may_be_named_by_a_variable_and_the_command_line_counts_more(here: Path) -> None:
    named = str(here / "agent.yaml")
    assert cloudpath("check-config", CLOUDPATH_CONFIG=named).out == f"{here}/agent.yaml: no mistakes\n"
    assert "- name: crm\n" in cloudpath("show-config", CLOUDPATH_CONFIG=named).out
    (here / "other.yaml").touch()
    assert cloudpath("check-config", "other.yaml", directory=here, CLOUDPATH_CONFIG=named).out.startswith(
        "other.yaml: "
    )


def test_a_wrong_variable_is_one_line_and_exit_code_2(here: Path) -> None:
    ended = cloudpath("check-config", "agent.yaml", directory=here, CLOUDPATH_AGENT_INTERVAL="60")
    hint = "did you mean CLOUDPATH_AGENT_INTERVAL_S?"
    line = f"CLOUDPATH_AGENT_INTERVAL: no key of the configuration has this variable; {hint}\n"
    assert ended == Finished(2, "", line)


def test_a_trace_by_name_follows_drop_ins_and_variables(here: Path) -> None:
    drop_in(here, "10.yaml", "targets: [{name: home, host: 127.0.0.1}]\nproxy: {mode: none}\n")
    ended = cloudpath("trace", "-n", "-j", "-c", "agent.yaml", "home", directory=here, CLOUDPATH_NDR="true")
    assert '"name": "home"' in ended.out
    assert '"ndr": "true"' in ended.out
    wrong = cloudpath("trace", "-c", "agent.yaml", "home", directory=here, CLOUDPATH_NDR="maybe")
    assert wrong == Finished(2, "", "CLOUDPATH_NDR: ndr: expected auto, true or false, found 'maybe'\n")


def test_show_config_says_where_each_value_stands_and_can_be_read_again(here: Path) -> None:
    (here / "token").write_text("t0ps3cret\n", encoding="utf-8")
    drop_in(
        here,
        "10.yaml",
        "agent: {interval_s: 60}\ntargets: [{name: wiki, host: wiki.example.com}]\n"
        'emit: [{type: http, url: "https://c.example.com/", headers: {Authorization: "${file:token}"}}]\n',
    )
    ended = cloudpath(
        "show-config",
        "agent.yaml",
        directory=here,
        CLOUDPATH_AGENT_CONCURRENT="4",
        CLOUDPATH_PROXY_MODE="explicit",
        CLOUDPATH_PROXY_URL="http://u:t0ps3cret@p.example.com:3128",
    )
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[:11] == [
        "# Read from:",
        "#   agent.yaml",
        "#   conf.d/10.yaml",
        "# From elsewhere than the first:",
        "#   agent.interval_s: conf.d/10.yaml:1:21",
        "#   targets.1: conf.d/10.yaml:2:11",
        "#   emit: conf.d/10.yaml:3:7",
        "#   agent.concurrent: CLOUDPATH_AGENT_CONCURRENT",
        "#   proxy.mode: CLOUDPATH_PROXY_MODE",
        "#   proxy.url: CLOUDPATH_PROXY_URL",
        "agent:",
    ]
    assert "t0ps3cret" not in ended.out
    shown = yaml.safe_load(ended.out)
    assert (shown["agent"]["interval_s"], shown["agent"]["concurrent"]) == (60, 4)
    assert [target["name"] for target in shown["targets"]] == ["crm", "wiki"]
    assert shown["proxy"] == {"mode": "explicit", "url": "http://***@p.example.com:3128"}
    (here / "again.yaml").write_text(ended.out, encoding="utf-8")
    (here / "conf.d/10.yaml").unlink()
    assert cloudpath("check-config", "again.yaml", directory=here).code == 0


def test_a_file_s_name_cannot_break_out_of_the_comments(here: Path) -> None:
    drop_in(here, "10\nagent: {interval_s: 77}\x1b[31m.yaml", "agent: {interval_s: 60}\n")
    ended = cloudpath("show-config", "agent.yaml", directory=here)
    assert r"#   conf.d/10\u000aagent: {interval_s: 77}\u001b[31m.yaml" in ended.out.splitlines()
    assert yaml.safe_load(ended.out)["agent"]["interval_s"] == 60
