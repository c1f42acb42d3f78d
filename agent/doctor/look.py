"""Looks at what a configuration's service would meet on this host, and at the service that runs; changes nothing.

Nothing here opens the store for writing or takes its lock, and no sink gets data: a running agent notices none of it
but a connection to where its own sinks go.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.doctor.service import HealthSeen, Limits, ProxySeen, ServiceSeen, SinkSeen, UnitSeen
from agent.doctor.store import look_at_store

if TYPE_CHECKING:
    import socket

    from agent.daemon.plan import ServicePlan, TargetPlan
    from agent.live_world import LiveWorld
    from agent.record import AgentIdentity

UNIT: Final = "cloudpath-agent.service"
_PATIENCE_S: Final = 2.0
_MOST_SAID: Final = 200
# sd_booted(3): where this is not there, systemd does not run.
_BOOTED: Final = Path("/run/systemd/system")
_PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "UnitFileState",
    "Result",
    "ExecMainStatus",
    "LimitNOFILESoft",
    "TasksMax",
)
_OK: Final = 200


def look_at_service(plan: ServicePlan, world: LiveWorld, unit: dict[str, str]) -> ServiceSeen:
    """Return what the service of a plan would meet; takes up to 3 s where a proxy or a sink does not answer.

    Args:
        plan: What the configuration amounts to.
        world: Who asks the proxy.
        unit: The properties of the service's unit, empty where there is none.
    """
    return ServiceSeen(
        sources=tuple(map(str, plan.sources)),
        targets=len(plan.targets),
        concurrent=plan.concurrent,
        store=look_at_store(plan.state_dir, plan.store_bytes, world.clock.realtime_ns()),
        sinks=_sinks(plan, world.identity()),
        proxy=_proxy(plan.targets[0], world) if plan.targets else None,
        limits=_limits(unit),
        health=None if plan.metrics_listen is None else _health(plan.metrics_listen),
    )


# --- the unit ---------------------------------------------------------------------------------------------------------


def unit_properties() -> dict[str, str] | None:
    """Return what systemd tells of the service's unit, None where no systemd runs or it does not answer."""
    systemctl = shutil.which("systemctl")
    if systemctl is None or not _BOOTED.is_dir():
        return None
    command = (systemctl, "show", UNIT, f"--property={','.join(_PROPERTIES)}")
    try:
        done = subprocess.run(  # noqa: S603 - systemd's own program, by its path
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return properties_of(done.stdout) if done.returncode == 0 else None


def properties_of(text: str) -> dict[str, str]:
    """Return the properties that `systemctl show` printed."""
    return {name: value for name, separator, value in (line.partition("=") for line in text.splitlines()) if separator}


def unit_of(properties: dict[str, str]) -> UnitSeen:
    """Return the unit that these properties tell of."""
    code = properties.get("ExecMainStatus", "")
    return UnitSeen(
        name=UNIT.removesuffix(".service"),
        load_state=properties.get("LoadState", ""),
        active_state=properties.get("ActiveState", ""),
        unit_file_state=properties.get("UnitFileState", ""),
        result=properties.get("Result", ""),
        exit_code=int(code) if code.isdecimal() else None,
    )


def _limits(unit: dict[str, str]) -> Limits:
    """Return the limits that the service has: those of its unit where there is one, else those of this process."""
    if unit.get("LoadState") == "loaded":
        return Limits(open_files=_number(unit.get("LimitNOFILESoft")), tasks=_number(unit.get("TasksMax")))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Limits(open_files=None if soft == resource.RLIM_INFINITY else soft, tasks=None)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


# --- what it talks to -------------------------------------------------------------------------------------------------


def _sinks(plan: ServicePlan, identity: AgentIdentity) -> tuple[SinkSeen, ...]:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a host without a service needs none of it

    from agent.sinks.making import check_sink  # noqa: PLC0415 - likewise

    with ThreadPoolExecutor(max(len(plan.sinks), 1)) as pool:
        problems = list(pool.map(lambda sink: check_sink(sink, identity), plan.sinks))
    return tuple(
        SinkSeen(name=sink.name, type=sink.type, problem=problem)
        for sink, problem in zip(plan.sinks, problems, strict=True)
    )


def _proxy(target: TargetPlan, world: LiveWorld) -> ProxySeen:
    """Try the proxy that applies to a target as a sample does: by a CONNECT to it, in which nothing is sent."""
    from probes.facts import Role  # noqa: PLC0415 - as above

    request = target.request
    check = world.proxy_for(request)
    if check is None:
        return ProxySeen(target=target.name, proxy=None)
    if check.choice is None or check.known.host is None:
        return ProxySeen(target=target.name, proxy=check.known)
    resolved = world.check_name(Role.PROXY, check.known.host, None)
    return ProxySeen(target=target.name, proxy=check.ask(resolved))


class _OverSocket(HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE_S)
        self._path = path

    def connect(self) -> None:  # type: ignore[explicit-override]
        """Connect to the path."""
        import socket  # noqa: PLC0415 - http.client has loaded it

        self.sock: socket.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _health(listen: str) -> HealthSeen:
    try:
        healthy, _ = _page(listen, "/healthz")
        ready, said = _page(listen, "/readyz")
    except (OSError, HTTPException) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        return HealthSeen(listen=listen, problem=why.lower())
    return HealthSeen(listen=listen, healthy=healthy, unready=None if ready else said)


def _page(listen: str, path: str) -> tuple[bool, str]:
    """Return whether a page answers 200, and the beginning of what it says, in one line."""
    with closing(_connection(listen)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read(_MOST_SAID).decode("utf-8", "replace")
    return answer.status == _OK, " ".join(text.split())


def _connection(listen: str) -> HTTPConnection:
    if listen.startswith("unix:"):
        return _OverSocket(listen.removeprefix("unix:"))
    host, _, port = listen.rpartition(":")
    return HTTPConnection(host.strip("[]"), int(port), timeout=_PATIENCE_S)
