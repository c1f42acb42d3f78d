"""The web in words: the steps of an exchange, what a status means, where redirects led, whose certificate it is."""

from collections.abc import Sequence
from typing import Final

from agent.views.escape import escape, escape_text
from agent.views.style import Style
from agent.views.words import FAILURES, counted, milliseconds
from probes.web_facts import ProxyStatus, RedirectProblem, Speaker, TlsSession, WebCheck, WebExchange, WebPhase, WebStep

# A URL is quoted in a sentence only as far as it tells who is meant.
_LONGEST_URL: Final = 80
_MOST_REDIRECTS: Final = 3

PHASES: Final[dict[WebPhase, str]] = {
    WebPhase.RESOLVE: "resolve",
    WebPhase.CONNECT: "connect",
    WebPhase.PROXY_TLS: "TLS to the proxy",
    WebPhase.PROXY_CONNECT: "CONNECT",
    WebPhase.TLS: "TLS",
    WebPhase.REQUEST: "request",
}

REDIRECT_PROBLEMS: Final[dict[RedirectProblem, str]] = {
    RedirectProblem.LOOP: "its redirects go round in a circle",
    RedirectProblem.TOO_MANY: "it redirects again and again",
    RedirectProblem.UNPARSABLE: "it redirects to something that is no web address",
    RedirectProblem.OTHER_SCHEME: "it redirects to an address that is neither http nor https",
}

# Steps that only concern the proxy itself.
_BEFORE_THE_PROXY: Final = frozenset({WebPhase.RESOLVE, WebPhase.CONNECT, WebPhase.PROXY_TLS, WebPhase.PROXY_CONNECT})

# What a status means for the person who asked, where its own phrase does not say it (RFC 9110 section 15, RFC 6585).
_STATUS_SENTENCES: Final[dict[int, str]] = {
    401: "asks for a sign-in",
    403: "refuses access",
    407: "asks for a sign-in",
    429: "limits how often it may be asked",
}
_FIRST_PROBLEM: Final = 400
_FIRST_NOT_SUCCESS: Final = 300


def status_words(status: int) -> str:
    """Return `503 Service Unavailable`, or the number alone where it has no phrase."""
    from http import HTTPStatus  # noqa: PLC0415 - only who saw a web answer needs the phrases

    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def answer_words(status: int) -> str:
    """Return what he does who answers so: `answers 503 Service Unavailable`, `refuses access (403 Forbidden)`."""
    said = _STATUS_SENTENCES.get(status)
    return f"{said} ({status_words(status)})" if said else f"answers {status_words(status)}"


def is_problem(status: int) -> bool:
    """Return whether a person who asked for a page would not have got one."""
    return status >= _FIRST_PROBLEM


def steps_words(steps: Sequence[WebStep], style: Style) -> str:
    """Return `resolve 1.90 → connect 12.4 → TLS 25.0 → request 31.0 ms`."""
    timed = [_timed(step) for step in steps]
    unit = " ms" if steps and steps[-1].duration_us is not None else ""
    return f" {style.symbols.then} ".join(timed) + unit


def _timed(step: WebStep) -> str:
    return PHASES[step.phase] if step.duration_us is None else f"{PHASES[step.phase]} {milliseconds(step.duration_us)}"


def failed_words(step: WebStep) -> str:
    """Return why a step failed: what is known in general, or the words of whoever noticed."""
    if step.detail:
        return escape_text(step.detail).rstrip(".")
    return FAILURES[step.failure] if step.failure else "no reason known"


def web_lines(check: WebCheck, style: Style) -> list[str]:
    """Return each exchange in a line: redirects with where they lead, the last one with its steps and status."""
    if not check.exchanges:
        return [FAILURES[check.failure]] if check.failure else []
    *redirects, last = check.exchanges
    lines = [_redirect(exchange, style) for exchange in redirects[:_MOST_REDIRECTS]]
    if len(redirects) > _MOST_REDIRECTS:
        lines.append(counted(len(redirects) - _MOST_REDIRECTS, "more redirect"))
    return [*lines, _last(check, last, style)]


def _redirect(exchange: WebExchange, style: Style) -> str:
    status = "" if exchange.status is None else f"{status_words(exchange.status)} "
    each = took_us(exchange)
    took = "" if each is None else f" ({milliseconds(each)} ms)"
    return f"{status}{style.symbols.then} {escape(exchange.location or '', _LONGEST_URL)}{took}"


def _last(check: WebCheck, exchange: WebExchange, style: Style) -> str:
    """Return `200 OK in 70.4 ms: resolve 1.90 → ...`, or why there was no answer before the same."""
    said = exchange_failure(exchange) if answered(exchange) is None else _answer(exchange)
    if check.redirect_problem:
        said = f"{said}, and {REDIRECT_PROBLEMS[check.redirect_problem]}"
    steps = steps_words(exchange.steps, style)
    return f"{said}: {steps}" if steps else said


def answered(exchange: WebExchange) -> int | None:
    """Return the status of whoever answered: of the request, or of a CONNECT that was refused (RFC 9110 9.3.6)."""
    refused = exchange.connect_status is not None and exchange.connect_status >= _FIRST_NOT_SUCCESS
    return exchange.connect_status if exchange.status is None and refused else exchange.status


def by_proxy(exchange: WebExchange) -> bool:
    """Return whether that was the proxy's own answer."""
    return exchange.answered_by is Speaker.PROXY or (exchange.status is None and answered(exchange) is not None)


def at_proxy(exchange: WebExchange) -> bool:
    """Return whether an exchange ended before the proxy had anything to answer."""
    failed = next((step.phase for step in exchange.steps if step.failure), None)
    return exchange.through_proxy and failed in _BEFORE_THE_PROXY


def _answer(exchange: WebExchange) -> str:
    status = status_words(answered(exchange) or 0)
    who = " from the proxy" if by_proxy(exchange) else ""
    took = took_us(exchange)
    return f"{status}{who}" + ("" if took is None else f" in {milliseconds(took)} ms")


def took_us(exchange: WebExchange) -> int | None:
    """Return how long the steps of an exchange took together, the look-up included, whoever made that; else all of it.

    What lies between the steps is this program's own time.
    """
    timed = [step.duration_us for step in exchange.steps if step.duration_us is not None]
    return sum(timed) if timed else exchange.duration_us


def exchange_failure(exchange: WebExchange) -> str:
    """Return at which step an exchange ended, and why: `TLS failed (certificate has expired)`."""
    failed = next((step for step in exchange.steps if step.failure), None)
    if failed:
        return f"{PHASES[failed.phase]} failed ({failed_words(failed)})"
    return FAILURES[exchange.failure] if exchange.failure else "no answer"


def proxy_status_words(status: ProxyStatus) -> str:
    """Return what a proxy says went wrong behind it (RFC 9209): `cache.example: dns_timeout (no such zone)`."""
    more = [escape(status.next_hop)] if status.next_hop else []
    more += [status_words(status.received_status)] if status.received_status else []
    more += [escape_text(status.details)] if status.details else []
    error = escape(status.error).replace("_", " ") if status.error else "no error of its own"
    return f"{escape(status.proxy)}: {error}" + (f" ({', '.join(more)})" if more else "")


def certificate_problem(exchange: WebExchange) -> str | None:
    """Return why the certificate that an origin showed does not hold, None where it does or nobody knows."""
    tls = exchange.tls
    if tls is None or tls.verified is not False:
        return None
    return escape_text(tls.verify_error).rstrip(".") if tls.verify_error else "it could not be verified"


def certificate_words(tls: TlsSession) -> str:
    """Return whose certificate it is: `for CN=crm.example.com, by CN=Example CA, valid until 2026-03-01T00:00:00Z`."""
    parts = [
        f"{word} {escape(value)}"
        for word, value in (("for", tls.subject), ("by", tls.issuer), ("valid until", tls.not_after))
        if value
    ]
    return ", ".join(parts)
