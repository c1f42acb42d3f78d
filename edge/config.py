"""The edge's configuration: the keys of `edge.yaml`, and its tokens; every mistake at once, each with its place."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agent.config.reading import ConfigurationError, parse_as, text_of
from agent.config.types import Address, ListeningAddress, Name, Port, ReadableFile
from agent.config.values import Problem
from edge.destinations import Destinations
from edge.tokens import Tokens
from probes.egress_facts import TunnelKind
from probes.frozen import frozen
from probes.sample import Target
from probes.target import parse_target

# RFC 6750 section 2.1: b64token. Shorter ones are guessed.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_SHORTEST_TOKEN: Final = 16
_LONGEST_TOKEN: Final = 512
_MOST_TOKENS: Final = 20_000


class _Section(BaseModel):
    """A mapping of the file: no key beyond the known ones, no value bent into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _prefix(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no prefix; write it as in 10.20.0.0/16") from None
    return text


def _destination(text: str) -> str:
    if "/" in text:
        return _prefix(text)
    target = parse_target(text)
    if not isinstance(target, Target):
        raise ValueError(target.message)  # noqa: TRY004 - pydantic's way
    if target.port is not None or target.url is not None:
        raise ValueError("expected a name, address or prefix alone, for every port of it")
    return target.host


Prefix = Annotated[str, AfterValidator(_prefix)]
Destination = Annotated[str, AfterValidator(_destination)]


class TlsSection(_Section):
    """The certificate, with its chain, and its key; PEM files."""

    cert_file: ReadableFile
    key_file: ReadableFile


class LimitsSection(_Section):
    """How much work callers may cause; `token_*` None: the same as for one address."""

    traces_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 12
    concurrent: Annotated[int, Field(ge=1, le=1_000)] = 4
    token_traces_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None
    token_concurrent: Annotated[int, Field(ge=1, le=1_000)] | None = None
    total_concurrent: Annotated[int, Field(ge=1, le=1_000)] = 64
    cache_s: Annotated[int, Field(ge=0, le=300)] = 10


class TunnelSection(_Section):
    """One tunnel that ends here: callers in `inner` sit behind `egress`."""

    inner: Prefix
    egress: Address | None = None
    type: TunnelKind


class EdgeSection(_Section):
    """One edge."""

    name: Name
    listen: ListeningAddress
    tls: TlsSection | None = None
    insecure: bool = False
    tokens_file: ReadableFile
    tcp_port: Port | None = None
    udp_port: Port | None = None
    allow_destinations: tuple[Destination, ...] = ()
    limits: LimitsSection = LimitsSection()
    tunnels: tuple[TunnelSection, ...] = ()


class EdgeFile(_Section):
    """The whole file."""

    edge: EdgeSection


@frozen
class EdgeSettings:
    """A configuration that an edge can run on: its keys, its tokens, and what it may trace to."""

    edge: EdgeSection
    tokens: Tokens
    destinations: Destinations


def read_edge_settings(file: Path, environment: Mapping[str, str] = os.environ) -> EdgeSettings:
    """Return the settings in a file, with the tokens that it names.

    Raises:
        ConfigurationError: Something cannot be read, or is wrong: every mistake, as `FILE:LINE:COLUMN: path: what`.
    """
    model, _ = parse_as(EdgeFile, _contradictions, text_of(file), str(file), file.parent, environment)
    edge = model.edge
    return EdgeSettings(
        edge=edge, tokens=read_tokens(edge.tokens_file), destinations=Destinations.of(edge.allow_destinations)
    )


def _contradictions(data: Mapping[str, Any]) -> list[Problem]:
    edge = data.get("edge")
    if not isinstance(edge, dict):
        return []
    problems = []
    if ("tls" in edge) == (edge.get("insecure") is True):
        problems.append(Problem(("edge",), "give tls (cert_file and key_file), or insecure: true for plain HTTP"))
    port = str(edge.get("listen", "")).rpartition(":")[2]
    if str(edge.get("tcp_port")) == port:
        problems.append(Problem(("edge", "tcp_port"), f"the service itself listens on {port}; choose another port"))
    return problems + _inner_twice(edge.get("tunnels"))


def _inner_twice(tunnels: object) -> list[Problem]:
    seen: set[str] = set()
    problems = []
    for index, tunnel in enumerate(tunnels if isinstance(tunnels, list) else []):
        inner = tunnel.get("inner") if isinstance(tunnel, dict) else None
        if isinstance(inner, str) and inner in seen:
            problems.append(Problem(("edge", "tunnels", index, "inner"), f"another tunnel has {inner} already"))
        seen.add(str(inner))
    return problems


def read_tokens(file: Path) -> Tokens:
    """Return the tokens of a file: one a line; blank lines and lines that begin with # count for nothing.

    Raises:
        ConfigurationError: It cannot be read, a line is no token, or there is none. No message shows one.
    """
    tokens: dict[str, int] = {}
    problems = []
    for number, line in enumerate(text_of(file).splitlines(), start=1):
        token = line.strip()
        if not token or token.startswith("#"):
            continue
        if what := _mistake_in(token):
            problems.append(f"{file}:{number}:1: {what}")
        elif token in tokens:
            problems.append(f"{file}:{number}:1: the same token as in line {tokens[token]}")
        else:
            tokens[token] = number
    if not tokens and not problems:
        problems.append(f"{file}: no token in it; one a line, as `openssl rand -hex 32` makes them")
    if len(tokens) > _MOST_TOKENS:
        problems.append(f"{file}: more than {_MOST_TOKENS} tokens")
    if problems:
        raise ConfigurationError(tuple(problems))
    return Tokens(tokens)


def _mistake_in(token: str) -> str | None:
    if not _TOKEN.fullmatch(token):
        return "not a token: letters, digits and -._~+/ only, one token a line (RFC 6750 section 2.1)"
    if not _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN:
        return f"a token has {_SHORTEST_TOKEN} to {_LONGEST_TOKEN} characters; this one has {len(token)}"
    return None
