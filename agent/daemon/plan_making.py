"""What a configuration means for the service: its settings as a plan, or every reason why nothing can start on it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from agent.config.reading import ConfigurationError
from agent.config.sinks import sink_name
from agent.config.values import Problem
from agent.daemon.plan import ServicePlan, SinkPlan, TargetPlan
from agent.proxy_url import pac_problem
from agent.trace_request import TraceOptions, sample_request, session_source
from agent.usage import UsageProblem
from probes.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.config.model import Settings
    from agent.config.reading import Loaded
    from agent.config.values import Steps
    from agent.request import SampleRequest
    from rules.ruleset import RuleSet

# opentelemetry-proto's import name; its extra is `otlp`.
_PROTOBUF: Final = "opentelemetry.proto"


def service_plan(loaded: Loaded) -> ServicePlan:
    """Return what the service is to do; the plan may have no target.

    Raises:
        ConfigurationError: Something that the configuration names is of no use: every such thing, each with its place.
    """
    settings = loaded.settings
    wrong: list[str] = []
    rules = _rules(settings.rules, wrong)
    _check_databases(settings, wrong)
    targets, problems = _targets(settings)
    problems += [*_missing_packages(settings), *_unreadable_authorities(settings)]
    wrong = [*loaded.merged.lines(problems), *wrong]
    if wrong:
        raise ConfigurationError(tuple(wrong))
    return ServicePlan(
        targets=targets,
        sinks=tuple(map(_sink, settings.emit)),
        state_dir=settings.agent.state_dir.absolute(),
        concurrent=settings.agent.concurrent,
        store_bytes=settings.store.max_mb << 20,
        metrics_listen=settings.metrics.listen,
        sessions=None if settings.zpa is None else session_source(settings.zpa),
        sources=loaded.sources,
        rules=rules,
    )


def _targets(settings: Settings) -> tuple[tuple[TargetPlan, ...], list[Problem]]:
    """Return a plan for each target, as `cloudpath trace` would have it, and what stands against the others."""
    if settings.proxy.mode == "pac" and pac_problem():
        # Said once, and not of every target.
        return (), []
    plans: list[TargetPlan] = []
    problems: list[Problem] = []
    shared: dict[object, Any] = {}
    for index, target in enumerate(settings.targets):
        # Alone in the settings, for a target is looked for from the first one on.
        alone = settings.model_copy(update={"targets": (target,)})
        try:
            request = _sharing(sample_request(TraceOptions(target=target.name), alone), shared)
        except UsageProblem as error:
            problems.append(Problem(("targets", index), str(error)))
        else:
            interval_s = float(target.interval_s or settings.agent.interval_s)
            plans.append(TargetPlan(name=target.name, request=request, interval_s=interval_s))
    return tuple(plans), problems


def _sharing(request: SampleRequest, shared: dict[object, Any]) -> SampleRequest:
    """Return the request with what it has in common with others once in memory, pickled or not."""
    common = {name: getattr(request, name) for name in ("settings", "sending", "edges", "controls", "zpa")}
    return replace(request, **{name: shared.setdefault((name, value), value) for name, value in common.items()})


def _sink(section: Any) -> SinkPlan:
    options = section.model_dump(exclude={"type", "name"})
    return SinkPlan(name=sink_name(section.model_dump()), type=section.type, options=options)


def _missing_packages(settings: Settings) -> Iterator[Problem]:
    """Yield what needs a package that is not installed here."""
    if settings.proxy.mode == "pac" and (problem := pac_problem()):
        yield Problem(("proxy", "mode"), problem)
    for index, sink in enumerate(settings.emit):
        if sink.type == "otlp" and sink.encoding == "protobuf" and not _is_there(_PROTOBUF):
            what = "protobuf needs the package opentelemetry-proto, which is not installed; install it, or take json"
            yield Problem(("emit", index, "encoding"), what)


def _unreadable_authorities(settings: Settings) -> Iterator[Problem]:
    """Yield each file of certificates that cannot be read as such, though it looks like one."""
    named = [(("targets", index), target.ca_file) for index, target in enumerate(settings.targets)]
    named += [(("other_edges", index), edge.ca_file) for index, edge in enumerate(settings.other_edges)]
    named += [(("emit", index), getattr(sink, "ca_file", None)) for index, sink in enumerate(settings.emit)]
    places: list[tuple[Steps, Path | None]] = [*named]
    if settings.service_edge is not None:
        places.append((("service_edge",), settings.service_edge.ca_file))
    for steps, file in places:
        if file is not None and (problem := _why_no_certificate(file)):
            yield Problem((*steps, "ca_file"), problem)


def _why_no_certificate(file: Path) -> str | None:
    import ssl  # noqa: PLC0415 - for those who name authorities

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        # OpenSSL's own words for it name its source files.
        return f"{file}: a certificate in it is damaged; get the file anew"
    except OSError as error:
        return f"cannot read {file}: {(error.strerror or str(error)).lower()}"
    return None


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        # Not even the package around it.
        return False


def _rules(files: tuple[Path, ...], wrong: list[str]) -> RuleSet | None:
    if not files:
        return None
    from rules.load import RuleFileError, load_rules  # noqa: PLC0415 - for operators with rules of their own

    try:
        return load_rules(files)
    except RuleFileError as error:
        wrong += [problem.text for problem in error.problems]
        return None


def _check_databases(settings: Settings, wrong: list[str]) -> None:
    if not settings.agent.address_databases:
        return
    from agent.composition import address_databases  # noqa: PLC0415 - for operators with databases
    from probes.origin import DatabaseError  # noqa: PLC0415 - likewise

    for file in settings.agent.address_databases:
        try:
            address_databases((file,))
        except DatabaseError as error:
            wrong.append(str(error))
