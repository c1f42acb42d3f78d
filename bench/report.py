"""What a race leaves behind: its figures as JSON, its tables as Markdown, its plot, and the page that shows them."""

import json
import os
import platform
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from bench import plot, table
from bench.bars import NAMED, Verdict, verdicts
from bench.figures import COLUMNS, Sample, sample_from_row

BEGIN: Final = "<!-- results: written by python -m bench -->"
END: Final = "<!-- end of results -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What the report says of a network: what it is, and how far its target is."""

    title: str
    round_trip_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A race's samples, and what one must know to read them."""

    date: str
    command: str
    machine: str
    runs: int
    took_s: float
    load_before: float
    load_after: float
    networks: dict[str, Network]
    missing: tuple[str, ...]
    samples: tuple[Sample, ...]
    # What an interpreter takes that does nothing, once in each round; empty in results from before this was measured.
    starts_ms: tuple[float, ...] = ()

    def as_json(self) -> str:
        """Return all as JSON: one sample a line."""
        known = {
            name: getattr(self, name)
            for name in (
                *("date", "command", "machine", "runs", "took_s", "missing", "load_before", "load_after"),
                "starts_ms",
            )
        }
        networks = {
            name: {"title": each.title, "round_trip_ms": each.round_trip_ms} for name, each in self.networks.items()
        }
        head = json.dumps({**known, "networks": networks, "columns": COLUMNS}, indent=1, ensure_ascii=False)
        rows = ",\n".join(json.dumps(each.row(), ensure_ascii=False) for each in self.samples)
        return head.removesuffix("\n}") + f',\n "samples": [\n{rows}\n]\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `as_json` wrote."""
        known: dict[str, Any] = json.loads(text)
        del known["columns"]
        return cls(
            networks={name: Network(**each) for name, each in known.pop("networks").items()},
            missing=tuple(known.pop("missing")),
            samples=tuple(sample_from_row(row) for row in known.pop("samples")),
            starts_ms=tuple(known.pop("starts_ms", ())),
            **known,
        )


def markdown(results: Results) -> str:
    """Return the whole report as Markdown."""
    parts = [_head(results), "### Bars\n\n" + table.verdict_table(judged(results))]
    if lost := "".join(table.faster(results.samples, name) for name in results.networks):
        claim = "Sooner than the engine, by a protocol and as a user with which every run told the right path:"
        parts.append(f"### Where we lose\n\n{claim}\n\n{lost}")
    for name, network in results.networks.items():
        parts.append(f"### {name}: {network.title}\n\n{table.network_table(results.samples, name)}")
        if name in NAMED and len({each.situation for each in results.samples if each.network == name}) > 1:
            parts.append(table.grid(results.samples, name))
        if wrong := table.complaints(results.samples, name):
            parts.append(wrong)
    return "\n".join(parts)


def judged(results: Results) -> tuple[Verdict, ...]:
    """Return the verdicts on the bars."""
    return verdicts(results.samples, {name: each.round_trip_ms for name, each in results.networks.items()})


def _head(results: Results) -> str:
    lines = [
        f"{results.date}, `{results.command}`, {results.runs} counted rounds, {results.took_s / 60:.0f} minutes.",
        f"{results.machine}.",
        f"Load average before {results.load_before:.1f}, after {results.load_after:.1f} (with ours).",
    ]
    if results.starts_ms:
        nothing = statistics.median(results.starts_ms)
        lines.append(f"`python -I -S -c pass` beside each round: {nothing:.1f} ms, which each run of ours has in it.")
    lines += [f"Left out: {each}." for each in results.missing]
    return "\n".join(lines) + "\n"


def write(directory: Path, results: Results) -> None:
    """Write the figures, the plot, and the tables: into the page `DIRECTORY.md` where it has a place, else a file."""
    directory.mkdir(parents=True, exist_ok=True)
    text = markdown(results)
    (directory / "race.json").write_text(results.as_json(), encoding="utf-8")
    (directory / "race.svg").write_text(plot.svg(results.samples, tuple(results.networks)), encoding="utf-8")
    page = directory.with_suffix(".md")
    if page.exists() and BEGIN in page.read_text(encoding="utf-8"):
        page.write_text(filled(page.read_text(encoding="utf-8"), text), encoding="utf-8")
    else:
        (directory / "results.md").write_text(text, encoding="utf-8")


def again(directory: Path) -> None:
    """Write tables and plot once more, from the figures of the race before."""
    write(directory, Results.from_json((directory / "race.json").read_text(encoding="utf-8")))


def filled(page: str, text: str) -> str:
    """Return a page with the text between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def machine() -> str:
    """Return what the race ran on, in words."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    return (
        f"{os.cpu_count()} × {model}, {platform.system()} {platform.release()},"
        f" {platform.python_implementation()} {platform.python_version()}"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
