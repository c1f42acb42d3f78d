"""The vocabulary of the web: what was asked of an address on it, step by step, and of the proxy in between."""

from probes.failure import Failure
from probes.frozen import frozen
from probes.word import Word


class WebPhase(Word):
    """The steps of one exchange, in their order; those of a proxy only where one is used.

    `resolve`: the name of what is connected to. `connect`: TCP. `proxy_tls`: TLS with the proxy itself.
    `proxy_connect`: CONNECT, until the proxy's answer. `tls`: TLS with the origin. `request`: from the request to the
    end of the response's header.
    """

    RESOLVE = "resolve"
    CONNECT = "connect"
    PROXY_TLS = "proxy_tls"
    PROXY_CONNECT = "proxy_connect"
    TLS = "tls"
    REQUEST = "request"


@frozen
class WebStep:
    """One step and how long it took; `detail` says a failure for a person, in the words of whoever noticed."""

    phase: WebPhase
    duration_us: int | None = None
    failure: Failure | None = None
    detail: str | None = None


@frozen
class TlsSession:
    """What a TLS handshake told (RFC 8446); `verified` is None where the handshake ended before.

    `issuer` and `subject` are distinguished names in the form of RFC 4514; `not_after` is an RFC 3339 instant.
    """

    version: str | None = None
    cipher: str | None = None
    subject: str | None = None
    issuer: str | None = None
    not_after: str | None = None
    verified: bool | None = None
    verify_error: str | None = None


@frozen
class ProxyStatus:
    """One member of a Proxy-Status header (RFC 9209): who says it, and what went wrong behind.

    `rcode` is what the intermediary's resolver said, as a mnemonic, where the error is of names (section 2.3.2).
    """

    proxy: str
    error: str | None = None
    rcode: str | None = None
    next_hop: str | None = None
    received_status: int | None = None
    details: str | None = None


class Speaker(Word):
    """Whose answer a response is, as far as the exchange proves it."""

    ORIGIN = "origin"
    PROXY = "proxy"


@frozen
class WebExchange:
    """One request and its response, or where it ended; `failure` is that of the first step that failed.

    `connect_status` is the proxy's answer to CONNECT, `status` that to the request itself. `answered_by` is None where
    nobody answered, or nothing tells the origin from a proxy.
    """

    url: str
    method: str
    through_proxy: bool = False
    address: str | None = None
    port: int | None = None
    steps: tuple[WebStep, ...] = ()
    proxy_tls: TlsSession | None = None
    tls: TlsSession | None = None
    connect_status: int | None = None
    http_version: str | None = None
    status: int | None = None
    answered_by: Speaker | None = None
    location: str | None = None
    server: str | None = None
    proxy_status: tuple[ProxyStatus, ...] = ()
    authenticate: tuple[str, ...] = ()
    failure: Failure | None = None
    duration_us: int | None = None


class RedirectProblem(Word):
    """Why a chain of redirects led nowhere."""

    LOOP = "loop"
    TOO_MANY = "too_many"
    UNPARSABLE = "unparsable"
    OTHER_SCHEME = "other_scheme"


@frozen
class TlsInterception:
    """A sign that somebody on the way ends TLS himself: the root that only this host trusts, and the sentence for it.

    A service with a private authority of its own looks the same.
    """

    issuer: str
    evidence: str


@frozen
class WebCheck:
    """The web address of the target: every exchange of its chain of redirects, the first one first.

    `status` is the last response's; `failure` is that of the exchange that ended the chain early, and None where a
    response came, whatever its status.
    """

    url: str
    exchanges: tuple[WebExchange, ...] = ()
    status: int | None = None
    failure: Failure | None = None
    redirect_problem: RedirectProblem | None = None
    interception: TlsInterception | None = None
    duration_us: int | None = None


@frozen
class CaptivePortal:
    """Whether the network wants a person to sign in first: a check of the address that the configuration names.

    `detected` is None where the check could not be made; `portal` is where it led to (RFC 8910, RFC 8952 section 2.3).
    """

    url: str
    detected: bool | None = None
    status: int | None = None
    portal: str | None = None
    evidence: str | None = None
    failure: Failure | None = None
    duration_us: int | None = None


# --- the proxy --------------------------------------------------------------------------------------------------------


class ProxyMode(Word):
    """Where the proxy setting came from."""

    NONE = "none"
    EXPLICIT = "explicit"
    ENVIRONMENT = "environment"
    PAC = "pac"


@frozen
class Pac:
    """What became of a proxy auto-configuration script: where it lies, and what it said of the target.

    `result` is the script's own text, such as `PROXY a:3128; DIRECT`; `direct` says whether it allows going without.
    """

    source: str
    result: str | None = None
    direct: bool | None = None
    failure: Failure | None = None
    detail: str | None = None
    duration_us: int | None = None


@frozen
class ProxyControl:
    """What the same proxy made of another address, to tell a failing proxy from a failing target."""

    url: str
    connect_status: int | None = None
    works: bool | None = None
    failure: Failure | None = None


@frozen
class ProxyAttempt:
    """A proxy of a script's list that accepted no connection, so that the next one's turn came."""

    url: str
    address: str | None = None
    failure: Failure | None = None


@frozen
class Proxy:
    """The proxy that applies to the target, and whether a CONNECT through it reached the target.

    `url` never holds credentials. `works` is True when CONNECT got a 2xx, None when it was not tried. `steps` are
    those of this attempt, `error_token` is what a squid says of its failure (`X-Squid-Error`), `authenticate` the
    schemes that a 407 offers (RFC 9110 section 11.7.1). `passed_over` are those of a script's list before this one;
    without `host`, the script says to go without a proxy, or nobody knows.
    """

    mode: ProxyMode
    url: str | None = None
    host: str | None = None
    port: int | None = None
    address: str | None = None
    works: bool | None = None
    connect_status: int | None = None
    steps: tuple[WebStep, ...] = ()
    tls: TlsSession | None = None
    proxy_status: tuple[ProxyStatus, ...] = ()
    error_token: str | None = None
    authenticate: tuple[str, ...] = ()
    controls: tuple[ProxyControl, ...] = ()
    pac: Pac | None = None
    passed_over: tuple[ProxyAttempt, ...] = ()
    failure: Failure | None = None
    duration_us: int | None = None
