"""The first golden case that shows an error, as a sample and its diagnosis."""

from functools import cache

import yaml

from probes.sample import Sample
from rules.diagnosis import Diagnosis
from rules.engine import diagnose
from rules.shipped import shipped_rules
from tests.cases.facts_text import HERE, sample_of


@cache
def judged(code: str) -> tuple[Sample, Diagnosis]:
    """Return the first golden case that shows a code."""
    for case in yaml.safe_load((HERE / f"{code.lower()}.yaml").read_text(encoding="utf-8")):
        if any(line.startswith(f"{code} ") for line in case["expect"].get("errors", [])):
            sample = sample_of(case["facts"])
            return sample, diagnose(sample, shipped_rules())
    raise AssertionError(f"no case shows {code}")
