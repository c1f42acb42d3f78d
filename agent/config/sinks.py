"""The shape of `emit`: what each type of sink may be told, and what a sink is called that is given no name."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo

from agent.config.types import AuthoritiesFile, FilePath, HeaderName, HeaderValue, Name, Section, Url, path_in
from agent.proxy_url import proxy_problem
from probes.sample import Target
from probes.target import parse_target

SHORTEST_DELIVERY_S: Final = 1
LONGEST_DELIVERY_S: Final = 120
LARGEST_BATCH: Final = 10_000
DEFAULT_BATCH: Final = 500

LONGEST_NAME: Final = 63
# What a name is made of (`Name`); anything else in a place becomes a hyphen.
_NO_PART_OF_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")

# What Elasticsearch and OpenSearch take: lower case, none of \ / * ? " < > | , # : and blanks, no - _ + at the start.
_INDEX: Final = re.compile(r'[^\\/*?"<>|,#:\sA-Z_+.-][^\\/*?"<>|,#:\sA-Z]*')
_LONGEST_INDEX: Final = 255
# unix(7): `sun_path` has 108 bytes, the last of which ends it.
_LONGEST_SOCKET_PATH: Final = 107

# syslog(3); RFC 5424 table 1 has the numbers.
Facility = Literal[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
]  # fmt: skip


def _index(text: str) -> str:
    if _INDEX.fullmatch(text) and len(text.encode()) <= _LONGEST_INDEX:
        return text
    raise ValueError(f"{text!r} is no name of an index or a data stream; write it as in cloudpath-samples")


def _sink_proxy(text: str) -> str:
    if text in {"environment", "none"}:
        return text
    if problem := proxy_problem(text):
        # Never the text: it may hold a password.
        raise ValueError(f"expected environment, none or the URL of a proxy; this is no proxy: {problem}")
    return text


def socket_path(text: str, info: ValidationInfo) -> str:
    """Return `unix:PATH` with the path seen from the directory of the configuration file."""
    path = str(path_in(Path(text.removeprefix("unix:")), info))
    if not text.removeprefix("unix:"):
        raise ValueError("there is no path behind unix:")
    if len(path.encode()) > _LONGEST_SOCKET_PATH:
        raise ValueError(f"the path of a socket has {_LONGEST_SOCKET_PATH} bytes at most; this one is longer")
    return f"unix:{path}"


def _syslog_address(text: str, info: ValidationInfo) -> str:
    if text.startswith("unix:"):
        return socket_path(text, info)
    transport, _, where = text.partition(":")
    target = parse_target(where) if transport in {"udp", "tcp"} else None
    if not isinstance(target, Target) or target.port is None or target.url is not None:
        raise ValueError(f"{text!r} is no syslog; write unix:/dev/log, udp:HOST:PORT or tcp:HOST:PORT")
    return text


SinkProxy = Annotated[str, AfterValidator(_sink_proxy)]
IndexName = Annotated[str, AfterValidator(_index)]
SyslogAddress = Annotated[str, AfterValidator(_syslog_address)]
DeliverySeconds = Annotated[float, Field(ge=SHORTEST_DELIVERY_S, le=LONGEST_DELIVERY_S)]
BatchSize = Annotated[int, Field(ge=1, le=LARGEST_BATCH)]


class _Sink(Section):
    """What every sink may be told; each kind narrows `type`, which stays first where a configuration is shown."""

    type: str
    name: Name | None = None


class StdoutSink(_Sink):
    """Documents as lines on standard output."""

    type: Literal["stdout"]


class FileSink(_Sink):
    """Documents as lines of a file."""

    type: Literal["file"]
    path: FilePath


class _PostingSink(_Sink):
    """What a sink may be told that posts to a collector; `insecure` lets headers cross the network readable."""

    url: Url
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    gzip: bool = True
    proxy: SinkProxy = "environment"
    ca_file: AuthoritiesFile | None = None
    timeout_s: DeliverySeconds = 10.0
    batch: BatchSize = DEFAULT_BATCH
    insecure: bool = False


class HttpSink(_PostingSink):
    """Documents posted to a collector."""

    type: Literal["http"]
    format: Literal["ndjson", "es_bulk", "splunk_raw"] = "ndjson"
    index: IndexName | None = None


class OtlpSink(_PostingSink):
    """Documents as OpenTelemetry log records over HTTP."""

    type: Literal["otlp"]
    encoding: Literal["json", "protobuf"] = "json"


class SyslogSink(_Sink):
    """Documents as syslog messages."""

    type: Literal["syslog"]
    address: SyslogAddress = "unix:/dev/log"
    facility: Facility = "daemon"


class JournaldSink(_Sink):
    """Documents as entries of the journal, with fields."""

    type: Literal["journald"]


Sink = Annotated[StdoutSink | FileSink | HttpSink | OtlpSink | SyslogSink | JournaldSink, Field(discriminator="type")]


SINK_TYPES: Final = frozenset({"stdout", "file", "http", "otlp", "syslog", "journald"})


def sink_name(section: Mapping[str, Any]) -> str:
    """Return what a sink is called: its `name`, or its type and where it leads (`http-collector.example.com`).

    Never more of a URL than its host and port, for the rest may hold secrets. `section` may be raw and wrong.
    """
    if isinstance(section.get("name"), str):
        return str(section["name"])
    place = _NO_PART_OF_A_NAME.sub("-", _place(section)).strip("-.")
    return "-".join(filter(None, (str(section.get("type")), place)))[:LONGEST_NAME]


def _place(section: Mapping[str, Any]) -> str:
    match section.get("type"):
        case "file":
            return Path(str(section.get("path"))).name
        case "http" | "otlp":
            try:
                return urlsplit(str(section.get("url"))).netloc.rpartition("@")[2]
            except ValueError:
                return ""
        case "syslog":
            address = str(section.get("address", ""))
            return address.partition(":")[2] if address else ""
        case _:
            return ""
