"""What the doctor makes of a service: the healthy one, and one thing amiss at a time."""

import pytest

from agent.doctor.findings import Finding, Level, worst
from agent.doctor.look import properties_of, unit_of
from agent.doctor.service import (
    FILES_A_SAMPLE,
    OWN_FILES,
    HealthSeen,
    Limits,
    ProxySeen,
    ServiceSeen,
    SinkSeen,
    StoreSeen,
    UnitSeen,
    examine_service,
    examine_unit,
    mistaken_configuration,
)
from agent.store.entry import SinkBacklog, StoreState
from probes.failure import Failure
from probes.frozen import replace
from probes.web_facts import Proxy, ProxyMode, WebPhase, WebStep

STATE = StoreState(
    entries=1_234,
    size_bytes=3 << 20,
    sinks=(SinkBacklog(sink="central", pending=7, oldest_pending_at="2026-03-01T08:00:00.000Z"),),
)
STORE = StoreSeen(
    directory="/var/lib/cloudpath-agent", free_bytes=1 << 30, most_bytes=256 << 20, state=STATE, newest_ahead_s=-20.0
)
SINK = SinkSeen(name="central", type="http")
PROXY = Proxy(mode=ProxyMode.EXPLICIT, url="http://proxy.example.com:3128", host="proxy.example.com", works=True)
WELL = ServiceSeen(
    sources=("/etc/c/agent.yaml", "/etc/c/conf.d/10-crm.yaml"),
    targets=3,
    concurrent=16,
    store=STORE,
    sinks=(SINK,),
    proxy=ProxySeen(target="crm", proxy=PROXY),
    limits=Limits(open_files=1_024, tasks=512),
    health=HealthSeen(listen="127.0.0.1:9469", healthy=True),
)
UNIT = UnitSeen(
    name="cloudpath-agent", load_state="loaded", active_state="active", unit_file_state="enabled", result="success"
)


def amiss(seen: ServiceSeen) -> list[Finding]:
    return [finding for finding in examine_service(seen) if finding.level is not Level.OK]


def with_store(**changes: object) -> ServiceSeen:
    return replace(WELL, store=replace(STORE, **changes))


def test_a_healthy_service_is_well() -> None:
    findings = examine_service(WELL)
    assert worst(findings) is Level.OK
    assert [(finding.check, finding.found) for finding in findings] == [
        (
            "configuration",
            "/etc/c/agent.yaml: 3 targets, 1 sink, and 1 drop-in: /etc/c/conf.d/10-crm.yaml",
        ),
        ("limits", "open files and threads suffice for 16 samples at once"),
        ("proxy", "the proxy http://proxy.example.com:3128 lets us through to crm"),
        ("store", "the store's directory /var/lib/cloudpath-agent is ready"),
        ("store", "the store holds 1,234 entries in 3 MB"),
        ("sink", "sink central (http) is ready; 7 entries wait, the oldest from 2026-03-01T08:00:00.000Z"),
        ("health", "the running agent is well and ready (127.0.0.1:9469)"),
    ]


DEAD_PROXY = Proxy(
    mode=ProxyMode.EXPLICIT,
    url="http://proxy.example.com:3128",
    host="proxy.example.com",
    works=False,
    steps=(
        WebStep(phase=WebPhase.CONNECT, failure=Failure.CONNECTION_REFUSED, detail="[Errno 111] Connection refused"),
    ),
    failure=Failure.CONNECTION_REFUSED,
)


@pytest.mark.parametrize(
    ("seen", "check", "level", "found"),
    [
        (replace(WELL, targets=0), "configuration", Level.WARN, "0 targets, 1 sink"),
        (replace(WELL, limits=Limits(open_files=256, tasks=None)), "limits", Level.WARN, "256 open files at once"),
        (replace(WELL, limits=Limits(open_files=None, tasks=64)), "limits", Level.WARN, "64 threads at once"),
        (
            replace(WELL, proxy=ProxySeen(target="crm", proxy=DEAD_PROXY)),
            "proxy",
            Level.WARN,
            "does not let us through to crm: connection refused",
        ),
        (
            replace(WELL, proxy=ProxySeen(target="crm", proxy=replace(DEAD_PROXY, connect_status=407))),
            "proxy",
            Level.WARN,
            "it answers 407",
        ),
        (with_store(problem="/var gives no right"), "store", Level.FAIL, "cannot be written to: /var gives no right"),
        (with_store(problem="no right", foreign=True), "store", Level.WARN, "is not this user's"),
        (with_store(free_bytes=100 << 20), "store", Level.WARN, "100 MB left, and the store may take 253 MB more"),
        (with_store(damage="database disk image is malformed", state=None), "store", Level.WARN, "is damaged"),
        (with_store(state=replace(STATE, unreadable=2)), "store", Level.WARN, "2 were damaged and passed over"),
        (with_store(newest_ahead_s=7_200.0), "clock", Level.WARN, "the newest sample is from 2 hours ahead"),
        (replace(WELL, sinks=(replace(SINK, problem="no route"),)), "sink", Level.WARN, "no route; 7 entries wait"),
        (
            with_store(state=replace(STATE, sinks=(SinkBacklog(sink="central", pending=0, parked=2),))),
            "sink",
            Level.WARN,
            "refused 2 entries, which are kept aside",
        ),
        (
            replace(WELL, health=HealthSeen(listen="127.0.0.1:9469", healthy=False)),
            "health",
            Level.FAIL,
            "does not come round",
        ),
        (
            replace(WELL, health=HealthSeen(listen="127.0.0.1:9469", healthy=True, unready="the store takes nothing")),
            "health",
            Level.WARN,
            "not ready: the store takes nothing",
        ),
    ],
)
def test_one_thing_amiss_is_one_finding_with_advice(seen: ServiceSeen, check: str, level: Level, found: str) -> None:
    (finding,) = amiss(seen)
    assert (finding.check, finding.level) == (check, level)
    assert found in finding.found
    assert finding.advice


@pytest.mark.parametrize(
    "seen",
    [
        with_store(missing=True, state=None),
        # What the store takes already needs no room again.
        with_store(free_bytes=0, state=replace(STATE, size_bytes=256 << 20)),
        with_store(state=replace(STATE, shed=10)),
        with_store(free_bytes=None, newest_ahead_s=None, state=None),
        replace(WELL, limits=Limits(open_files=OWN_FILES + 16 * FILES_A_SAMPLE, tasks=None)),
        replace(WELL, proxy=ProxySeen(target="crm", proxy=None)),
        replace(WELL, proxy=ProxySeen(target="crm", proxy=Proxy(mode=ProxyMode.PAC))),
        replace(WELL, proxy=ProxySeen(target="crm", proxy=replace(PROXY, works=None))),
        replace(WELL, sinks=()),
        replace(WELL, health=None),
        # Nobody runs, so nobody listens.
        replace(WELL, health=HealthSeen(listen="127.0.0.1:9469", problem="connection refused")),
    ],
)
def test_what_is_no_trouble_is_not_called_trouble(seen: ServiceSeen) -> None:
    assert amiss(seen) == []


def test_a_running_agent_whose_listener_is_not_there_is_told() -> None:
    seen = with_store(used_by=4711)
    (finding,) = amiss(replace(seen, health=HealthSeen(listen="127.0.0.1:9469", problem="connection refused")))
    assert finding.check == "health"
    assert any("process 4711" in each.found for each in examine_service(seen))


@pytest.mark.parametrize(
    ("changes", "level", "found"),
    [
        ({}, Level.OK, "runs"),
        ({"load_state": "not-found", "active_state": "inactive"}, Level.OK, "not installed"),
        ({"active_state": "activating"}, Level.WARN, "starts just now"),
        ({"active_state": "inactive"}, Level.WARN, "enabled and does not run"),
        ({"active_state": "inactive", "unit_file_state": "disabled"}, Level.OK, "systemctl enable --now"),
        ({"active_state": "failed", "result": "exit-code", "exit_code": 78}, Level.FAIL, "failed: exit code 78"),
        ({"active_state": "failed", "result": "watchdog"}, Level.FAIL, "failed: watchdog"),
    ],
)
def test_the_unit_is_told_in_words(changes: dict[str, object], level: Level, found: str) -> None:
    finding = examine_unit(replace(UNIT, **changes))
    assert (finding.check, finding.level) == ("unit", level)
    assert found in finding.found
    assert (finding.advice is not None) == (level is not Level.OK)


def test_the_end_of_a_failed_unit_says_what_to_do() -> None:
    failed = replace(UNIT, active_state="failed", result="exit-code")
    advice = [examine_unit(replace(failed, exit_code=code)).advice or "" for code in (78, 77, 1)]
    assert ["configuration" in advice[0], "rights" in advice[1], "journalctl" in advice[2]] == [True] * 3


def test_what_systemctl_prints_is_read() -> None:
    text = (
        "Result=exit-code\nExecMainStatus=78\nLoadState=loaded\nActiveState=failed\nUnitFileState=enabled\n\nnonsense\n"
    )
    assert unit_of(properties_of(text)) == replace(
        UNIT, active_state="failed", unit_file_state="enabled", result="exit-code", exit_code=78
    )
    assert unit_of({}).load_state == ""


def test_each_mistake_is_a_finding() -> None:
    findings = tuple(mistaken_configuration(("agent.yaml:1:1: a", "agent.yaml:2:1: b")))
    assert [finding.found for finding in findings] == ["agent.yaml:1:1: a", "agent.yaml:2:1: b"]
    assert worst(findings) is Level.FAIL
