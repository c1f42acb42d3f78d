"""The path MTU in words: a line of where the path narrows, a mark below each such hop, what a black hole means."""

from agent.views.escape import escape, escape_text
from agent.views.style import Style
from agent.views.words import MTU_CERTAINTIES, MTU_STEPS
from probes.facts import Hop, Leg, MtuCertainty, MtuStep, MtuStepKind, PathMtu

_SURE = frozenset({MtuCertainty.EXACT, MtuCertainty.SEARCHED})
_BLACK_HOLE = (
    "A black hole for large packets: those of more than {mtu} bytes vanish {place}, and nobody says so. Connections "
    'open and then hang once much is sent. Somewhere there messages of the kind "too big" (ICMP 3/4, ICMPv6 2) are not '
    "sent or not let through; until that is mended, an MTU of {mtu} on this machine gets around it."
)


def path_mtu_lines(leg: Leg, style: Style) -> list[str]:
    """Return sentences on a leg's path MTU, none where nothing could be: the line, then what needs a word more."""
    found = leg.mtu
    # Why a leg was not traced is said elsewhere.
    if found is None or leg.reached is None:
        return []
    said = [_line(found, style)]
    if has_black_hole(leg):
        said.extend(_BLACK_HOLE.format(mtu=step.mtu, place=_place(step)) for step in _black_holes(found))
    if found.reason:
        said.append(_sentence(found.reason))
    return said


def has_black_hole(leg: Leg) -> bool:
    """Return whether large packets are known to vanish on the way to the end of a leg."""
    return leg.mtu is not None and leg.mtu.certainty is MtuCertainty.SEARCHED and bool(_black_holes(leg.mtu))


def mtu_marks(leg: Leg, hop: Hop) -> list[str]:
    """Return what stands below a hop behind which the path narrows: `[MTU 1400 behind]`, `[black hole over 1320]`."""
    steps = leg.mtu.steps if leg.mtu else ()
    here = [step for step in steps if step.probe_ttl == hop.probe_ttl]
    return [
        f"[black hole over {step.mtu}]" if step.kind is MtuStepKind.BLACK_HOLE else f"[MTU {step.mtu} behind]"
        for step in here
    ]


def mtu_progress(found: PathMtu) -> str:
    """Return how far a measurement that still runs has got, for a line of progress."""
    return f"path MTU {'not known yet' if found.at_least is None else f'at least {found.at_least}'}"


def _line(found: PathMtu, style: Style) -> str:
    """Return `Path MTU 1300: 1500 → 1400 behind hop 2 (10.1.2.2 said so) → 1300 behind hop 4 (10.3.4.2 said so)`."""
    if found.at_least is None:
        return "Path MTU not known."
    how_far = "" if found.up_to_ttl is None else f" up to hop {found.up_to_ttl}, the last that answers,"
    named = f"Path MTU{how_far}{MTU_CERTAINTIES[found.certainty]} {found.at_least}"
    if not found.steps:
        return f"{named}: no link is narrower than this machine's own." if found.certainty in _SURE else f"{named}."
    arrow = f" {style.symbols.then} "
    start = [] if found.link_mtu is None else [str(found.link_mtu)]
    return f"{named}: {arrow.join([*start, *(_step(step) for step in found.steps)])}."


def _step(step: MtuStep) -> str:
    return f"{step.mtu} {_place(step)} ({_by(step)})"


def _place(step: MtuStep) -> str:
    if step.probe_ttl is None:
        return "somewhere on the way"
    return f"behind hop {step.probe_ttl}" if step.probe_ttl else "behind this machine"


def _by(step: MtuStep) -> str:
    """Return who said it, and what he named where packets proved another size."""
    if step.reported_by is None or step.kind is MtuStepKind.LOCAL:
        return MTU_STEPS[step.kind]
    who = escape(step.reported_by)
    if step.reported_mtu == step.mtu:
        return f"{who} {MTU_STEPS[step.kind]}"
    if not step.reported_mtu:
        return f"{who} reported it, but no size"
    return f"{who} reported {step.reported_mtu}, which is wrong"


def _black_holes(found: PathMtu) -> list[MtuStep]:
    return [step for step in found.steps if step.kind is MtuStepKind.BLACK_HOLE][-1:]


def _sentence(reason: str) -> str:
    text = escape_text(reason)
    return f"{text[:1].upper()}{text[1:]}."
