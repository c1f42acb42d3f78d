"""The plan comes out of the child as the configuration has it; whatever the child does, it is a plan or lines."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme

from agent.config.reading import ConfigurationError, load_configuration
from agent.config.sinks import SINK_TYPES
from agent.daemon import plan_reading
from agent.daemon.plan import PlanProblems, ServicePlan
from agent.daemon.plan_child import plan_of
from agent.daemon.plan_making import service_plan
from agent.daemon.plan_reading import plan_said_by, read_plan
from agent.record import AgentIdentity
from agent.sinks.making import make_sink
from agent.trace_request import TraceOptions, sample_request
from probes.frozen import is_record
from probes.word import Word
from tests.unit.config.test_config import EVERYTHING
from tests.unit.origin.databases import write_database

OWN_RULES = """
code: SITE-01
about: The branch router does not answer.
entry:
  message: The branch router does not answer.
  description: Nothing behind the branch router was heard.
  solution: Call the provider.
  severity: warning
  anchor: gateway
reasons:
  - reason: branch_silent
    confidence: likely
    when: {all: [gateway.silent, not: target.answered]}
    explanation: The branch router is silent.
"""


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """Return a configuration with every key, every file that it names, and a drop-in."""
    authority = trustme.CA().cert_pem.bytes().decode()
    texts = {"edge.token": "t0ken\n", "token": "Bearer t0ps3cret\n", "own-rules.yaml": OWN_RULES}
    texts |= {
        "edge-ca.pem": authority,
        "cut.pem": authority[:200],
        "agent.yaml": EVERYTHING,
        "proxy.pac": "function FindProxyForURL() {}",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_database(tmp_path / "asn.mmdb", {"192.0.2.0/24": {"autonomous_system_number": 64500}}, "GeoLite2-ASN")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/10.yaml").write_text("targets: [{name: wiki, host: 192.0.2.81}]", encoding="utf-8")
    return tmp_path / "agent.yaml"


def planned(file: Path) -> ServicePlan:
    return service_plan(load_configuration(file))


def test_a_plan_comes_out_of_the_child_as_it_is_made_here(everything: Path) -> None:
    plan = read_plan(everything)
    assert plan == planned(everything)
    assert isinstance(plan, ServicePlan)
    assert [target.name for target in plan.targets] == ["crm", "db", "wiki"]
    assert plan.sources == (everything, everything.parent / "conf.d/10.yaml")


def test_what_was_pickled_holds_the_same_words_and_records(everything: Path) -> None:
    plan = planned(everything)
    again = pickle.loads(pickle.dumps(plan))  # noqa: S301 - our own
    assert again == plan
    words = 0
    for before, after in zip(parts_of(plan), parts_of(again), strict=True):
        assert type(before) is type(after)
        if isinstance(before, Word):
            assert before is after
            words += 1
    assert words > 10


def parts_of(value: object) -> Iterator[object]:
    """Yield a value and everything in it."""
    yield value
    if isinstance(value, Mapping):
        value = (*value.keys(), *value.values())
    if is_record(value):
        value = tuple(getattr(value, name) for name in type(value).__slots__)  # type: ignore[attr-defined]
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from parts_of(part)


def test_a_target_is_asked_as_trace_would_ask_it(everything: Path) -> None:
    settings = load_configuration(everything).settings
    for target in planned(everything).targets:
        assert target.request == sample_request(TraceOptions(target=target.name), settings)


def test_the_plan_has_what_the_configuration_says(everything: Path) -> None:
    plan, here = planned(everything), everything.parent
    assert (plan.state_dir, plan.concurrent, plan.store_bytes) == (here / "state", 8, 64 << 20)
    assert plan.metrics_listen == f"unix:{here}/metrics.sock"
    assert [target.interval_s for target in plan.targets] == [60.0, 30.0, 60.0]
    assert plan.sessions is not None
    assert (plan.sessions.lss_listen, plan.sessions.window_s) == ("127.0.0.1:9601", 600)
    assert plan.rules is not None
    assert "SITE-01" in plan.rules.rules
    assert [(sink.name, sink.type) for sink in plan.sinks] == [
        ("stdout", "stdout"),
        ("file-samples.ndjson", "file"),
        ("collector", "http"),
        ("http-search.example.com-9200", "http"),
        ("otlp-otel.example.com-4318", "otlp"),
        ("syslog-dev-log", "syslog"),
        ("journald", "journald"),
    ]
    assert plan.sinks[1].options == {"path": here / "samples.ndjson"}
    assert plan.sinks[5].options == {"address": "unix:/dev/log", "facility": "local3"}
    assert plan.sinks[2].options == {
        "url": "https://collector.example.com/ingest",
        "format": "ndjson",
        "index": None,
        "headers": {"Authorization": "Bearer t0ps3cret"},
        "gzip": False,
        "proxy": "http://proxy.example.com:3128",
        "ca_file": here / "edge-ca.pem",
        "timeout_s": 5.0,
        "batch": 100,
        "insecure": False,
    }


def test_every_sink_can_be_made_of_its_plan(everything: Path) -> None:
    plans = planned(everything).sinks
    assert {plan.type for plan in plans} == SINK_TYPES
    for plan in plans:
        make_sink(plan, AgentIdentity(id="a", version="1", hostname="h", boot_id=None)).close()


def test_reading_loads_nothing_that_reads_configurations(everything: Path) -> None:
    script = (
        "import sys, pathlib; from agent.daemon.plan_reading import read_plan\n"
        "print(type(read_plan(pathlib.Path(sys.argv[1]))).__name__, *sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = (sys.executable, "-P", "-c", script, str(everything))
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    said, *loaded = ended.stdout.split()
    assert said == "ServicePlan"
    assert "agent.daemon.plan" in loaded
    assert not set(loaded) & {
        "pydantic",
        "yaml",
        "agent.config.reading",
        "agent.config.model",
        "agent.daemon.plan_making",
    }


def test_every_mistake_comes_as_the_line_that_check_config_says(everything: Path) -> None:
    text = everything.read_text(encoding="utf-8")
    everything.write_text(
        text.replace("interval_s: 60", "interval_s: 1").replace("host: edge", "hots: edge"), encoding="utf-8"
    )
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(everything)
    assert read_plan(everything) == PlanProblems(lines=caught.value.problems)
    assert len(caught.value.problems) >= 2


def test_variables_of_the_service_reach_the_child(everything: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDPATH_AGENT_CONCURRENT", "3")
    plan = read_plan(everything)
    assert isinstance(plan, ServicePlan)
    assert plan.concurrent == 3
    monkeypatch.setenv("CLOUDPATH_AGENT_CONCURRENT", "none")
    line = "CLOUDPATH_AGENT_CONCURRENT: agent.concurrent: expected a whole number, found 'none'"
    assert read_plan(everything) == PlanProblems(lines=(line,))


def test_a_service_without_a_target_is_refused_and_a_file_without_one_is_good(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("agent: {interval_s: 60}\n", encoding="utf-8")
    assert plan_of(file) == PlanProblems(lines=(f"{file}: no target in it; name one at least, under `targets`",))
    assert planned(file).targets == ()


ON_EVERY_LINK = "fe80::1 is on every link; say which one: fe80::1%INTERFACE, or --interface"
CUT = "{0}/cut.pem: a certificate in it is damaged; get the file anew"
NO_DATABASE = "{0}/edge.token is no MMDB file, or a part of it is missing"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("rules: [edge.token]", "{0}/edge.token:1:1: must be a mapping with code, about, reasons"),
        ("agent: {address_databases: [edge.token]}", NO_DATABASE),
        ("agent: {address_databases: [asn.mmdb, edge.token]}", NO_DATABASE),
        ("service_edge: {host: e.example, ca_file: cut.pem}", "{0}/agent.yaml:1:42: service_edge.ca_file: " + CUT),
        ("targets: [{name: a, url: 'https://a.example/', ca_file: cut.pem}]",
         "{0}/agent.yaml:1:57: targets.0.ca_file: " + CUT),
        ("targets: [{name: a, host: fe80::1}]", "{0}/agent.yaml:1:11: targets.0: " + ON_EVERY_LINK),
    ],
)  # fmt: skip
def test_what_is_of_no_use_is_told_before_anything_starts(text: str, line: str, everything: Path) -> None:
    (everything.parent / "conf.d/10.yaml").unlink()
    everything.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        planned(everything)
    assert [told for told in caught.value.problems if told == line.format(everything.parent)], caught.value.problems


def test_a_missing_package_is_told_once(everything: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything.write_text(
        "proxy: {mode: pac, file: proxy.pac}\ntargets: [{name: a, host: 192.0.2.1}, {name: b, host: 192.0.2.2}]\n"
        'emit: [{type: otlp, url: "https://o.example/", encoding: protobuf}]\n',
        encoding="utf-8",
    )
    monkeypatch.setattr("agent.daemon.plan_making.find_spec", lambda _: None)
    monkeypatch.setattr("agent.proxy_url.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError) as caught:
        planned(everything)
    proxy, encoding = caught.value.problems
    assert proxy.startswith(
        f"{everything}:1:15: proxy.mode: a proxy by a PAC script needs a package that is not installed"
    )
    assert encoding.startswith(f"{everything}:3:58: emit.0.encoding: protobuf needs the package opentelemetry-proto")


PYTHON = (sys.executable, "-c")
FILE = Path("agent.yaml")
NO_PLAN = "agent.yaml: the process that reads it said no plan"
PLAN_ENDED = "agent.yaml: the process that reads it ended"


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("raise SystemExit(3)", f"{PLAN_ENDED} with exit code 3"),
        ("import nowhere", f"{PLAN_ENDED} with exit code 1: ModuleNotFoundError: No module named 'nowhere'"),
        ("import os; os.kill(os.getpid(), 9)", f"{PLAN_ENDED} by signal 9"),
        ("", NO_PLAN),
        ("print('starting ...')", NO_PLAN),
        ("import pickle, sys; sys.stdout.buffer.write(pickle.dumps(7))", NO_PLAN),
        ("import sys; sys.stdout.buffer.write(b'\\x80\\x05cnowhere\\nnothing\\n.')", NO_PLAN),
    ],
)  # fmt: skip
def test_a_child_that_dies_or_says_something_else_is_one_line(script: str, line: str) -> None:
    assert plan_said_by((*PYTHON, script), FILE, deadline_s=20) == PlanProblems(lines=(line,))


def test_a_child_that_hangs_is_ended_at_the_deadline(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    # What ends it takes no asking.
    command = ("sh", "-c", f"trap '' TERM; echo $$ > {told}; exec sleep 600")
    started = time.monotonic()
    (line,) = lines_of(plan_said_by(command, FILE, deadline_s=1.5))
    assert line == "agent.yaml: reading it takes longer than 1.5 s; is a file in it on a dead network?"
    assert time.monotonic() - started < 10
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text(encoding="utf-8")), 0)


def test_a_secret_file_that_never_ends_is_one_line(everything: Path) -> None:
    os.mkfifo(everything.parent / "fifo")
    everything.write_text("egress: {address: '${file:fifo}'}", encoding="utf-8")
    (line,) = lines_of(read_plan(everything, deadline_s=2))
    assert line.startswith(f"{everything}: reading it takes longer than 2 s")


def test_a_child_that_does_not_stop_to_talk_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_reading, "_LARGEST_PLAN", 1 << 20)
    script = "import sys\nwhile True: sys.stdout.buffer.write(b'x' * 65536)"
    (line,) = lines_of(plan_said_by((*PYTHON, script), FILE, deadline_s=20))
    assert line.startswith(f"{PLAN_ENDED} with exit code 1: OSError: [Errno 27] File too large")


def test_a_child_that_takes_all_memory_is_one_line() -> None:
    (line,) = lines_of(plan_said_by((*PYTHON, "import time; time.sleep(0.3); bytearray(1 << 30)"), FILE, deadline_s=20))
    assert line == f"{PLAN_ENDED} with exit code 1: MemoryError"


def test_no_interpreter_is_one_line() -> None:
    (line,) = lines_of(plan_said_by(("/nowhere/python3",), FILE, deadline_s=20))
    assert line.startswith("agent.yaml: the process that reads it cannot be started: ")
    assert "No such file or directory" in line


def test_what_a_library_prints_is_no_part_of_the_plan(everything: Path) -> None:
    script = (
        "import sys; sys.path[:] = sys.argv[2:]; import os, agent.config.reading as c; read = c.load_configuration\n"
        "def loud(file): print('loud', flush=True); os.write(1, b'louder'); return read(file)\n"
        "c.load_configuration = loud; from agent.daemon.plan_child import main; main(sys.argv[1])"
    )
    said = plan_said_by((*PYTHON, script, str(everything), *sys.path), everything, deadline_s=20)
    assert said == planned(everything)


def test_nothing_is_left_open(everything: Path) -> None:
    everything.write_text("targets: 7", encoding="utf-8")
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        assert lines_of(read_plan(everything))
    assert len(list(descriptors.iterdir())) == before


def lines_of(said: ServicePlan | PlanProblems) -> tuple[str, ...]:
    assert isinstance(said, PlanProblems)
    return said.lines
