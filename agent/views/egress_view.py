"""The public address: a row for each way in which it was seen, what each edge told, and a sentence that sums it up."""

from typing import Final

from agent.egress_check import EgressCheck
from agent.views.escape import escape, escape_text
from agent.views.listing import listing
from agent.views.prose import wrapped
from agent.views.style import Paint, Style
from agent.views.words import EGRESS_SOURCES, FAILURES, milliseconds
from probes.egress_facts import Edge, Egress, EgressSource, SeenAddress

_HEADERS: Final = ("Seen by", "Asked", "ms", "Address")
_FIGURES: Final = frozenset({2})


def egress_view(check: EgressCheck, style: Style) -> str:
    """Return the rows, one for each other edge, and the summary, ending in a line break."""
    rows = [_row(source, seen) for source, seen in _in_order(check.egress)]
    others = [row for edge in check.edges for row in _other(edge, check.egress)]
    lines = listing(_HEADERS, [*rows, *others], style, right=_FIGURES)
    for edge in check.edges:
        lines += _tunnel(edge, style)
    return "\n".join([*lines, "", *_summary(check.egress, style)]) + "\n"


def _in_order(egress: Egress) -> list[tuple[EgressSource, SeenAddress]]:
    by = egress.by or {}
    return [(source, by[source]) for source in EgressSource if source in by]


def _row(source: EgressSource, seen: SeenAddress) -> tuple[str, ...]:
    words = EGRESS_SOURCES[source]
    return (
        words[:1].upper() + words[1:],
        escape(seen.edge) if seen.edge else "-",
        "-" if seen.duration_us is None else milliseconds(seen.duration_us),
        _said(seen),
    )


def _said(seen: SeenAddress) -> str:
    if seen.address is not None:
        return escape(seen.address)
    why = escape_text(seen.detail) if seen.detail else FAILURES[seen.failure] if seen.failure else "not told"
    return f"- ({why})"


def _other(edge: Edge, egress: Egress) -> list[tuple[str, ...]]:
    """Return the row of an edge whose word over HTTPS is not in the address already."""
    used = (egress.by or {}).get(EgressSource.SERVICE_DATA)
    data = edge.service_data
    if data is None or (used is not None and used.edge == edge.host):
        return []
    seen = SeenAddress(address=data.address, edge=edge.host, failure=data.failure, detail=data.detail)
    time = "-" if data.duration_us is None else milliseconds(data.duration_us)
    return [("HTTPS", escape(edge.host), time, _said(seen))]


def _tunnel(edge: Edge, style: Style) -> list[str]:
    tunnel = edge.service_data.tunnel if edge.service_data is not None else None
    if tunnel is None:
        return []
    words = f"{escape(edge.host)} gets this machine's traffic through a tunnel ({escape(tunnel.inner)} is inside)."
    return ["", *wrapped(words, style)]


def _summary(egress: Egress, style: Style) -> list[str]:
    if egress.address is None:
        words, paint = "The public address of this network could not be learnt.", Paint.CRITICAL
    elif egress.agree is False:
        words = f"Not everybody sees the same public address: {escape(egress.address)} is taken for this network's."
        paint = Paint.WARNING
    else:
        words, paint = f"The public address of this network is {escape(egress.address)}.", Paint.GOOD
    return [style.paint(line, paint) for line in wrapped(words, style)]
