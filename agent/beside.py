"""What a sample looks at beside the paths: the web address, the captive portal, the log of private access."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from agent.errands import Errand, Errands
from agent.request import SampleRequest
from agent.world import World
from probes.frozen import replace
from probes.name_facts import DnsCheck

if TYPE_CHECKING:
    from probes.proxy import ProxyChoice
    from probes.sample import AgentFailure
    from probes.session_facts import SessionEvent
    from probes.web_facts import CaptivePortal, WebCheck


class Beside:
    """Starts each of these once, and waits for it at the end.

    Args:
        request: What the sample is asked.
        world: Who asks.
        errands: Who runs it.
        stopped: Once True, what runs ends with what it has.
    """

    def __init__(self, request: SampleRequest, world: World, errands: Errands, stopped: Callable[[], bool]) -> None:
        self._request = request
        self._world = world
        self._errands = errands
        self._stopped = stopped
        self._web: Errand[WebCheck] | None = None
        self._web_knew_host = False
        self._captive: Errand[CaptivePortal] | None = None
        self._sessions: Errand[tuple[tuple[SessionEvent, ...], tuple[AgentFailure, ...]]] | None = None

    def start(self) -> None:
        """Begin what needs none of the sample's names."""
        request = self._request
        if request.captive_check_url is not None:
            ask = partial(self._world.check_captive, request.captive_check_url, request.sending)
            self._captive = self._errands.start("captive portal check", ask)
        if request.zpa is not None:
            self._sessions = self._errands.start(
                "session log", partial(self._world.sessions, request.zpa, request.target)
            )

    def start_web(self, resolved: DnsCheck, proxy: "ProxyChoice | None", proxy_resolved: DnsCheck | None) -> None:
        """Begin to ask for the web address, unless it was begun or there is none.

        Args:
            resolved: What is known of its host by now; through a proxy, nothing need be.
            proxy: The proxy that applies.
            proxy_resolved: What is known of the proxy's own name.
        """
        request = self._request
        if request.target.url is None or self._web is not None:
            return
        from probes.web_check import WebAsked  # noqa: PLC0415 - for those who name a URL

        asked = WebAsked(
            url=request.target.url,
            family=request.target.family,
            resolved=resolved,
            proxy=proxy,
            proxy_resolved=proxy_resolved,
            source=request.sending.source,
            interface=request.sending.interface,
            ca_file=request.ca_file,
        )
        self._web_knew_host = bool(resolved.addresses)
        self._web = self._errands.start("web check", partial(self._world.check_web, asked, self._stopped))

    # -- the end, each waited for until a monotonic deadline

    def web(self, resolved: DnsCheck, deadline: float) -> "WebCheck | None":
        """Return what the web address answered; `resolved` is what is known of its host in the end."""
        web = self._errands.until(self._web, deadline)
        if web is None or web.interception is None or self._web_knew_host:
            return web
        from probes.web_check import may_be_intercepted  # noqa: PLC0415 - for those who name a URL

        # Begun without the host's addresses, it could not know that the host is an organisation's own.
        return web if may_be_intercepted(resolved.name, resolved.addresses) else replace(web, interception=None)

    def captive_portal(self, deadline: float) -> "CaptivePortal | None":
        """Return whether the network wants a person to sign in first."""
        return self._errands.until(self._captive, deadline)

    def sessions(self, deadline: float) -> "tuple[tuple[SessionEvent, ...], tuple[AgentFailure, ...]]":
        """Return the events of private access, and what was wrong with its log."""
        return self._errands.until(self._sessions, deadline) or ((), ())
