"""The edge's configuration: what is read, and every mistake with its place."""

import os
from pathlib import Path

import pytest

from agent.config.reading import ConfigurationError
from edge.config import read_edge_settings
from probes.egress_facts import TunnelKind

GOOD = """\
edge:
  name: edge-1
  listen: "0.0.0.0:8443"
  insecure: true
  tokens_file: tokens
  tcp_port: 443
  udp_port: 33500
  allow_destinations: [crm.example.com, 192.0.2.0/24]
  limits: {traces_per_minute: 12, concurrent: 4}
  tunnels:
    - {inner: 10.20.0.0/16, egress: 198.51.100.10, type: gre}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "tokens").write_text("# ours\n\n  0123456789abcdef  \nfedcba9876543210==\n")
    (tmp_path / "edge.yaml").write_text(GOOD)
    return tmp_path


def problems(directory: Path, text: str | None = None) -> list[str]:
    if text is not None:
        (directory / "edge.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_edge_settings(directory / "edge.yaml", {})
    return [problem.replace(f"{directory}/", "") for problem in caught.value.problems]


def test_the_contracts_example_is_read(directory: Path) -> None:
    settings = read_edge_settings(directory / "edge.yaml", {})
    edge = settings.edge
    assert (edge.name, edge.listen, edge.tcp_port, edge.udp_port) == ("edge-1", "0.0.0.0:8443", 443, 33500)
    assert (edge.limits.traces_per_minute, edge.limits.concurrent, edge.limits.cache_s) == (12, 4, 10)
    assert (edge.tunnels[0].inner, edge.tunnels[0].type) == ("10.20.0.0/16", TunnelKind.GRE)
    assert settings.destinations.asks_for("192.0.2.200")
    assert settings.tokens.owner(b"Bearer 0123456789abcdef")
    assert settings.tokens.owner(b"bearer fedcba9876543210==")
    assert len(settings.tokens) == 2


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic 0123456789abcdef",
        b"0123456789abcdef",
        b"Bearer 0123456789abcde",
        b"# ours",
    ],
)
def test_nobody_elses_token_has_an_owner(directory: Path, authorization: bytes | None) -> None:
    assert read_edge_settings(directory / "edge.yaml", {}).tokens.owner(authorization) is None


def test_every_mistake_comes_at_once_with_its_place(directory: Path) -> None:
    text = """\
edge:
  name: "no name"
  listen: 8443
  tokens_file: nowhere
  tcp_prot: 443
  udp_port: 70000
  allow_destinations: [crm.example.com:443, 192.0.2.1/24]
  limits: {traces_per_minute: 0, concurrent: many}
  tunnels:
    - {inner: 10.0.0.0/8, egress: home, type: gre}
    - {inner: 10.0.0.0/8, type: vpn}
"""
    assert problems(directory, text) == [
        "edge.yaml:2:3: edge: give tls (cert_file and key_file), or insecure: true for plain HTTP",
        "edge.yaml:2:9: edge.name: 'no name' is no name; use up to 63 letters, digits, dots, hyphens and underscores",
        "edge.yaml:3:11: edge.listen: expected text, found 8443; put quotes around it",
        "edge.yaml:4:16: edge.tokens_file: cannot read nowhere: no such file or directory",
        "edge.yaml:5:3: edge.tcp_prot: unknown key; did you mean tcp_port?",
        "edge.yaml:6:13: edge.udp_port: 70000 is out of range; 65535 is the most",
        "edge.yaml:7:24: edge.allow_destinations.0: expected a name, address or prefix alone, for every port of it",
        "edge.yaml:7:45: edge.allow_destinations.1: '192.0.2.1/24' is no prefix; write it as in 10.20.0.0/16",
        "edge.yaml:8:31: edge.limits.traces_per_minute: 0 is out of range; 1 is the least",
        "edge.yaml:8:46: edge.limits.concurrent: expected a whole number, found 'many'",
        "edge.yaml:10:35: edge.tunnels.0.egress: 'home' is no IP address; write it as in 192.0.2.1 or 2001:db8::1",
        "edge.yaml:11:15: edge.tunnels.1.inner: another tunnel has 10.0.0.0/8 already",
        "edge.yaml:11:33: edge.tunnels.1.type: expected one of gre, ipsec, other, found 'vpn'",
    ]


def test_tls_and_plain_http_exclude_each_other(directory: Path) -> None:
    text = GOOD.replace("  insecure: true\n", "  insecure: true\n  tls: {cert_file: tokens, key_file: tokens}\n")
    assert problems(directory, text) == [
        "edge.yaml:2:3: edge: give tls (cert_file and key_file), or insecure: true for plain HTTP"
    ]


def test_the_port_for_probes_is_another_one(directory: Path) -> None:
    (problem,) = problems(directory, GOOD.replace("tcp_port: 443", "tcp_port: 8443"))
    assert problem == "edge.yaml:6:13: edge.tcp_port: the service itself listens on 8443; choose another port"


def test_tokens_are_named_by_their_lines_and_never_shown(directory: Path) -> None:
    secret = "0123456789 abcdef-secret"  # noqa: S105 - nobody's
    (directory / "tokens").write_text(f"good-enough-to-be-one\n{secret}\nshort\ngood-enough-to-be-one\n")
    found = problems(directory)
    assert [problem.split(": ")[0] for problem in found] == ["tokens:2:1", "tokens:3:1", "tokens:4:1"]
    assert "16 to 512 characters; this one has 5" in found[1]
    assert "the same token as in line 1" in found[2]
    assert not any("secret" in problem or "good" in problem for problem in found)


@pytest.mark.parametrize("text", ["", "# none\n"])
def test_an_edge_without_tokens_does_not_start(directory: Path, text: str) -> None:
    (directory / "tokens").write_text(text)
    assert problems(directory) == ["tokens: no token in it; one a line, as `openssl rand -hex 32` makes them"]


def test_a_value_may_come_from_the_environment(directory: Path) -> None:
    (directory / "edge.yaml").write_text(GOOD.replace("name: edge-1", "name: ${env:EDGE}"))
    assert read_edge_settings(directory / "edge.yaml", {**os.environ, "EDGE": "edge-7"}).edge.name == "edge-7"
