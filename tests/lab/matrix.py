"""The confusion matrix: every row played, and docs/verdicts.md written from what was seen."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.lab.builder import User, remove_leftovers
from tests.lab.conftest import compile_packages
from tests.lab.judge import Outcome
from tests.lab.play import play
from tests.lab.scenario import Row, find_row, read_rows
from tests.lab.verdicts_page import PAGE, page

Say = Callable[[str], None]


def run(say: Say, *, at_once: int) -> int:
    """Play every row, tell how each went, and write the page; return 1 if any row did not give its verdict."""
    remove_leftovers()
    compile_packages()
    outcomes = sorted(_played(read_rows(), say, at_once), key=lambda outcome: (outcome.row, outcome.user))
    failed = [outcome for outcome in outcomes if outcome.complaints]
    PAGE.write_text(page(read_rows(), outcomes), encoding="utf-8")
    say(f"{len(outcomes)} runs of {len(read_rows())} rows, {len(failed)} not as they must be: {PAGE.name}")
    return 1 if failed else 0


def _played(rows: Iterable[Row], say: Say, at_once: int) -> list[Outcome]:
    # A fresh interpreter each: the names of namespaces carry their maker's process id.
    with ProcessPoolExecutor(max_workers=at_once, mp_context=get_context("spawn")) as pool:
        runs = [pool.submit(play_by_id, row.id, user) for row in rows for user in row.users]
        outcomes = []
        for done in as_completed(runs):
            outcome = done.result()
            say(told(outcome))
            outcomes.append(outcome)
    return outcomes


def play_by_id(id_: str, user: User) -> Outcome:
    """Play the row of this id; its record stays where it is."""
    return play(find_row(id_), user)


def told(outcome: Outcome) -> str:
    """Return one line for a row, and one more for each complaint."""
    mark = "✘" if outcome.complaints else "✔"
    said = f"{mark} {outcome.row} [{outcome.user}] {outcome.took_s:.2f} s of {outcome.whole_s:.2f} s"
    return "\n".join((said, *(f"    {complaint}" for complaint in outcome.complaints)))
