"""The race's medians as a picture: plain SVG, one panel a network, bars on a logarithmic scale. Pure."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from bench.contestants import CONTESTANTS, US
from bench.figures import Sample, choose, median, wall_ms

PANEL_WIDTH: Final = 510
LABELS_WIDTH: Final = 200
ROW_HEIGHT: Final = 18
HEAD_HEIGHT: Final = 34
FOOT_HEIGHT: Final = 30
COLUMNS: Final = 2
LEAST_MS: Final = 1.0
MOST_MS: Final = 100_000.0

LEGEND: Final = "Median of whole processes, logarithmic scale. Bold: ours. ✗ (red): not every run told the right path."

# Readable on white and on black: the colours change with the reader's preference.
_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 14px; }
.ours { font-weight: 600; }
.us { fill: #0969da; } .peer { fill: #8c959f; } .wrong { fill: #cf222e; }
.line { stroke: #d0d7de; stroke-width: 1; }
.ground { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .us { fill: #58a6ff; } .peer { fill: #6e7681; } .wrong { fill: #f85149; }
  .line { stroke: #30363d; }
  .ground { fill: #0d1117; }
}
"""


def svg(samples: Sequence[Sample], networks: Sequence[str]) -> str:
    """Return the picture: each contestant's median, in its first situation, on each network."""
    panels = [_bars(samples, network) for network in networks]
    height = HEAD_HEIGHT + ROW_HEIGHT * (max(map(len, panels), default=0) + 2)
    rows = math.ceil(len(panels) / COLUMNS)
    body = "".join(
        f'<g transform="translate({index % COLUMNS * PANEL_WIDTH + 10},{index // COLUMNS * height + 10})">'
        f"{''.join(_panel(network, bars))}</g>\n"
        for index, (network, bars) in enumerate(zip(networks, panels, strict=True))
    )
    across, down = COLUMNS * PANEL_WIDTH + 20, rows * height + FOOT_HEIGHT
    size = f'viewBox="0 0 {across} {down}" width="{across}" height="{down}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
        f"<title>Median milliseconds of one complete trace, by network</title>\n<style>{_STYLE}</style>\n"
        f'<rect class="ground" width="{across}" height="{down}"/>\n{body}'
        f'<text x="10" y="{down - 10}">{LEGEND}</text>\n</svg>\n'
    )


def _bars(samples: Sequence[Sample], network: str) -> list[tuple[str, float, str]]:
    """Return name, median and class of each contestant, the fastest first."""
    bars = []
    for contestant in CONTESTANTS:
        runs = choose(samples, network=network, contestant=contestant.name)
        first = [each for each in runs if each.situation == runs[0].situation]
        value = median(first, wall_ms)
        if value is not None:
            kind = "us" if contestant.name in US else "peer"
            bars.append((contestant.name, value, kind if all(each.right for each in first) else "wrong"))
    return sorted(bars, key=lambda bar: bar[1])


def _panel(network: str, bars: Sequence[tuple[str, float, str]]) -> Iterator[str]:
    yield f'<text class="title" x="0" y="14">{escape(network)}</text>'
    bottom = HEAD_HEIGHT + ROW_HEIGHT * len(bars)
    for power in range(round(math.log10(LEAST_MS)), round(math.log10(MOST_MS)) + 1):
        x = _x(10.0**power)
        yield f'<line class="line" x1="{x:.0f}" x2="{x:.0f}" y1="{HEAD_HEIGHT - 8}" y2="{bottom}"/>'
        yield f'<text x="{x:.0f}" y="{bottom + 14}" text-anchor="middle">{_tick(10.0**power)}</text>'
    for index, (name, value, kind) in enumerate(bars):
        y = HEAD_HEIGHT + ROW_HEIGHT * index
        width = max(1.0, _x(value) - LABELS_WIDTH)
        emphasis = ' class="ours"' if name in US else ""
        yield f'<text{emphasis} x="{LABELS_WIDTH - 6}" y="{y + 9}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect class="{kind}" x="{LABELS_WIDTH}" y="{y - 2}" width="{width:.1f}" height="{ROW_HEIGHT - 6}"/>'
        mark = " ✗" if kind == "wrong" else ""
        yield f'<text x="{LABELS_WIDTH + width + 4:.1f}" y="{y + 9}">{value:,.0f}{mark}</text>'


def _x(value_ms: float) -> float:
    """Return where a duration is on the logarithmic scale."""
    room = PANEL_WIDTH - LABELS_WIDTH - 60
    share = math.log10(min(max(value_ms, LEAST_MS), MOST_MS) / LEAST_MS) / math.log10(MOST_MS / LEAST_MS)
    return LABELS_WIDTH + room * share


def _tick(value_ms: float) -> str:
    return f"{value_ms:.0f} ms" if value_ms < 1000 else f"{value_ms / 1000:.0f} s"  # noqa: PLR2004 - a second
