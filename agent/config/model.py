"""The shape of the configuration file: every key, its type, its range and its default."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from agent.config.sinks import Sink, socket_path
from agent.config.types import (
    MOST_QUERIES,
    Address,
    AuthoritiesFile,
    Control,
    Directory,
    FilePath,
    Host,
    InterfaceName,
    IntervalSeconds,
    IpPrefix,
    ListeningAddress,
    Name,
    Ndr,
    Port,
    ReadableFile,
    Section,
    TimeoutSeconds,
    TokenFile,
    Ttl,
    Url,
    listening_address,
)
from probes.facts import Family, ProtocolChoice, RouteKind
from probes.sample import NdrSetting
from rules.diagnosis import Severity

MOST_AT_ONCE: Final = 64
SMALLEST_STORE_MB: Final = 8
LARGEST_STORE_MB: Final = 100_000


def _metrics_address(text: str, info: ValidationInfo) -> str:
    return socket_path(text, info) if text.startswith("unix:") else listening_address(text, example="127.0.0.1:9469")


MetricsAddress = Annotated[str, AfterValidator(_metrics_address)]


class AgentSection(Section):
    """The agent as a whole."""

    interval_s: IntervalSeconds = 300
    state_dir: Directory = Path("/var/lib/cloudpath-agent")
    concurrent: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 16
    address_databases: tuple[ReadableFile, ...] = ()


class TargetSection(Section):
    """One target: `url`, or `host` with an optional `port`."""

    name: Name
    url: Url | None = None
    host: Host | None = None
    port: Port | None = None
    route: RouteKind = RouteKind.DIRECT
    protocol: ProtocolChoice = ProtocolChoice.ADAPTIVE
    family: Family | None = None
    queries: Annotated[int, Field(ge=1, le=MOST_QUERIES)] = 3
    first_ttl: Ttl = 1
    max_ttl: Ttl = 30
    timeout_s: TimeoutSeconds = 1.0
    path_mtu: bool = False
    interval_s: IntervalSeconds | None = None
    ca_file: AuthoritiesFile | None = None


class ServiceEdgeSection(Section):
    """A service edge: the one that traces of route `service_edge` aim at, or another to compare it with."""

    host: Host
    port: Port = 443
    api: Url | None = None
    insecure: bool = False
    token_file: TokenFile | None = None
    ca_file: AuthoritiesFile | None = None


class NoProxySection(Section):
    """No proxy, whatever the environment says, or what the environment says."""

    mode: Literal["environment", "none"]


class ExplicitProxySection(Section):
    """One proxy for everything."""

    mode: Literal["explicit"]
    url: str


class PacProxySection(Section):
    """A proxy chosen by a PAC script, from a URL or a file."""

    mode: Literal["pac"]
    url: Url | None = None
    file: ReadableFile | None = None


class EgressSection(Section):
    """The public address, where the administrator knows it."""

    address: Address | None = None


class PrivateAccessSection(Section):
    """How private access is recognised: the ranges that its resolver answers from, and its tunnel."""

    synthetic_ranges: tuple[IpPrefix, ...] = ("100.64.0.0/16",)
    interface: InterfaceName | None = None


class StoreSection(Section):
    """What the store on this host may take."""

    max_mb: Annotated[int, Field(ge=SMALLEST_STORE_MB, le=LARGEST_STORE_MB)] = 256


class MetricsSection(Section):
    """Where metrics and health are shown: nowhere, unless an address or a socket is named."""

    listen: MetricsAddress | None = None
    insecure: bool = False


class ZpaSection(Section):
    """Where session lines come from: a listening address, or a file; and how far back they count."""

    lss_listen: ListeningAddress | None = None
    insecure: bool = False
    file: FilePath | None = None
    window_s: IntervalSeconds = 300
    username: str | None = None


ProxySection = Annotated[NoProxySection | ExplicitProxySection | PacProxySection, Field(discriminator="mode")]


class Settings(Section):
    """The whole configuration, with defaults filled in."""

    agent: AgentSection = AgentSection()
    targets: tuple[TargetSection, ...] = ()
    service_edge: ServiceEdgeSection | None = None
    other_edges: tuple[ServiceEdgeSection, ...] = ()
    proxy: ProxySection = NoProxySection(mode="environment")
    egress: EgressSection = EgressSection()
    ndr: Ndr = NdrSetting.AUTO
    controls: tuple[Control, ...] = ()
    captive_check_url: Url | None = None
    severity_overrides: dict[str, Severity] = Field(default_factory=dict)
    rules: tuple[ReadableFile, ...] = ()
    emit: tuple[Sink, ...] = ()
    store: StoreSection = StoreSection()
    metrics: MetricsSection = MetricsSection()
    private_access: PrivateAccessSection = PrivateAccessSection()
    zpa: ZpaSection | None = None
