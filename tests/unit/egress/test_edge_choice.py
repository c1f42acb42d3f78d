"""Which edges may be asked: options before the configuration, and one line for what cannot be meant."""

from pathlib import Path

import pytest

from agent.config.model import Settings
from agent.config.reading import parse_configuration
from agent.edge_choice import chosen_edges, edges_by_api
from agent.usage import UsageProblem
from probes.edge_access import EdgeAccess

CONFIGURATION = """
service_edge: {host: edge.example.com, port: 8443, api: "https://edge.example.com:9443"}
other_edges: [{host: edge2.example.com}]
"""
FIRST = EdgeAccess(host="edge.example.com", port=8443, api="https://edge.example.com:9443/")
SECOND = EdgeAccess(host="edge2.example.com")


def settings() -> Settings:
    return parse_configuration(CONFIGURATION, "agent.yaml", Path(), {}).settings


def test_the_configurations_edges_in_their_order() -> None:
    first, second = chosen_edges(None, None, None, None, settings())
    assert (first.host, first.port, first.api is not None) == ("edge.example.com", 8443, True)
    assert second == SECOND
    assert chosen_edges(None, None, None, None, None) == ()


def test_an_edge_that_is_named_is_the_first_and_the_configuration_knows_the_rest() -> None:
    first, second = chosen_edges("edge2.example.com", None, None, None, settings())
    assert first == SECOND
    assert second.host == "edge.example.com"
    first, *others = chosen_edges("new.example.com:444", None, None, None, settings())
    assert first == EdgeAccess(host="new.example.com", port=444)
    assert len(others) == 2


def test_an_api_that_is_named_takes_no_secret_of_another_one(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")
    text = 'service_edge: {host: edge.example.com, api: "https://edge.example.com", token_file: token}'
    configured = parse_configuration(text, "agent.yaml", tmp_path, {}).settings
    (edge,) = chosen_edges(None, "https://other.example.com:9443", None, None, configured)
    assert (edge.host, edge.token_file) == ("edge.example.com", None)
    assert (edge.api or "").startswith("https://other.example.com:9443")


def test_an_api_alone_is_an_edge() -> None:
    (edge,) = chosen_edges(None, "https://edge.example.com:9443", None, None, None)
    assert (edge.host, edge.port) == ("edge.example.com", 443)


@pytest.mark.parametrize(
    ("edge", "api", "token", "why"),
    [
        ("https://edge.example.com", None, None, "no URL"),
        ("edge:port", None, None, "--edge"),
        (None, "edge.example.com", None, "takes a URL"),
        (None, "http://edge.example.com", None, "loopback only"),
        (None, "https://", None, "--edge-api"),
        (None, None, Path("/dev/null"), "name it with --edge-api"),
        ("edge.example.com", None, Path("/dev/null"), "name it with --edge-api"),
        (None, "https://edge.example.com", Path("/nonexistent"), "cannot read /nonexistent"),
    ],
)
def test_each_contradiction_has_its_line(edge: str | None, api: str | None, token: Path | None, why: str) -> None:
    with pytest.raises(UsageProblem, match=why):
        chosen_edges(edge, api, token, None, None)


def test_edges_by_their_apis_alone(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("x")
    one, two = edges_by_api(("https://a.example.com", "https://b.example.com:9443"), token, None)
    assert (one.host, two.host, one.token_file, two.token_file) == ("a.example.com", "b.example.com", token, token)
    with pytest.raises(UsageProblem, match="name it with --edge-api"):
        edges_by_api((), token, None)
