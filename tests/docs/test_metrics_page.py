"""docs/metrics.md: every metric with its type and labels, and alerts that ask for metrics that there are."""

import re
from pathlib import Path

import pytest
import yaml

from agent.daemon.metrics import metrics_of
from agent.daemon.pages import Pages
from agent.pages.page import Request
from probes.host_facts import ChangeKind
from rules.diagnosis import Status
from tests.unit.daemon.pictures import PROCESS, SERVICE

PAGE = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `((?:cloudpath|process)_\w+)` \| (\w+) \|([^|]*)\| ([^|]+) \|$", re.MULTILINE)
METRICS = metrics_of(SERVICE, PROCESS, 0.0)
RULES = yaml.safe_load(PAGE.split("# cloudpath-rules.yml\n")[1].split("```")[0])["groups"][0]["rules"]


def test_every_metric_has_its_row_in_the_order_of_the_page() -> None:
    rows = [(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in ROW.findall(PAGE)]
    made = [(metric.sample_name, metric.type, tuple(name for name, _ in metric.points[0].labels)) for metric in METRICS]
    assert rows == made


def test_the_closed_sets_are_those_of_the_code() -> None:
    told = {name: re.findall(r"`(\w+)`", about.partition(":")[2]) for name, _, _, about in ROW.findall(PAGE)}
    assert set(told["cloudpath_samples_total"]) == set(Status)
    assert set(told["cloudpath_network_changes_total"]) == set(ChangeKind)


@pytest.mark.parametrize("path", re.findall(r"^\| `(/\w+)` \|", PAGE, flags=re.MULTILINE))
def test_every_page_is_there(path: str) -> None:
    assert Pages(lambda: SERVICE)(Request(method="GET", path=path)).status in {200, 503}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_alerts_ask_for_metrics_and_labels_that_there_are(rule: dict[str, str]) -> None:
    labels = {metric.sample_name: {label for label, _ in metric.points[0].labels} for metric in METRICS}
    asked = re.findall(r"(cloudpath_\w+)(?:\{(\w+)=)?", rule["expr"])
    assert asked
    for name, label in asked:
        assert name in labels
        assert not label or label in labels[name]
    told = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert told <= {"instance", *labels[asked[0][0]]}
