"""Where everything is put together: one sample of the real network, and what commands ask beside samples."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cycle import collect
from agent.live_world import LiveWorld, opener_of
from agent.record import Document, Record, RecordHeader, document_of, record_of, uuid7, verdict_of_record
from agent.request import SampleRequest
from agent.world import Engine, never
from probes.clock import SystemClock
from probes.facts import Leg, Reachability, Role
from probes.failure import Failure
from probes.frozen import frozen
from probes.rights import Rights
from probes.sample import Sample
from rules.diagnosis import Diagnosis, Severity

if TYPE_CHECKING:
    from probes.captured import Recorder
    from rules.ruleset import RuleSet

COMPARISON_TIMEOUT_S = 0.7
SECOND_ECHO_S = 0.2
PROXY_TIMEOUT_S = 2.0
HTTPS_PORT = 443

_PROXY_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})


@frozen
class SampleResult:
    """One sample: its facts, what the rules made of them, and the record of both."""

    sample: Sample
    diagnosis: Diagnosis
    record: Record

    @property
    def document(self) -> Document:
        """Return the record as JSON has it."""
        return document_of(self.record)


def run_sample(
    request: SampleRequest,
    *,
    rules: "RuleSet | None" = None,
    on_progress: Callable[[Leg], None] | None = None,
    interrupted: Callable[[], bool] = never,
    capture: "Recorder | None" = None,
) -> SampleResult:
    """Return one complete sample of the real network, diagnosed.

    Args:
        request: What to look at.
        rules: Who judges; the shipped rules, unless an operator has some to add.
        on_progress: Told of a leg as it grows, at most ten times a second.
        interrupted: Asked often; once True, the sample ends with what it has.
        capture: Sees every packet of the probes and their replies; its owner closes it.
    """
    world = LiveWorld(capture)
    sample = collect(request, world, on_progress=on_progress, interrupted=interrupted)
    diagnosis = diagnosis_of(sample, request, rules)
    identity = uuid7(world.clock.realtime_ns(), world.random_bytes(10))
    header = RecordHeader(id=identity, seq=1, agent=world.identity())
    return SampleResult(sample=sample, diagnosis=diagnosis, record=record_of(sample, diagnosis, header))


def diagnosis_of(sample: Sample, request: SampleRequest, rules: "RuleSet | None" = None) -> Diagnosis:
    """Return what the rules say of a sample that was asked for so; the shipped rules, where none are given."""
    # Loaded while the probes were under way, if they took their time (`agent.preload`).
    from rules.engine import diagnose  # noqa: PLC0415
    from rules.shipped import shipped_rules  # noqa: PLC0415

    overrides = {code: Severity(severity) for code, severity in request.severity_overrides.items()}
    judge = partial(diagnose, rules=rules or shipped_rules(), severity_overrides=overrides)
    return verdict_of_record(sample, judge)


# --- what the command asks beside samples -----------------------------------------------------------------------------


def interface_names() -> tuple[str, ...]:
    """Return the names of this host's interfaces."""
    from probes.drivers import rights  # noqa: PLC0415 - few commands ask

    return rights.interface_names()


def own_address_failure(address: str) -> Failure | None:
    """Return why nothing can be sent from an address, or None if it can."""
    from probes.drivers import rights  # noqa: PLC0415 - few commands ask

    return rights.own_address_failure(address)


def open_capture() -> "Recorder | Failure":
    """Return a capture for `run_sample`, or why this host refuses it."""
    from probes.drivers import packet_capture  # noqa: PLC0415 - few commands ask

    return packet_capture.open_capture()


def engine_problem(engine: Engine) -> str | None:
    """Return why an engine cannot be used here, in one line that says what to do; or load it, and return None."""
    try:
        opener_of(engine)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != engine:
            raise
        # Into this very environment: the agent is no package of any index.
        return f"--engine {engine} needs a package that is not installed: {sys.executable} -m pip install {engine}"
    return None


def address_databases(named: Sequence[Path]) -> tuple[Path, ...]:
    """Return the databases that were named, all of them good, or else those in the usual directories.

    Raises:
        probes.origin.DatabaseError: One is damaged or about something else, or there is none at all.
    """
    from probes.drivers import mmdb  # noqa: PLC0415 - only for those who have databases
    from probes.origin import DatabaseError  # noqa: PLC0415 - likewise

    for file in named:
        mmdb.check_database(file)
    found = tuple(named) or mmdb.usual_databases()
    if not found:
        searched = ", ".join(map(str, mmdb.USUAL_DIRECTORIES))
        raise DatabaseError(
            f"there is no database of networks or places (*.mmdb) in {searched}; name one with --asn-db, or under "
            "agent.address_databases in the configuration"
        )
    return found


def read_rights() -> Rights:
    """Return what this process may do on this host."""
    from probes.drivers import rights  # noqa: PLC0415 - few commands ask

    return rights.read_rights()


def echo_once(address: str, timeout_s: float) -> Reachability:
    """Return whether an address answers one echo request within `timeout_s`."""
    from probes.drivers import icmp_echo  # noqa: PLC0415 - only `ping` asks

    return icmp_echo.echo(Role.DESTINATION, address, count=1, timeout_s=timeout_s, clock=SystemClock())
