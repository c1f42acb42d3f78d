"""Does a run give the verdict that its row expects? Everything that differs, in words."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner
from jsonschema import Draft202012Validator

from agent.commands.explain import command as explain
from agent.exit_codes import exit_code_of
from rules.shipped import shipped_rules
from tests.lab.builder import User
from tests.lab.scenario import Expected, Row
from tests.lab.stage import Run, Stage

_SCHEMA: Final = Path(__file__).parents[2] / "docs/schema/cloudpath.sample-1.schema.json"
_VERDICT: Final = ("status", "errors", "rejected", "not_evaluated")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one row: the codes that were seen, and all that was not as it must be.

    `took_s` is how long the command took, `whole_s` the row with its network.
    """

    row: str
    user: User
    codes: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    took_s: float = 0.0
    whole_s: float = 0.0


def complaints_of(stage: Stage, run: Run) -> Iterator[str]:
    """Yield everything about the row's own run that is not as the row says."""
    record, trouble = read(run)
    if record is None:
        yield trouble
        return
    yield from verdict_complaints(record, stage.row, run)
    yield from explained_otherwise(record, stage)
    yield from against_the_schema(record)


def verdict_complaints(record: Record, row: Row, run: Run) -> Iterator[str]:
    """Yield what differs from the row in a record and in the run that printed it."""
    if run.complaints:
        yield f"standard error holds {run.complaints!r}"
    yield from _wrong_errors(record, row.expected)
    yield from _wrong_exit(record, run)
    yield from _wrong_facts(record, row)
    if run.took_s > row.within_s:
        yield f"it took {run.took_s:.2f} s, more than {row.within_s} s"


def unhealthy(run: Run) -> Iterator[str]:
    """Yield what is wrong with a run in which nothing may be wrong."""
    record, trouble = read(run)
    if record is None:
        yield f"before: {trouble}"
        return
    grave = [_said(error) for error in record["errors"] if error["severity"] != "info"]
    if grave or run.exit_code:
        yield f"before anything is broken: exit {run.exit_code}, {'; '.join(grave)}"


def read(run: Run) -> tuple[Record | None, str]:
    """Return the record that a run printed, or why there is none."""
    try:
        record: Record = json.loads(run.output)
    except ValueError:
        return None, f"no record (exit {run.exit_code}): {run.output[:300]} {run.complaints[-1500:]}"
    return record, ""


def codes_of(run: Run) -> tuple[str, ...]:
    """Return the codes of the errors that a run says, in order."""
    record, _ = read(run)
    return tuple(sorted(error["code"] for error in record["errors"])) if record else ()


def _said(error: Mapping[str, Any]) -> str:
    return f"{error['code']} ({error['reason']}, {error['confidence']}): {error['explanation']}"


def _wrong_errors(record: Record, expected: tuple[Expected, ...]) -> Iterator[str]:
    found = {error["code"]: error for error in record["errors"]}
    for code, times in Counter(error["code"] for error in record["errors"]).items():
        if times > 1:
            yield f"{code} is there twice"
    for each in expected:
        if each.code not in found:
            yield f"{each.code} ({each.reason}) is missing; {_why_not(record, each.code)}"
        else:
            yield from _different(record, found[each.code], each)
    for code in found.keys() - {each.code for each in expected}:
        yield f"nobody expected {_said(found[code])}"


def _why_not(record: Record, code: str) -> str:
    """Return what the record says of an error that did not fire."""
    said = [f"rejected, {each['because']}" for each in record["rejected"] if each["code"] == code]
    said += [f"not evaluated, {each['missing']}" for each in record["not_evaluated"] if each["code"] == code]
    return "; ".join(said) or "ruled out"


def _different(record: Record, error: Mapping[str, Any], expected: Expected) -> Iterator[str]:
    leg = error["anchor"]["leg"]
    ends = None if leg is None else (record["legs"][leg]["from"], record["legs"][leg]["to"])
    node = expected.node or shipped_rules().catalogue[expected.code].anchor.value
    wanted = {"reason": expected.reason, "leg": expected.leg, "node": node}
    seen = {"reason": error["reason"], "leg": ends, "node": error["anchor"]["node"]}
    if expected.confidence is not None:
        wanted["confidence"], seen["confidence"] = expected.confidence, error["confidence"]
    for name, value in wanted.items():
        if seen[name] != value:
            yield f"{expected.code}: {name} is {seen[name]} and not {value}"


def _wrong_exit(record: Record, run: Run) -> Iterator[str]:
    wanted = exit_code_of(record["status"])
    if run.exit_code != wanted:
        yield f"the exit code is {run.exit_code}, and {int(wanted)} belongs to status {record['status']}"


def _wrong_facts(record: Record, row: Row) -> Iterator[str]:
    """Yield the facts that are not as the row says; where it expects no error, every leg that was traced arrives."""
    wanted = dict(row.record)
    if not row.expected:
        for number, leg in enumerate(record["legs"]):
            if leg["reached"] is not None:
                wanted.setdefault(f"legs.{number}.reached", True)
    for path, value in wanted.items():
        seen = value_at(record, path)
        if seen != value:
            yield f"{path} is {seen!r} and not {value!r}"


def value_at(record: Any, path: str) -> Any:
    """Return what a record holds at a path such as `legs.0.reached`; `...` where it has no such place."""
    for step in path.split("."):
        if isinstance(record, list):
            record = (
                record[int(step)] if step.lstrip("-").isdigit() and -len(record) <= int(step) < len(record) else ...
            )
        elif isinstance(record, dict):
            record = record.get(step, ...)
        else:
            return ...
    return record


def explained_otherwise(record: Record, stage: Stage) -> Iterator[str]:
    """Yield how `cloudpath explain`, which sees the record alone, differs: byte for byte."""
    configuration = stage.files / "agent.yaml"
    options = ("-c", str(configuration)) if stage.row.asked.configuration is not None else ()
    done = CliRunner().invoke(explain, ("--json", *options, "-"), input=json.dumps(record))
    if not done.stdout:
        yield f"explain says nothing: {done.stderr}"
        return
    explained = json.loads(done.stdout)[0]
    for key in _VERDICT:
        if json.dumps(explained[key]) != json.dumps(record[key]):
            yield f"explain has other {key}: {json.dumps(explained[key])[:500]}"


def against_the_schema(record: Record) -> Iterator[str]:
    """Yield where a record breaks the published schema."""
    for error in _validator().iter_errors(record):
        yield f"the schema forbids {error.json_path}: {error.message[:200]}"


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8")))
