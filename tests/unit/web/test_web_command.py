"""`cloudpath web` as a person runs it: what it prints, its exit codes, and what it says of mistakes."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from agent.version import VERSION
from tests.unit.cli.command import COMMAND, ROOT, Finished, cloudpath, environment_of
from tests.unit.web.servers import OK, Server, authority, by_path, redirect, says, serving, tls_of, trusted

SCHEMA = json.loads((ROOT / "docs/schema/cloudpath.sample-1.schema.json").read_text(encoding="utf-8"))
# Whatever the environment of the tests says of proxies.
DIRECT = ("--proxy", "none")


@pytest.fixture(scope="module")
def site() -> Iterator[Server]:
    answers = {"/": redirect("/home"), "/home": OK, "/forbidden": b"HTTP/1.1 403 Forbidden\r\n\r\n"}
    answers["/hostile"] = b"HTTP/1.1 200 OK\r\nServer: \xff\xfe[31mred\r\n\r\n"
    with serving(by_path(answers)) as server:
        yield server


def web(*arguments: str) -> Finished:
    return cloudpath("web", *arguments, *(() if "--proxy" in arguments else DIRECT))


def test_every_step_and_the_bottom_line(site: Server) -> None:
    ended = web(f"http://127.0.0.1:{site.port}/")
    assert (ended.code, ended.err) == (0, "")
    first, last = ended.out.split("\n\n")[:2]
    assert [line.split()[0] for line in first.splitlines()] == ["GET", "Step", "resolve", "connect", "request", "It"]
    assert first.splitlines()[-1] == "It leads to /home"
    assert "HTTP/1.1 200 OK, made-up/1.0" in last
    assert ended.out.splitlines()[-1].startswith("✔ The application answers 200 OK in ")


def test_a_wrong_url_is_the_documented_error(site: Server) -> None:
    ended = web(f"http://127.0.0.1:{site.port}/nothing")
    assert ended.code == 1
    assert "CP-05  Invalid HTTP URL. Check the Web probe configuration." in ended.out
    assert "with status 404: there is nothing at this URL" in " ".join(ended.out.split())


def test_near_miss_a_url_that_is_forbidden_is_right(site: Server) -> None:
    ended = web(f"http://127.0.0.1:{site.port}/forbidden")
    assert (ended.code, "CP-05" in ended.out) == (0, False)


def test_the_wrong_scheme_is_told(site: Server) -> None:
    ended = web(f"https://127.0.0.1:{site.port}/")
    assert (ended.code, "reason: plain_http" in ended.out) == (1, True)


def test_a_certificate_that_does_not_hold_is_no_documented_error(tmp_path: Path) -> None:
    with serving(says(OK), tls=tls_of(authority().issue_cert("127.0.0.1"))) as server:
        url = f"https://127.0.0.1:{server.port}/"
        unknown, known = web(url), web(url, "--ca-file", str(trusted(tmp_path)))
    assert (unknown.code, known.code) == (0, 0)
    assert "unable to get local issuer certificate" in unknown.out
    assert "HTTP/1.1 200 OK" in known.out


def test_the_record_is_that_of_a_sample_without_legs(site: Server) -> None:
    ended = web(f"http://127.0.0.1:{site.port}/", "--json")
    record = json.loads(ended.out)
    jsonschema.Draft202012Validator(SCHEMA).validate(record)
    assert (ended.code, record["legs"], record["web"]["status"]) == (0, [], 200)
    assert [exchange["status"] for exchange in record["web"]["exchanges"]] == [302, 200]
    assert site.heard[-1].split(b"User-Agent: ")[1].startswith(f"cloudpath-agent/{VERSION}\r\n".encode())


def test_a_recorded_check_is_explained_with_the_same_verdict(site: Server, tmp_path: Path) -> None:
    file = tmp_path / "sample.json"
    file.write_text(web(f"http://127.0.0.1:{site.port}/nothing", "--json").out)
    explained = cloudpath("explain", str(file), "--json")
    assert explained.code == 1
    assert json.loads(explained.out)[0]["errors"] == json.loads(file.read_text())["errors"]


def test_a_target_of_the_configuration_brings_its_authorities(tmp_path: Path) -> None:
    trusted(tmp_path)
    file = tmp_path / "agent.yaml"
    with serving(says(OK), tls=tls_of(authority().issue_cert("127.0.0.1"))) as server:
        target = f'{{name: crm, url: "https://127.0.0.1:{server.port}/", ca_file: authority.pem}}'
        file.write_text(f"targets: [{target}]\nproxy: {{mode: none}}\n")
        ended = web("-c", str(file), "crm")
    assert (ended.code, "HTTP/1.1 200 OK" in ended.out) == (0, True)


def test_what_comes_from_outside_does_not_reach_the_terminal_as_it_is(site: Server) -> None:
    ended = web(f"http://127.0.0.1:{site.port}/hostile")
    assert "\\u00ff\\u00fe[31mred" in ended.out
    assert "\xff" not in ended.out


def test_nothing_is_drawn_on_a_terminal_while_it_works(site: Server) -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [*COMMAND, "web", f"http://127.0.0.1:{site.port}/", *DIRECT],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=environment_of({}),
        timeout=30,
        check=True,
    )
    os.close(theirs)
    with pytest.raises(OSError, match="Input/output error"):
        os.read(ours, 100)
    os.close(ours)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("crm.example.com",), "'crm.example.com' is no URL; write it with its scheme, as in https://example.com/"),
        (("ftp://crm.example.com/",), "'ftp' URLs cannot be checked; use http:// or https://, or host:port"),
        (("http://192.0.2.1/", "-4", "-6"), "-4 and -6 exclude each other; give one"),
        (("http://192.0.2.1/", "-6"), "192.0.2.1 is no IPv6 address; leave -6 out, or name a host that has one"),
        (("http://192.0.2.1/", "--json", "--explain"), "--explain is for text; a record has everything in it, leave "),
        (("https://a.example/", "--ca-file", "/none.pem"), "--ca-file /none.pem: it cannot be read: no such file or "),
        (("https://a.example/", "--ca-file", "/etc/passwd"), "--ca-file /etc/passwd: there is no certificate in it; "),
        (("http://192.0.2.1/", "--interface", "none0"), "there is no interface 'none0' on this host"),
        (("http://192.0.2.1/", "--proxy", "socks5://p:1"), "--proxy takes a URL"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_asked(arguments: tuple[str, ...], line: str) -> None:
    ended = web(*arguments)
    assert (ended.code, ended.out, len(ended.lines)) == (2, "", 1)
    assert ended.lines[0].startswith("cloudpath web: ")
    assert line in ended.lines[0]
