"""One round over all targets: a line for each, with what is wrong with it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from agent.views.escape import escape_text
from agent.views.listing import listing
from agent.views.style import Paint
from agent.views.words import milliseconds

if TYPE_CHECKING:
    from agent.daemon.sampling import Taken
    from agent.views.style import Style

_HEADERS: Final = ("Target", "Status", "RTT (ms)", "Loss", "Errors")
_FIGURES: Final = frozenset({2, 3})
_NOTHING: Final = "-"


def round_view(taken: Sequence["Taken"], style: "Style") -> str:
    """Return the samples as lines, ending in a line break; in a sentence how many are well."""
    lines = listing(_HEADERS, [_row(one) for one in taken], style, right=_FIGURES)
    well = sum(one.status == "ok" for one in taken)
    summary = style.paint(
        f"{well} of {len(taken)} targets ok", Paint.GOOD if taken and well == len(taken) else Paint.WARNING
    )
    return "\n".join([*lines, "", summary]) + "\n"


def _row(taken: "Taken") -> tuple[str, ...]:
    errors = "; ".join(f"{error.code} {error.message}" for error in taken.errors)
    return (
        escape_text(taken.target),
        str(taken.status),
        _NOTHING if taken.rtt_us is None else milliseconds(taken.rtt_us),
        _NOTHING if taken.loss_ratio is None else f"{taken.loss_ratio:.0%}",
        escape_text(errors),
    )
