"""Live progress, played on a small terminal of our own: what a person would see on the screen."""

from dataclasses import replace

from agent.views.progress import BETWEEN_S, FIRST_AFTER_S, Progress, progress_lines
from agent.views.style import Style
from tests.unit.views import samples


class Screen:
    """A terminal that wraps, and knows the three controls that the progress uses."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self.rows: list[str] = ["$ cloudpath trace crm", ""]
        self.row = 1

    def size(self) -> tuple[int, int]:
        return self.columns, self.lines

    def write(self, text: str) -> None:
        if text.startswith("\r\x1b["):
            up, _, text = text[3:].partition("A")
            assert text.startswith("\x1b[J")
            text = text[3:]
            self.row -= int(up)
            assert self.row >= 1, "the cursor went above the block"
            self.rows = [*self.rows[: self.row], ""]
        for line in text.split("\n")[:-1]:
            assert line.isprintable()
            pieces = [line[at : at + self.columns] for at in range(0, len(line), self.columns)] or [""]
            self.rows[self.row :] = [*pieces, ""]
            self.row += len(pieces)

    def shrink(self, columns: int) -> None:
        """Become narrower: what is on the screen wraps anew, as xterm and VTE do."""
        wrapped = [row[at : at + columns] for row in self.rows[:-1] for at in range(0, max(1, len(row)), columns)]
        self.rows = [*wrapped, ""]
        self.row = len(wrapped)
        self.columns = columns


class Watch:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def started(columns: int = 80, lines: int = 24) -> tuple[Progress, Screen, Watch]:
    screen, watch = Screen(columns, lines), Watch()
    return Progress(screen.write, now=watch, size=screen.size, style=Style(colour=True)), screen, watch


def test_a_short_trace_draws_nothing() -> None:
    progress, screen, watch = started()
    watch.now += FIRST_AFTER_S / 2
    progress(samples.LEG)
    progress.clear()
    assert screen.rows == ["$ cloudpath trace crm", ""]


def test_a_block_is_drawn_over_the_one_before() -> None:
    progress, screen, watch = started()
    for hops in (1, 2, 4):
        watch.now += FIRST_AFTER_S
        progress(replace(samples.LEG, hops=samples.LEG.hops[:hops]))
    text = "\n".join(screen.rows)
    assert text.count("Tracing") == 1
    assert "4 of 4 hops answered" in text
    assert text.count("10.0.0.1 ") == 1


def test_it_draws_at_most_ten_times_a_second() -> None:
    _, screen, watch = started()
    written: list[str] = []
    counting = Progress(written.append, now=watch, size=screen.size, style=Style())
    for _ in range(1000):
        watch.now += 0.001
        counting(samples.LEG)
    assert 1 <= len(written) <= round((1.0 - FIRST_AFTER_S) / BETWEEN_S) + 1


def test_clear_leaves_the_screen_as_it_was() -> None:
    progress, screen, watch = started()
    watch.now += FIRST_AFTER_S
    progress(samples.SILENT_HOPS.legs[0])
    assert len(screen.rows) > 5
    progress.clear()
    progress.clear()
    assert screen.rows == ["$ cloudpath trace crm", ""]


def test_a_terminal_made_narrower_between_two_draws_is_still_cleared() -> None:
    progress, screen, watch = started(columns=100)
    watch.now += FIRST_AFTER_S
    progress(samples.LEG)
    screen.shrink(45)
    watch.now += BETWEEN_S
    progress(samples.LEG)
    assert "\n".join(screen.rows).count("Tracing") == 1
    progress.clear()
    assert screen.rows == ["$ cloudpath trace crm", ""]


def test_the_block_never_fills_the_screen() -> None:
    hops = tuple(samples.nobody(ttl) for ttl in range(1, 31))
    for height in (1, 2, 3, 5, 24):
        lines = progress_lines(replace(samples.LEG, hops=hops), Style(width=79), height)
        assert len(lines) <= height
    assert lines[-1].split()[1] == "30"


def test_it_draws_on_the_smallest_terminals() -> None:
    for columns, rows in ((1, 1), (10, 2), (20, 3)):
        progress, screen, watch = started(columns, rows)
        watch.now += FIRST_AFTER_S
        progress(samples.SILENT_HOPS.legs[0])
        progress.clear()
        assert screen.rows == ["$ cloudpath trace crm", ""]
