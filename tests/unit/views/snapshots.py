"""Which situations are drawn how: each name is a file in `expected/` that a person has read and approved."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.views.command_line import command_line_view
from agent.views.style import Style
from probes.facts import Sample
from rules.diagnosis import Diagnosis, Status
from tests.unit.views import samples

EXPECTED = Path(__file__).parent / "expected"

AT_80 = Style(width=80)
AT_60 = Style(width=60)
PIPE = Style(width=None)
ASCII = Style(width=80, unicode=False)
COLOUR = Style(width=80, colour=True)

FILTERED = Diagnosis(status=Status.WARNING, errors=(samples.CP_13,))


@dataclass(frozen=True, slots=True)
class Drawing:
    sample: Sample
    diagnosis: Diagnosis
    style: Style = AT_80
    wide: bool = False
    explain: bool = False

    def draw(self) -> str:
        return command_line_view(self.sample, self.diagnosis, self.style, wide=self.wide, explain=self.explain)


DRAWINGS: dict[str, Drawing] = {
    "healthy": Drawing(samples.HEALTHY, samples.FINE),
    "healthy_in_a_pipe": Drawing(samples.HEALTHY, samples.FINE, PIPE),
    "healthy_ascii": Drawing(samples.HEALTHY, samples.FINE, ASCII),
    "healthy_wide": Drawing(samples.BALANCED, samples.FINE, wide=True),
    "silent_hops": Drawing(samples.SILENT_HOPS, samples.FINE),
    "silent_hops_narrow": Drawing(samples.SILENT_HOPS, samples.FINE, AT_60),
    "dead_end": Drawing(samples.DEAD_END, samples.FINE),
    "dead_end_but_alive": Drawing(samples.DEAD_END_BUT_ALIVE, samples.FINE),
    "closed_port": Drawing(samples.CLOSED_PORT, samples.FINE),
    "loss": Drawing(samples.LOSSY, samples.FINE),
    "load_balanced": Drawing(samples.BALANCED, samples.FINE),
    "prohibited_by_a_hop": Drawing(samples.PROHIBITED, FILTERED),
    "prohibited_in_colour": Drawing(samples.PROHIBITED, FILTERED, COLOUR),
    "no_route": Drawing(samples.NO_ROUTE, samples.BROKEN),
    "no_route_explained": Drawing(samples.NO_ROUTE, samples.BROKEN, explain=True),
    "no_route_ascii_narrow": Drawing(samples.NO_ROUTE, samples.BROKEN, replace(ASCII, width=60)),
    "leg_not_discoverable": Drawing(samples.PROXIED, samples.PROXIED_DIAGNOSIS),
    "name_not_resolved": Drawing(samples.UNRESOLVED, samples.FINE),
    "discarded": Drawing(samples.CHANGED, samples.DISCARDED),
    "ipv6": Drawing(samples.IPV6, samples.FINE),
    "hostile_names": Drawing(samples.HOSTILE, samples.FINE, PIPE),
}

OTHER_VIEWS: dict[str, Callable[[], str]] = {}
