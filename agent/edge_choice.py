"""Which service edges a sample may ask: those of the options before those of the configuration."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent.authorities import why_no_authorities
from agent.usage import UsageProblem
from probes.edge_access import EdgeAccess
from probes.frozen import replace
from probes.sample import Target
from probes.target import parse_target

if TYPE_CHECKING:
    from agent.config.model import ServiceEdgeSection, Settings

DEFAULT_EDGE_PORT: Final = 443


def chosen_edges(
    edge: str | None,
    api: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    settings: "Settings | None",
) -> tuple[EdgeAccess, ...]:
    """Return the edges, the one that a path runs through first; the others are compared with.

    Args:
        edge: `HOST[:PORT]` of the first one. Where the configuration knows that edge, it says the rest.
        api: The URL of the first one's API; without `edge` and configuration its host is the edge.
        token_file: The bearer token for that API.
        ca_file: The authorities that it is trusted by.
        settings: The configuration.

    Raises:
        UsageProblem: They cannot be meant.
    """
    configured = configured_edges(settings)
    if edge is None and api is None:
        _check_belonging(token_file, ca_file)
        return configured
    first = _first(edge, api, configured)
    if api is not None:
        first = replace(first, api=_checked_api(api), token_file=None, ca_file=None, insecure=False)
    elif first.api is None:
        _check_belonging(token_file, ca_file)
    first = replace(first, token_file=token_file or first.token_file, ca_file=ca_file or first.ca_file)
    _check_files(first.token_file, first.ca_file)
    return (first, *(other for other in configured if (other.host, other.port) != (first.host, first.port)))


def edges_by_api(apis: Sequence[str], token_file: Path | None, ca_file: Path | None) -> tuple[EdgeAccess, ...]:
    """Return edges of which nothing but their APIs is known; token and authorities are those of all of them.

    Raises:
        UsageProblem: They cannot be meant.
    """
    if not apis:
        _check_belonging(token_file, ca_file)
    _check_files(token_file, ca_file)
    return tuple(replace(_first(None, api, ()), api=api, token_file=token_file, ca_file=ca_file) for api in apis)


def configured_edges(settings: "Settings | None") -> tuple[EdgeAccess, ...]:
    """Return the edges of the configuration, in its order."""
    return () if settings is None else tuple(map(_access, _sections(settings)))


def _sections(settings: "Settings") -> "Iterator[ServiceEdgeSection]":
    if settings.service_edge is not None:
        yield settings.service_edge
    yield from settings.other_edges


def _access(section: "ServiceEdgeSection") -> EdgeAccess:
    return EdgeAccess(
        host=section.host,
        port=section.port,
        api=section.api,
        token_file=section.token_file,
        ca_file=section.ca_file,
        insecure=section.insecure,
    )


def _first(edge: str | None, api: str | None, configured: Sequence[EdgeAccess]) -> EdgeAccess:
    if edge is not None:
        host, port = _host_and_port(edge)
        known = (other for other in configured if (other.host, other.port) == (host, port))
        return next(known, EdgeAccess(host=host, port=port))
    if configured:
        return configured[0]
    return EdgeAccess(host=_api_target(_checked_api(api or "")).host)


def _host_and_port(text: str) -> tuple[str, int]:
    edge = parse_target(text)
    if not isinstance(edge, Target):
        raise UsageProblem(f"--edge: {edge.message}")
    if edge.url is not None:
        raise UsageProblem("--edge takes a host, or host:port, and no URL")
    return edge.host, edge.port or DEFAULT_EDGE_PORT


def _checked_api(api: str) -> str:
    target = _api_target(api)
    if api.startswith("http://") and not _is_loopback(target.host):
        raise UsageProblem(
            "--edge-api: http:// is for loopback only, for it shows the token to everybody; use https://"
        )
    return target.url or api


def _api_target(api: str) -> Target:
    target = parse_target(api)
    if not isinstance(target, Target):
        raise UsageProblem(f"--edge-api: {target.message}")
    if target.url is None:
        raise UsageProblem(f"--edge-api takes a URL, as in https://edge.example.com:8443, and {api!a} is none")
    return target


def _check_belonging(token_file: Path | None, ca_file: Path | None) -> None:
    for option, file in (("--edge-token-file", token_file), ("--edge-ca-file", ca_file)):
        if file is not None:
            raise UsageProblem(f"{option} is for an edge that is asked; name it with --edge-api URL")


def _check_files(token_file: Path | None, ca_file: Path | None) -> None:
    for option, file in (("--edge-token-file", token_file), ("--edge-ca-file", ca_file)):
        if file is not None:
            _check_readable(option, file)
    if ca_file is not None and (problem := why_no_authorities(ca_file)):
        raise UsageProblem(f"--edge-ca-file {ca_file}: {problem}")


def _check_readable(option: str, file: Path) -> None:
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise UsageProblem(f"{option}: cannot read {file}: {(error.strerror or str(error)).lower()}") from None


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
