"""Metrics, read back by the parsers of Prometheus's own client, and the words that every name of one has to have."""

import re

import pytest
from prometheus_client.samples import Sample

from agent.daemon.exposition import ExpositionForm, Type, exposition, form_for
from agent.daemon.metrics import metrics_of
from agent.daemon.process_facts import read_process_facts
from probes.frozen import replace
from tests.unit.daemon.client_parsers import families_in
from tests.unit.daemon.pictures import HOSTILE, PROCESS, SERVICE

UNIX_S = 1_700_000_000.0
METRICS = metrics_of(SERVICE, PROCESS, UNIX_S)


def read_back(form: ExpositionForm) -> list[Sample]:
    return [sample for family in families_in(exposition(METRICS, form), form) for sample in family.samples]


@pytest.mark.parametrize("form", ExpositionForm)
def test_what_is_written_is_what_is_read(form: ExpositionForm) -> None:
    wanted = [
        (metric.sample_name, dict(point.labels), float(point.value)) for metric in METRICS for point in metric.points
    ]
    assert [(sample.name, sample.labels, sample.value) for sample in read_back(form)] == wanted


@pytest.mark.parametrize("form", ExpositionForm)
def test_every_metric_says_its_type_and_what_it_is(form: ExpositionForm) -> None:
    families = {family.name: family for family in families_in(exposition(METRICS, form), form)}
    for metric in METRICS:
        is_gauge = metric.type is Type.INFO and form is ExpositionForm.TEXT
        family = families[metric.sample_name if is_gauge else metric.name]
        assert (family.type, family.documentation) == ("gauge" if is_gauge else metric.type, metric.help)


def values() -> dict[tuple[str, ...], float]:
    return {(sample.name, *sample.labels.values()): sample.value for sample in read_back(ExpositionForm.TEXT)}


def test_the_numbers_are_those_of_the_service() -> None:
    told = values()
    expected = {
        ("cloudpath_build_info", "0.5.0", "3.11.2"): 1,
        # The store takes nothing.
        ("cloudpath_ready",): 0,
        ("cloudpath_loop_age_seconds",): 2.0,
        ("cloudpath_samples_stuck",): 1,
        ("cloudpath_network_changes_total", "link"): 2,
        ("cloudpath_network_changes_total", "tunnel"): 0,
        ("cloudpath_config_reloads_total", "refused"): 1,
        ("cloudpath_config_last_reload_successful",): 0,
        ("cloudpath_samples_total", "crm", "ok"): 3,
        ("cloudpath_samples_total", "crm", "warning"): 0,
        ("cloudpath_sample_status", "crm", "critical"): 1,
        ("cloudpath_sample_status", "crm", "ok"): 0,
        ("cloudpath_sample_error", "crm", "CP-02"): 1,
        ("cloudpath_sample_errors_total", "crm", "CP-05"): 1,
        ("cloudpath_sample_timestamp_seconds", "crm"): UNIX_S - 10.0,
        ("cloudpath_sample_rtt_seconds", "crm"): 0.0125,
        ("cloudpath_sample_loss_ratio", "crm"): 0.5,
        ("cloudpath_rounds_skipped_total", "crm"): 2,
        ("cloudpath_sink_info", "collector", "http"): 1,
        ("cloudpath_sink_up", "collector"): 0,
        ("cloudpath_sink_pending_entries", "collector"): 7,
        ("cloudpath_sink_parked_entries", "collector"): 2,
        ("cloudpath_sink_dropped_entries_total", "collector"): 1,
        ("cloudpath_store_up",): 0,
        ("cloudpath_store_shed_entries_total",): 4,
        ("process_resident_memory_bytes",): 45_000_000,
    }
    assert {key: told.get(key) for key in expected} == expected


def test_what_was_not_measured_is_not_there() -> None:
    """Never 0 for no answer: a delay that nobody measured is undefined (RFC 2681)."""
    for name in ("duration_seconds", "timestamp_seconds", "rtt_seconds", "loss_ratio"):
        assert (f"cloudpath_sample_{name}", HOSTILE) not in values()
    assert values()["cloudpath_samples_total", HOSTILE, "ok"] == 0


def test_names_follow_the_rules_of_the_field() -> None:
    """Base units, `_total` for what only grows and for nothing else: prometheus.io/docs/practices/naming."""
    names = [metric.sample_name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert re.fullmatch(r"(cloudpath|process)(_[a-z]+)+", metric.name)
        assert not re.search(r"_(total|info|ms|us|milli|micro|kb|mb|percent|minutes)(_|$)", metric.name)
        assert metric.help.endswith(".")
        assert "\n" not in metric.help


def test_no_label_can_grow_without_end() -> None:
    labels = {label for metric in METRICS for point in metric.points for label, _ in point.labels}
    bounded = {"target", "route", "protocol", "status", "code", "sink", "type", "kind", "result"}
    assert labels == bounded | {"version", "python_version"}


def test_nothing_at_all_is_whole_too() -> None:
    assert exposition((), ExpositionForm.TEXT) == ""
    assert families_in(exposition((), ExpositionForm.OPEN_METRICS), ExpositionForm.OPEN_METRICS) == []


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", ExpositionForm.TEXT),
        ("*/*", ExpositionForm.TEXT),
        ("text/html", ExpositionForm.TEXT),
        ("application/openmetrics-text", ExpositionForm.OPEN_METRICS),
        ("application/openmetrics-text;q=nonsense", ExpositionForm.TEXT),
        ("application/openmetrics-text;q=0", ExpositionForm.TEXT),
        ("text/plain;q=0.5, application/OpenMetrics-Text; version=1.0.0; q=0.3", ExpositionForm.TEXT),
        # What Prometheus 2.42 sends.
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            ExpositionForm.OPEN_METRICS,
        ),
    ],
)
def test_the_form_is_the_one_that_is_asked_for(accept: str, form: ExpositionForm) -> None:
    assert form_for(accept) is form


def test_this_process_is_read_as_it_is() -> None:
    facts = read_process_facts()
    assert facts.cpu_s > 0
    assert facts.resident_bytes > 1_000_000
    assert facts.virtual_bytes > facts.resident_bytes
    assert facts.threads >= 1
    assert facts.descriptors >= 3
    assert metrics_of(SERVICE, replace(facts, most_descriptors=None), UNIX_S)
