"""The race's results as Markdown tables. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bench.bars import Measure, Verdict
from bench.contestants import CONTESTANTS, ENGINE, REFERENCE, US
from bench.figures import SITUATIONS, Sample, Situation, choose, median, ratio, wall_ms

NONE: Final = "–"
WRONG: Final = "✗"
_MAIN_HEAD: Final = (
    "contestant",
    "median ms",
    "min–max",
    "× traceroute",
    "in process ms",
    "target RTT told",
    "sent",
    "CPU ms",
    "peak MB",
    "hops found",
    "right path",
)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table: the first column is text, the others are numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def network_table(samples: Sequence[Sample], network: str) -> str:
    """Return one network's table: each contestant in its first situation, as root over IPv4 where it ran there."""
    return markdown(_MAIN_HEAD, _main_rows(samples, network))


def _main_rows(samples: Sequence[Sample], network: str) -> Iterator[tuple[str, ...]]:
    reference = choose(samples, network=network, contestant=REFERENCE)
    for contestant in CONTESTANTS:
        runs = choose(samples, network=network, contestant=contestant.name)
        if runs:
            first = runs[0].situation
            yield _main_row(
                contestant.name, choose(runs, network=network, contestant=contestant.name, situation=first), reference
            )


def _main_row(name: str, runs: Sequence[Sample], reference: Sequence[Sample]) -> tuple[str, ...]:
    walls = [each.wall_ms for each in runs]
    right = sum(each.right for each in runs)
    return (
        f"{name} ({runs[0].situation.protocol.value})",
        number(median(runs, wall_ms)),
        f"{number(min(walls))}–{number(max(walls))}",
        number(ratio(runs, reference), digits=2),
        number(median(runs, lambda each: each.in_process_ms)),
        number(median(runs, lambda each: each.target_rtt_ms)),
        number(median(runs, lambda each: each.sent), digits=0),
        number(median(runs, lambda each: each.cpu_ms)),
        number(median(runs, lambda each: each.peak_mb)),
        f"{100 * sum(each.hops_found for each in runs) / sum(each.hops_there for each in runs):.0f} %",
        f"{right}/{len(runs)}" if right == len(runs) else f"**{right}/{len(runs)}** {WRONG}",
    )


def faster(samples: Sequence[Sample], network: str) -> str:
    """Return who told the right path sooner than the engine did: a line, or nothing."""
    engine = choose(samples, network=network, contestant=ENGINE)
    others = (each.name for each in CONTESTANTS if each.name not in US)
    ratios = {name: _right_ratio(engine, choose(samples, network=network, contestant=name)) for name in others}
    ahead = sorted((value, name) for name, value in ratios.items() if value is not None and value > 1)
    shown = ", ".join(f"{name} (we take {value:.2f} ×)" for value, name in ahead)
    return f"* {network}: {shown}\n" if shown else ""


def _right_ratio(engine: Sequence[Sample], theirs: Sequence[Sample]) -> float | None:
    """Return the engine's ratio to a peer in the situations in which the peer was right in every run, if there are."""
    where = {each.situation for each in theirs} - {each.situation for each in theirs if not each.right}
    right = [each for each in theirs if each.situation in where]
    # Where the engine ran in none of them, its nearest runs stand in.
    return ratio([each for each in engine if each.situation in where] or engine, right)


def complaints(samples: Sequence[Sample], network: str) -> str:
    """Return what those that did not tell the right path told instead, once each, as a list."""
    wrong = [each for each in samples if each.network == network and not each.right]
    kinds = Counter((each.contestant, each.situation, each.complaint) for each in wrong)
    shown = dict.fromkeys((name, situation) for name, situation, _ in kinds)
    return "".join(_complaint(kinds, name, situation) for name, situation in shown)


def _complaint(kinds: Counter[tuple[str, Situation, str]], name: str, situation: Situation) -> str:
    mine = {said: count for (one, other, said), count in kinds.items() if (one, other) == (name, situation)}
    said = max(mine, key=lambda each: mine[each])
    return f"* {name}, {situation.title}: {sum(mine.values())} wrong, for example: {said}\n"


def grid(samples: Sequence[Sample], network: str) -> str:
    """Return one network's medians in every situation, with the number of wrong paths where there were any."""
    here = [each for each in samples if each.network == network]
    there = {each.situation for each in here}
    situations = tuple(each for each in SITUATIONS if each in there)
    names = [each.name for each in CONTESTANTS if any(run.contestant == each.name for run in here)]
    rows = ((name, *(_cell(here, network, name, situation) for situation in situations)) for name in names)
    return markdown(("median ms", *(each.title for each in situations)), rows)


def _cell(samples: Sequence[Sample], network: str, name: str, situation: Situation) -> str:
    runs = choose(samples, network=network, contestant=name, situation=situation)
    if not runs:
        return NONE
    wrong = sum(not each.right for each in runs)
    return number(median(runs, wall_ms)) + (f" {WRONG}{wrong}" if wrong else "")


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """Return every bar with the worst situation's figure and the verdict."""
    head = ("who", "against", "network", "bar", "median", "worst", "met in", "verdict")
    return markdown(head, (_verdict_row(each) for each in verdicts))


def _verdict_row(verdict: Verdict) -> tuple[str, ...]:
    bar, count = verdict.bar, len(verdict.situations)
    digits = 0 if bar.measure is Measure.MORE_MS else 2
    missed = verdict.missed
    return (
        f"{bar.contestant} ({', '.join(each.value for each in bar.protocols)})",
        bar.against or "the network",
        bar.network,
        f"≤ {bar.limit:.{digits}f} {bar.measure.value}",
        number(verdict.middle, digits=digits),
        number(verdict.worst, digits=digits),
        f"{count - len(missed)}/{count}",
        _word(missed, count),
    )


def _word(missed: Sequence[Situation], count: int) -> str:
    if not missed:
        return "met"
    where = "everywhere" if len(missed) == count else ", ".join(each.title for each in missed)
    return f"**missed**: {where}"


def number(value: float | None, *, digits: int = 1) -> str:
    """Return a number for a table: no decimals from a hundred on, thousands apart."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.{digits}f}"  # noqa: PLR2004 - three digits are enough
