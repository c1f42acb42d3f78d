"""What a check of a web address asks for, where a redirect leads, and whose answer a response is."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.parse import quote, urljoin, urlsplit

from probes.address_ranges import INSIDE, LOOPBACK
from probes.frozen import field, frozen
from probes.proxy import NO_PROXY, credentials
from probes.target import TargetError, is_address, parse_target
from probes.web_facts import RedirectProblem, Speaker, TlsInterception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Final

    from probes.facts import Family
    from probes.name_facts import DnsCheck
    from probes.proxy import ProxyChoice
    from probes.sample import Target
    from probes.web_facts import ProxyStatus


# All steps of all exchanges of a chain; a healthy one takes a few round trips.
TIMEOUT_S: Final = 2.6
MOST_REDIRECTS: Final = 10

_USUAL_PORTS: Final = {"http": 80, "https": 443}
# RFC 9110 section 15.4: those that say where to go on. 300 leaves the choice to a person, 304 and 305 lead nowhere.
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# What a URL may hold (RFC 3986 section 2); servers send blanks and other letters all the same, and browsers follow.
_URL_CHARACTERS: Final = "!#$%&'()*+,/:;=?@[]~"
# The octets of a header as text and back: what a server wrote in UTF-8 is to be asked for in UTF-8.
_OCTETS: Final = "latin-1"
_LONGEST_LOCATION: Final = 8_192

_LONGEST_SCHEME: Final = 40
_MOST_SCHEMES: Final = 8

# RFC 9110 section 15.5.8; RFC 6585 section 6: no origin sends 511, an intercepting proxy does.
_PROXY_STATUSES: Final = frozenset({407, 511})


@frozen
class WebAsked:
    """A web address to ask for, and how.

    Attributes:
        url: An http or https URL.
        family: The family to connect by, None for either.
        resolved: What is known of the URL's host already; None: it is looked up.
        proxy: The proxy that applies; it is used for the whole chain of redirects.
        proxy_resolved: What is known of the proxy's own name already; None: it is looked up.
        source: The address to send from, where it is of the family used.
        interface: The interface to send by.
        timeout_s: How long everything may take, redirects included; look-ups that nobody made before come on top.
        ca_file: PEM certificates that are trusted besides those of the host.
        user_agent: What the request says of who asks.
    """

    url: str
    family: Family | None = None
    resolved: DnsCheck | None = None
    proxy: ProxyChoice | None = field(default_factory=lambda: NO_PROXY)
    proxy_resolved: DnsCheck | None = None
    source: str | None = None
    interface: str | None = None
    timeout_s: float = TIMEOUT_S
    ca_file: Path | None = None
    user_agent: str = "cloudpath-agent"


@frozen
class Place:
    """A URL taken apart: `target` is path and query, `authority` what a Host header says (RFC 9110 section 7.2)."""

    url: str
    scheme: str
    host: str
    port: int
    target: str
    authority: str

    @property
    def tls(self) -> bool:
        """Return whether the origin is spoken to by TLS."""
        return self.scheme == "https"


@frozen
class Request:
    """What is written on the wire: method, target and headers, in their order."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]


def place_of(url: str) -> Place | None:
    """Return the parts of a URL, None where it is no http or https URL that can be asked for."""
    target = parse_target(url)
    if isinstance(target, TargetError) or target.url is None or target.port is None:
        return None
    return _place(target, target.url, target.port)


def _place(target: Target, url: str, port: int) -> Place:
    parts = urlsplit(url)
    bare = target.host.partition("%")[0]
    name = f"[{bare}]" if ":" in bare else bare
    return Place(
        url=url,
        scheme=parts.scheme,
        host=target.host,
        port=port,
        target=f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}",
        authority=name if port == _USUAL_PORTS[parts.scheme] else f"{name}:{port}",
    )


# --- requests ---------------------------------------------------------------------------------------------------------


def request_for(place: Place, *, user_agent: str, proxy: ProxyChoice | None, cookie: str | None) -> Request:
    """Return the GET for a place.

    Args:
        place: What is asked for.
        user_agent: The name of who asks.
        proxy: The proxy that reads the request itself: it gets the absolute form and the credentials (RFC 9112
            section 3.2.2). None where the origin reads it, through a tunnel or not.
        cookie: The Cookie header's value, None for none.
    """
    headers = [("Host", place.authority), ("User-Agent", user_agent), ("Accept", "*/*")]
    headers += [("Accept-Encoding", "identity"), ("Connection", "close")]
    if cookie:
        headers.append(("Cookie", cookie))
    if proxy is None:
        return Request(method="GET", target=place.target, headers=tuple(headers))
    absolute = f"{place.scheme}://{place.authority}{place.target}"
    return Request(method="GET", target=absolute, headers=(*headers, *credentials(proxy)))


def connect_request(place: Place, *, user_agent: str, proxy: ProxyChoice) -> Request:
    """Return the CONNECT that asks a proxy for a tunnel to a place (RFC 9110 section 9.3.6): always with a port."""
    bare = place.host.partition("%")[0]
    authority = f"[{bare}]:{place.port}" if ":" in bare else f"{bare}:{place.port}"
    headers = (("Host", authority), ("User-Agent", user_agent), *credentials(proxy))
    return Request(method="CONNECT", target=authority, headers=headers)


def hello_request(place: Place, *, user_agent: str) -> Request:
    """Return the HEAD that any web server answers, and that tells nothing but the host's name."""
    headers = (("Host", place.authority), ("User-Agent", user_agent), ("Connection", "close"))
    return Request(method="HEAD", target="/", headers=headers)


def schemes(challenges: Sequence[str]) -> tuple[str, ...]:
    """Return the scheme that each field of challenges offers first (RFC 9110 section 11.6.1)."""
    found = (challenge.split(None, 1)[0].rstrip(",")[:_LONGEST_SCHEME] for challenge in challenges if challenge.strip())
    return tuple(dict.fromkeys(found))[:_MOST_SCHEMES]


# --- redirects --------------------------------------------------------------------------------------------------------


def redirects(status: int) -> bool:
    """Return whether a response of this status leads elsewhere, if it says where."""
    return status in _REDIRECTS


def followed(place: Place, location: str) -> Place | RedirectProblem:
    """Return where a Location header leads from a place, or why nowhere.

    Args:
        place: Where the redirect came from.
        location: The header's value, a character an octet, as it came.

    Source: RFC 9110 section 10.2.2; RFC 3986 section 5.2.
    """
    if len(location) > _LONGEST_LOCATION:
        return RedirectProblem.UNPARSABLE
    try:
        url = quote(location.strip(), safe=_URL_CHARACTERS, encoding=_OCTETS, errors="replace")
        scheme = urlsplit(url).scheme
        # urljoin takes a scheme without a host for the base's own; a path may hold a whole URL, as an archive's does.
        url = url if url[len(scheme) :].startswith("://") else urljoin(place.url, url)
        scheme = urlsplit(url).scheme
    except ValueError:
        return RedirectProblem.UNPARSABLE
    if scheme not in _USUAL_PORTS:
        return RedirectProblem.OTHER_SCHEME if scheme else RedirectProblem.UNPARSABLE
    return place_of(url) or RedirectProblem.UNPARSABLE


# --- whose answer -----------------------------------------------------------------------------------------------------


def who_answered(
    status: int, headers: Mapping[str, str], proxy_status: Sequence[ProxyStatus], *, tls: bool, proxied: bool
) -> Speaker | None:
    """Return whose answer a response is, None where nothing tells.

    Args:
        status: The status.
        headers: The response's headers, names in lower case.
        proxy_status: What its Proxy-Status header says.
        tls: Whether it came through TLS with the origin: then nobody in between can speak.
        proxied: Whether a proxy read the request.
    """
    if tls:
        return Speaker.ORIGIN
    # The last member is the intermediary nearest to us (RFC 9209 section 2); Squid names its own error pages so.
    failed = bool(proxy_status) and proxy_status[-1].error is not None
    if status in _PROXY_STATUSES or failed or "x-squid-error" in headers:
        return Speaker.PROXY
    if not proxied:
        return Speaker.ORIGIN
    via = headers.get("via", "").lower()
    if not via:
        # A proxy puts its name to what it forwards (RFC 9110 section 7.6.3), but many are told not to.
        return None
    product = headers.get("server", "").partition("/")[0].strip().lower()
    return Speaker.PROXY if product and product in via else Speaker.ORIGIN


# --- who speaks plain HTTP where TLS was asked for --------------------------------------------------------------------

# What HTTP servers make of bytes that are none of HTTP. A filter that answers in a server's place redirects or forbids.
_CONFUSED: Final = frozenset({400, 405, 408, 414, 431, 500, 501, 505})
_BAD_REQUEST: Final = 400


def is_confused_http(first: bytes) -> bool:
    """Return whether the first bytes that came where TLS was expected are an HTTP server's complaint."""
    version, _, rest = first.partition(b" ")
    return version.startswith(b"HTTP/") and rest[:3].isdigit() and int(rest[:3]) in _CONFUSED


def shows_plain_http(status: int) -> bool:
    """Return whether this answer to plain HTTP shows that nobody there wants TLS: who does answers 400 as well."""
    return status != _BAD_REQUEST


# --- who ends TLS -----------------------------------------------------------------------------------------------------

# RFC 6761, RFC 6762, RFC 8375, ICANN's resolution 2024.07.29.06; and what local networks are called without any rule.
_LOCAL_DOMAINS: Final = frozenset({"local", "localhost", "arpa", "internal", "test", "lan", "home", "corp", "intranet"})


def may_be_intercepted(host: str, addresses: Sequence[str]) -> bool:
    """Return whether the public would vouch for a host's certificate, so that another issuer is worth a word.

    Hosts of an organisation's own, by name or by any address, have certificates of its own and are left alone; so is
    an address without a name, for which few public authorities vouch.

    Args:
        host: The URL's host.
        addresses: What it resolved to, as far as known.
    """
    if is_address(host) or "." not in host.removesuffix("."):
        return False
    if host.removesuffix(".").rpartition(".")[2] in _LOCAL_DOMAINS:
        return False
    networks = tuple(map(ip_network, (*INSIDE, *LOOPBACK)))
    return not any(ip_address(address.partition("%")[0]) in network for address in addresses for network in networks)


def interception(root: str | None, *, publicly_rooted: bool | None) -> TlsInterception | None:
    """Return what a verified chain gives away: a root that this host trusts, and the public does not.

    Args:
        root: The name of the chain's root (RFC 4514), None where nothing was verified.
        publicly_rooted: Whether a public root vouches for it, None where nothing was verified.
    """
    if root is None or publicly_rooted is not False:
        return None
    words = f"this host trusts {root}, which vouches for the certificate, and no public authority does"
    return TlsInterception(issuer=root, evidence=words)
