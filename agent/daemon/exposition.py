r"""Metrics as text, in both of the forms that scrapers read. Pure.

A writer of our own: importing prometheus_client takes 6 MB of the 45 that the idle service has, for what are three
kinds of metric here. Its parsers judge every line of this one in the tests (docs/adr/0037).

Source: Prometheus exposition format 0.0.4; OpenMetrics 1.0.0.
"""

from __future__ import annotations

from probes.frozen import frozen, frozen_positional
from probes.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final


class Type(Word):
    """What a number means: a `counter` only grows, a `gauge` goes up and down, an `info` is 1 and says it in labels."""

    COUNTER = "counter"
    GAUGE = "gauge"
    INFO = "info"


class ExpositionForm(Word):
    """The forms of the text, by media type."""

    TEXT = "text/plain"
    OPEN_METRICS = "application/openmetrics-text"


MEDIA_TYPES: Final = {
    ExpositionForm.TEXT: "text/plain; version=0.0.4; charset=utf-8",
    ExpositionForm.OPEN_METRICS: "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
# What the name of each sample of a type ends with.
_SUFFIXES: Final = {Type.COUNTER: "_total", Type.INFO: "_info", Type.GAUGE: ""}


@frozen_positional
class Point:
    """One number of a metric, a truth as 1 or 0, and the labels that tell it from the others."""

    value: float
    labels: tuple[tuple[str, str], ...] = ()


@frozen
class Metric:
    """One metric: `name` without the suffix of its type, `help` one sentence, its unit at the end of the name."""

    name: str
    type: Type
    help: str
    points: tuple[Point, ...]

    @property
    def sample_name(self) -> str:
        """Return the name that its samples have, which is what people look for."""
        return self.name + _SUFFIXES[self.type]


def exposition(metrics: Iterable[Metric], form: ExpositionForm) -> str:
    """Return metrics as text; what has no numbers is left out."""
    lines = [line for metric in metrics if metric.points for line in _lines(metric, form)]
    if form is ExpositionForm.OPEN_METRICS:
        lines.append("# EOF")
    return "\n".join([*lines, ""])


def form_for(accept: str) -> ExpositionForm:
    """Return the form that an Accept header prefers: plain text, unless OpenMetrics is asked for by name.

    Source: RFC 9110 section 12.5.1.
    """
    wanted = {ExpositionForm.TEXT: 0.0, ExpositionForm.OPEN_METRICS: 0.0}
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        for form in ExpositionForm:
            if media_type == form:
                wanted[form] = max(wanted[form], _quality(parameters))
    best = ExpositionForm.OPEN_METRICS
    return best if wanted[best] > wanted[ExpositionForm.TEXT] else ExpositionForm.TEXT


def _quality(parameters: list[str]) -> float:
    """Return how much a media type is wanted, 0 to 1; what cannot be read is not wanted."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _lines(metric: Metric, form: ExpositionForm) -> Iterator[str]:
    """Yield the lines of one metric; plain text has no infos, and calls a metric as its samples are called."""
    is_open = form is ExpositionForm.OPEN_METRICS
    name = metric.name if is_open else metric.sample_name
    kind = Type.GAUGE if metric.type is Type.INFO and not is_open else metric.type
    yield f"# HELP {name} {metric.help}"
    yield f"# TYPE {name} {kind}"
    sample = metric.sample_name
    for point in metric.points:
        labels = ",".join([f'{label}="{_escaped(value)}"' for label, value in point.labels])
        value = int(point.value) if isinstance(point.value, bool) else point.value
        yield f"{sample}{{{labels}}} {value!r}" if labels else f"{sample} {value!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
