"""The application as the web check met it: does it work, and what did it do, in a sentence."""

from agent.views.escape import escape
from agent.views.words import FAILURES, milliseconds
from probes.failure import Failure
from probes.sample import Sample
from probes.web_facts import WebCheck


def application_works(web: WebCheck) -> bool:
    """Return whether a person who opens the web address gets what is there."""
    from agent.views.web_words import is_problem  # noqa: PLC0415 - only where the web was asked

    answered = web.status is not None and not is_problem(web.status)
    return answered and web.failure is None and web.redirect_problem is None


def application_words(sample: Sample, web: WebCheck) -> str:
    """Return what the application did, as a sentence with a full stop."""
    from agent.views.web_words import (  # noqa: PLC0415 - only where the web was asked
        REDIRECT_PROBLEMS,
        answer_words,
        answered,
        at_proxy,
        by_proxy,
        certificate_problem,
        exchange_failure,
        is_problem,
        took_us,
    )

    last = web.exchanges[-1] if web.exchanges else None
    invalid = certificate_problem(last) if last else None
    status = answered(last) if last else web.status
    if invalid:
        return f"This machine does not accept the certificate of {escape(sample.target.host)}: {invalid}."
    if web.redirect_problem:
        return f"The application leads nowhere: {REDIRECT_PROBLEMS[web.redirect_problem]}."
    if last and status is not None and by_proxy(last):
        return f"The proxy {answer_words(status)} in place of {escape(sample.target.host)}."
    if status is not None:
        took = sum(took_us(exchange) or 0 for exchange in web.exchanges)
        within = f" in {milliseconds(took)} ms" if took and not is_problem(status) else ""
        return f"The application {answer_words(status)}{within}."
    why = exchange_failure(last) if last else FAILURES[web.failure] if web.failure else "nobody asked"
    what = "does not answer" if web.failure is Failure.TIMED_OUT else "cannot be used"
    return f"The {'proxy' if last and at_proxy(last) else 'application'} {what}: {why}."
