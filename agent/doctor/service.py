"""What would stop the service that a configuration describes, or make it lose samples: facts in, findings out."""

import re
from collections.abc import Iterable
from typing import Final

from agent.doctor.findings import Finding, Level
from agent.exit_codes import ServiceExit
from agent.store.entry import SinkBacklog, StoreState
from probes.frozen import frozen
from probes.web_facts import Proxy, ProxyMode

_MB: Final = 1 << 20
# More than the service takes by itself: 19 descriptors and 7 threads with two sinks and metrics [measured].
OWN_FILES: Final = 64
OWN_THREADS: Final = 16
# More than a sample takes at its peak: 23 and 5 for a web address that does not answer [measured], and as many again
# where a proxy, an edge and the way to the egress are looked at beside it.
FILES_A_SAMPLE: Final = 40
THREADS_A_SAMPLE: Final = 12
# A sample from so far ahead was taken by a clock that has been set back since.
_AHEAD_S: Final = 60.0
# How Python words an error of the system's.
_NUMBERED: Final = re.compile(r"^\[Errno \d+\] ")
_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3_600.0


@frozen
class StoreSeen:
    """The directory of the store, and what is in it; None where it does not tell.

    Attributes:
        missing: Whether the directory is not there yet.
        problem: Why this process could not write there.
        foreign: Whether that is because it belongs to another user, as whom the service may run.
        free_bytes: What the disk has left for this user.
        used_by: The process that writes to the store now.
        state: What is in it, None where there is no store yet.
        damage: Why what is there cannot be read.
        newest_ahead_s: How far the newest entry is ahead of the clock, negative for behind.
    """

    directory: str
    missing: bool = False
    problem: str | None = None
    foreign: bool = False
    free_bytes: int | None = None
    most_bytes: int
    used_by: int | None = None
    state: StoreState | None = None
    damage: str | None = None
    newest_ahead_s: float | None = None


@frozen
class SinkSeen:
    """One sink, tried without sending anything; `problem` is what stood in the way."""

    name: str
    type: str
    problem: str | None = None


@frozen
class ProxySeen:
    """The proxy for one target, tried; None of it where no proxy applies."""

    target: str
    proxy: Proxy | None


@frozen
class Limits:
    """What the kernel lets this process have; None for no limit. `tasks` counts threads."""

    open_files: int | None
    tasks: int | None


@frozen
class HealthSeen:
    """What the service's own pages say: `problem` where they cannot be asked, `unready` the reasons of `/readyz`."""

    listen: str
    problem: str | None = None
    healthy: bool = False
    unready: str | None = None


@frozen
class ServiceSeen:
    """Everything that is looked at for a configuration's service.

    Attributes:
        sources: The configuration and its drop-ins, in the order in which they count.
        health: None where no listener is configured.
    """

    sources: tuple[str, ...]
    targets: int
    concurrent: int
    store: StoreSeen
    sinks: tuple[SinkSeen, ...] = ()
    proxy: ProxySeen | None = None
    limits: Limits
    health: HealthSeen | None = None


@frozen
class UnitSeen:
    """What systemd says of the service's unit (systemctl(1): show), in its own words."""

    name: str
    load_state: str
    active_state: str
    unit_file_state: str
    result: str
    exit_code: int | None = None


def examine_service(seen: ServiceSeen) -> tuple[Finding, ...]:
    """Return the findings, in the order in which a start of the service would meet them."""
    return (
        _configuration(seen),
        _limits(seen.limits, seen.concurrent),
        *_proxy(seen.proxy),
        *_store(seen.store),
        *_sinks(seen),
        *_health(seen),
    )


def mistaken_configuration(problems: Iterable[str]) -> Iterable[Finding]:
    """Yield a finding for each mistake in the configuration that the service would be started on."""
    for problem in problems:
        yield _finding("configuration", Level.FAIL, problem, "correct it; `cloudpath check-config` says the same")


def _finding(check: str, level: Level, found: str, advice: str | None = None) -> Finding:
    return Finding(check=check, level=level, found=found, advice=advice)


# --- before it runs ---------------------------------------------------------------------------------------------------


def _configuration(seen: ServiceSeen) -> Finding:
    first, *drop_ins = seen.sources
    more = f", and {_counted(len(drop_ins), 'drop-in')}: {', '.join(drop_ins)}" if drop_ins else ""
    found = f"{first}: {_counted(seen.targets, 'target')}, {_counted(len(seen.sinks), 'sink')}{more}"
    if seen.targets:
        return _finding("configuration", Level.OK, found)
    return _finding("configuration", Level.WARN, found, "name something to trace under targets; the service needs it")


def _limits(limits: Limits, concurrent: int) -> Finding:
    check = "limits"
    files, tasks = OWN_FILES + concurrent * FILES_A_SAMPLE, OWN_THREADS + concurrent * THREADS_A_SAMPLE
    if limits.open_files is not None and limits.open_files < files:
        found = f"{limits.open_files:,} open files at once, and {concurrent} samples at once may need {files:,}"
        advice = "raise it (ulimit -n; in a unit: LimitNOFILE=), or lower agent.concurrent"
        return _finding(check, Level.WARN, found, advice)
    if limits.tasks is not None and limits.tasks < tasks:
        found = f"{limits.tasks:,} threads at once, and {concurrent} samples at once may need {tasks:,}"
        return _finding(check, Level.WARN, found, "raise it (in a unit: TasksMax=), or lower agent.concurrent")
    return _finding(check, Level.OK, f"open files and threads suffice for {concurrent} samples at once")


def _proxy(seen: ProxySeen | None) -> Iterable[Finding]:
    if seen is None:
        return
    proxy = seen.proxy
    if proxy is None or proxy.mode is ProxyMode.NONE:
        yield _finding("proxy", Level.OK, f"no proxy applies to {seen.target}")
        return
    if proxy.host is None and proxy.failure is None:
        yield _finding("proxy", Level.OK, f"the script says to go to {seen.target} without a proxy")
        return
    where = f"the proxy {proxy.url or proxy.host or 'that a script names'}"
    if proxy.works is not False and proxy.failure is None:
        found = f"{where} lets us through to {seen.target}" if proxy.works else f"{where} is there"
        yield _finding("proxy", Level.OK, found)
        return
    yield _finding(
        "proxy", Level.WARN, f"{where} does not let us through to {seen.target}: {_refusal(proxy)}", _of(proxy)
    )


def _refusal(proxy: Proxy) -> str:
    if proxy.connect_status is not None:
        return f"it answers {proxy.connect_status}"
    detail = next((step.detail for step in proxy.steps if step.failure and step.detail), None)
    return _NUMBERED.sub("", detail).lower() if detail else str(proxy.failure or "no answer").replace("_", " ")


def _of(proxy: Proxy) -> str:
    if proxy.connect_status == 407:  # noqa: PLR2004 - RFC 9110 section 15.5.8: it wants to know who asks
        return "it wants a user and a password: put them into proxy.url (from ${file:...}), or check those there"
    return "check proxy in the configuration, and the way to it; `cloudpath trace` with --proxy says where it ends"


# --- the store --------------------------------------------------------------------------------------------------------


def _store(seen: StoreSeen) -> Iterable[Finding]:
    yield _directory(seen)
    yield from _room(seen)
    if seen.damage is not None:
        advice = "nothing to do: the next start moves it aside and begins anew; what a sink had not got is lost"
        yield _finding("store", Level.WARN, f"the store is damaged: {seen.damage}", advice)
    if seen.state is not None:
        yield from _contents(seen.state)
    if seen.newest_ahead_s is not None and seen.newest_ahead_s > _AHEAD_S:
        found = f"the newest sample is from {_span(seen.newest_ahead_s)} ahead: the clock was set back since"
        advice = "set the clock, and keep it (systemd-timesyncd, chrony); samples stay in order by their seq"
        yield _finding("clock", Level.WARN, found, advice)


def _directory(seen: StoreSeen) -> Finding:
    where = f"the store's directory {seen.directory}"
    if seen.used_by is not None:
        return _finding("store", Level.OK, f"{where} is in use by the running agent (process {seen.used_by})")
    if seen.problem is None:
        return _finding(
            "store", Level.OK, f"{where} {'will be made at the first start' if seen.missing else 'is ready'}"
        )
    if seen.foreign:
        advice = "ask again as root, or as the user that the service runs as"
        return _finding("store", Level.WARN, f"{where} is not this user's: {seen.problem}", advice)
    advice = "give the service's user a directory that it may write to (agent.state_dir; in a unit: StateDirectory=)"
    return _finding("store", Level.FAIL, f"{where} cannot be written to: {seen.problem}", advice)


def _room(seen: StoreSeen) -> Iterable[Finding]:
    """Say where the disk is full before the store is; what it takes already needs no room."""
    taken = 0 if seen.state is None else seen.state.size_bytes
    if seen.free_bytes is None or seen.free_bytes >= seen.most_bytes - taken:
        return
    found = f"the disk has {_size(seen.free_bytes)} left, and the store may take {_size(seen.most_bytes - taken)} more"
    yield _finding("store", Level.WARN, found, "make room, or lower store.max_mb: a full disk costs the oldest samples")


def _contents(state: StoreState) -> Iterable[Finding]:
    held = f"the store holds {_counted(state.entries, 'entry', 'entries')} in {_size(state.size_bytes)}"
    if state.unreadable:
        advice = "check the disk: what was written came back otherwise"
        yield _finding("store", Level.WARN, f"{held}; {state.unreadable:,} were damaged and passed over", advice)
    elif state.problem is not None:
        yield _finding("store", Level.WARN, f"{held}; it takes nothing: {state.problem}", "check the disk")
    elif state.shed:
        yield _finding("store", Level.OK, f"{held}; {state.shed:,} older ones made room")
    else:
        yield _finding("store", Level.OK, held)


# --- the sinks --------------------------------------------------------------------------------------------------------


def _sinks(seen: ServiceSeen) -> Iterable[Finding]:
    if not seen.sinks:
        yield _finding("sink", Level.OK, "no sink is configured (emit): samples stay in the store")
    backlogs = {} if seen.store.state is None else {backlog.sink: backlog for backlog in seen.store.state.sinks}
    for sink in seen.sinks:
        yield _sink(sink, backlogs.get(sink.name))


def _sink(sink: SinkSeen, backlog: SinkBacklog | None) -> Finding:
    waiting = _waiting(backlog)
    where = f"sink {sink.name}" if sink.type in sink.name else f"sink {sink.name} ({sink.type})"
    if sink.problem is not None:
        advice = "check emit in the configuration, and who is at the other end; samples wait in the store until then"
        return _finding("sink", Level.WARN, f"{where}: {sink.problem}{waiting}", advice)
    if backlog is not None and backlog.parked:
        found = f"{where} refused {_counted(backlog.parked, 'entry', 'entries')}, which are kept aside{waiting}"
        return _finding("sink", Level.WARN, found, "`cloudpath history --sinks` says why")
    return _finding("sink", Level.OK, f"{where} is ready{waiting}")


def _waiting(backlog: SinkBacklog | None) -> str:
    if backlog is None or not backlog.pending:
        return ""
    since = f", the oldest from {backlog.oldest_pending_at}" if backlog.oldest_pending_at else ""
    return f"; {_counted(backlog.pending, 'entry waits', 'entries wait')}{since}"


# --- while it runs ----------------------------------------------------------------------------------------------------


def _health(seen: ServiceSeen) -> Iterable[Finding]:
    health, runs = seen.health, seen.store.used_by is not None
    if health is None:
        return
    if health.problem is not None:
        found = f"nobody answers at {health.listen}: {health.problem}"
        advice = "the agent's log says why its listener is not there" if runs else None
        yield _finding("health", Level.WARN if runs else Level.OK, found, advice)
    elif not health.healthy:
        found = f"the running agent says that it does not come round (/healthz at {health.listen})"
        yield _finding("health", Level.FAIL, found, "read its log, and start it again")
    elif health.unready is not None:
        yield _finding("health", Level.WARN, f"the running agent is not ready: {health.unready}", "read its log")
    else:
        yield _finding("health", Level.OK, f"the running agent is well and ready ({health.listen})")


def examine_unit(unit: UnitSeen) -> Finding:
    """Return what becomes of the service by systemd's doing."""
    check = "unit"
    if unit.load_state != "loaded":
        return _finding(check, Level.OK, f"{unit.name} is not installed here")
    match unit.active_state:
        case "active" | "reloading":
            return _finding(check, Level.OK, f"{unit.name} runs")
        case "activating":
            return _finding(check, Level.WARN, f"{unit.name} starts just now", f"journalctl -u {unit.name} says how")
        case "failed":
            return _finding(check, Level.FAIL, f"{unit.name} has failed: {_ending(unit)}", _failed_advice(unit))
        case _ if unit.unit_file_state == "enabled":
            return _finding(
                check, Level.WARN, f"{unit.name} is enabled and does not run", f"systemctl start {unit.name}"
            )
        case _:
            return _finding(check, Level.OK, f"{unit.name} is installed; systemctl enable --now {unit.name} starts it")


def _ending(unit: UnitSeen) -> str:
    code = f" {unit.exit_code}" if unit.exit_code else ""
    return f"{unit.result.replace('-', ' ')}{code}"


def _failed_advice(unit: UnitSeen) -> str:
    match unit.exit_code:
        case ServiceExit.BAD_CONFIGURATION:
            return "its configuration is wrong: cloudpath check-config says where"
        case ServiceExit.MISSING_RIGHTS:
            return "it lacks rights: the unit has to give them (AmbientCapabilities=, StateDirectory=)"
        case _:
            return f"journalctl -u {unit.name} says why"


# --- words ------------------------------------------------------------------------------------------------------------


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / _MB:,.0f} MB" if size_bytes >= _MB else f"{size_bytes / 1024:,.0f} kB"


def _span(seconds: float) -> str:
    for unit_s, unit in ((_DAY_S, "days"), (_HOUR_S, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"
