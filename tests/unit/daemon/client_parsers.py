"""What Prometheus's own client reads in a text."""

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.daemon.exposition import ExpositionForm


def families_in(text: str, form: ExpositionForm) -> list[Metric]:
    """Return what the client's parser of a form makes of a text."""
    parse = parse_open_metrics if form is ExpositionForm.OPEN_METRICS else parse_text
    return list(parse(text))
