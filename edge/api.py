"""The service: who asks, whether they may, and what they are told; sockets and traces are somebody else's."""

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Final

from agent.version import VERSION
from edge.asked import (
    GRANTED_QUERIES,
    GRANTED_TIMEOUT_S,
    GRANTED_TTL,
    LEAST_QUERIES,
    NotJsonError,
    RequestError,
    TraceRequest,
    read_request,
)
from edge.config import EdgeSettings, TunnelSection
from edge.http import ReadBody
from edge.limits import Allowance, Limiter, owner_of
from edge.messages import JSON, Head, Peer, Response, json_response, problem
from edge.seen import SeenEcho
from edge.traces import Answer, Job, Traces
from probes.clock import Clock, utc_text
from probes.facts import Direction
from probes.frozen import frozen

SCHEMA: Final = "cloudpath.edge/1"
# How long an agent may go on with an answer when the next one fails.
VALID_FOR_S: Final = 300

_SERVICE_DATA: Final = "/v1/service-data"
_TRACES: Final = "/v1/traces"
_ECHO: Final = re.compile(r"/v1/seen/icmp/([0-9a-f]{32})")


@frozen
class InBand:
    """Where packets themselves are answered: ports, None for none, and who remembers echoes, None for nobody."""

    udp_port: int | None = None
    tcp_port: int | None = None
    find_echo: Callable[[bytes], SeenEcho | None] | None = None


class Api:
    """Answers requests by the settings in force; a reload replaces `settings`."""

    def __init__(self, settings: EdgeSettings, in_band: InBand, traces: Traces, clock: Clock) -> None:
        """Begin with nobody counted."""
        self.settings = settings
        self._in_band = in_band
        self._traces = traces
        self._clock = clock
        self._by_token = Limiter()
        self._by_address = Limiter()

    async def answer(self, head: Head, read_body: ReadBody) -> Response:
        """Return the answer to a request; its body is read only where somebody who may ask sends one."""
        owner = self.settings.tokens.owner(head.authorization)
        if owner is None:
            return problem(401, "a bearer token of this edge is needed", headers=(("WWW-Authenticate", "Bearer"),))
        echo = _ECHO.fullmatch(head.path)
        allowed = {_SERVICE_DATA: "GET", _TRACES: "POST"}.get(head.path, "GET" if echo else None)
        if allowed is None:
            return problem(404, "there is nothing under this path")
        if head.method != allowed:
            return problem(405, f"this path takes {allowed}", headers=(("Allow", allowed),))
        body = await read_body()
        if echo is not None:
            return self._seen_echo(bytes.fromhex(echo[1]))
        if head.path == _SERVICE_DATA:
            return self._service_data(head.peer)
        return await self._trace(owner, head, body)

    # --- what the edge saw --------------------------------------------------------------------------------------------

    def _service_data(self, peer: Peer) -> Response:
        tunnel = self._tunnel(peer)
        return json_response(
            {
                "schema": SCHEMA,
                "edge": {"name": self.settings.edge.name, "version": VERSION},
                "time": utc_text(self._clock.realtime_ns()),
                "valid_for_s": VALID_FOR_S,
                "client": {"address": peer.address, "port": peer.port, "tunnel": _tunnel_told(tunnel)},
                "stun": {"udp_port": self._in_band.udp_port, "tcp_port": self._in_band.tcp_port},
                "icmp": self._in_band.find_echo is not None,
            }
        )

    def _tunnel(self, peer: Peer) -> TunnelSection | None:
        """Return the tunnel that a caller came by: the narrowest whose inside holds its address."""
        address = ip_address(peer.address.partition("%")[0])
        holding = [(ip_network(tunnel.inner), tunnel) for tunnel in self.settings.edge.tunnels]
        holding = [pair for pair in holding if address in pair[0]]
        return max(holding, key=lambda pair: pair[0].prefixlen)[1] if holding else None

    def _seen_echo(self, nonce: bytes) -> Response:
        if self._in_band.find_echo is None:
            return problem(404, "this edge does not see echo requests")
        seen = self._in_band.find_echo(nonce)
        if seen is None:
            return problem(404, "no echo request with this nonce came in the last seconds")
        return json_response({"address": seen.address, "at": utc_text(seen.realtime_ns)})

    # --- traces -------------------------------------------------------------------------------------------------------

    async def _trace(self, owner: bytes, head: Head, body: bytes) -> Response:
        asked = _read(head, body)
        if isinstance(asked, Response):
            return asked
        job = self._job(asked, head.peer)
        if asked.direction is Direction.FORWARD and not self.settings.destinations.asks_for(job.host):
            return problem(403, "this edge does not trace to this destination")
        known = self._traces.known(job)
        if known is not None:
            return _told(job, known)
        shared = self._traces.under_way(job)
        if not shared and (refusal := self._begin(job, owner, head.peer)):
            return refusal
        return _told(job, await self._traces.result(job, shared=shared))

    def _job(self, asked: TraceRequest, peer: Peer) -> Job:
        tunnel = self._tunnel(peer)
        back = (tunnel.egress if tunnel else None) or peer.address
        return Job(
            direction=asked.direction,
            protocol=asked.protocol,
            host=back if asked.host is None else asked.host.lower(),
            port=asked.port,
            max_ttl=min(asked.max_ttl, GRANTED_TTL),
            queries=min(max(asked.queries, LEAST_QUERIES), GRANTED_QUERIES),
            timeout_s=min(asked.timeout_s, GRANTED_TIMEOUT_S),
        )

    def _begin(self, job: Job, owner: bytes, peer: Peer) -> Response | None:
        """Begin a job, or return why this caller has to wait."""
        limits, now, address = self.settings.edge.limits, self._clock.monotonic(), owner_of(peer.address)
        of_token = Allowance(
            per_minute=limits.token_traces_per_minute or limits.traces_per_minute,
            concurrent=limits.token_concurrent or limits.concurrent,
        )
        of_address = Allowance(per_minute=limits.traces_per_minute, concurrent=limits.concurrent)
        wait_s = max(self._by_token.wait_s(owner, of_token, now), self._by_address.wait_s(address, of_address, now))
        if wait_s:
            return problem(429, "too many traces for this token or address", headers=(("Retry-After", str(wait_s)),))
        if self._traces.running >= limits.total_concurrent:
            return problem(503, "this edge has enough to do", headers=(("Retry-After", "1"),))
        self._by_token.begin(owner, now)
        self._by_address.begin(address, now)

        def ended() -> None:
            self._by_token.end(owner)
            self._by_address.end(address)

        self._traces.begin(job, ended)
        return None


def _read(head: Head, body: bytes) -> TraceRequest | Response:
    """Return what a trace request asks for, or what is wrong with it."""
    if head.media_type.partition(";")[0].strip().lower() != JSON:
        return problem(400, f"the body must be {JSON}")
    try:
        return read_request(body)
    except NotJsonError:
        return problem(400, "the body is no JSON")
    except RequestError as error:
        return problem(422, "this is no trace request", errors=error.errors)


def _tunnel_told(tunnel: TunnelSection | None) -> dict[str, str | None] | None:
    return None if tunnel is None else {"kind": tunnel.type, "inner": tunnel.inner, "egress": tunnel.egress}


def _told(job: Job, answer: Answer) -> Response:
    if answer.refused is not None:
        return problem(403, answer.refused)
    age = f", {answer.age_s} s old" if answer.cached else ""
    return Response(status=200, body=answer.body, note=f"{job.direction} {job.protocol} to {job.host}{age}")
