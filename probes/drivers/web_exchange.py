"""One exchange of a web check, step by step: each with its time and its own failure; the first failure ends it."""

from __future__ import annotations

import ssl
from contextlib import closing

from probes.drivers import tls_chain
from probes.drivers.web_connect import connect
from probes.drivers.web_request import ask
from probes.drivers.web_stream import EndedError, TlsStream
from probes.facts import Family
from probes.failure import Failure
from probes.frozen import frozen, replace
from probes.proxy import ProxyChoice
from probes.proxy_status import parse_proxy_status
from probes.target import is_address
from probes.web_check import (
    connect_request,
    hello_request,
    interception,
    is_confused_http,
    may_be_intercepted,
    request_for,
    schemes,
    shows_plain_http,
    who_answered,
)
from probes.web_facts import Speaker, WebExchange, WebPhase, WebStep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, TypeVar

    from probes.drivers.trust import Trust
    from probes.drivers.web_request import Response
    from probes.drivers.web_stream import Patience, Stream
    from probes.name_facts import DnsCheck
    from probes.web_check import Place, WebAsked
    from probes.web_facts import ProxyStatus, TlsInterception, TlsSession

    _Result = TypeVar("_Result")


_SUCCESS: Final = range(200, 300)
# RFC 9110 sections 11.6.1 and 11.7.1.
_CHALLENGES: Final = {401: "www-authenticate", 407: "proxy-authenticate"}
_LONGEST_HEADER: Final = 2_000
_SPOKEN: Final = {
    Failure.PLAIN_HTTP: "the other side speaks plain HTTP",
    Failure.TLS_EXPECTED: "the other side wants TLS",
}
# A server that was spoken to in the wrong language: it closes, complains in its own, or waits for the end of a line.
_STRANGE: Final = frozenset({Failure.TLS_FAILED, Failure.CONNECTION_RESET, Failure.MALFORMED_REPLY, Failure.TIMED_OUT})
# What a second look at a port that answered strangely may take; a handshake leaves it that much.
_SECOND_LOOK_S: Final = 0.5


@frozen
class Means:
    """What every exchange of a chain is made with."""

    asked: WebAsked
    patience: Patience
    trust: Trust
    resolve: Callable[[str], DnsCheck]


class Exchange:
    """One request and its response, or where it ended."""

    def __init__(self, place: Place, means: Means, *, cookie: str | None = None, body_limit: int = 0) -> None:
        proxy = means.asked.proxy
        self._place = place
        self._means = means
        self._proxy = proxy if isinstance(proxy, ProxyChoice) and proxy.host is not None else None
        self._cookie = cookie
        self._body_limit = body_limit
        self._steps: list[WebStep] = []
        self._addresses: tuple[str, ...] = ()
        self._address: str | None = None
        self._passed_over: str | None = None
        self._known_us: int | None = None
        self._proxy_tls: TlsSession | None = None
        self._tls: TlsSession | None = None
        self._connect_status: int | None = None
        self._proxy_status: tuple[ProxyStatus, ...] = ()
        self._authenticate: tuple[str, ...] = ()
        self._answered_by: Speaker | None = None
        # What came where TLS was asked for, None for TLS.
        self._foreign: bytes | None = None
        self.response: Response | None = None
        self.interception: TlsInterception | None = None

    @property
    def _port(self) -> int:
        return self._place.port if self._proxy is None else self._proxy.port or 0

    def run(self) -> WebExchange:
        """Make the exchange and return it."""
        clock = self._means.patience.clock
        began, failure = clock.monotonic(), None
        if self._place.tls:
            self._means.trust.prepare()
        try:
            self._step(WebPhase.RESOLVE, self._resolve)
            with closing(self._step(WebPhase.CONNECT, self._connect)) as connected:
                self._talk(connected)
        except EndedError as ended:
            failure = self._seen_again(ended)
        return self._fact(failure, round((clock.monotonic() - began) * 1_000_000))

    def _talk(self, connected: Stream) -> None:
        """Do everything that comes after TCP."""
        stream = self._through_proxy(connected)
        if self._place.tls:
            secured = self._secured(stream, WebPhase.TLS, self._place.host)
            self.interception = self._interception(secured)
            stream = secured
        self._request(stream)

    def _interception(self, secured: TlsStream) -> TlsInterception | None:
        """Return who ends TLS in place of the origin; a file of authorities is the person's own word for its issuer."""
        asked, host = self._means.asked, self._place.host
        known = asked.resolved.addresses if asked.resolved is not None and asked.resolved.name == host else ()
        if asked.ca_file is not None or not may_be_intercepted(host, known if self._proxy else self._addresses):
            return None
        tls = secured.tls
        return interception(tls_chain.root_of(tls), publicly_rooted=tls_chain.publicly_rooted(tls))

    def _step(self, phase: WebPhase, work: Callable[[], _Result]) -> _Result:
        clock = self._means.patience.clock
        began = clock.monotonic()
        failure, detail = None, None
        self._passed_over = None
        try:
            done = work()
        except EndedError as ended:
            failure, detail = ended.failure, ended.detail
            raise
        else:
            # What of other addresses failed on the way to one that works is worth a word, and no failure.
            detail = self._passed_over
            return done
        finally:
            duration_us = self._known_us or round((clock.monotonic() - began) * 1_000_000)
            self._known_us = None
            self._steps.append(WebStep(phase=phase, duration_us=duration_us, failure=failure, detail=detail))

    def _fact(self, failure: Failure | None, duration_us: int) -> WebExchange:
        response = self.response
        headers = {} if response is None else response.headers
        return WebExchange(
            url=self._place.url,
            method="GET",
            through_proxy=self._proxy is not None,
            address=self._address,
            port=self._port,
            steps=tuple(self._steps),
            proxy_tls=self._proxy_tls,
            tls=self._tls,
            connect_status=self._connect_status,
            http_version=None if response is None else response.version,
            status=None if response is None else response.status,
            answered_by=self._answered_by,
            location=_cut(headers.get("location")),
            server=_cut(headers.get("server")),
            proxy_status=self._proxy_status,
            authenticate=self._authenticate,
            failure=failure,
            duration_us=duration_us,
        )

    # -- the steps

    def _resolve(self) -> None:
        """Find the addresses to connect to; what was known of them before keeps the time that it took then."""
        host = self._place.host if self._proxy is None else self._proxy.host or ""
        if is_address(host):
            self._addresses = (host,)
            return
        asked = self._means.asked
        before = asked.resolved if self._proxy is None else asked.proxy_resolved
        known = before if before is not None and before.name == host else None
        self._known_us = None if known is None else known.duration_us
        check = known or self._means.resolve(host)
        self._addresses = check.addresses if asked.family is None else _of(check.addresses, asked.family)
        if not self._addresses:
            raise EndedError(check.failure or Failure.NO_DATA)

    def _connect(self) -> Stream:
        asked = self._means.asked
        stream, self._address, self._passed_over = connect(
            self._addresses, self._port, self._means.patience, source=asked.source, interface=asked.interface
        )
        return stream

    def _through_proxy(self, stream: Stream) -> Stream:
        """Return the stream as far as the proxy, if one is used, and through its tunnel where the origin speaks TLS."""
        proxy = self._proxy
        if proxy is None:
            return stream
        if proxy.scheme == "https":
            stream = self._secured(stream, WebPhase.PROXY_TLS, proxy.host or "")
        if self._place.tls:
            self._step(WebPhase.PROXY_CONNECT, lambda: self._tunnel(stream, proxy))
        return stream

    def _tunnel(self, stream: Stream, proxy: ProxyChoice) -> None:
        """Have the proxy open a tunnel; servers of TLS keep silent until spoken to, so nothing is behind its answer."""
        user_agent = self._means.asked.user_agent
        response = ask(stream, connect_request(self._place, user_agent=user_agent, proxy=proxy))
        self._connect_status = response.status
        self._proxy_status = parse_proxy_status(response.values("proxy-status"))
        if response.status not in _SUCCESS:
            self._authenticate = schemes(response.values("proxy-authenticate"))
            self._answered_by = Speaker.PROXY
            raise EndedError(Failure.UNEXPECTED_STATUS, f"the proxy answered CONNECT with status {response.status}")

    def _secured(self, stream: Stream, phase: WebPhase, host: str) -> TlsStream:
        """Return TLS over a stream; what its handshake told is kept where it failed, too."""
        secured: TlsStream | None = None

        def handshake() -> TlsStream:
            nonlocal secured
            secured = TlsStream(stream, self._means.trust.context(), host)
            with self._means.patience.holding_back(_SECOND_LOOK_S if phase is WebPhase.TLS else 0.0):
                secured.handshake()
            return secured

        try:
            return self._step(phase, handshake)
        finally:
            session = None if secured is None or secured.foreign is not None else secured.session()
            if phase is WebPhase.TLS:
                self._tls, self._foreign = session, None if secured is None else secured.foreign
            else:
                self._proxy_tls = session

    def _request(self, stream: Stream) -> None:
        asked, place = self._means.asked, self._place
        reader = None if place.tls else self._proxy
        request = request_for(place, user_agent=asked.user_agent, proxy=reader, cookie=self._cookie)
        response = self._step(WebPhase.REQUEST, lambda: ask(stream, request, body_limit=self._body_limit))
        self.response = response
        self._proxy_status = self._proxy_status + parse_proxy_status(response.values("proxy-status"))
        self._authenticate = schemes(response.values(_CHALLENGES.get(response.status, "")))
        self._answered_by = who_answered(
            response.status, response.headers, self._proxy_status, tls=place.tls, proxied=reader is not None
        )

    # -- a second look at a port that answered strangely

    def _seen_again(self, ended: EndedError) -> Failure:
        """Return the failure, or that the other side speaks HTTP without TLS, or TLS, where a second look shows it."""
        failed = self._steps[-1]
        if failed.phase is WebPhase.TLS and ended.failure in _STRANGE and self._foreign is not None:
            found = Failure.PLAIN_HTTP if is_confused_http(self._foreign) or self._speaks(self._http) else None
        elif failed.phase is WebPhase.REQUEST and not self._place.tls and self._proxy is None:
            found = Failure.TLS_EXPECTED if ended.failure in _STRANGE and self._speaks(self._any_tls) else None
        else:
            found = None
        if found is None:
            return ended.failure
        self._steps[-1] = replace(failed, failure=found, detail=_SPOKEN[found])
        return found

    def _speaks(self, language: Callable[[Stream], bool]) -> bool:
        """Return whether another connection of the same kind gets an answer in a language."""
        try:
            again = Exchange(self._place, replace(self._means, patience=self._means.patience.within(_SECOND_LOOK_S)))
            again._addresses = (self._address or "",)
            with closing(again._connect()) as connected:
                return language(again._through_proxy(connected))
        except EndedError:
            return False

    def _http(self, stream: Stream) -> bool:
        """Return whether plain HTTP is answered; path and query are not sent in the clear."""
        return shows_plain_http(ask(stream, hello_request(self._place, user_agent=self._means.asked.user_agent)).status)

    def _any_tls(self, stream: Stream) -> bool:
        """Return whether the other side answers TLS with TLS, whatever its certificate; nothing is sent through it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        tls = TlsStream(stream, context, self._place.host)
        try:
            tls.handshake()
        except EndedError:
            return tls.foreign is None
        return True


def _of(addresses: tuple[str, ...], family: Family) -> tuple[str, ...]:
    return tuple(one for one in addresses if (Family.IPV6 if ":" in one else Family.IPV4) is family)


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:_LONGEST_HEADER]
