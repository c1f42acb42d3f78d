"""What a proxy auto-configuration script is told of a target, and what its answer means."""

from __future__ import annotations

from probes.frozen import frozen
from probes.proxy import ProxyChoice, ProxyError, parse_proxy
from probes.web_facts import ProxyMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.sample import Target
    from probes.web_facts import Pac


# The keywords of an entry and the URL scheme that each stands for; `PROXY` and `HTTP` mean the same, as in browsers.
_SCHEMES: Final = {"PROXY": "http", "HTTP": "http", "HTTPS": "https"}
_PORTS: Final = {"http": 80, "https": 443}
_SOCKS: Final = frozenset({"SOCKS", "SOCKS4", "SOCKS5"})
_DIRECT: Final = "DIRECT"
_PARTS: Final = 2
# No script means more; a list is tried in turn, and each entry costs time.
_MOST_ENTRIES: Final = 8
_LONGEST_SHOWN: Final = 60

DIRECT: Final = ProxyChoice(mode=ProxyMode.PAC)


@frozen
class Asked:
    """What `FindProxyForURL` is called with."""

    url: str
    host: str


def asked_of(target: Target) -> Asked:
    """Return what a script is told of a target.

    As in browsers, it sees path and query of http URLs only, and no fragment: whoever writes the script is not to learn
    what people do under https. A target without a URL is taken for an https one.
    """
    host = target.host.partition("%")[0]
    shown = f"[{host}]" if ":" in host else host
    url = (target.url or "").partition("#")[0]
    if url.startswith("http://"):
        return Asked(url=url, host=host)
    port = "" if target.port in {None, 443} else f":{target.port}"
    return Asked(url=f"https://{shown}{port}/", host=host)


def choices(pac: Pac) -> tuple[ProxyChoice | ProxyError, ...]:
    """Return the entries of a script's answer in its order: a proxy, DIRECT, or why an entry is of no use.

    An empty answer means DIRECT. Nothing where the script failed. An entry without a port has that of its scheme.
    """
    if pac.failure is not None:
        return ()
    entries = [entry.strip() for entry in (pac.result or "").split(";")]
    found = tuple(_choice(entry) for entry in entries[:_MOST_ENTRIES] if entry)
    return found or (DIRECT,)


def allows_direct(found: tuple[ProxyChoice | ProxyError, ...]) -> bool:
    """Return whether an answer allows going without a proxy, at once or at last."""
    return DIRECT in found


def _choice(entry: str) -> ProxyChoice | ProxyError:
    parts = entry.split()
    keyword = parts[0].upper()
    if keyword == _DIRECT and len(parts) == 1:
        return DIRECT
    if len(parts) != _PARTS or keyword not in {*_SCHEMES, *_SOCKS}:
        return ProxyError(f"the script's entry {_shown(entry)} cannot be read; one is written as in PROXY host:port")
    if keyword in _SOCKS:
        return ProxyError(f"the script names a SOCKS proxy ({_shown(parts[1])}); the agent speaks to HTTP proxies only")
    scheme = _SCHEMES[keyword]
    choice = parse_proxy(f"{scheme}://{parts[1]}", ProxyMode.PAC, "the script's proxy", ports=_PORTS)
    if isinstance(choice, ProxyChoice) and choice.username is not None:
        # A script names a host and a port; credentials in it would be everybody's.
        return ProxyError("the script's proxy: credentials do not belong there")
    return choice


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")
