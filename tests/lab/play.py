"""Plays one row: build, ask while it is healthy, break, ask again, compare."""

import time
from dataclasses import replace

from tests.lab import judge
from tests.lab.builder import User
from tests.lab.scenario import Row
from tests.lab.stage import Stage


def play(row: Row, user: User) -> judge.Outcome:
    """Return what became of a row; a network that could not be built, or broken as it says, is a complaint too."""
    started = time.perf_counter()
    try:
        outcome = _played(row, user)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other rows are played
        outcome = judge.Outcome(row=row.id, user=user, complaints=(f"{type(error).__name__}: {error}",))
    return replace(outcome, whole_s=time.perf_counter() - started)


def _played(row: Row, user: User) -> judge.Outcome:
    complaints: list[str] = []
    with Stage(row, user) as stage:
        if row.before is not None:
            complaints += judge.unhealthy(stage.ask(row.before))
            time.sleep(row.rest_s)
        stage.break_(row.faults)
        run = stage.ask(row.asked, row.during, row.send)
        complaints += judge.complaints_of(stage, run)
    return judge.Outcome(
        row=row.id,
        user=user,
        codes=judge.codes_of(run),
        complaints=tuple(complaints),
        took_s=run.took_s,
    )
