"""Variables that stand for keys: each does what its key does, a wrong one is told, others are left alone."""

from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.commands import trace, zpa
from agent.commands.group import SUBCOMMANDS, group
from agent.config.layers import Layer
from agent.config.model import ExplicitProxySection, NoProxySection, Settings
from agent.config.reading import ConfigurationError, load_configuration, loaded_from, parse_configuration
from agent.config.variables import keys_by_variable
from rules.yaml_marks import load_marked

# A value for every key that a variable can stand for: as the variable, and as the file has it.
SAME = {
    "CLOUDPATH_AGENT": ("{interval_s: 60}", "agent: {interval_s: 60}"),
    "CLOUDPATH_AGENT_INTERVAL_S": ("60", "agent: {interval_s: 60}"),
    "CLOUDPATH_AGENT_STATE_DIR": ("/srv/state: #1", 'agent: {state_dir: "/srv/state: #1"}'),
    "CLOUDPATH_AGENT_CONCURRENT": ("4", "agent: {concurrent: 4}"),
    "CLOUDPATH_AGENT_ADDRESS_DATABASES": ("[a.mmdb]", "agent: {address_databases: [a.mmdb]}"),
    "CLOUDPATH_TARGETS": ("[{name: a, host: a.example}]", "targets: [{name: a, host: a.example}]"),
    "CLOUDPATH_SERVICE_EDGE": ("{host: e.example}", "service_edge: {host: e.example}"),
    "CLOUDPATH_SERVICE_EDGE_HOST": ("e.example", "service_edge: {host: e.example}"),
    "CLOUDPATH_SERVICE_EDGE_PORT": ("8443", "service_edge: {host: base.example, port: 8443}"),
    "CLOUDPATH_SERVICE_EDGE_API": ("https://e.example/", "service_edge: {host: base.example, api: 'https://e.example/'}"),
    "CLOUDPATH_SERVICE_EDGE_INSECURE": ("true", "service_edge: {host: base.example, insecure: true}"),
    "CLOUDPATH_SERVICE_EDGE_TOKEN_FILE": ("a.token", "service_edge: {host: base.example, token_file: a.token}"),
    "CLOUDPATH_SERVICE_EDGE_CA_FILE": ("a.pem", "service_edge: {host: base.example, ca_file: a.pem}"),
    "CLOUDPATH_OTHER_EDGES": ("[{host: o.example}]", "other_edges: [{host: o.example}]\nservice_edge: {host: x}"),
    "CLOUDPATH_PROXY": ("{mode: none}", "proxy: {mode: none}"),
    "CLOUDPATH_PROXY_MODE": ("none", "proxy: {mode: none}"),
    "CLOUDPATH_PROXY_URL": ("http://u:*p,1@p.example:3128", "proxy: {mode: explicit, url: 'http://u:*p,1@p.example:3128'}"),
    "CLOUDPATH_PROXY_FILE": ("a.token", "proxy: {mode: pac, file: a.token}"),
    "CLOUDPATH_EGRESS": ("{address: 192.0.2.7}", "egress: {address: 192.0.2.7}"),
    "CLOUDPATH_EGRESS_ADDRESS": ("192.0.2.7", "egress: {address: 192.0.2.7}"),
    "CLOUDPATH_NDR": ("true", "ndr: true"),
    "CLOUDPATH_CONTROLS": ("[192.0.2.8, 192.0.2.9]", "controls: [192.0.2.8, 192.0.2.9]"),
    "CLOUDPATH_CAPTIVE_CHECK_URL": ("http://c.example/", "captive_check_url: 'http://c.example/'"),
    "CLOUDPATH_SEVERITY_OVERRIDES": ("{CP-13: info}", "severity_overrides: {CP-13: info}"),
    "CLOUDPATH_RULES": ("[a.token]", "rules: [a.token]"),
    "CLOUDPATH_EMIT": ("[{type: stdout}]", "emit: [{type: stdout}]"),
    "CLOUDPATH_STORE": ("{max_mb: 64}", "store: {max_mb: 64}"),
    "CLOUDPATH_STORE_MAX_MB": ("64", "store: {max_mb: 64}"),
    "CLOUDPATH_METRICS": ("{listen: 'unix:m'}", "metrics: {listen: 'unix:m'}"),
    "CLOUDPATH_METRICS_LISTEN": ("127.0.0.1:9469", "metrics: {listen: '127.0.0.1:9469'}"),
    "CLOUDPATH_METRICS_INSECURE": ("true", "metrics: {insecure: true}"),
    "CLOUDPATH_PRIVATE_ACCESS": ("{interface: tun0}", "private_access: {interface: tun0}"),
    "CLOUDPATH_PRIVATE_ACCESS_SYNTHETIC_RANGES": ("[]", "private_access: {synthetic_ranges: []}"),
    "CLOUDPATH_PRIVATE_ACCESS_INTERFACE": ("7", "private_access: {interface: '7'}"),
    "CLOUDPATH_ZPA": ("{file: a}", "zpa: {file: a}"),
    "CLOUDPATH_ZPA_FILE": ("true", "zpa: {file: 'true'}"),
    "CLOUDPATH_ZPA_LSS_LISTEN": ("127.0.0.1:9601", "zpa: {lss_listen: '127.0.0.1:9601'}"),
    "CLOUDPATH_ZPA_WINDOW_S": ("60", "zpa: {file: base, window_s: 60}"),
    "CLOUDPATH_ZPA_USERNAME": ("null", "zpa: {file: base, username: 'null'}"),
    "CLOUDPATH_ZPA_INSECURE": ("true", "zpa: {file: base, insecure: true}"),
}  # fmt: skip
# What the section of some needs besides them.
BASE = {
    "CLOUDPATH_PROXY_URL": "proxy: {mode: explicit}",
    "CLOUDPATH_PROXY_FILE": "proxy: {mode: pac}",
    "CLOUDPATH_ZPA_WINDOW_S": "zpa: {file: base}",
    "CLOUDPATH_ZPA_USERNAME": "zpa: {file: base}",
    "CLOUDPATH_ZPA_INSECURE": "zpa: {file: base}",
    "CLOUDPATH_OTHER_EDGES": "service_edge: {host: x}",
    **{name: "service_edge: {host: base.example}" for name in SAME if name.startswith("CLOUDPATH_SERVICE_EDGE_")},
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "a.token").write_text("t0ken\n", encoding="utf-8")
    (tmp_path / "a.pem").write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    (tmp_path / "a.mmdb").touch()
    return tmp_path


def settings(text: str, **environment: str) -> Settings:
    return settings_in(Path("/nowhere"), text, **environment)


def settings_in(directory: Path, text: str, **environment: str) -> Settings:
    return parse_configuration(text, "agent.yaml", directory, environment).settings


def lines(text: str = "", **environment: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        settings(text, **environment)
    return list(caught.value.problems)


def test_every_variable_was_tried_and_no_two_keys_share_one() -> None:
    keys = keys_by_variable()
    assert set(SAME) == set(keys)
    assert len({key.steps for key in keys.values()}) == len(keys)


@pytest.mark.parametrize("name", sorted(SAME))
def test_a_variable_does_what_its_key_does(name: str, here: Path) -> None:
    value, text = SAME[name]
    changed = settings_in(here, BASE.get(name, ""), **{name: value})
    assert changed == settings_in(here, text)
    assert changed != Settings()


def option_variables() -> Mapping[str, str]:
    """Return the variable of every option of every command, with the command."""
    found = {}
    with click.Context(group) as context:
        for name in SUBCOMMANDS:
            command = group.get_command(context, name)
            assert command is not None
            found.update({str(option.envvar): name for option in command.params if isinstance(option, click.Option)})
    return found


def test_the_only_variable_of_both_a_key_and_an_option_means_the_same_for_both() -> None:
    assert set(option_variables()) & set(keys_by_variable()) == {"CLOUDPATH_ZPA_INSECURE"}
    assert option_variables()["CLOUDPATH_ZPA_INSECURE"] == "zpa"


def test_a_variable_stands_over_the_file_and_its_list_replaces_the_file_s() -> None:
    changed = settings(
        "agent: {interval_s: 60, concurrent: 4}\ncontrols: [192.0.2.1]\n",
        CLOUDPATH_AGENT_INTERVAL_S="120",
        CLOUDPATH_CONTROLS="[192.0.2.2]",
        CLOUDPATH_STORE_MAX_MB="",
    )
    assert (changed.agent.interval_s, changed.agent.concurrent, changed.store.max_mb) == (120, 4, 256)
    assert changed.controls == ("192.0.2.2",)


def test_a_key_stands_over_its_section_and_another_kind_begins_the_section_anew() -> None:
    text = 'proxy: {mode: pac, url: "http://wpad.example/proxy.pac"}\n'
    explicit = ExplicitProxySection(mode="explicit", url="http://p.example:3128")
    assert settings(text, CLOUDPATH_PROXY_MODE="none").proxy == NoProxySection(mode="none")
    both = {"CLOUDPATH_PROXY_MODE": "explicit", "CLOUDPATH_PROXY_URL": "http://p.example:3128"}
    assert settings(text, **both).proxy == explicit
    assert settings(text, CLOUDPATH_PROXY="{mode: none}", **both).proxy == explicit


def test_references_are_followed_in_variables_too(here: Path) -> None:
    changed = settings_in(
        here, "proxy: {mode: explicit}", CLOUDPATH_PROXY_URL="http://u:${env:P}${file:a.token}@p.example:1", P="x"
    )
    assert changed.proxy == ExplicitProxySection(mode="explicit", url="http://u:xt0ken@p.example:1")


def test_a_wrong_value_is_told_by_the_variable_s_name() -> None:
    twice = "another target is already called 'a', and names tell targets apart"
    assert lines(
        "agent: {interval_s: 5}",
        CLOUDPATH_AGENT_INTERVAL_S="1m",
        CLOUDPATH_AGENT_CONCURRENT="65",
        CLOUDPATH_EGRESS_ADDRESS="here",
        CLOUDPATH_TARGETS="[{name: a, hots: x}, {name: a, host: b.example}]",
        CLOUDPATH_EMIT="[",
        CLOUDPATH_STORE="5",
    ) == [
        "CLOUDPATH_TARGETS: targets.0.hots: unknown key; did you mean host?",
        "CLOUDPATH_TARGETS: targets.0: give exactly one of url and host",
        f"CLOUDPATH_TARGETS: targets.1.name: {twice}; first in CLOUDPATH_TARGETS",
        "CLOUDPATH_EMIT: did not find expected node content while parsing a flow node",
        "CLOUDPATH_STORE: store: expected a mapping, found 5",
        "CLOUDPATH_AGENT_INTERVAL_S: agent.interval_s: expected a whole number, found '1m'",
        "CLOUDPATH_AGENT_CONCURRENT: agent.concurrent: 65 is out of range; 64 is the most",
        "CLOUDPATH_EGRESS_ADDRESS: egress.address: 'here' is no IP address; write it as in 192.0.2.1 or 2001:db8::1",
    ]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("CLOUDPATH_AGENT_INTERVAL", "CLOUDPATH_AGENT_INTERVAL_S"),
        ("CLOUDPATH_AGNT_INTERVAL_S", "CLOUDPATH_AGENT_INTERVAL_S"),
        ("CLOUDPATH_EGRESS_ADRESS", "CLOUDPATH_EGRESS_ADDRESS"),
        ("CLOUDPATH_SERVICE_EDG_PORT", "CLOUDPATH_SERVICE_EDGE_PORT"),
        ("CLOUDPATH_TARGET", "CLOUDPATH_TARGETS"),
        ("CLOUDPATH_AGENT_FOO", None),
        ("CLOUDPATH_METRICS_PATH", None),
    ],
)
def test_a_slip_in_a_name_is_told(name: str, near: str | None) -> None:
    hint = f"did you mean {near}?" if near else "docs/configuration.md has the keys"
    assert lines(**{name: "1"}) == [f"{name}: no key of the configuration has this variable; {hint}"]


def test_a_slip_is_told_beside_other_mistakes() -> None:
    told = lines("agent: {interval_s: 5}", CLOUDPATH_AGENT_INTERVAL="60")
    assert [line.partition(": ")[0] for line in told] == ["agent.yaml:1:21", "CLOUDPATH_AGENT_INTERVAL"]


@pytest.mark.parametrize(
    "environment",
    [
        {"CLOUDPATH_CONFIG": "x", "CLOUDPATH_DEBUG": "1", "_CLOUDPATH_COMPLETE": "x"},
        # Options of commands, those of a section's name among them.
        dict.fromkeys((trace.command.params[1].envvar, zpa.command.params[1].envvar, "CLOUDPATH_EGRESS_JSON"), "1"),
        # What Kubernetes tells of a service that is called cloudpath-agent, or cloudpath.
        {"CLOUDPATH_AGENT_SERVICE_HOST": "10.0.0.1", "CLOUDPATH_AGENT_SERVICE_PORT": "80"},
        {"CLOUDPATH_AGENT_SERVICE_PORT_METRICS": "80", "CLOUDPATH_AGENT_PORT": "tcp://10.0.0.1:80"},
        {"CLOUDPATH_AGENT_PORT_80_TCP": "tcp://10.0.0.1:80", "CLOUDPATH_AGENT_PORT_80_TCP_ADDR": "10.0.0.1"},
        {"CLOUDPATH_SERVICE_HOST": "10.0.0.1", "CLOUDPATH_PORT": "tcp://10.0.0.1:80"},
        # Somebody else's.
        {"CLOUDPATH_REQUIRE_LAB": "1", "CLOUDPATH_PYTHON": "python3", "OTHER_AGENT_INTERVAL": "1"},
    ],
)
def test_other_variables_are_left_alone(environment: dict[str, str]) -> None:
    assert settings("", **environment) == Settings()


def test_a_variable_that_the_configuration_refers_to_is_called_as_one_likes() -> None:
    changed = settings("service_edge: {host: '${env:CLOUDPATH_EDGE_HOST_1}'}", CLOUDPATH_EDGE_HOST_1="e.example")
    assert changed.service_edge is not None
    assert changed.service_edge.host == "e.example"


def test_variables_stand_over_drop_ins(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "agent.yaml").touch()
    (tmp_path / "conf.d/10.yaml").write_text("agent: {interval_s: 60}", encoding="utf-8")
    loaded = load_configuration(tmp_path / "agent.yaml", {"CLOUDPATH_AGENT_INTERVAL_S": "120"})
    assert loaded.settings.agent.interval_s == 120
    assert [(steps, place.text) for steps, place in loaded.merged.later()] == [
        (("agent", "interval_s"), "CLOUDPATH_AGENT_INTERVAL_S")
    ]


PARTS = st.sampled_from(sorted(Settings.model_fields)) | st.sampled_from(
    ["url", "host", "name", "mode", "type", "file"]
)
SCALARS = st.sampled_from(["1", "true", "~", "x", "'${env:A}'", "https://x/", "192.0.2.1", "pac", "http", "'"])
YAML = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(PARTS, inner, max_size=4).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=8,
)


@given(st.lists(YAML, min_size=1, max_size=3), st.dictionaries(st.sampled_from(sorted(SAME)), YAML, max_size=4))
def test_any_files_and_variables_are_settings_or_lines_that_name_them(
    texts: list[str], environment: dict[str, str]
) -> None:
    layers = [Layer(load_marked(text, f"{number}.yaml")) for number, text in enumerate(texts)]
    sources = (*(f"{number}.yaml:" for number in range(len(texts))), *(f"{name}:" for name in environment))
    lines = lines_of(layers, environment)
    assert [line for line in lines if not line.startswith(sources)] == []


def lines_of(layers: list[Layer], environment: dict[str, str]) -> tuple[str, ...]:
    """Any other exception than the one for a person fails the test."""
    try:
        loaded_from(layers, Path("/nowhere"), environment)
    except ConfigurationError as error:
        return error.problems or ("a configuration was refused without a reason",)
    return ()
