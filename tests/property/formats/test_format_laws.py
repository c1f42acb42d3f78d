"""Laws of the formats: whatever a record holds, CSV is a table of inert cells, and other parsers read ours."""

import csv
import io
import json

from hypothesis import HealthCheck, given, settings
from zscaler.zdx.models.devices import DeviceCloudPathProbesHopData

from agent.formats.csv_text import COLUMNS, csv_text
from agent.formats.ripe_atlas import ripe_atlas_lines
from agent.formats.zdx import zdx_text
from agent.record import record_of, without_scores
from probes.facts import EndReason
from probes.sample import Sample
from rules.diagnosis import Diagnosis, Status
from tests.property.record.anything import DIAGNOSES, SAMPLES
from tests.unit.formats.sagan_view import assert_agrees, lines_of, measured, parsed
from tests.unit.views.samples import HEADER

# Building a whole sample draws much; the machine's speed is no property of the code.
slow = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def kept(sample: Sample, diagnosis: Diagnosis) -> Sample:
    return without_scores(sample) if diagnosis.status is Status.DISCARDED else sample


@slow
@given(sample=SAMPLES, diagnosis=DIAGNOSES)
def test_sagan_reads_any_record_and_agrees_with_it(sample: Sample, diagnosis: Diagnosis) -> None:
    lines = lines_of(ripe_atlas_lines(record_of(sample, diagnosis, HEADER)))
    for line, leg in zip(lines, measured(kept(sample, diagnosis).legs), strict=True):
        assert_agrees(parsed(line), leg)


@slow
@given(sample=SAMPLES, diagnosis=DIAGNOSES)
def test_any_record_is_a_table_of_one_row_a_responder(sample: Sample, diagnosis: Diagnosis) -> None:
    text = csv_text(record_of(sample, diagnosis, HEADER))
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(header) == COLUMNS
    assert {len(row) for row in rows} <= {len(COLUMNS)}
    legs = kept(sample, diagnosis).legs
    assert len(rows) == sum(max(1, sum(max(1, len(hop.responders)) for hop in leg.hops)) for leg in legs)
    assert len(text.split("\n")) == len(rows) + 2


@slow
@given(sample=SAMPLES, diagnosis=DIAGNOSES)
def test_no_cell_of_any_record_acts_on_a_terminal_or_a_spreadsheet(sample: Sample, diagnosis: Diagnosis) -> None:
    text = csv_text(record_of(sample, diagnosis, HEADER))
    assert all(line.isprintable() for line in text.split("\n"))
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@slow
@given(sample=SAMPLES, diagnosis=DIAGNOSES)
def test_the_products_sdk_reads_any_record_hop_by_hop(sample: Sample, diagnosis: Diagnosis) -> None:
    text = zdx_text(record_of(sample, diagnosis, HEADER))
    assert text.isascii()
    assert all(line.isprintable() for line in text.splitlines())
    (found,) = json.loads(text)
    legs = [leg for leg in kept(sample, diagnosis).legs if leg.end_reason is not EndReason.NOT_TRACED]
    read = DeviceCloudPathProbesHopData(found).cloudpath
    assert [[hop.pkt_sent for hop in path.hops] for path in read] == [[hop.sent for hop in leg.hops] for leg in legs]
