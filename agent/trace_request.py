"""What `cloudpath trace` was asked for: options over the configuration over defaults, checked against each other."""

from pathlib import Path
from typing import TYPE_CHECKING

from agent.authorities import why_no_authorities
from agent.edge_choice import chosen_edges
from agent.request import SampleRequest, SessionSource
from agent.usage import UsageProblem
from agent.world import Engine, Sending
from agent.zone import is_link_local
from probes.edge_access import EdgeAccess
from probes.facts import Family, ProtocolChoice, RouteKind
from probes.frozen import frozen, replace
from probes.sample import NdrSetting, Target
from probes.target import parse_target
from probes.trace.settings import TraceSettings, fast
from probes.web_facts import ProxyMode

if TYPE_CHECKING:
    from agent.config.model import ProxySection, Settings, TargetSection, ZpaSection


@frozen
class TraceOptions:
    """The options as given; None (or False) where the person said nothing."""

    target: str
    protocol: str | None = None
    udp: bool = False
    tcp: bool = False
    icmp: bool = False
    port: int | None = None
    ipv4: bool = False
    ipv6: bool = False
    first_ttl: int | None = None
    max_ttl: int | None = None
    queries: int | None = None
    timeout: float | None = None
    fast: bool = False
    route: str | None = None
    edge: str | None = None
    edge_api: str | None = None
    edge_token_file: Path | None = None
    edge_ca_file: Path | None = None
    proxy: str | None = None
    ca_file: Path | None = None
    no_names: bool = False
    path_mtu: bool = False
    fresh: bool = False
    interface: str | None = None
    source: str | None = None
    tos: int = 0
    engine: str = "linux"
    rules: tuple[Path, ...] = ()
    asn: bool = False
    asn_db: tuple[Path, ...] = ()


def sample_request(options: TraceOptions, settings: "Settings | None" = None) -> SampleRequest:
    """Return the request that options and configuration amount to.

    Raises:
        UsageProblem: They contradict each other or the target.
    """
    section = _section(options.target, settings)
    protocol = _protocol(options, section)
    family = _family(options, section)
    target = replace(_target(options, section, family), protocol=protocol)
    edges = chosen_edges(options.edge, options.edge_api, options.edge_token_file, options.edge_ca_file, settings)
    target = _with_route(_with_zone(target, options.interface), options, section, edges)
    proxy_mode, proxy_url = _proxy(options.proxy, settings)
    return SampleRequest(
        target=target,
        settings=_trace_settings(options, section),
        sending=_sending(options, target),
        proxy_mode=proxy_mode,
        proxy_url=proxy_url,
        ndr=settings.ndr if settings else NdrSetting.AUTO,
        controls=settings.controls if settings else (),
        captive_check_url=settings.captive_check_url if settings else None,
        ca_file=_ca_file(options, section),
        edges=edges,
        egress_address=settings.egress.address if settings else None,
        names=not options.no_names,
        path_mtu=options.path_mtu or (section is not None and section.path_mtu),
        fresh=options.fresh,
        severity_overrides={code: str(s) for code, s in settings.severity_overrides.items()} if settings else {},
        databases=options.asn_db or (settings.agent.address_databases if settings else ()),
        rule_files=(*(settings.rules if settings else ()), *options.rules),
        synthetic_ranges=settings.private_access.synthetic_ranges if settings else (),
        private_interface=settings.private_access.interface if settings else None,
        zpa=session_source(settings.zpa) if settings and settings.zpa else None,
    )


def _section(name: str, settings: "Settings | None") -> "TargetSection | None":
    """Return the configured target of this name, if there is one."""
    return next((target for target in settings.targets if target.name == name), None) if settings else None


def _protocol(options: TraceOptions, section: "TargetSection | None") -> ProtocolChoice:
    flags = {"udp": options.udp, "tcp": options.tcp, "icmp": options.icmp}
    asked = {name for name, given in flags.items() if given} | ({options.protocol} if options.protocol else set())
    if len(asked) > 1:
        raise UsageProblem(f"{' and '.join(sorted(asked))} were both asked for; choose one of -I, -u, -T and -p")
    chosen = ProtocolChoice(asked.pop()) if asked else (section.protocol if section else ProtocolChoice.ADAPTIVE)
    if chosen is ProtocolChoice.ICMP and options.port is not None:
        raise UsageProblem("ICMP has no ports; leave -P out, or use -T or -u")
    return chosen


def _family(options: TraceOptions, section: "TargetSection | None") -> Family | None:
    if options.ipv4 and options.ipv6:
        raise UsageProblem("-4 and -6 exclude each other; give one")
    if options.ipv4 or options.ipv6:
        return Family.IPV4 if options.ipv4 else Family.IPV6
    return section.family if section else None


def _target(options: TraceOptions, section: "TargetSection | None", family: Family | None) -> Target:
    text, port = options.target, options.port
    if section is not None:
        text, port = section.url or section.host or "", port or section.port
    target = parse_target(text, port=port, family=family)
    if not isinstance(target, Target):
        raise UsageProblem(target.message)
    return target if section is None else replace(target, name=section.name)


def _with_zone(target: Target, interface: str | None) -> Target:
    """Return the target with the zone that a link-local address needs (RFC 4007 section 6)."""
    if not target.literal or not is_link_local(target.host) or "%" in target.host:
        return target
    if interface is None:
        raise UsageProblem(f"{target.host} is on every link; say which one: {target.host}%INTERFACE, or --interface")
    return replace(target, host=f"{target.host}%{interface}")


def _with_route(
    target: Target, options: TraceOptions, section: "TargetSection | None", edges: tuple[EdgeAccess, ...]
) -> Target:
    asked = RouteKind(options.route) if options.route else (section.route if section else RouteKind.DIRECT)
    if options.edge is not None and options.route is None:
        asked = RouteKind.SERVICE_EDGE
    if asked is RouteKind.PRIVATE_ACCESS and options.edge is None:
        # Its service does not tell the address of its edge; one that a person knows is traced.
        return replace(target, route=asked)
    if asked is RouteKind.DIRECT:
        if options.edge is not None:
            raise UsageProblem("--edge and --route direct exclude each other; leave one out")
        return target
    if not edges:
        raise UsageProblem("--route service_edge needs --edge HOST[:PORT], or service_edge in the configuration")
    return replace(target, route=asked, edge_host=edges[0].host, edge_port=edges[0].port)


def _ca_file(options: TraceOptions, section: "TargetSection | None") -> Path | None:
    """Return who is trusted besides the host's authorities; a file that nobody can use is told before it is needed."""
    if options.ca_file is None:
        return section.ca_file if section else None
    if problem := why_no_authorities(options.ca_file):
        raise UsageProblem(f"--ca-file {options.ca_file}: {problem}")
    return options.ca_file


def _sending(options: TraceOptions, target: Target) -> Sending:
    source = _source(options.source, target)
    return Sending(source=source, interface=options.interface, tos=options.tos, engine=Engine(options.engine))


def _source(text: str | None, target: Target) -> str | None:
    if text is None:
        return None
    source = parse_target(text)
    if not isinstance(source, Target) or not source.literal or source.port is not None:
        raise UsageProblem(f"--source takes one of this host's IP addresses, and {text!r} is none")
    if target.family not in {None, source.family}:
        raise UsageProblem(f"--source {source.host} cannot reach {target.name}: they are of different families")
    return source.host


def _proxy(text: str | None, settings: "Settings | None") -> tuple[ProxyMode, str | None]:
    if text is None:
        return _configured_proxy(settings.proxy) if settings else (ProxyMode.ENVIRONMENT, None)
    if text in {ProxyMode.ENVIRONMENT, ProxyMode.NONE}:
        return ProxyMode(text), None
    from agent.proxy_url import pac_source, proxy_problem  # noqa: PLC0415 - urllib, for those who name a proxy

    if text.startswith("pac+"):
        try:
            return _by_script(pac_source(text.removeprefix("pac+")))
        except ValueError as error:
            raise UsageProblem(f"--proxy: {error}") from None
    if problem := proxy_problem(text):
        raise UsageProblem(f"--proxy takes a URL, `environment`, `none` or pac+URL; {problem}")
    return ProxyMode.EXPLICIT, text


def _by_script(source: str) -> tuple[ProxyMode, str | None]:
    from agent.proxy_url import pac_problem  # noqa: PLC0415 - likewise

    if problem := pac_problem():
        raise UsageProblem(problem)
    return ProxyMode.PAC, source


def _configured_proxy(proxy: "ProxySection") -> tuple[ProxyMode, str | None]:
    match proxy.mode:
        case "environment" | "none":
            return ProxyMode(proxy.mode), None
        case "explicit":
            return ProxyMode.EXPLICIT, proxy.url
        case "pac":
            return _by_script(proxy.url or f"file:{proxy.file and proxy.file.absolute()}")


def session_source(zpa: "ZpaSection") -> SessionSource:
    """Return where the configuration says that session lines come from."""
    return SessionSource(lss_listen=zpa.lss_listen, file=zpa.file, window_s=zpa.window_s, username=zpa.username)


def _trace_settings(options: TraceOptions, section: "TargetSection | None") -> TraceSettings:
    default = section or TraceSettings()
    settings = TraceSettings(
        first_ttl=options.first_ttl or default.first_ttl,
        max_ttl=options.max_ttl or default.max_ttl,
        queries=options.queries or default.queries,
        timeout_s=options.timeout or default.timeout_s,
    )
    settings = fast(settings) if options.fast else settings
    if settings.first_ttl > settings.max_ttl:
        raise UsageProblem(
            f"-f {settings.first_ttl} is above -m {settings.max_ttl}; the first TTL comes before the last"
        )
    return settings
