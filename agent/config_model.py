"""The shape of the configuration file: every key, its type, its range and its default."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from agent.authorities import why_no_authorities
from probes.facts import Family, ProtocolChoice, RouteKind
from probes.sample import NdrSetting, Target
from probes.target import TargetError, parse_target
from rules.diagnosis import Severity

# The ranges that options and files share; docs/configuration.md and docs/cli.md print them.
LARGEST_TTL: Final = 255
MOST_QUERIES: Final = 20
SHORTEST_TIMEOUT_S: Final = 0.1
LONGEST_TIMEOUT_S: Final = 10.0
LARGEST_PORT: Final = 65_535
SHORTEST_INTERVAL_S: Final = 10
LONGEST_INTERVAL_S: Final = 86_400
LONGEST_INTERFACE_NAME: Final = 15


_TARGET_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
# RFC 9110 sections 5.1 and 5.5.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


class _Section(BaseModel):
    """A mapping of the file: no key beyond the known ones, no value bent into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# --- values -----------------------------------------------------------------------------------------------------------


def _host(text: str) -> str:
    return _named(text).host


def _named(text: str) -> Target:
    target = parse_target(text)
    if isinstance(target, Target):
        return target
    raise ValueError(target.message)


def _plain_host(text: str) -> str:
    target = _named(text)
    if target.port is not None or target.url is not None:
        raise ValueError("expected a host or an address alone; a port has a key of its own, and so has a URL")
    return target.host


def _control(text: str) -> str:
    _named(text)
    return text


def _url(text: str) -> str:
    target = _named(text)
    if target.url is None:
        raise ValueError(f"{text!r} is no URL; a URL starts with http:// or https://")
    return target.url


def _address(text: str) -> str:
    target = _named(text)
    if not target.literal or target.port is not None:
        raise ValueError(f"{text!r} is no IP address; write it as in 192.0.2.1 or 2001:db8::1")
    return target.host


def _listening_address(text: str) -> str:
    """Accept what a socket can listen on: an address (0.0.0.0 and [::] too) and a port."""
    host, _, port = text.rpartition(":")
    everywhere = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
    target = parse_target(f"{everywhere.get(host, host)}:{port}")
    if isinstance(target, TargetError) or target.port is None or not target.literal:
        raise ValueError(f"{text!r} is no address to listen on; write address:port, as in 127.0.0.1:9601")
    return text


def _prefix(text: str) -> str:
    from ipaddress import ip_network  # noqa: PLC0415 - for those who write one

    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(f"{text!r} is no range of addresses; write it as in 100.64.0.0/16") from None


def _interface_name(text: str) -> str:
    # IFNAMSIZ less one, and what dev_valid_name (net/core/dev.c) refuses.
    if 0 < len(text.encode()) <= LONGEST_INTERFACE_NAME and not set(text) & set("/: \t\n") and text not in {".", ".."}:
        return text
    raise ValueError(f"{text!r} is no name of an interface; `ip link` lists them")


def _path(path: Path, info: ValidationInfo) -> Path:
    """Return the path, seen from the directory of the configuration file."""
    if info.context is None:
        return path
    directory: Path = info.context["directory"]
    return directory / path


def _file(path: Path, info: ValidationInfo) -> Path:
    file = _path(path, info)
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise ValueError(f"cannot read {file}: {(error.strerror or str(error)).lower()}") from None
    return file


def _authorities(path: Path, info: ValidationInfo) -> Path:
    file = _file(path, info)
    if problem := why_no_authorities(file):
        raise ValueError(f"{file}: {problem}")
    return file


def _ndr(value: object) -> NdrSetting:
    # YAML has booleans for two of the three.
    if value == "auto" or isinstance(value, bool):
        return NdrSetting(str(value).lower())
    raise ValueError(f"expected auto, true or false, found {value!r}")


def _target_name(text: str) -> str:
    if _TARGET_NAME.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is no name; use up to 63 letters, digits, dots, hyphens and underscores")


def _header_name(text: str) -> str:
    if _HEADER_NAME.fullmatch(text):
        return text
    raise ValueError("a header's name is one word without blanks and colons")


def _header_value(text: str) -> str:
    if _HEADER_VALUE.fullmatch(text):
        return text
    # Never the value: it may be a secret.
    raise ValueError("a header's value is one line of ASCII text")


Host = Annotated[str, AfterValidator(_plain_host)]
Control = Annotated[str, AfterValidator(_control)]
Url = Annotated[str, AfterValidator(_url)]
Address = Annotated[str, AfterValidator(_address)]
ListeningAddress = Annotated[str, AfterValidator(_listening_address)]
IpPrefix = Annotated[str, AfterValidator(_prefix)]
InterfaceName = Annotated[str, AfterValidator(_interface_name)]
FilePath = Annotated[Path, AfterValidator(_path)]
ReadableFile = Annotated[Path, AfterValidator(_file)]
AuthoritiesFile = Annotated[Path, AfterValidator(_authorities)]
Port = Annotated[int, Field(ge=1, le=LARGEST_PORT)]
Ttl = Annotated[int, Field(ge=1, le=LARGEST_TTL)]
TimeoutSeconds = Annotated[float, Field(ge=SHORTEST_TIMEOUT_S, le=LONGEST_TIMEOUT_S)]
Ndr = Annotated[NdrSetting, BeforeValidator(_ndr)]
TargetName = Annotated[str, AfterValidator(_target_name)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]


# --- sections ---------------------------------------------------------------------------------------------------------


class AgentSection(_Section):
    """The agent as a whole."""

    interval_s: Annotated[int, Field(ge=SHORTEST_INTERVAL_S, le=LONGEST_INTERVAL_S)] = 300
    state_dir: FilePath = Path("/var/lib/cloudpath-agent")
    address_databases: tuple[ReadableFile, ...] = ()


class TargetSection(_Section):
    """One target: `url`, or `host` with an optional `port`."""

    name: TargetName
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
    ca_file: AuthoritiesFile | None = None


class ServiceEdgeSection(_Section):
    """A service edge: the one that traces of route `service_edge` aim at, or another to compare it with."""

    host: Host
    port: Port = 443
    api: Url | None = None
    insecure: bool = False
    token_file: ReadableFile | None = None
    ca_file: AuthoritiesFile | None = None


class NoProxySection(_Section):
    """No proxy, whatever the environment says, or what the environment says."""

    mode: Literal["environment", "none"]


class ExplicitProxySection(_Section):
    """One proxy for everything."""

    mode: Literal["explicit"]
    url: str


class PacProxySection(_Section):
    """A proxy chosen by a PAC script, from a URL or a file."""

    mode: Literal["pac"]
    url: Url | None = None
    file: ReadableFile | None = None


class EgressSection(_Section):
    """The public address, where the administrator knows it."""

    address: Address | None = None


class StdoutSink(_Section):
    """Samples as lines on standard output."""

    type: Literal["stdout"]


class FileSink(_Section):
    """Samples as lines of a file."""

    type: Literal["file"]
    path: FilePath


class HttpSink(_Section):
    """Samples posted to a collector."""

    type: Literal["http"]
    url: Url
    format: Literal["ndjson", "es_bulk", "splunk_raw"] = "ndjson"
    headers: dict[HeaderName, HeaderValue] = {}


class OtlpSink(_Section):
    """Samples as OpenTelemetry log records over HTTP."""

    type: Literal["otlp"]
    url: Url
    headers: dict[HeaderName, HeaderValue] = {}


class PrivateAccessSection(_Section):
    """How private access is recognised: the ranges that its resolver answers from, and its tunnel."""

    synthetic_ranges: tuple[IpPrefix, ...] = ("100.64.0.0/16",)
    interface: InterfaceName | None = None


class ZpaSection(_Section):
    """Where session lines come from: a listening address, or a file; and how far back they count."""

    lss_listen: ListeningAddress | None = None
    insecure: bool = False
    file: FilePath | None = None
    window_s: Annotated[int, Field(ge=SHORTEST_INTERVAL_S, le=LONGEST_INTERVAL_S)] = 300
    username: str | None = None


ProxySection = Annotated[NoProxySection | ExplicitProxySection | PacProxySection, Field(discriminator="mode")]
Sink = Annotated[StdoutSink | FileSink | HttpSink | OtlpSink, Field(discriminator="type")]


class Settings(_Section):
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
    severity_overrides: dict[str, Severity] = {}
    rules: tuple[ReadableFile, ...] = ()
    emit: tuple[Sink, ...] = ()
    private_access: PrivateAccessSection = PrivateAccessSection()
    zpa: ZpaSection | None = None
