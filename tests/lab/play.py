"""Plays one row: build, ask while it is healthy, break, ask again, compare."""

import time

from tests.lab import judge
from tests.lab.builder import User
from tests.lab.scenario import Row
from tests.lab.stage import Stage


def play(row: Row, user: User) -> judge.Outcome:
    """Return what became of a row."""
    started = time.perf_counter()
    complaints: list[str] = []
    with Stage(row, user) as stage:
        if row.before is not None:
            complaints += judge.unhealthy(stage.ask(row.before))
        stage.break_(row.faults)
        run = stage.ask(row.asked, row.during, row.send)
        complaints += judge.complaints_of(stage, run)
    record, _ = judge.read(run)
    return judge.Outcome(
        row=row.id,
        user=user,
        codes=tuple(sorted(error["code"] for error in record["errors"])) if record else (),
        complaints=tuple(complaints),
        took_s=run.took_s,
        whole_s=time.perf_counter() - started,
        record=record,
    )
