"""What a web address answered: each exchange step by step, whose certificate it showed, and the verdict."""

from typing import Final

from agent.views.application import application_words, application_works
from agent.views.bottom_line import BottomLine, bottom_line_lines, gravest
from agent.views.bottom_line import bottom_line as verdict_of
from agent.views.diagnosis_view import error_lines, explanation_lines
from agent.views.escape import escape, escape_text
from agent.views.listing import listing
from agent.views.prose import wrapped
from agent.views.side_notes import side_notes
from agent.views.style import Paint, Style
from agent.views.web_words import PHASES, certificate_words, failed_words, status_words
from agent.views.words import milliseconds
from probes.sample import Sample
from probes.web_facts import Speaker, WebExchange, WebPhase, WebStep
from rules.diagnosis import Diagnosis, Status

_HEADERS: Final = ("Step", "ms", "Result")
_FIGURES: Final = frozenset({1})
_INDENT: Final = 2
_LONGEST_URL: Final = 400


def web_view(sample: Sample, diagnosis: Diagnosis, style: Style, *, explain: bool = False) -> str:
    """Return the exchanges, what is worth a note, the errors and the bottom line, ending in a line break.

    Args:
        sample: The facts, without any leg.
        diagnosis: What the rules made of them.
        style: Width, colour, characters.
        explain: Also the evidence, and what was considered and dropped.
    """
    exchanges = sample.web.exchanges if sample.web is not None else ()
    notes = [line for note in side_notes(sample) for line in wrapped(note, style)]
    sections = [*(_exchange(exchange, style) for exchange in exchanges), notes]
    sections.append(error_lines(sample, diagnosis, style, full=explain))
    if explain:
        sections.append(explanation_lines(diagnosis, style))
    sections.append(bottom_line_lines(_bottom_line(sample, diagnosis), diagnosis, style))
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _exchange(exchange: WebExchange, style: Style) -> list[str]:
    """Return the request in a line, its steps as rows, and below them what was answered."""
    heading = f"{escape(exchange.method)} {escape(exchange.url, _LONGEST_URL)}"
    lines = [style.paint(line, Paint.HEAD) for line in wrapped(heading, style, hanging=_INDENT)]
    lines += listing(_HEADERS, [_row(exchange, step) for step in exchange.steps], style, right=_FIGURES)
    if exchange.status is not None and exchange.location is not None:
        lead = f"It leads to {escape(exchange.location, _LONGEST_URL)}"
        lines += wrapped(lead, style, hanging=_INDENT)
    return lines


def _row(exchange: WebExchange, step: WebStep) -> tuple[str, str, str]:
    took = "-" if step.duration_us is None else milliseconds(step.duration_us)
    if step.failure is not None:
        return PHASES[step.phase], took, f"failed: {failed_words(step)}"
    said = _RESULTS[step.phase](exchange)
    return PHASES[step.phase], took, f"{said} ({escape_text(step.detail)})" if step.detail else said


def _connected(exchange: WebExchange) -> str:
    who = "the proxy " if exchange.through_proxy else ""
    return f"{who}{escape(exchange.address or '?')} port {exchange.port}"


def _proxy_secured(exchange: WebExchange) -> str:
    return certificate_words(exchange.proxy_tls) if exchange.proxy_tls else "-"


def _secured(exchange: WebExchange) -> str:
    tls = exchange.tls
    if tls is None:
        return "-"
    parts = [escape(tls.version or ""), certificate_words(tls)]
    return ", ".join(part for part in parts if part)


def _answered(exchange: WebExchange) -> str:
    status = "no status" if exchange.status is None else status_words(exchange.status)
    version = f"HTTP/{escape(exchange.http_version)} " if exchange.http_version else ""
    server = f", {escape(exchange.server)}" if exchange.server else ""
    who = ", from the proxy" if exchange.answered_by is Speaker.PROXY else ""
    return f"{version}{status}{server}{who}"


_RESULTS: Final = {
    WebPhase.RESOLVE: lambda exchange: "the proxy's name" if exchange.through_proxy else "",
    WebPhase.CONNECT: _connected,
    WebPhase.PROXY_TLS: _proxy_secured,
    WebPhase.PROXY_CONNECT: lambda exchange: f"status {exchange.connect_status}",
    WebPhase.TLS: _secured,
    WebPhase.REQUEST: _answered,
}


def _bottom_line(sample: Sample, diagnosis: Diagnosis) -> BottomLine:
    """Return whose fault it is; where it is nobody's, what the address answered, for no path was looked at."""
    portal = sample.captive_portal is not None and sample.captive_portal.detected
    if diagnosis.status is Status.DISCARDED or gravest(diagnosis) is not None or portal or sample.web is None:
        return verdict_of(sample, diagnosis)
    return BottomLine(application_works(sample.web), application_words(sample, sample.web))
