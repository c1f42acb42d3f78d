"""What one key of the configuration demands of another; raw data in, so that all mistakes come at once."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from agent.config.sinks import SINK_TYPES, sink_name
from agent.config.values import Problem, Steps
from agent.proxy_url import proxy_problem
from probes.facts import Family
from probes.sample import Target
from probes.target import TargetError, parse_target

_LARGEST_TTL: Final = 255
_EDGE_PORT: Final = 443
_ONE_OF_TWO: Final = "give exactly one of {} and {}"


def cross_check(data: Mapping[str, Any], known_codes: frozenset[str]) -> list[Problem]:
    """Return every contradiction between keys; wrong types are passed over, for the model reports those.

    A key that is null is one that is not there: a drop-in takes keys back so, and `show-config` writes every key.
    """
    return [problem for check in _CHECKS for problem in check(data, known_codes)]


def _targets(data: Mapping[str, Any]) -> Iterator[tuple[Steps, dict[str, Any]]]:
    targets = data.get("targets")
    for index, target in enumerate(targets if isinstance(targets, list) else []):
        if isinstance(target, dict):
            yield ("targets", index), target


def _section(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = data.get(name)
    return section if isinstance(section, dict) else {}


def _names_are_unique(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    seen: dict[str, Steps] = {}
    for steps, target in _targets(data):
        name = target.get("name")
        if not isinstance(name, str):
            continue
        here = (*steps, "name")
        if (first := seen.setdefault(name, here)) != here:
            what = f"another target is already called {name!r}, and names tell targets apart"
            yield Problem(here, what, first=first)


def _a_target_is_named_once(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    for steps, target in _targets(data):
        if (target.get("url") is None) == (target.get("host") is None):
            yield Problem(steps, _ONE_OF_TWO.format("url", "host"))
        elif target.get("url") is not None and target.get("port") is not None:
            yield Problem((*steps, "port"), "a URL has its own port; write it there, or use host")


def _authorities_are_for_a_url(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    for steps, target in _targets(data):
        if target.get("ca_file") is not None and target.get("url") is None:
            yield Problem((*steps, "ca_file"), "certificates are looked at for a URL only; leave it out, or give url")


def _a_family_fits_its_target(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    for steps, target in _targets(data):
        text, family = target.get("url") or target.get("host"), target.get("family")
        if not isinstance(text, str) or family not in set(Family):
            continue
        named = parse_target(text)
        if isinstance(named, Target) and named.family not in {None, family}:
            yield Problem((*steps, "family"), f"{named.name} is an address of the other family; leave family out")


def _ttls_are_in_order(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    for steps, target in _targets(data):
        first, most = target.get("first_ttl", 1), target.get("max_ttl", 30)
        # Out of range is the model's to say.
        if type(first) is int and type(most) is int and _LARGEST_TTL >= first > most >= 1:
            key = "first_ttl" if "first_ttl" in target else "max_ttl"
            yield Problem((*steps, key), f"first_ttl {first} is above max_ttl {most}")


def _an_edge_route_has_an_edge(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    for steps, target in _targets(data):
        if target.get("route") == "service_edge" and data.get("service_edge") is None:
            yield Problem((*steps, "route"), "this route needs the section service_edge, which is not there")


def _edges(data: Mapping[str, Any]) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Yield every edge of the file with its place."""
    if isinstance(data.get("service_edge"), dict):
        yield ("service_edge",), data["service_edge"]
    others = data.get("other_edges")
    for index, edge in enumerate(others if isinstance(others, list) else []):
        if isinstance(edge, dict):
            yield ("other_edges", index), edge


def _other_edges_have_a_first(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    if data.get("other_edges") and data.get("service_edge") is None:
        yield Problem(("other_edges",), "these are compared with the section service_edge, which is not there")


def _edges_are_named_once(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    seen: set[tuple[object, object]] = set()
    for steps, edge in _edges(data):
        host, port = edge.get("host"), edge.get("port", _EDGE_PORT)
        if isinstance(host, str) and isinstance(port, int) and (host.lower(), port) in seen:
            yield Problem((*steps, "host"), f"{host} is there already; an edge is not compared with itself")
        seen.add((host.lower() if isinstance(host, str) else None, port if isinstance(port, int) else None))


def _plain_http_stays_at_home(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    for steps, edge in _edges(data):
        api = edge.get("api")
        if not isinstance(api, str) or not api.startswith("http://") or edge.get("insecure") is True:
            continue
        target = parse_target(api)
        if not isinstance(target, TargetError) and not _is_loopback(target.host):
            yield Problem((*steps, "api"), "http:// is for loopback only; use https://, or say insecure: true")


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _a_proxy_can_be_found(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    proxy = _section(data, "proxy")
    url = proxy.get("url")
    if proxy.get("mode") == "pac" and (proxy.get("url") is None) == (proxy.get("file") is None):
        yield Problem(("proxy",), _ONE_OF_TWO.format("url", "file"))
    if proxy.get("mode") == "explicit" and isinstance(url, str) and (problem := proxy_problem(url)):
        # Never the URL itself: it may hold a password.
        yield Problem(("proxy", "url"), f"this is no proxy: {problem}")


def _overrides_name_errors(data: Mapping[str, Any], codes: frozenset[str]) -> Iterator[Problem]:
    for code in _section(data, "severity_overrides"):
        # Rule files of the operator's own may bring codes of their own.
        own = bool(data.get("rules")) and not code.startswith(("CP-", "ZPA-"))
        if code not in codes and not own:
            yield Problem(
                ("severity_overrides", code), f"there is no error {code!r}; `cloudpath errors` lists them", at_key=True
            )


def _session_lines_have_one_source(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    zpa = data.get("zpa")
    if isinstance(zpa, dict) and (zpa.get("lss_listen") is None) == (zpa.get("file") is None):
        yield Problem(("zpa",), _ONE_OF_TWO.format("lss_listen", "file"))


def _session_lines_stay_at_home(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    zpa = _section(data, "zpa")
    address = zpa.get("lss_listen")
    if not isinstance(address, str) or zpa.get("insecure") is True:
        return
    host = address.rpartition(":")[0].strip("[]")
    if host and not _is_loopback(host):
        what = "the log stream is neither encrypted nor signed; listen on 127.0.0.1, or say insecure: true"
        yield Problem(("zpa", "lss_listen"), what)


def _metrics_stay_at_home(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    metrics = _section(data, "metrics")
    address = metrics.get("listen")
    if not isinstance(address, str) or address.startswith("unix:") or metrics.get("insecure") is True:
        return
    host = address.rpartition(":")[0].strip("[]")
    if host and not _is_loopback(host):
        what = "metrics are shown to whoever asks; listen on 127.0.0.1 or a unix: socket, or say insecure: true"
        yield Problem(("metrics", "listen"), what)


# --- sinks ------------------------------------------------------------------------------------------------------------


def _sinks(data: Mapping[str, Any]) -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Yield every sink whose type is known with its place."""
    sinks = data.get("emit")
    for index, sink in enumerate(sinks if isinstance(sinks, list) else []):
        if isinstance(sink, dict) and sink.get("type") in SINK_TYPES:
            yield ("emit", index), sink


def _sinks_are_told_apart(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    places: dict[object, Steps] = {}
    names: dict[str, Steps] = {}
    for steps, sink in _sinks(data):
        place, name = _only_place(sink), sink_name(sink)
        here = (*steps, "name") if "name" in sink else steps
        if place is not None and (first := places.setdefault(place, steps)) != steps:
            yield Problem(steps, f"another sink writes to {place} already; one writes there alone", first=first)
        elif (first := names.setdefault(name, here)) != here:
            what = f"another sink is already called {name!r}, and names tell sinks apart; give this one another `name`"
            yield Problem(here, what, first=first)


def _only_place(sink: Mapping[str, Any]) -> str | None:
    """Return where a sink goes, if two that go there get into each other's way."""
    match sink.get("type"):
        case "stdout":
            return "standard output"
        case "journald":
            return "the journal"
        case "file" if isinstance(sink.get("path"), str):
            return str(sink["path"])
        case _:
            return None


def _headers_are_not_shown(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    for steps, sink in _sinks(data):
        url = sink.get("url")
        if not isinstance(url, str) or not url.startswith("http://") or not sink.get("headers"):
            continue
        target = parse_target(url)
        if sink.get("insecure") is not True and isinstance(target, Target) and not _is_loopback(target.host):
            what = "http:// shows the headers to everybody on the way; use https://, or say insecure: true"
            yield Problem((*steps, "url"), what)


def _an_index_is_for_bulk_requests(data: Mapping[str, Any], _codes: frozenset[str]) -> Iterator[Problem]:
    for steps, sink in _sinks(data):
        form, index = sink.get("format", "ndjson"), sink.get("index")
        if sink["type"] != "http":
            continue
        if form == "es_bulk" and index is None:
            yield Problem(steps, "es_bulk needs an index; name one, as in index: cloudpath-samples")
        elif form in {"ndjson", "splunk_raw"} and index is not None:
            yield Problem((*steps, "index"), f"{form} has no index; leave it out, or take format: es_bulk")


_CHECKS: Final[tuple[Callable[[Mapping[str, Any], frozenset[str]], Iterator[Problem]], ...]] = (
    _names_are_unique,
    _a_target_is_named_once,
    _authorities_are_for_a_url,
    _a_family_fits_its_target,
    _ttls_are_in_order,
    _an_edge_route_has_an_edge,
    _other_edges_have_a_first,
    _edges_are_named_once,
    _plain_http_stays_at_home,
    _a_proxy_can_be_found,
    _overrides_name_errors,
    _session_lines_have_one_source,
    _session_lines_stay_at_home,
    _metrics_stay_at_home,
    _sinks_are_told_apart,
    _headers_are_not_shown,
    _an_index_is_for_bulk_requests,
)
