"""The proxy in words: which one applies, where that came from, and what became of it."""

from typing import Final

from agent.views.escape import escape
from agent.views.words import FAILURES
from probes.web_facts import Proxy, ProxyMode

PROXY_MODES: Final[dict[ProxyMode, str]] = {
    ProxyMode.NONE: "none",
    ProxyMode.EXPLICIT: "as asked for",
    ProxyMode.ENVIRONMENT: "set by the environment",
    ProxyMode.PAC: "chosen by a PAC script",
}


def goes_without_proxy(proxy: Proxy | None) -> bool:
    """Return whether no proxy applies, as far as anybody decided."""
    if proxy is None or proxy.mode is ProxyMode.NONE:
        return True
    return proxy.host is None and proxy.pac is not None and proxy.pac.failure is None and proxy.failure is None


def proxy_words(proxy: Proxy) -> str:
    """Return `the proxy proxy.example.com:3128 does not carry traffic: the connection was refused`."""
    if proxy.host is None and proxy.pac and proxy.pac.failure:
        return f"the PAC script {escape(proxy.pac.source)} cannot be used: {FAILURES[proxy.pac.failure]}"
    if goes_without_proxy(proxy):
        return "no proxy applies"
    named = "" if proxy.host is None else f" {escape(proxy.host)}" + ("" if proxy.port is None else f":{proxy.port}")
    if proxy.works:
        return f"the proxy{named} carries traffic"
    if proxy.works is None:
        return f"the proxy{named} did not say in time whether it carries traffic"
    status = f"it answered with status {proxy.connect_status}" if proxy.connect_status else None
    why = status or (FAILURES[proxy.failure] if proxy.failure else "no reason known")
    return f"the proxy{named} does not carry traffic: {why}"
