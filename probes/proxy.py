"""Which proxy applies to a target: the one that was named, the environment's, or none."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from probes.frozen import frozen, frozen_positional
from probes.web_facts import ProxyMode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final


# Where proxies are taken to listen when the URL does not say (8080 is IANA's `http-alt`).
_DEFAULT_PORTS: Final = {"http": 8080, "https": 443}


class Secret(str):
    """A text that repr() does not show, so that no log and no traceback holds it."""

    __slots__ = ()

    def __repr__(self) -> str:  # type: ignore[explicit-override] # typing.override is Python 3.12's
        """Return what may be shown."""
        return "Secret(...)"


@frozen
class ProxyChoice:
    """The proxy that applies, or none; `url` holds no credentials and is fit to be shown."""

    mode: ProxyMode
    url: str | None = None
    scheme: str = "http"
    host: str | None = None
    port: int | None = None
    username: Secret | None = None
    password: Secret | None = None


@frozen_positional
class ProxyError:
    """Why a proxy setting is of no use, in one line for a person; it holds no credentials."""

    message: str


def credentials(proxy: ProxyChoice) -> tuple[tuple[str, str], ...]:
    """Return the header that tells a proxy who asks, nothing where its URL has no user name.

    Source: RFC 7617 section 2, RFC 9110 section 11.7.2.
    """
    if proxy.username is None:
        return ()
    import base64  # noqa: PLC0415 - for the few proxies that want it

    pair = f"{proxy.username}:{proxy.password or ''}".encode()
    return (("Proxy-Authorization", f"Basic {base64.b64encode(pair).decode()}"),)


NO_PROXY: Final = ProxyChoice(mode=ProxyMode.NONE)


def choose_proxy(
    setting: str, *, scheme: str, host: str, port: int, environment: Mapping[str, str]
) -> ProxyChoice | ProxyError:
    """Return the proxy that applies to one target, or why the setting is of no use.

    Args:
        setting: `none`, `environment`, or the URL of a proxy, which then applies to every target.
        scheme: The target's, `http` or `https`; a target without one counts as `https`, because CONNECT is what is
            tried.
        host: The target's host or address.
        port: The target's port.
        environment: The environment's variables. Lower case wins; `HTTP_PROXY` counts for nothing where
            `REQUEST_METHOD` is set, because there a request's `Proxy:` header would have made it (CGI).
    """
    if setting == ProxyMode.NONE.value:
        return NO_PROXY
    if setting != ProxyMode.ENVIRONMENT.value:
        return parse_proxy(setting, ProxyMode.EXPLICIT, "the proxy")
    name, url = _from_environment(scheme, environment)
    if not url or _is_exempt(host, port, _variable(environment, "no_proxy")):
        return NO_PROXY
    return parse_proxy(url, ProxyMode.ENVIRONMENT, name)


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _from_environment(scheme: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the name and the value of the variable that applies, empty for none."""
    for name in (f"{scheme}_proxy", "all_proxy"):
        cgi = name == "http_proxy" and "REQUEST_METHOD" in environment
        value = environment.get(name, "") if cgi else _variable(environment, name)
        if value:
            return name, value
    return "", ""


def parse_proxy(
    text: str, mode: ProxyMode, where: str, *, ports: Mapping[str, int] = _DEFAULT_PORTS
) -> ProxyChoice | ProxyError:
    """Return the proxy that a URL names, or why it names none; `where` says where the URL was found.

    `ports` are those of URLs that say none, by scheme.
    """
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port = url.port
    except ValueError:
        return ProxyError(f"{where}: the URL has a port that is no number from 1 to 65535, or a bracket too many")
    if url.scheme not in _DEFAULT_PORTS:
        return ProxyError(f"{where}: {url.scheme[:20]!r} proxies cannot be used; name an http:// or https:// one")
    if not url.hostname or port == 0 or _has_blank(url.hostname):
        return ProxyError(f"{where}: there is no usable host in the URL; write it as in http://proxy.example.com:3128")
    port = port or ports[url.scheme]
    shown = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return ProxyChoice(
        mode=mode,
        url=f"{url.scheme}://{shown}:{port}",
        scheme=url.scheme,
        host=url.hostname,
        port=port,
        username=None if url.username is None else Secret(unquote(url.username)),
        password=None if url.password is None else Secret(unquote(url.password)),
    )


def _has_blank(text: str) -> bool:
    return any(character.isspace() or not character.isprintable() for character in text)


def _is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Return whether `no_proxy` names the target: `*`, a host, a domain, an address or a network, with or without port.

    `example.com` and `.example.com` both mean the domain and everything in it, as curl and Go read them.
    """
    wanted = host.strip("[]").rstrip(".").lower()
    return any(_matches(entry, wanted, port) for entry in no_proxy.replace(",", " ").lower().split())


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, entry_port = _split_port(entry)
    if entry_port is not None and entry_port != str(port):
        return False
    if _literal(host):
        return _in_network(host, name)
    domain = name.removeprefix("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _split_port(entry: str) -> tuple[str, str | None]:
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":") or None
    name, colon, port = entry.rpartition(":")
    return (name, port) if colon and ":" not in name else (entry, None)


def _literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _in_network(host: str, name: str) -> bool:
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:
        return False
