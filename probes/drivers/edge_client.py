"""Asks an edge over HTTPS: what it knows of its caller, and for traces that only it can make."""

from __future__ import annotations

import json
from queue import Empty, SimpleQueue
from threading import Thread

from probes.drivers.edge_http import Reply, Request, Stopped, Url, Way, exchange, url_of
from probes.edge_answers import age_s, read_problem, read_service_data, read_trace
from probes.egress_facts import EdgeTrace, ServiceData
from probes.facts_reader import UnfitError
from probes.failure import Failure
from probes.frozen import frozen, replace
from probes.web_facts import ProxyMode, WebPhase

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Final, TypeVar

    from probes.clock import Clock
    from probes.edge_access import EdgeAccess, EdgeTraceAsked
    from probes.facts import Leg
    from probes.name_facts import DnsCheck
    from probes.proxy import ProxyChoice

    _Found = TypeVar("_Found")

# All of it, both tries of service data included.
SERVICE_DATA_S: Final = 2.0
# An edge stops its own traces after 2 s; the rest is the way there and back, and TLS.
TRACE_S: Final = 3.0
# The second try of service data begins beside the first one after this time, so that a lost packet costs no more and a
# distant edge still has the whole time for four round trips.
SECOND_TRY_S: Final = 0.9
# After a plain failure it begins sooner, and not so soon that what is just restarting refuses again.
PAUSE_S: Final = 0.25
_TRIES: Final = 2
# A try ends so long before everything does: what it was waiting for is still heard.
_LAST_WORD_S: Final = 0.1
# `stop` is noticed within this time.
_LONGEST_NAP_S: Final = 0.02

_SERVICE_DATA_LENGTH: Final = 16_384
# 255 hops, 20 probes each, with everything that replies give away.
_TRACE_LENGTH: Final = 2_097_152
_LONGEST_TOKEN: Final = 4_096
_OK: Final = 200
_PHASES: Final = tuple(WebPhase)

_NO_API: Final = "the configuration names no address to ask this edge at"


def never() -> bool:
    """Return False: nobody stops."""
    return False


# --- service data -----------------------------------------------------------------------------------------------------


def service_data(
    access: EdgeAccess,
    *,
    clock: Clock,
    resolve: Callable[[str], DnsCheck],
    source: str | None = None,
    interface: str | None = None,
    proxy: ProxyChoice | None = None,
    known: ServiceData | None = None,
    stop: Callable[[], bool] = never,
) -> ServiceData:
    """Return what an edge tells of its caller, asked for at most twice within 2 s in all.

    Args:
        access: The edge.
        clock: The clock.
        resolve: Looks up the API's host, or the proxy's; called for each try, from other threads.
        source: The address to send from, None for the kernel's choice.
        interface: The interface to send by, None for the kernel's choice.
        proxy: Through whom; None: directly.
        known: An earlier answer with its age. While it is valid it stands in for one that does not come.
        stop: Asked often; once True, this ends with what there is.
    """
    began = clock.monotonic()
    url = access.api or ""
    prepared = _prepared(access, proxy)
    if isinstance(prepared, Stopped):
        found = _failed(url, prepared)
    else:
        until = began + SERVICE_DATA_S
        way = Way(addresses_of=resolve, source=source, interface=interface, proxy=proxy, ca_file=access.ca_file)

        def ask(attempt: int) -> ServiceData:
            return _service_data(prepared, url, replace(way, attempt=attempt), clock, until - _LAST_WORD_S)

        found = _Tries(ask, clock, stop, until, url).run()
    return replace(_or_known(found, known), duration_us=round((clock.monotonic() - began) * 1_000_000))


def _service_data(prepared: _Prepared, url: str, way: Way, clock: Clock, until: float) -> ServiceData:
    """Return what came of one try."""
    asked = Request(
        url=prepared.url,
        method="GET",
        path="/v1/service-data",
        token=prepared.token,
        longest_reply=_SERVICE_DATA_LENGTH,
    )
    status = None
    try:
        reply = exchange(asked, way, clock=clock, until=until)
        status = reply.status
        data = _unexpired(read_service_data(_body(reply), url), reply)
    except UnfitError as error:
        return _failed(url, Stopped(WebPhase.REQUEST, Failure.MALFORMED_REPLY, str(error)), status)
    except Stopped as stopped:
        return _failed(url, stopped, status)
    return replace(data, phase=WebPhase.REQUEST, status=status, server_address=reply.server_address)


def _unexpired(data: ServiceData, reply: Reply) -> ServiceData:
    """Return the answer; Stopped where it was older than it may be when it was given."""
    age = age_s(data, reply.headers)
    if data.valid_for_s is not None and age > data.valid_for_s:
        words = f"the answer was {age} s old when it was given, and valid for {data.valid_for_s} s"
        raise Stopped(WebPhase.REQUEST, Failure.EXPIRED, words)
    return data


def _failed(url: str, stopped: Stopped, status: int | None = None) -> ServiceData:
    return ServiceData(url=url, phase=stopped.phase, status=status, failure=stopped.failure, detail=stopped.detail)


def _or_known(found: ServiceData, known: ServiceData | None) -> ServiceData:
    """Return what was found, or the earlier answer while it is valid, with why no new one came."""
    if found.fetched or known is None or known.age_s is None or known.valid_for_s is None:
        return found
    if not known.fetched or known.url != found.url or known.age_s >= known.valid_for_s:
        return found
    return replace(
        known,
        stale=True,
        attempts=found.attempts,
        phase=found.phase,
        status=found.status,
        failure=found.failure,
        detail=found.detail,
    )


class _Tries:
    """Two tries: the second one begins beside the first, and the first success of either counts."""

    def __init__(
        self, ask: Callable[[int], ServiceData], clock: Clock, stop: Callable[[], bool], until: float, url: str
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._stop = stop
        self._until = until
        self._url = url
        self._begun = 0
        self._failed: list[ServiceData] = []
        self._results: SimpleQueue[ServiceData | Exception] = SimpleQueue()

    def run(self) -> ServiceData:
        """Return the first success, else the failure that got farthest."""
        next_at = self._clock.monotonic()
        while (now := self._clock.monotonic()) < self._until and not self._stop():
            if self._begun < _TRIES and now >= next_at:
                self._begin()
                next_at = now + SECOND_TRY_S
            found = self._next()
            if found is not None and found.fetched:
                return replace(found, attempts=self._begun)
            if found is not None:
                self._failed.append(found)
                next_at = min(next_at, self._clock.monotonic() + PAUSE_S)
            if len(self._failed) == _TRIES:
                break
        return replace(self._worst(), attempts=self._begun)

    def _begin(self) -> None:
        attempt, self._begun = self._begun, self._begun + 1
        _in_thread(lambda: self._ask(attempt), self._results)

    def _next(self) -> ServiceData | None:
        return _taken(self._results)

    def _worst(self) -> ServiceData:
        if self._failed:
            return max(self._failed, key=lambda data: _PHASES.index(data.phase or WebPhase.RESOLVE))
        failure = Failure.ABORTED if self._stop() else Failure.TIMED_OUT
        return ServiceData(url=self._url, failure=failure, detail="no answer in time")


# --- traces -----------------------------------------------------------------------------------------------------------


def ask_trace(
    access: EdgeAccess,
    asked: EdgeTraceAsked,
    *,
    clock: Clock,
    resolve: Callable[[str], DnsCheck],
    source: str | None = None,
    interface: str | None = None,
    proxy: ProxyChoice | None = None,
    stop: Callable[[], bool] = never,
) -> tuple[EdgeTrace, Leg | None, DnsCheck | None]:
    """Return what came of asking an edge for a trace, its leg, and how it looked up the name: within 3 s.

    The leg is exactly what was asked for, or None: an edge that answers something else made no trace. The arguments
    are those of `service_data`.
    """
    began = clock.monotonic()
    until = began + TRACE_S
    prepared = _prepared(access, proxy)
    made: _Made = _no_trace(prepared) if isinstance(prepared, Stopped) else None
    if made is None and not isinstance(prepared, Stopped):
        way = Way(addresses_of=resolve, source=source, interface=interface, proxy=proxy, ca_file=access.ca_file)
        results: SimpleQueue[_Made | Exception] = SimpleQueue()
        _in_thread(lambda: _trace(prepared, asked, way, clock, until - _LAST_WORD_S), results)
        while made is None and clock.monotonic() < until and not stop():
            made = _taken(results)
    trace, leg, dns = made or _no_trace(_cut_short(stop))
    return replace(trace, duration_us=round((clock.monotonic() - began) * 1_000_000)), leg, dns


def _trace(prepared: _Prepared, asked: EdgeTraceAsked, way: Way, clock: Clock, until: float) -> _Made:
    request = Request(
        url=prepared.url,
        method="POST",
        path="/v1/traces",
        token=prepared.token,
        body=json.dumps(_question(asked)).encode(),
        longest_reply=_TRACE_LENGTH,
    )
    status = None
    try:
        reply = exchange(request, way, clock=clock, until=until)
        status = reply.status
        answer = read_trace(_body(reply), asked)
    except UnfitError as error:
        return _no_trace(Stopped(WebPhase.REQUEST, Failure.MALFORMED_REPLY, str(error)), status)
    except Stopped as stopped:
        return _no_trace(stopped, status)
    made = EdgeTrace(phase=WebPhase.REQUEST, status=status, cached=answer.cached, age_s=answer.age_s)
    return made, answer.leg, answer.dns


def _question(asked: EdgeTraceAsked) -> dict[str, object]:
    return {
        "direction": asked.direction.value,
        "protocol": asked.protocol.value,
        "host": asked.host,
        "port": asked.port,
        "max_ttl": asked.max_ttl,
        "queries": asked.queries,
        "timeout_s": asked.timeout_s,
    }


def _no_trace(stopped: Stopped, status: int | None = None) -> tuple[EdgeTrace, None, None]:
    trace = EdgeTrace(phase=stopped.phase, status=status, failure=stopped.failure, detail=stopped.detail)
    return trace, None, None


def _cut_short(stop: Callable[[], bool]) -> Stopped:
    return Stopped(WebPhase.REQUEST, Failure.ABORTED if stop() else Failure.TIMED_OUT, "no answer in time")


# --- what all of it needs ---------------------------------------------------------------------------------------------


@frozen
class _Prepared:
    """Where the API is, and the secret that opens it."""

    url: Url
    token: str | None


def _prepared(access: EdgeAccess, proxy: ProxyChoice | None) -> _Prepared | Stopped:
    """Return what every request needs, or why nothing can be asked: before any packet leaves."""
    url = url_of(access.api) if access.api else None
    if url is None:
        return Stopped(WebPhase.RESOLVE, Failure.INVALID_SETTING, _NO_API)
    # A proxy elsewhere would carry the token in clear, too.
    near = _is_loopback(url.host) and (proxy is None or proxy.mode is ProxyMode.NONE)
    if url.scheme == "http" and not access.insecure and not near:
        return Stopped(WebPhase.RESOLVE, Failure.INVALID_SETTING, "http:// is for loopback only, unless `insecure`")
    token = None if access.token_file is None else _token(access.token_file)
    return token if isinstance(token, Stopped) else _Prepared(url=url, token=token)


def _token(file: Path) -> str | Stopped:
    """Return the bearer token of a file (RFC 6750 section 2.1), or why there is none; never a part of it in words."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_LONGEST_TOKEN + 1)
    except OSError as error:
        words = f"cannot read {file}: {(error.strerror or str(error)).lower()}"
        return Stopped(WebPhase.RESOLVE, Failure.INVALID_SETTING, words)
    text = data.decode("ascii", "replace").strip()
    if text and len(data) <= _LONGEST_TOKEN and all("!" <= character <= "~" for character in text):
        return text
    return Stopped(WebPhase.RESOLVE, Failure.INVALID_SETTING, f"{file} holds no token of one line")


def _body(reply: Reply) -> bytes:
    """Return the body of a success; Stopped with the edge's own words for any other status."""
    if reply.status == _OK:
        return reply.body
    said = read_problem(reply.body)
    wait = reply.headers.get("retry-after", "")
    words = f"HTTP {reply.status}" + (f": {said}" if said else "")
    words += f" (again in {wait} s)" if wait.isascii() and wait.isdigit() else ""
    raise Stopped(WebPhase.REQUEST, Failure.UNEXPECTED_STATUS, words)


def seen_echo(access: EdgeAccess, nonce: bytes, way: Way, *, clock: Clock, until: float) -> Reply:
    """Return what an edge answers when it is asked who sent the echo with these 16 octets.

    Raises:
        Stopped: It could not be asked, or answered neither 200 nor 404.
    """
    prepared = _prepared(access, way.proxy)
    if isinstance(prepared, Stopped):
        raise prepared
    request = Request(url=prepared.url, method="GET", path=f"/v1/seen/icmp/{nonce.hex()}", token=prepared.token)
    return exchange(request, way, clock=clock, until=until)


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _in_thread(work: Callable[[], _Found], results: SimpleQueue[_Found | Exception]) -> None:
    """Start some work; what becomes of it is put among the results. Nobody waits for it: it has its own deadline."""

    def run() -> None:
        try:
            results.put(work())
        except Exception as error:  # noqa: BLE001 - handed to who waits: `_taken` raises it there
            results.put(error)

    Thread(target=run, daemon=True).start()


def _taken(results: SimpleQueue[_Found | Exception]) -> _Found | None:
    """Return the next result, None where none comes within a moment."""
    try:
        found = results.get(timeout=_LONGEST_NAP_S)
    except Empty:
        return None
    if isinstance(found, Exception):
        raise found
    return found


if TYPE_CHECKING:
    _Made = tuple[EdgeTrace, Leg | None, DnsCheck | None] | None
