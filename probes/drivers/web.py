"""The check of a web address: exchange after exchange along its redirects; and the check for a captive portal."""

from __future__ import annotations

from probes.captive import CAPTIVE_BODY_OCTETS, judged
from probes.drivers.trust import Trust
from probes.drivers.web_cookies import Cookies
from probes.drivers.web_exchange import Exchange, Means
from probes.drivers.web_stream import Patience
from probes.failure import Failure
from probes.proxy import NO_PROXY
from probes.web_check import MOST_REDIRECTS, WebAsked, followed, place_of, redirects
from probes.web_facts import CaptivePortal, RedirectProblem, WebCheck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.clock import Clock
    from probes.name_facts import DnsCheck
    from probes.web_check import Place
    from probes.web_facts import TlsInterception, WebExchange


# A portal is near; whoever waits for it longer delays the verdict.
CAPTIVE_TIMEOUT_S: Final = 2.0


def _never() -> bool:
    return False


def check_web(
    asked: WebAsked, *, clock: Clock, resolve: Callable[[str], DnsCheck], stop: Callable[[], bool] = _never
) -> WebCheck:
    """Return what a web address answers, step by step along its redirects; takes up to `asked.timeout_s`.

    Args:
        asked: What to ask for.
        clock: The clock.
        resolve: Looks up a name that `asked` does not know the addresses of: of the proxy, or of a redirect's host.
        stop: Asked often; once True, the check ends with what it has.
    """
    began = clock.monotonic()
    place = place_of(asked.url)
    if place is None:
        return WebCheck(url=asked.url, failure=Failure.INVALID_SETTING)
    means = Means(
        asked=asked, patience=Patience(clock, asked.timeout_s, stop), trust=Trust(asked.ca_file), resolve=resolve
    )
    chain = _Chain(means)
    chain.follow(place)
    last = chain.exchanges[-1]
    return WebCheck(
        url=asked.url,
        exchanges=tuple(chain.exchanges),
        status=last.status,
        failure=last.failure,
        redirect_problem=chain.problem,
        interception=chain.interception,
        duration_us=round((clock.monotonic() - began) * 1_000_000),
    )


class _Chain:
    """The exchanges so far, and why they led nowhere."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._cookies = Cookies()
        self._seen: set[tuple[str, str | None]] = set()
        self.exchanges: list[WebExchange] = []
        self.problem: RedirectProblem | None = None
        self.interception: TlsInterception | None = None

    def follow(self, start: Place) -> None:
        """Make every exchange from a place on."""
        place: Place | None = start
        while place is not None:
            place = self._next(place)

    def _next(self, place: Place) -> Place | None:
        """Make the exchange of a place, and return where it leads, None where it ends."""
        cookie = self._cookies.header_for(place.url)
        self._seen.add((place.url, cookie))
        exchange = Exchange(place, self._means, cookie=cookie)
        self.exchanges.append(exchange.run())
        self.interception = self.interception or exchange.interception
        response = exchange.response
        location = None if response is None else response.headers.get("location")
        if response is None or location is None or not redirects(response.status):
            return None
        self._cookies.keep(place.url, response.values("set-cookie"))
        return self._checked(followed(place, location))

    def _checked(self, place: Place | RedirectProblem) -> Place | None:
        """Return where to go on, None and the problem where the redirect leads nowhere."""
        if isinstance(place, RedirectProblem):
            self.problem = place
        elif (place.url, self._cookies.header_for(place.url)) in self._seen:
            # With another cookie the same URL is another question.
            self.problem = RedirectProblem.LOOP
        elif len(self.exchanges) > MOST_REDIRECTS:
            self.problem = RedirectProblem.TOO_MANY
        else:
            return place
        return None


def check_captive(
    url: str,
    *,
    clock: Clock,
    resolve: Callable[[str], DnsCheck],
    source: str | None = None,
    interface: str | None = None,
    user_agent: str = "cloudpath-agent",
    timeout_s: float = CAPTIVE_TIMEOUT_S,
) -> CaptivePortal:
    """Return whether the network wants a person to sign in first: one request, past any proxy, no redirect followed.

    Args:
        url: An address that answers 204 where nothing is in the way, or one of the well-known ones of browsers.
        clock: The clock.
        resolve: Looks up the URL's host.
        source: The address to send from.
        interface: The interface to send by.
        user_agent: What the request says of who asks.
        timeout_s: How long it may take.
    """
    place = place_of(url)
    if place is None:
        return CaptivePortal(url=url, failure=Failure.INVALID_SETTING)
    asked = WebAsked(url=url, proxy=NO_PROXY, source=source, interface=interface, user_agent=user_agent)
    means = Means(asked=asked, patience=Patience(clock, timeout_s, _never), trust=Trust(asked.ca_file), resolve=resolve)
    exchange = Exchange(place, means, body_limit=CAPTIVE_BODY_OCTETS)
    fact = exchange.run()
    response = exchange.response
    if response is None:
        return CaptivePortal(url=url, failure=fact.failure, duration_us=fact.duration_us)
    return judged(place, response.status, response.headers, response.body, fact.duration_us)
