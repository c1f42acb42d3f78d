"""What the target's web address answered, and who it was that answered (CP-05)."""

from itertools import pairwise
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from probes.facts import Protocol
from probes.failure import Failure
from probes.web_facts import RedirectProblem, Speaker, WebCheck, WebExchange
from rules.proposition import Finding, either, false, proposition, true, unknown

if TYPE_CHECKING:
    from rules.evidence.scene import Scene


# What the host says of the URL itself (RFC 9110 sections 15.5.1 to 15.5.20), in words for people.
_WRONG_URL: Final = {
    400: "the request for this URL makes no sense to it",
    404: "there is nothing at this URL",
    405: "this URL cannot be read with a plain GET",
    410: "what was at this URL is gone for good",
    414: "the URL is longer than it accepts",
    421: "it does not serve this host name",
}
_NO_URL: Final = "the target is no web address"
_NOT_ASKED: Final = "the web address was not asked for"
# A URL is quoted only as far as it tells which one is meant.
_LONGEST_QUOTED: Final = 120


def _asked(scene: "Scene") -> "tuple[WebCheck, WebExchange, str] | Finding":
    """Return the check, its last exchange and the pointer to that; or why there is none."""
    check = scene.sample.web
    if scene.sample.target.url is None:
        return false(_NO_URL)
    if check is None or not check.exchanges:
        return unknown(_NOT_ASKED)
    last = check.exchanges[-1]
    if last.failure is Failure.ABORTED:
        return unknown("the check of the web address was cut short", "/web")
    return check, last, f"/web/exchanges/{len(check.exchanges) - 1}"


def _quoted(url: str) -> str:
    return url if len(url) <= _LONGEST_QUOTED else f"{url[:_LONGEST_QUOTED]}..."


@proposition("web.status_blames_url", "The last answer says that the URL is wrong: 400, 404, 405, 410, 414 or 421.")
def _status_blames_url(scene: "Scene") -> Finding:
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    _, last, fact = asked
    if last.status is None:
        return false("no status came", fact)
    if last.status in _WRONG_URL:
        return true(f"{_quoted(last.url)} was answered with status {last.status}: {_WRONG_URL[last.status]}", fact)
    return false(f"status {last.status} does not say that the URL is wrong", fact)


@proposition("web.answered_by_origin", "The last answer is the web server's own, and no proxy's in its place.")
def _answered_by_origin(scene: "Scene") -> Finding:
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    _, last, fact = asked
    if last.answered_by is None:
        missing = "nothing tells whether the proxy or the server answered" if last.status else "nobody answered"
        return unknown(missing, fact)
    return either(last.answered_by is Speaker.ORIGIN, f"the answer is the {last.answered_by}'s own", fact)


@proposition("web.led_to_another_host", "The last answer came from another host, to which a redirect led.")
def _led_to_another_host(scene: "Scene") -> Finding:
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    check, last, fact = asked
    first, final = urlsplit(check.url).hostname, urlsplit(last.url).hostname
    return either(first != final, f"{final} answered", fact)


@proposition("web.tls_intercepted", "Somebody whom this host trusts, and the public does not, vouches for the address.")
def _tls_intercepted(scene: "Scene") -> Finding:
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    found = asked[0].interception
    if found is None:
        return false("nothing shows that TLS was opened on the way", "/web")
    return true(found.evidence, "/web/interception")


@proposition(
    "web.others_may_answer", "Somebody on the way answers TCP for others, and no certificate shows who answered here."
)
def _others_may_answer(scene: "Scene") -> Finding:
    box = scene.sample.middlebox
    if box is None or box.protocol is not Protocol.TCP:
        return false("nobody was found to answer TCP for others")
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    _, last, fact = asked
    if last.tls is not None and last.tls.verified:
        return false("the server showed a certificate that holds", fact)
    return true(f"{box.address} answers TCP for {box.target}", "/middlebox", fact)


def _of_one_owner(one: str, other: str) -> bool:
    """Return whether one name is the other or below it, as `www.example.com` is below `example.com`."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


@proposition(
    "web.led_away_in_the_clear",
    "A redirect in plain HTTP led to another host, as sign-in pages of networks do, and no check rules these out.",
)
def _led_away_in_the_clear(scene: "Scene") -> Finding:
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    exchanges = asked[0].exchanges
    for index, (one, following) in enumerate(pairwise(exchanges)):
        here, there = urlsplit(one.url), urlsplit(following.url)
        if here.scheme == "http" and not _of_one_owner(here.hostname or "", there.hostname or ""):
            fact = f"/web/exchanges/{index}"
            if scene.sample.captive_portal is not None and scene.sample.captive_portal.detected is False:
                return false("a check found that the network wants no sign-in", fact, "/captive_portal")
            return true(f"{_quoted(one.url)} leads to {there.hostname}, and nothing shows who said so", fact)
    return false("no redirect in plain HTTP led to another host", "/web")


# --- redirects --------------------------------------------------------------------------------------------------------


def _redirect(scene: "Scene", wanted: frozenset[RedirectProblem], words: str) -> Finding:
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    check, last, fact = asked
    if check.redirect_problem not in wanted:
        return false("its redirects do not end so" if len(check.exchanges) > 1 else "there is no such redirect", fact)
    return true(words.format(url=_quoted(last.url), location=_quoted(last.location or "")), fact)


@proposition("web.redirect_loop", "The redirects lead back to where they have been.")
def _redirect_loop(scene: "Scene") -> Finding:
    return _redirect(scene, frozenset({RedirectProblem.LOOP}), "{url} leads back to {location}")


@proposition("web.redirects_endless", "The redirects did not end after ten of them.")
def _redirects_endless(scene: "Scene") -> Finding:
    return _redirect(scene, frozenset({RedirectProblem.TOO_MANY}), "after ten redirects {url} leads on to {location}")


@proposition("web.redirect_unusable", "A redirect leads to something that is no http or https URL.")
def _redirect_unusable(scene: "Scene") -> Finding:
    unusable = frozenset({RedirectProblem.UNPARSABLE, RedirectProblem.OTHER_SCHEME})
    return _redirect(scene, unusable, "{url} leads to {location!r}")


# --- the scheme -------------------------------------------------------------------------------------------------------


def _scheme(scene: "Scene", wanted: Failure, words: str) -> Finding:
    asked = _asked(scene)
    if isinstance(asked, Finding):
        return asked
    _, last, fact = asked
    if last.failure is not wanted:
        return false("the scheme is not shown to be the wrong one", fact)
    return true(words.format(port=urlsplit(last.url).port or ("443" if last.url.startswith("https:") else "80")), fact)


@proposition("web.plain_http_behind_https", "The URL says https, and its port speaks plain HTTP.")
def _plain_http_behind_https(scene: "Scene") -> Finding:
    return _scheme(scene, Failure.PLAIN_HTTP, "port {port} speaks plain HTTP")


@proposition("web.tls_behind_http", "The URL says http, and its port wants TLS.")
def _tls_behind_http(scene: "Scene") -> Finding:
    return _scheme(scene, Failure.TLS_EXPECTED, "port {port} wants TLS")
