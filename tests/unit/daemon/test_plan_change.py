"""What a reload changes, in names and in words; and a thousand reloads, half of them of broken files."""

import logging
import os
import random
import select
import threading
from pathlib import Path

import pytest

from agent.config.reading import parse_configuration
from agent.daemon.plan import PlanProblems, ServicePlan
from agent.daemon.plan_change import Difference, PlanChange, plan_difference
from agent.daemon.plan_child import plan_of
from agent.daemon.plan_making import service_plan
from agent.daemon.reload import Reloading

A, B, C = ("{name: a, host: 192.0.2.1}", "{name: b, host: 192.0.2.2}", "{name: c, host: 192.0.2.3}")


def plan(text: str, *targets: str) -> ServicePlan:
    text += f"\ntargets: [{', '.join(targets or (A,))}]\n"
    return service_plan(parse_configuration(text, "agent.yaml", Path("/nowhere"), {}))


def change(old: ServicePlan, new: ServicePlan) -> PlanChange:
    return plan_difference(old, new)


def test_the_same_configuration_changes_nothing() -> None:
    text = "emit: [{type: stdout}]\nseverity_overrides: {CP-13: info}\nzpa: {file: x}"
    same = change(plan(text, A, B), plan(text, A, B))
    assert same.targets == Difference(kept=("a", "b"))
    assert same.targets.is_none
    assert same.sinks.is_none
    assert (same.settings, same.restart, same.text) == ((), (), "targets: 2 kept")
    assert same.plan == plan(text, A, B)


def test_targets_are_told_apart_by_name_and_compared_by_value() -> None:
    told = change(plan("", A, B), plan("", B.replace("192.0.2.2", "192.0.2.9"), C))
    assert told.targets == Difference(added=("c",), removed=("a",), changed=("b",))
    assert told.text == "targets: 1 added (c), 1 removed (a), 1 changed (b)"


def test_what_all_targets_share_changes_them_all() -> None:
    assert change(plan("", A, B), plan("agent: {interval_s: 60}", A, B)).targets.changed == ("a", "b")
    assert change(plan("", A, B), plan("controls: [192.0.2.99]", A, B)).targets.changed == ("a", "b")
    # Another order is no other work.
    assert change(plan("", A, B), plan("", B, A)).targets == Difference(kept=("b", "a"))


def test_sinks_and_settings_are_told() -> None:
    old = plan("emit: [{type: stdout}, {type: file, path: a}]\nagent: {concurrent: 4}")
    new = plan("emit: [{type: stdout}, {type: journald}, {type: file, name: file-a, path: b}]\nzpa: {file: x}")
    told = change(old, new)
    assert told.sinks == Difference(added=("journald",), changed=("file-a",), kept=("stdout",))
    assert told.settings == ("agent.concurrent", "zpa")
    assert told.text == (
        "targets: 1 changed (a); sinks: 1 added (journald), 1 changed (file-a), 1 kept; changed: agent.concurrent, zpa"
    )
    assert told.plan == new


def test_what_needs_a_restart_keeps_its_old_value_and_is_said() -> None:
    old = plan("agent: {state_dir: /a}\nstore: {max_mb: 64}")
    new = plan('agent: {state_dir: /b}\nstore: {max_mb: 65}\nmetrics: {listen: "127.0.0.1:9469"}', A, B)
    told = change(old, new)
    assert told.restart == ("agent.state_dir", "store.max_mb", "metrics.listen")
    assert (told.plan.state_dir, told.plan.store_bytes, told.plan.metrics_listen) == (Path("/a"), 64 << 20, None)
    assert told.plan.targets == new.targets
    words = (
        "targets: 1 added (b), 1 kept; changes with the next start only: agent.state_dir, store.max_mb, metrics.listen"
    )
    assert told.text == words


def test_a_long_list_of_names_is_cut() -> None:
    many = [f"{{name: t{number}, host: 192.0.2.{number}}}" for number in range(1, 9)]
    text = change(plan("", A), plan("", A, *many)).text
    assert text == "targets: 8 added (t1, t2, t3, t4, t5 and 3 more), 1 kept"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> logging.Logger:
    caplog.set_level(logging.INFO)
    return logging.getLogger("reload")


BROKEN = (
    "targets: 7\n",
    "targets: [{name: a, hots: 192.0.2.1}]\n",
    "targets: [\n",
    "agent: {interval_s: 1}\n",
    "emit: [{type: stdout}, {type: stdout}]\n",
    "rules: [missing.yaml]\n",
    "egress: {address: '${env:CLOUDPATH_TEST_UNSET}'}\n",
    "",
    "\x00",
)


def test_a_thousand_reloads_half_of_them_broken_keep_the_last_good_plan(tmp_path: Path, log: logging.Logger) -> None:
    file, chance = tmp_path / "agent.yaml", random.Random(5)  # noqa: S311 - which files, not which secrets
    file.write_text(f"targets: [{A}]\n", encoding="utf-8")
    reloading = Reloading(lambda: plan_of(file))
    now = plan_of(file)
    assert isinstance(now, ServicePlan)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    for turn in range(1_000):
        names = chance.sample(range(1, 200), chance.randint(1, 8))
        good = f"agent: {{interval_s: {chance.randint(10, 99)}}}\ntargets:\n" + "".join(
            f"- {{name: t{name}, host: 192.0.2.{name}}}\n" for name in names
        )
        broken = turn % 2 == 1
        file.write_text(chance.choice(BROKEN) if broken else good, encoding="utf-8")
        reloading.begin()
        assert select.select([reloading], [], [], 10)[0]
        taken = None
        while not reloading.over():
            taken = reloading.take(now, log) or taken
        if broken:
            assert taken is None
            assert reloading.problem
        else:
            assert taken is not None
            assert [target.name for target in taken.targets] == [f"t{name}" for name in names]
            now = taken
    assert (reloading.taken, reloading.refused) == (500, 500)
    assert len(list(Path("/proc/self/fd").iterdir())) == opened
    os.close(reloading.fileno())


def test_no_line_of_a_refused_plan_shows_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("t0ps3cret\n", encoding="utf-8")
    file = tmp_path / "agent.yaml"
    monkeypatch.setenv("SECRET", "t0ps3cret")
    file.write_text(
        "proxy: {mode: explicit, url: 'http://u:${env:SECRET}@p.example.com'}\n"
        "emit:\n"
        "  - {type: http, url: 'http://c.example.com/', headers: {A: '${file:token}', B: '${file:token}\u00e4'}}\n"
        "  - {type: http, name: b, url: 'https://c.example.com/', proxy: 'ftp://u:${file:token}@p.example.com:1'}\n"
        "egress: {address: '${file:token}'}\n"
        "controls: ['${file:token} ${env:SECRET}', '${file:token}/x']\n"
        "agent: {interval_s: '${file:token}'}\n"
        "ndr: '${file:token}'\n"
        "service_edge: '${file:token}'\n",
        encoding="utf-8",
    )
    said = plan_of(file)
    assert isinstance(said, PlanProblems)
    assert len(said.lines) == 10
    assert "t0ps3cret" not in "\n".join(said.lines)


def test_a_host_without_threads_refuses_a_reload_and_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch, log: logging.Logger
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    old, new = plan("", A), plan("", B)
    reloading = Reloading(lambda: new)
    with monkeypatch.context() as patched:
        patched.setattr("threading.Thread.start", refuse)
        reloading.begin()
        assert select.select([reloading], [], [], 10)[0]
        assert reloading.take(old, log) is None
        assert (reloading.over(), reloading.refused) == (True, 1)
        assert "no thread to read the configuration: can't start new thread" in (reloading.problem or "")
    reloading.begin()
    assert select.select([reloading], [], [], 10)[0]
    taken = None
    while not reloading.over():
        taken = reloading.take(old, log) or taken
    assert taken == new
    assert not reloading.problem
    os.close(reloading.fileno())
