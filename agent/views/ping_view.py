"""Whether addresses answer at all: one row a check, and a sentence for each that does not."""

from collections.abc import Sequence
from typing import Final

from agent.views.escape import escape
from agent.views.listing import listing
from agent.views.prose import marked
from agent.views.style import Style
from agent.views.words import FAILURES, PROTOCOLS, counted, icmp_words, milliseconds, percent, protocol_and_port
from probes.facts import Reachability
from rules.diagnosis import Severity

_HEADERS: Final = ("Address", "Over", "Sent", "Failed", "Loss", "Min", "Avg", "Max", "Answer")
_FIGURES: Final = frozenset({2, 3, 4, 5, 6, 7})


def ping_view(checks: Sequence[Reachability], style: Style) -> str:
    """Return the rows and a sentence for each check, ending in a line break."""
    lines = listing(_HEADERS, [_row(check) for check in checks], style, right=_FIGURES)
    lines.append("")
    for check in checks:
        lines += _sentence(check, style)
    return "\n".join(lines) + "\n"


def _row(check: Reachability) -> tuple[str, ...]:
    over = PROTOCOLS[check.protocol] + (f"/{check.port}" if check.port is not None else "")
    failed = check.sent - check.received
    times = check.rtt_us
    figures = (min(times), sum(times) / len(times), max(times)) if times else None
    return (
        escape(check.address),
        over,
        str(check.sent),
        str(failed) if check.sent else "-",
        percent(failed, check.sent),
        *(("-", "-", "-") if figures is None else (milliseconds(figure) for figure in figures)),
        _answer(check),
    )


def _answer(check: Reachability) -> str:
    if check.answer is None:
        return "-"
    said = icmp_words(check.answer, check.icmp, ipv6=":" in (check.offender or check.address))
    return said + (f" from {escape(check.offender)}" if check.offender else "")


def _sentence(check: Reachability, style: Style) -> list[str]:
    who, how = escape(check.address), protocol_and_port(check.protocol, check.port)
    failed = check.sent - check.received
    if check.answered is None:
        why = FAILURES[check.failure] if check.failure else "it was not tried"
        severity, text = Severity.WARNING, f"{who} could not be asked over {how}: {why}."
    elif not check.answered:
        why = f": {FAILURES[check.failure]}" if check.failure else ""
        severity, text = Severity.CRITICAL, f"{who} does not answer {how}{why}."
    elif failed:
        lost = f"{percent(failed, check.sent)} loss ({failed} of {counted(check.sent, 'packet')})"
        severity, text = Severity.WARNING, f"{who} answers {how}, with {lost}."
    else:
        severity, text = None, f"{who} answers {how}, no loss."
    return marked(severity, text, style)
