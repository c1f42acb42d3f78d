"""The packages on real Debian machines: installed, run under systemd, upgraded, removed, and nothing left behind."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from agent.commands.group import SUBCOMMANDS
from tests.lab.machine import Machine
from tests.lab.open_way import REPOSITORY

# The first test waits for two systems and both packages to be made.
pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

AGENT: Final = "cloudpath-agent.service"
EDGE: Final = "cloudpath-edge.service"
UNITS: Final = "/usr/lib/systemd/system"
SAMPLES: Final = "/var/log/cloudpath-agent/samples.ndjson"
CONFIGURATION: Final = f"""\
agent: {{interval_s: 10}}
targets:
  - {{name: self, host: 127.0.0.1}}
emit:
  - {{type: file, path: {SAMPLES}}}
"""
# The bar for a unit with CAP_NET_RAW, and what it is without; systemd-analyze counts in tenths.
SCORES: Final = {AGENT: 16, EDGE: 16}
UNPRIVILEGED_SCORE: Final = 11
# What Debian itself writes when any package comes and goes; and the users, whose numbers must not be given away.
OF_DEBIAN: Final = (
    "/etc/group",
    "/etc/gshadow",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/subgid",
    "/etc/subuid",
    "/root",
    "/run/",
    "/var/cache/",
    "/var/lib/dpkg/",
    "/var/lib/systemd/",
    "/var/log/",
)

# Directories that systemd and the shells bring on a system of that family.
OF_OTHER_PACKAGES: Final = {
    "/usr/lib/sysusers.d",
    "/usr/share/fish",
    "/usr/share/fish/vendor_completions.d",
    "/usr/share/zsh",
    "/usr/share/zsh/site-functions",
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(tmp_path_factory.mktemp("packages"))


def build(output: Path) -> dict[str, Path]:
    """Build both packages as `scripts/package` does once its environment is there."""
    command = (sys.executable, "scripts/make_packages.py", "--output", str(output))
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {path.suffix[1:]: path for path in output.iterdir()}


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Machine]:
    with Machine(tmp_path, boot=False) as machine:
        yield machine


@pytest.fixture
def booted(tmp_path: Path) -> Iterator[Machine]:
    with Machine(tmp_path, boot=True) as machine:
        yield machine


def install(machine: Machine, packages: dict[str, Path]) -> str:
    """Install the .deb, and return what that printed.

    The machine need not outlive a power cut: waiting until each of two thousand files is on the disk took two thirds of
    the time [measured].
    """
    shutil.copy(packages["deb"], machine.root / "root/agent.deb")
    return machine.shell("dpkg --force-unsafe-io --install /root/agent.deb 2>&1")


def write(machine: Machine, path: str, text: str) -> None:
    file = machine.root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def configure(machine: Machine, text: str = CONFIGURATION) -> None:
    write(machine, "/etc/cloudpath-agent/agent.yaml", text)


def drop_in(machine: Machine, text: str, unit: str = AGENT) -> None:
    write(machine, f"/etc/systemd/system/{unit}.d/test.conf", text)
    machine.run("systemctl", "daemon-reload")


def shown(machine: Machine, name: str, unit: str = AGENT) -> str:
    return machine.run("systemctl", "show", f"--property={name}", "--value", unit).stdout.strip()


def journal(machine: Machine, unit: str = AGENT) -> str:
    return machine.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout


def wait_until(true: Callable[[], bool], machine: Machine, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, journal(machine)
        time.sleep(0.1)


def samples(machine: Machine) -> list[dict[str, Any]]:
    file = machine.root / SAMPLES.lstrip("/")
    found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [each for each in found if each["schema"] == "cloudpath.sample/1"]


def main_process(machine: Machine, unit: str = AGENT) -> dict[str, str]:
    """Return what the kernel says of a service's process."""
    status = machine.shell(f"cat /proc/{shown(machine, 'MainPID', unit)}/status")
    return dict(line.split(":\t", 1) for line in status.splitlines())


def started(machine: Machine, packages: dict[str, Path], configuration: str = CONFIGURATION) -> None:
    """Install, configure and start the agent, and wait for its first sample."""
    install(machine, packages)
    configure(machine, configuration)
    machine.run("systemctl", "enable", "--now", AGENT)
    wait_until(lambda: bool(samples(machine)), machine)


# --- the files themselves ---------------------------------------------------------------------------------------------


def test_the_same_tree_gives_the_same_packages(packages: dict[str, Path], tmp_path: Path) -> None:
    again = build(tmp_path)
    assert {kind: hashlib.sha256(path.read_bytes()).digest() for kind, path in again.items()} == {
        kind: hashlib.sha256(path.read_bytes()).digest() for kind, path in packages.items()
    }


def unpacked(package: Path, directory: Path) -> Path:
    subprocess.run(("dpkg-deb", "--extract", str(package), str(directory)), check=True)
    return directory


def test_the_deb_is_whole_and_of_this_machine_says_nothing(packages: dict[str, Path], tmp_path: Path) -> None:
    root = unpacked(packages["deb"], tmp_path / "files")
    home = root / "usr/lib/cloudpath-agent"
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in files if path.stat().st_mode & 0o022 or path.stat().st_uid]
    for module in home.rglob("*.py"):
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-311.pyc"
        assert compiled.exists(), module
        # PEP 552: compared with its source never, by a hash that nobody looks at.
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0", module
    assert [path.name for path in home.rglob("*.rules")] == ["shipped.cpython-311.rules"]
    ours = [path for path in files if "site-packages" not in path.parts or {"agent", "rules"} & {*path.parts}]
    for secret in (str(REPOSITORY).encode(), b"cloudpath-package-"):
        assert not [path for path in ours if secret in path.read_bytes()]
    (texts,) = root.glob("usr/share/doc/cloudpath-agent/copyright")
    for place in home.glob("lib/*/site-packages/*.dist-info"):
        assert place.name.startswith("cloudpath_agent") or f"/{place.relative_to(root)}" in texts.read_text()


# --- without systemd --------------------------------------------------------------------------------------------------


def test_a_bare_machine_traces_and_runs_the_service_in_the_foreground(bare: Machine, packages: dict[str, Path]) -> None:
    said = install(bare, packages)
    assert "Setting up cloudpath-agent" in said
    assert not [word for word in ("warning", "error", "not found", "failed") if word in said.lower()], said
    assert bare.run("cloudpath", "--version").stdout.startswith("cloudpath ")
    trace = json.loads(bare.run("cloudpath", "trace", "--json", "127.0.0.1").stdout)
    assert trace["legs"][0]["reached"] is True
    configure(bare)
    bare.shell("mkdir -p /var/log/cloudpath-agent")
    command = bare.command("cloudpath", "run")
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as service:
        assert service.stderr is not None
        try:
            deadline = time.monotonic() + 20
            while not samples(bare):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            bare.shell("kill -HUP $(cat /var/lib/cloudpath-agent/store.lock)")
            assert any("reload" in line for line in service.stderr)
            began = time.monotonic()
            bare.shell("kill -TERM $(cat /var/lib/cloudpath-agent/store.lock)")
            assert service.wait(10) == 0
            assert time.monotonic() - began < 5
        finally:
            service.kill()


def test_nothing_of_the_callers_gets_into_the_command(bare: Machine, packages: dict[str, Path]) -> None:
    install(bare, packages)
    for place in ("/opt/trap", "/root/.local/lib/python3.11/site-packages"):
        for name in ("agent", "click", "json"):
            write(bare, f"{place}/{name}.py", "print('trapped')")
        write(bare, f"{place}/usercustomize.py", "print('trapped')")
    traps = "PYTHONPATH=/opt/trap PYTHONHOME=/opt/trap PYTHONSTARTUP=/opt/trap/agent.py PYTHONINSPECT=1"
    for arguments in ("--version", "errors CP-12", "trace 127.0.0.1", "check-config /opt/agent.yaml"):
        write(bare, "/opt/agent.yaml", "{}\n")
        assert "trapped" not in bare.shell(f"cd /opt/trap && {traps} cloudpath {arguments} 2>&1")


def test_the_command_writes_nothing_below_usr(bare: Machine, packages: dict[str, Path]) -> None:
    install(bare, packages)
    before = {name for name in bare.files() if name.startswith("/usr/")}
    bare.shell("cloudpath errors >/dev/null; cloudpath trace 127.0.0.1 >/dev/null; cloudpath doctor >/dev/null || true")
    assert {name for name in bare.files() if name.startswith("/usr/")} == before


def test_manual_and_completions_are_where_they_are_looked_for(booted: Machine, packages: dict[str, Path]) -> None:
    install(booted, packages)
    for name in ("cloudpath", *(f"cloudpath-{command}" for command in SUBCOMMANDS)):
        page = booted.shell(f"MANWIDTH=100 man --warnings {name} 2>&1")
        assert f"{name} - " in page
        assert "warning" not in page.split("EXIT STATUS")[0].partition("NAME")[0], page
    bash = "source /usr/share/bash-completion/bash_completion; _completion_loader cloudpath; complete -p cloudpath"
    assert "_cloudpath_completion" in booted.run("bash", "-c", bash).stdout
    zsh = "autoload -U compinit && compinit -D -u && echo $_comps[cloudpath]"
    assert booted.run("zsh", "-c", zsh).stdout.strip() == "_cloudpath"
    fish = "complete --do-complete 'cloudpath tra'"
    assert "trace" in booted.run("fish", "-c", fish).stdout


# --- under systemd ----------------------------------------------------------------------------------------------------


def test_the_units_are_right_and_confined(booted: Machine, packages: dict[str, Path]) -> None:
    install(booted, packages)
    booted.run("systemd-analyze", "verify", "--man=yes", *(f"{UNITS}/{unit}" for unit in SCORES))
    for unit, most in SCORES.items():
        # Its exit code says whether the exposure is above the threshold.
        booted.run("systemd-analyze", "security", "--offline=true", f"--threshold={most}", f"{UNITS}/{unit}")
    unprivileged = "/usr/share/doc/cloudpath-agent/examples/systemd/cloudpath-agent.service.d/unprivileged.conf"
    drop_in(booted, booted.shell(f"cat {unprivileged}"))
    booted.run("systemd-analyze", "security", "--offline=true", f"--threshold={UNPRIVILEGED_SCORE}", f"{UNITS}/{AGENT}")


def test_nothing_starts_before_it_is_configured(booted: Machine, packages: dict[str, Path]) -> None:
    install(booted, packages)
    for unit in (AGENT, EDGE):
        assert booted.run("systemctl", "is-enabled", unit, check=False).stdout.strip() == "disabled"
        assert shown(booted, "ActiveState", unit) == "inactive"
    # Nor is it a failure to start it.
    booted.run("systemctl", "start", AGENT)
    assert shown(booted, "ConditionResult") == "no"


def test_what_is_configured_already_starts_with_the_installation(booted: Machine, packages: dict[str, Path]) -> None:
    configure(booted)
    install(booted, packages)
    assert shown(booted, "ActiveState") == "active"
    assert shown(booted, "UnitFileState") == "enabled"
    assert shown(booted, "UnitFileState", EDGE) == "disabled"


def test_it_runs_with_one_capability_and_sees_raw_answers(booted: Machine, packages: dict[str, Path]) -> None:
    started(booted, packages)
    status = main_process(booted)
    assert status["Uid"].split() == [booted.shell("id -u cloudpath-agent").strip()] * 4
    # CAP_NET_RAW is 13.
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {f"{1 << 13:016x}"}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert samples(booted)[0]["legs"][0]["reached"] is True
    assert booted.shell("stat --format=%a:%U /var/lib/cloudpath-agent").strip() == "700:cloudpath-agent"
    assert shown(booted, "StatusText").startswith("1 target")


def test_what_it_keeps_is_read_by_root_and_stays_its_own(booted: Machine, packages: dict[str, Path]) -> None:
    started(booted, packages, f"{CONFIGURATION}metrics: {{listen: 'unix:/run/cloudpath-agent/metrics.sock'}}\n")
    for reader in (
        ("cloudpath",),
        ("setpriv", "--reuid=cloudpath-agent", "--regid=cloudpath-agent", "--clear-groups", "cloudpath"),
    ):
        assert "self" in booted.run(*reader, "history").stdout
    assert booted.shell("stat --format=%U /var/lib/cloudpath-agent/*").split() == ["cloudpath-agent"] * len(
        booted.shell("ls /var/lib/cloudpath-agent").split()
    )
    assert "cloudpath_" in booted.run("python3", "-c", _ASK_THE_SOCKET).stdout
    count = len(samples(booted))
    wait_until(lambda: len(samples(booted)) > count, booted)


_ASK_THE_SOCKET: Final = """\
import socket
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect("/run/cloudpath-agent/metrics.sock")
    asked.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: here\\r\\nConnection: close\\r\\n\\r\\n")
    while part := asked.recv(65536):
        print(part.decode(), end="")
"""


def test_a_reload_tells_what_is_wrong_and_changes_nothing(booted: Machine, packages: dict[str, Path]) -> None:
    started(booted, packages)
    process = shown(booted, "MainPID")
    configure(booted, f"{CONFIGURATION}nonsense: 1\n")
    assert booted.run("systemctl", "reload", AGENT, check=False).returncode == 1
    assert "agent.yaml:6:1: nonsense: unknown key" in journal(booted)
    assert (shown(booted, "ActiveState"), shown(booted, "MainPID")) == ("active", process)
    configure(booted, CONFIGURATION.replace("name: self", "name: renamed"))
    booted.run("systemctl", "reload", AGENT)
    wait_until(lambda: any(each["target"]["name"] == "renamed" for each in samples(booted)), booted, 30)
    assert shown(booted, "MainPID") == process


def test_one_that_hangs_is_started_anew(booted: Machine, packages: dict[str, Path]) -> None:
    install(booted, packages)
    drop_in(booted, "[Service]\nWatchdogSec=2\nRestartSec=100ms\n")
    configure(booted)
    booted.run("systemctl", "start", AGENT)
    # As long as it works it is left alone.
    time.sleep(5)
    assert shown(booted, "NRestarts") == "0"
    booted.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", AGENT)
    wait_until(lambda: shown(booted, "NRestarts") == "1" and shown(booted, "ActiveState") == "active", booted, 30)


def test_it_needs_no_call_that_it_is_refused(booted: Machine, packages: dict[str, Path]) -> None:
    install(booted, packages)
    # In place of an error a call that is not allowed ends the process.
    drop_in(booted, "[Service]\nSystemCallErrorNumber=kill\n")
    write(booted, "/etc/cloudpath-agent/proxy.pac", 'function FindProxyForURL(url, host) { return "DIRECT"; }\n')
    configure(booted, CONFIGURATION_OF_EVERYTHING)
    booted.run("systemctl", "start", AGENT)
    wait_until(lambda: {each["target"]["name"] for each in samples(booted)} >= {"self", "web"}, booted, 30)
    (web, *_) = (each for each in samples(booted) if each["target"]["name"] == "web")
    assert web["proxy"]["pac"]["result"] == "DIRECT"
    booted.run("systemctl", "reload", AGENT)
    count = len(samples(booted))
    wait_until(lambda: len(samples(booted)) > count, booted, 30)
    booted.run("systemctl", "stop", AGENT)
    assert (shown(booted, "NRestarts"), shown(booted, "Result")) == ("0", "success")


CONFIGURATION_OF_EVERYTHING: Final = f"""\
agent: {{interval_s: 10}}
metrics: {{listen: "unix:/run/cloudpath-agent/metrics.sock"}}
proxy: {{mode: pac, file: proxy.pac}}
targets:
  - {{name: self, host: 127.0.0.1, port: 9, protocol: tcp, path_mtu: true}}
  - {{name: web, url: "http://127.0.0.1:9/"}}
  - {{name: name, host: app.example.test}}
emit:
  - {{type: file, path: {SAMPLES}}}
  - {{type: http, url: "http://127.0.0.1:9/ingest"}}
  - {{type: journald}}
"""


def test_it_works_without_any_capability(booted: Machine, packages: dict[str, Path]) -> None:
    install(booted, packages)
    examples = "/usr/share/doc/cloudpath-agent/examples/systemd"
    booted.shell(f"cp -r {examples}/{AGENT}.d /etc/systemd/system/ && systemctl daemon-reload")
    configure(booted)
    booted.run("systemctl", "start", AGENT)
    wait_until(lambda: bool(samples(booted)), booted)
    assert main_process(booted)["CapEff"] == f"{0:016x}"
    assert samples(booted)[0]["legs"][0]["reached"] is True


def test_a_wrong_configuration_is_tried_once(booted: Machine, packages: dict[str, Path]) -> None:
    install(booted, packages)
    drop_in(booted, "[Service]\nRestartSec=100ms\n")
    configure(booted, "targets: 5\n")
    assert booted.run("systemctl", "start", AGENT, check=False).returncode == 1
    time.sleep(1)
    assert (shown(booted, "ExecMainStatus"), shown(booted, "NRestarts")) == ("78", "0")
    assert "agent.yaml:1:10: targets" in journal(booted)


_ASK: Final = """\
from urllib.request import Request, urlopen
headers = {"Authorization": "Bearer a-token-of-this-machine"}
print(urlopen(Request("http://127.0.0.1:443/v1/service-data", headers=headers)).read().decode())
"""


def test_an_edge_serves_on_a_port_of_the_system(booted: Machine, packages: dict[str, Path]) -> None:
    install(booted, packages)
    write(booted, "/etc/cloudpath-agent/tokens", "a-token-of-this-machine\n")
    write(
        booted,
        "/etc/cloudpath-agent/edge.yaml",
        "edge: {name: here, listen: '127.0.0.1:443', insecure: true, tokens_file: tokens, udp_port: 33500}\n",
    )
    booted.shell("cd /etc/cloudpath-agent && chgrp cloudpath-edge tokens edge.yaml && chmod 640 tokens edge.yaml")
    # As with the agent: no call is needed that is refused.
    drop_in(booted, "[Service]\nSystemCallErrorNumber=kill\nWatchdogSec=2\n", EDGE)
    booted.run("systemctl", "start", EDGE)
    assert json.loads(booted.run("python3", "-c", _ASK).stdout)["edge"]["name"] == "here"
    assert main_process(booted, EDGE)["CapEff"] == f"{(1 << 13) | (1 << 10):016x}"
    assert shown(booted, "StatusText", EDGE) == "here knows 1 tokens"
    with (booted.root / "etc/cloudpath-agent/tokens").open("a") as tokens:
        tokens.write("another-token-of-this-machine\n")
    booted.run("systemctl", "reload", EDGE)
    wait_until(lambda: shown(booted, "StatusText", EDGE) == "here knows 2 tokens", booted)
    time.sleep(3)
    booted.run("systemctl", "stop", EDGE)
    assert (shown(booted, "NRestarts", EDGE), shown(booted, "Result", EDGE)) == ("0", "success")


def test_upgrade_keeps_removal_stops_and_purge_leaves_nothing(booted: Machine, packages: dict[str, Path]) -> None:
    before = booted.files()
    started(booted, packages)
    process, kept = shown(booted, "MainPID"), samples(booted)[0]["id"]
    install(booted, packages)
    assert shown(booted, "ActiveState") == "active"
    assert shown(booted, "MainPID") != process
    wait_until(lambda: len({each["seq"] for each in samples(booted)}) > 1, booted)
    assert samples(booted)[0]["id"] == kept
    assert [each["seq"] for each in samples(booted)] == sorted({each["seq"] for each in samples(booted)})
    assert (booted.root / "etc/cloudpath-agent/agent.yaml").read_text() == CONFIGURATION

    booted.run("dpkg", "--remove", "cloudpath-agent")
    assert shown(booted, "ActiveState") == "inactive"
    assert (booted.root / "var/lib/cloudpath-agent/store.sqlite").exists()
    assert (booted.root / "etc/cloudpath-agent/agent.yaml").exists()

    # It comes back as it was: enabled, and at work.
    install(booted, packages)
    assert (shown(booted, "ActiveState"), shown(booted, "UnitFileState")) == ("active", "enabled")

    booted.run("dpkg", "--purge", "cloudpath-agent")
    left = {name for name in booted.files() - before if not name.startswith(OF_DEBIAN)}
    assert not left
    assert not [name for name in booted.files() if "cloudpath" in name and not name.startswith("/root/")]


# --- the other family -------------------------------------------------------------------------------------------------


def test_the_rpm_holds_what_the_deb_holds(packages: dict[str, Path], tmp_path: Path) -> None:
    root = unpacked(packages["deb"], tmp_path / "deb")
    of_deb = {f"/{path.relative_to(root)}" for path in root.rglob("*") if not path.is_dir()}
    zsh = {"/usr/share/zsh/vendor-completions/_cloudpath", "/usr/share/zsh/site-functions/_cloudpath"}
    assert {*rpm("-qlp", "--noartifact", str(packages["rpm"])).splitlines()} - zsh >= of_deb - zsh
    requires = rpm("-qp", "--requires", str(packages["rpm"])).splitlines()
    assert "/usr/bin/python3.11" in requires


def rpm(*arguments: str) -> str:
    done = subprocess.run(("rpm", *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_rpm_installs_runs_and_goes(bare: Machine, packages: dict[str, Path]) -> None:
    before = bare.files()
    # Debian's rpm knows nothing of Debian's packages, so who provides the Python is not asked.
    root = ("--root", str(bare.root), "--dbpath", "/var/lib/dpkg/rpm", "--nodeps")
    rpm(*root, "--install", str(packages["rpm"]))
    assert bare.run("cloudpath", "--version").stdout.startswith("cloudpath ")
    assert json.loads(bare.run("cloudpath", "trace", "-j", "127.0.0.1").stdout)["legs"][0]["reached"] is True
    rpm(*root, "--upgrade", "--force", str(packages["rpm"]))
    assert bare.run("cloudpath", "errors", "CP-12").stdout
    rpm(*root, "--erase", "cloudpath-agent")
    assert not {name for name in bare.files() - before if not name.startswith(OF_DEBIAN)} - OF_OTHER_PACKAGES


def test_the_builder_says_what_it_lacks(tmp_path: Path) -> None:
    command = (sys.executable, "scripts/make_packages.py", "--output", str(tmp_path), "--python", "3.99")
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 1
    assert "there is no python3.99 here" in done.stderr
    assert not list(tmp_path.iterdir())
