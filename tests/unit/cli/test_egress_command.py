"""`cloudpath egress` as a person runs it: against an edge on the loopback, and with what cannot be meant."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.command import cloudpath
from tests.unit.egress.edges import response, says, served, told

SEEN = {"address": "127.0.0.1", "port": 40000, "tunnel": None}
ALONE = told(client=SEEN, stun={"udp_port": None, "tcp_port": None}, icmp=False)


def test_an_edge_that_tells() -> None:
    with served(says(response(ALONE))) as heard:
        done = cloudpath("egress", "--edge-api", f"http://127.0.0.1:{heard.port}")
    assert (done.code, done.err) == (0, "")
    assert "The public address of this network is 127.0.0.1." in done.out
    assert "this edge does not tell the source of UDP packets" in done.out


def test_as_json_and_by_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    with served(says(response(ALONE))) as heard:
        edge = f"{{host: 127.0.0.1, api: 'http://127.0.0.1:{heard.port}'}}"
        file.write_text(f"service_edge: {edge}\negress: {{address: 192.0.2.7}}\n")
        done = cloudpath("egress", "-c", str(file), "--json")
    document = json.loads(done.out)
    assert done.code == 1
    assert (document["egress"]["address"], document["egress"]["agree"]) == ("192.0.2.7", False)
    assert document["edges"][0]["name"] == "edge-1"


def test_an_edge_that_tells_nothing_says_why_and_ends_with_1() -> None:
    problem = {"title": "no", "detail": "no \x1b[31msuch token"}
    with served(says(response(problem, 401))) as heard:
        done = cloudpath("egress", "--edge-api", f"http://127.0.0.1:{heard.port}")
    assert done.code == 1
    assert "HTTP 401: no" in done.out
    assert "\x1b" not in done.out
    assert "could not be learnt" in done.out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "there is no edge to ask"),
        (("--edge-api", "edge.example.com"), "takes a URL"),
        (("--edge-api", "http://edge.example.com"), "loopback only"),
        (("--edge-token-file", "/dev/null"), "name it with --edge-api"),
        (("--edge-api", "https://edge.example.com", "--edge-ca-file", "/nonexistent"), "cannot read /nonexistent"),
        (("--edge-api", "https://edge.example.com", "--edge-ca-file", "/dev/null"), "no certificate in it"),
        (("--edge-api", "https://127.0.0.1:1", "--source", "192.0.2.77"), "192.0.2.77"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_exit_2(arguments: tuple[str, ...], why: str) -> None:
    done = cloudpath("egress", *arguments)
    assert (done.code, done.out, len(done.lines)) == (2, "", 1)
    assert why in done.lines[0]
