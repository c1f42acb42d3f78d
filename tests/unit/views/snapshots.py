"""Which situations are drawn how: each name is a file in `expected/` that a person has read and approved."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.views.catalogue_view import catalogue_view, entry_view
from agent.views.command_line import command_line_view
from agent.views.dns_view import dns_view
from agent.views.ping_view import ping_view
from agent.views.progress import progress_lines
from agent.views.style import Style
from probes.facts import Answer, Icmp, PathMtu, Protocol, Reachability, Role
from probes.failure import Failure
from probes.sample import Sample
from rules.condition import All, Any, Leaf, Not
from rules.diagnosis import Confidence, Diagnosis, Status
from rules.load import load_rules
from rules.ruleset import Reason, Rule
from tests.unit.views import far_samples, samples

EXPECTED = Path(__file__).parent / "expected"

EARLY = replace(samples.LEG, hops=(), reached=None, reached_by=None, end_to_end=None)
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


def with_mtu(found: PathMtu) -> Sample:
    """Return the healthy sample with its path MTU measured."""
    return replace(samples.HEALTHY, legs=(replace(samples.LEG, mtu=found),))


DRAWINGS: dict[str, Drawing] = {
    "healthy": Drawing(samples.HEALTHY, samples.FINE),
    "healthy_in_a_pipe": Drawing(samples.HEALTHY, samples.FINE, PIPE),
    "healthy_ascii": Drawing(samples.HEALTHY, samples.FINE, ASCII),
    "healthy_wide": Drawing(samples.BALANCED, samples.FINE, wide=True),
    "telling": Drawing(samples.TELLING, samples.FINE),
    "telling_narrow": Drawing(samples.TELLING, samples.FINE, AT_60),
    "telling_wide": Drawing(samples.TELLING, samples.FINE, wide=True),
    "silent_hops": Drawing(samples.SILENT_HOPS, samples.FINE),
    "silent_hops_narrow": Drawing(samples.SILENT_HOPS, samples.FINE, AT_60),
    "dead_end": Drawing(samples.DEAD_END, samples.FINE),
    "dead_end_but_alive": Drawing(samples.DEAD_END_BUT_ALIVE, samples.FINE),
    "dead_in_every_way": Drawing(samples.DEAD_IN_EVERY_WAY, samples.FINE),
    "dead_proxy": Drawing(samples.DEAD_PROXY, samples.FINE),
    "closed_port": Drawing(samples.CLOSED_PORT, samples.FINE),
    "loss": Drawing(samples.LOSSY, samples.FINE),
    "limited_end": Drawing(samples.LIMITED_END, samples.FINE),
    "edge_reached": Drawing(samples.EDGE_REACHED, samples.FINE),
    "edge_not_resolved": Drawing(samples.EDGE_UNRESOLVED, samples.FINE),
    "load_balanced": Drawing(samples.BALANCED, samples.FINE),
    "located": Drawing(samples.LOCATED, samples.FINE),
    "located_narrow": Drawing(samples.LOCATED, samples.FINE, AT_60),
    "located_wide": Drawing(samples.LOCATED, samples.FINE, wide=True),
    "path_mtu": Drawing(with_mtu(samples.NARROW_MTU), samples.FINE),
    "path_mtu_ascii": Drawing(with_mtu(samples.NARROW_MTU), samples.FINE, ASCII),
    "path_mtu_black_hole": Drawing(with_mtu(samples.HOLE_MTU), samples.FINE),
    "path_mtu_unfinished": Drawing(with_mtu(samples.UNFINISHED_MTU), samples.FINE),
    "path_mtu_up_to_a_hop": Drawing(with_mtu(samples.UP_TO_A_HOP_MTU), samples.FINE),
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
    "through_edge": Drawing(far_samples.THROUGH_EDGE, samples.FINE),
    "through_edge_narrow": Drawing(far_samples.THROUGH_EDGE, samples.FINE, AT_60),
    "through_edge_ascii": Drawing(far_samples.THROUGH_EDGE, samples.FINE, ASCII),
    "through_edge_wide": Drawing(far_samples.THROUGH_EDGE, samples.FINE, wide=True),
    "tunnelled": Drawing(far_samples.TUNNELLED, far_samples.TUNNELLED_DIAGNOSIS),
    "silent_edge": Drawing(far_samples.SILENT_EDGE, samples.FINE),
    "cloud_proxy": Drawing(far_samples.CLOUD_PROXY, far_samples.ALL_INFORMATION),
    "cloud_proxy_wide": Drawing(far_samples.CLOUD_PROXY, far_samples.ALL_INFORMATION, wide=True),
    "on_premises_proxy": Drawing(far_samples.ON_PREMISES, far_samples.ON_PREMISES_DIAGNOSIS),
    "data_center_proxy": Drawing(far_samples.DATA_CENTER, far_samples.DATA_CENTER_DIAGNOSIS),
    "behind_proxy": Drawing(far_samples.BEHIND_PROXY, far_samples.ON_PREMISES_DIAGNOSIS),
    "private_access": Drawing(far_samples.PRIVATE, far_samples.PRIVATE_DIAGNOSIS),
    "session_refused": Drawing(far_samples.PRIVATE, far_samples.REFUSED_SESSION),
    "redirected": Drawing(far_samples.REDIRECTED, samples.FINE),
    "application_unavailable": Drawing(far_samples.UNAVAILABLE, samples.FINE),
    "certificate_expired": Drawing(far_samples.EXPIRED, samples.FINE),
    "intercepted": Drawing(far_samples.INTERCEPTED, samples.FINE),
    "captive_portal": Drawing(far_samples.SIGN_IN, samples.FINE),
    "page_not_found": Drawing(far_samples.NOT_FOUND, far_samples.NOT_FOUND_DIAGNOSIS),
    "half_resolved": Drawing(far_samples.HALF_RESOLVED, samples.FINE),
}

RULES = load_rules()
NARROW = Style(width=44)
IN_80 = Style(width=80)
ALIVE = samples.DEAD_END_BUT_ALIVE.reachability
REFUSED = Reachability(
    role=Role.DESTINATION,
    address="2001:db8::1",
    protocol=Protocol.TCP,
    port=443,
    sent=3,
    received=0,
    answered=False,
    answer=Answer.DESTINATION_UNREACHABLE,
    icmp=Icmp(type=1, code=1),
    offender="2001:db8:1::1",
)
NOT_ASKED = Reachability(
    role=Role.DESTINATION, address="192.0.2.80", protocol=Protocol.ICMP, failure=Failure.NOT_PERMITTED
)
SLEPT = Rule(
    code="CP-06",
    about="The network that the sample used changed while it ran.",
    source="cp-06.yaml",
    given=Not(Leaf("proxy.works")),
    reasons=(
        Reason(
            name="suspend",
            confidence=Confidence.CERTAIN,
            when=All((Leaf("network.suspended"), Any((Leaf("network.link_changed"), Leaf("route.default"))))),
            explanation="The host slept during the sample, and {target} was asked before and after.",
        ),
    ),
)
LOSSY = replace(ALIVE[0], received=2, rtt_us=(12_400, 12_300))

OTHER_VIEWS: dict[str, Callable[[], str]] = {
    "dns_resolved": lambda: dns_view(samples.RESOLVED, IN_80),
    "dns_not_resolved": lambda: dns_view(samples.UNRESOLVED.dns[0], IN_80),
    "dns_narrow": lambda: dns_view(samples.UNRESOLVED.dns[0], NARROW),
    "dns_system_differs": lambda: dns_view(replace(samples.RESOLVED, system_addresses=("127.0.0.1",)), IN_80),
    "ping_answers": lambda: ping_view(ALIVE, IN_80),
    "ping_fails": lambda: ping_view((LOSSY, REFUSED, NOT_ASKED), Style()),
    "ping_narrow": lambda: ping_view((LOSSY, REFUSED, NOT_ASKED), NARROW),
    "errors_all": lambda: catalogue_view(list(RULES.catalogue.values()), IN_80),
    "errors_cp_06": lambda: entry_view(RULES.catalogue["CP-06"], (SLEPT,), IN_80),
    "errors_cp_20": lambda: entry_view(RULES.catalogue["CP-20"], (), IN_80),
    "progress_at_start": lambda: "\n".join(progress_lines(EARLY, IN_80, 24)) + "\n",
    "progress_on_the_way": lambda: "\n".join(progress_lines(samples.SILENT_HOPS.legs[0], IN_80, 24)) + "\n",
    "progress_path_mtu": lambda: "\n".join(progress_lines(with_mtu(samples.UNFINISHED_MTU).legs[0], IN_80, 24)) + "\n",
    "progress_low_terminal": lambda: "\n".join(progress_lines(samples.LEG, NARROW, 4)) + "\n",
}
