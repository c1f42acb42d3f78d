"""What the doctor makes of a configuration: what works, what does not, and what is not there."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from agent.doctor.findings import Level
from agent.doctor.setup import Setup, examine_setup
from probes.egress_facts import Edge, ServiceData
from probes.failure import Failure
from tests.unit.cli.command import cloudpath

TOLD = ServiceData(url="https://edge.example.com/", fetched=True, address="198.51.100.7", udp_port=33500, icmp=True)
REFUSED = ServiceData(url="https://edge.example.com/", status=401, failure=Failure.UNEXPECTED_STATUS, detail="HTTP 401")


def edge(told: ServiceData) -> Edge:
    return Edge(host="edge.example.com", port=443, api="https://edge.example.com", name="e", service_data=told)


WELL = Setup(
    edges=(edge(TOLD),),
    by_script=True,
    captive_check_url="http://portal-check.example.com/",
    sessions="sessions.ndjson",
)


def test_what_works_is_told_with_its_facts() -> None:
    findings = {finding.check: finding for finding in examine_setup(WELL)}
    assert {finding.level for finding in findings.values()} == {Level.OK}
    assert "comes from 198.51.100.7; it tells the source of UDP, ICMP" in findings["edge"].found
    assert "portal-check.example.com" in findings["captive_check"].found
    assert "sessions.ndjson" in findings["session_log"].found


def test_what_is_not_configured_is_no_fault_and_says_what_is_not_known() -> None:
    findings = {finding.check: finding for finding in examine_setup(Setup(script_problem="no package: get it"))}
    assert {finding.level for finding in findings.values()} == {Level.OK}
    assert "CP-20" in findings["edge"].found
    assert "ZPA-11" in findings["session_log"].found
    assert "captive_check_url" in findings["captive_check"].found


@pytest.mark.parametrize(
    ("setup", "check", "level"),
    [
        (replace(WELL, edges=(edge(TOLD), edge(REFUSED))), "edge", Level.WARN),
        (replace(WELL, script_problem="no package: get it"), "proxy_script", Level.FAIL),
        (replace(WELL, sessions_problem="cannot read it"), "session_log", Level.WARN),
    ],
)
def test_one_thing_amiss_is_said_with_what_to_do(setup: Setup, check: str, level: Level) -> None:
    (amiss,) = [finding for finding in examine_setup(setup) if finding.level is not Level.OK]
    assert (amiss.check, amiss.level) == (check, level)
    assert amiss.advice


def test_the_command_tries_what_a_configuration_names(tmp_path: Path) -> None:
    """An edge where nobody listens, and a log that is not there."""
    file = tmp_path / "agent.yaml"
    file.write_text(
        'service_edge: {host: 127.0.0.1, api: "http://127.0.0.1:1"}\nzpa: {file: sessions.ndjson}\n', encoding="utf-8"
    )
    done = cloudpath("doctor", "-c", str(file))
    assert "the edge 127.0.0.1 tells nothing: " in done.out
    assert f"{tmp_path / 'sessions.ndjson'}: no such file or directory" in " ".join(done.out.split())


def test_a_pipe_nobody_writes_into_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    file = tmp_path / "agent.yaml"
    file.write_text("zpa: {file: pipe}\n", encoding="utf-8")
    assert "sessions are read from" in cloudpath("doctor", "-c", str(file)).out


def test_a_mistaken_configuration_is_said_and_nothing_is_tried(tmp_path: Path) -> None:
    done = cloudpath("doctor", "-c", str(tmp_path / "none.yaml"))
    assert (done.code, done.out, len(done.lines)) == (2, "", 1)
