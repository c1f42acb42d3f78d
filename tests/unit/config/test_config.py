"""A good configuration comes out frozen, with defaults; references are followed; a bad one never comes out."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.config.model import ExplicitProxySection, NoProxySection, ServiceEdgeSection, Settings
from agent.config.reading import ConfigurationError, Loaded, load_configuration, parse_configuration
from agent.config.show import shown
from agent.config.sinks import HttpSink
from probes.facts import ProtocolChoice, RouteKind
from probes.sample import NdrSetting
from rules.diagnosis import Severity

# The whole documented schema.
EVERYTHING = """
agent:
  interval_s: 60
  state_dir: state
  concurrent: 8
  address_databases: [asn.mmdb]
targets:
  - name: crm
    url: https://crm.example.com/login
    route: service_edge
    protocol: adaptive
    queries: 5
    path_mtu: true
    ca_file: edge-ca.pem
  - name: db
    host: 192.0.2.80
    port: 5432
    protocol: tcp
    family: ipv4
    first_ttl: 2
    max_ttl: 20
    timeout_s: 2
    interval_s: 30
service_edge:
  host: edge.example.com
  port: 443
  api: https://edge.example.com:8443
  token_file: edge.token
  ca_file: edge-ca.pem
  insecure: false
other_edges:
  - {host: edge2.example.com}
proxy: {mode: environment}
egress: {address: null}
ndr: auto
controls: [192.0.2.1, "https://control.example.com/"]
captive_check_url: null
severity_overrides: {CP-13: critical}
rules: [own-rules.yaml]
store: {max_mb: 64}
metrics: {listen: "unix:metrics.sock", insecure: false}
emit:
  - {type: stdout}
  - {type: file, path: samples.ndjson}
  - type: http
    name: collector
    url: https://collector.example.com/ingest
    format: ndjson
    headers: {Authorization: "${file:token}"}
    gzip: false
    proxy: http://proxy.example.com:3128
    ca_file: edge-ca.pem
    timeout_s: 5
    batch: 100
    insecure: false
  - {type: http, url: "https://search.example.com:9200/_bulk", format: es_bulk, index: cloudpath-samples}
  - {type: otlp, url: "https://otel.example.com:4318/v1/logs", encoding: json}
  - {type: syslog, address: "unix:/dev/log", facility: local3}
  - {type: journald}
private_access: {synthetic_ranges: [100.64.0.0/16, "2001:db8::/48"], interface: zcctun0}
zpa: {lss_listen: "127.0.0.1:9601", insecure: false, window_s: 600, username: ann@example.com}
"""


def load(text: str, **environment: str) -> Loaded:
    return parse_configuration(text, "agent.yaml", Path("/nowhere"), environment)


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    (tmp_path / "edge.token").write_text("t0ken\n", encoding="utf-8")
    for name in ("own-rules.yaml", "asn.mmdb"):
        (tmp_path / name).touch()
    (tmp_path / "edge-ca.pem").write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    (tmp_path / "token").write_text("Bearer t0ps3cret\n", encoding="utf-8")
    file = tmp_path / "agent.yaml"
    file.write_text(EVERYTHING, encoding="utf-8")
    return file


def test_the_whole_documented_schema_is_accepted(everything: Path) -> None:
    settings = load_configuration(everything, {}).settings
    here = everything.parent
    crm, database = settings.targets
    assert (crm.name, crm.url, crm.route, crm.queries) == (
        "crm",
        "https://crm.example.com/login",
        RouteKind.SERVICE_EDGE,
        5,
    )
    assert (database.host, database.port, database.protocol, database.timeout_s) == (
        "192.0.2.80",
        5432,
        ProtocolChoice.TCP,
        2.0,
    )
    assert settings.agent.state_dir == here / "state"
    assert isinstance(settings.service_edge, ServiceEdgeSection)
    assert settings.service_edge.token_file == here / "edge.token"
    assert settings.severity_overrides == {"CP-13": Severity.CRITICAL}
    assert settings.rules == (here / "own-rules.yaml",)
    assert settings.private_access.synthetic_ranges == ("100.64.0.0/16", "2001:db8::/48")
    assert settings.private_access.interface == "zcctun0"
    assert settings.zpa is not None
    assert (settings.zpa.lss_listen, settings.zpa.window_s) == ("127.0.0.1:9601", 600)
    assert [sink.type for sink in settings.emit] == [
        "stdout",
        "file",
        "http",
        "http",
        "otlp",
        "syslog",
        "journald",
    ]


def test_a_secret_comes_from_its_file_without_the_last_line_break(everything: Path) -> None:
    loaded = load_configuration(everything, {})
    sink = loaded.settings.emit[2]
    assert isinstance(sink, HttpSink)
    assert sink.headers == {"Authorization": "Bearer t0ps3cret"}
    assert loaded.written == {("emit", 2, "headers", "Authorization"): "${file:token}"}


@pytest.mark.parametrize(
    "change",
    [
        ("", ""),
        ("proxy: {mode: environment}", "proxy: {mode: pac, file: token}"),
        ("proxy: {mode: environment}", "proxy: {mode: pac, url: 'http://wpad.example/proxy.pac'}"),
        ('zpa: {lss_listen: "127.0.0.1:9601"', "zpa: {file: token"),
    ],
)
def test_what_is_shown_is_the_same_configuration_again(everything: Path, change: tuple[str, str]) -> None:
    everything.write_text(EVERYTHING.replace(*change), encoding="utf-8")
    loaded = load_configuration(everything, {})
    again = yaml.safe_dump(shown(loaded), allow_unicode=True)
    assert parse_configuration(again, "again.yaml", everything.parent, {}).settings == loaded.settings


@pytest.mark.parametrize("url", ["http://u:t0ps3cret@p.example:1", "u:t0ps3cret@p.example:1", "t0ps3cret@p.example:1"])
def test_no_password_of_a_proxy_is_shown(url: str) -> None:
    loaded = load(
        f"proxy: {{mode: explicit, url: '{url}'}}\nemit: [{{type: http, url: 'https://c.example/', proxy: '{url}'}}]"
    )
    assert "t0ps3cret" not in yaml.safe_dump(shown(loaded))
    assert yaml.safe_dump(shown(loaded)).count("***@p.example:1") == 2


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "\ufeff"])
def test_an_empty_file_is_all_defaults(text: str, tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(text, encoding="utf-8")
    settings = load_configuration(file, {}).settings
    assert settings == Settings()
    assert settings.agent.interval_s == 300
    assert settings.proxy == NoProxySection(mode="environment")
    assert settings.ndr is NdrSetting.AUTO


@pytest.mark.parametrize(("text", "expected"), [("auto", "auto"), ("true", "true"), ("false", "false")])
def test_ndr_takes_a_word_or_a_boolean(text: str, expected: str) -> None:
    assert load(f"ndr: {text}").settings.ndr is NdrSetting(expected)


def test_references_to_the_environment_are_followed_and_escaped_ones_are_not() -> None:
    proxy = load('proxy: {mode: explicit, url: "http://u:${env:P}$${x}@proxy.example.com:3128"}', P="pw").settings.proxy
    assert proxy == ExplicitProxySection(mode="explicit", url="http://u:pw${x}@proxy.example.com:3128")


def test_a_loopback_api_may_be_plain_http_and_others_when_somebody_says_insecure() -> None:
    for api in ("http://127.0.0.1:8443/", "http://[::1]:8443/", "http://localhost/"):
        assert load(f"service_edge: {{host: e.example, api: '{api}'}}").settings.service_edge is not None
    assert load("service_edge: {host: e.example, api: 'http://e.example/', insecure: true}").settings.service_edge


def test_settings_cannot_be_changed() -> None:
    settings = load("ndr: true").settings
    with pytest.raises(ValidationError, match="frozen"):
        settings.ndr = NdrSetting.AUTO


@pytest.mark.parametrize(("name", "words"), [("missing.yaml", "no such file or directory"), ("", "is a directory")])
def test_a_file_that_cannot_be_read_is_one_line(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(tmp_path / name, {})
    assert caught.value.problems == (f"{tmp_path / name}: cannot read it: {words}",)


def test_a_file_larger_than_any_configuration_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.yaml"
    file.write_text("#" * 1_000_001, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="larger than a megabyte"):
        load_configuration(file, {})


KEYS = st.sampled_from(
    [*Settings.model_fields, "url", "host", "name", "mode", "type", "headers", "port", "<<", "?", "a b"]
)
SCALARS = st.sampled_from(
    ["1", "-1", "1e9", "true", "no", "~", "'x'", "${env:A}", "${", "https://x/", "192.0.2.1", "pac", "http"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(KEYS, inner, max_size=4).map(
            lambda items: "{" + ", ".join(f'"{key}": {value}' for key, value in items.items()) + "}"
        )
    ),
    max_leaves=12,
)


@given(
    st.text(max_size=60)
    | VALUES
    | st.dictionaries(KEYS, VALUES, max_size=5).map(
        lambda items: "\n".join(f'"{key}": {value}' for key, value in items.items())
    )
)
def test_any_text_is_settings_or_lines_with_places(text: str) -> None:
    assert all(line.startswith("agent.yaml:") for line in lines_of(text))


def lines_of(text: str) -> tuple[str, ...]:
    """Any other exception than the one for a person fails the test."""
    try:
        load(text)
    except ConfigurationError as error:
        return error.problems or ("a configuration was refused without a reason",)
    return ()
