"""The bottom line: in a sentence or two, is it the network, the proxy, the DNS, the application, or nothing at all."""

from agent.views.application import application_words, application_works
from agent.views.blame import blame_words, sign_in_words
from agent.views.prose import marked, wrapped
from agent.views.style import Style
from agent.views.summary import outcome, path_outcome
from probes.frozen import frozen_positional
from probes.sample import Sample
from probes.web_facts import WebCheck
from rules.diagnosis import Diagnosis, FiredError, Severity, Status


@frozen_positional
class BottomLine:
    """What a person wants to know first; `good` if there is nothing to do."""

    good: bool
    text: str


def bottom_line(sample: Sample, diagnosis: Diagnosis) -> BottomLine:
    """Return whose fault it is, from the verdict and the facts alone; ends in a full stop."""
    if diagnosis.status is Status.DISCARDED:
        return BottomLine(False, "The network changed meanwhile: this sample tells nothing of the path. Measure again.")
    grave = gravest(diagnosis)
    if grave is not None:
        return BottomLine(False, blame_words(sample, grave))
    portal = sample.captive_portal
    # Who gets what he came for needs no sign-in: then the check's own address is odd.
    if portal and portal.detected and not (sample.web and application_works(sample.web)):
        return BottomLine(False, sign_in_words(portal.portal))
    if sample.web is not None:
        return _of_application(sample, sample.web)
    path = outcome(sample)
    if not path.good:
        return BottomLine(False, f"No documented error, but {path.text}")
    return BottomLine(
        True, f"None of this needs action: {path.text}" if diagnosis.errors else f"No errors: {path.text}"
    )


def bottom_line_lines(line: BottomLine, diagnosis: Diagnosis, style: Style) -> list[str]:
    """Return a bottom line wrapped, behind the mark of health or of the gravest error; else it has none."""
    grave = gravest(diagnosis)
    if grave is None and not line.good:
        return wrapped(line.text, style)
    return marked(grave.severity if grave else None, line.text, style)


def gravest(diagnosis: Diagnosis) -> FiredError | None:
    """Return the first of the gravest errors, None where none is more than information."""
    grave = [error for error in diagnosis.errors if error.severity is not Severity.INFO]
    return max(grave, key=lambda error: list(Severity).index(error.severity), default=None)


# --- the application --------------------------------------------------------------------------------------------------


def _of_application(sample: Sample, web: WebCheck) -> BottomLine:
    """Return what the application's answer and the path say together."""
    said, proxied = application_words(sample, web), _answered_by_proxy(web)
    path = path_outcome(sample) if proxied else outcome(sample)
    if application_works(web):
        return BottomLine(path.good, f"No errors: {path.text} {said}" if path.good else f"{said[:-1]}, but {path.text}")
    if path.good:
        return BottomLine(False, f"The network is fine{' as far as the proxy' if proxied else ''}: {path.text} {said}")
    # Where nobody answered, the path says why.
    return BottomLine(False, f"No documented error, but {path.text} {said if web.status else ''}".rstrip())


def _answered_by_proxy(web: WebCheck) -> bool:
    from agent.views.web_words import by_proxy  # noqa: PLC0415 - only where the web was asked

    return bool(web.exchanges) and by_proxy(web.exchanges[-1])
