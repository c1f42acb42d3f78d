"""One leg as rows of the hop table: where it starts, every hop, and the series to its end."""

from collections.abc import Mapping, Sequence
from typing import Final

from agent.views.escape import escape
from agent.views.path_mtu import mtu_marks
from agent.views.path_signs import marks
from agent.views.style import PAINT_OF, Paint, Style
from agent.views.table import Row
from agent.views.words import (
    CLASSES,
    NODES,
    SHORT_NODES,
    milliseconds,
    percent,
    responder_answer,
    spread_ms,
    unanswered,
)
from probes.facts import Direction, EndToEnd, Hop, Leg, Responder, RttSummary
from rules.diagnosis import Severity

# Where an icon hangs in a leg: at its start, at one probe TTL, or at its end.
Place = int | str
START: Final = "start"
END: Final = "end"

Icons = Mapping[Place, Severity]

# However wide: what an operator or a city is called must not push the last column out of sight.
_LONGEST_NETWORK: Final = 32
_LONGEST_CITY: Final = 32

_LONG_SILENCE: Final = 3

_NAME_OF_END: Final[dict[bool | None, str]] = {True: "", False: "not reached", None: "not known"}


def leg_rows(leg: Leg, icons: Icons, style: Style, *, every: bool = True) -> list[Row]:
    """Return the rows of one leg; `icons` says what hangs where in it.

    Without `every`, three silent hops in a row and more are one row: `4-8`.
    """
    arrow = style.symbols.forward if leg.direction is Direction.FORWARD else style.symbols.reverse
    if leg.reached is None and not leg.hops and leg.end_to_end is None:
        return [_untraced_row(leg, arrow, icons, style)]
    rows = [_start_row(leg, arrow, icons, style)]
    for run in _runs(leg, icons, every=every):
        if len(run) >= _LONG_SILENCE:
            rows.append(_silence_row(run, arrow))
            continue
        for hop in run:
            rows.extend(_hop_rows(hop, arrow, icons, style))
            rows.extend(Row(name=shown, paint=Paint.FAINT) for shown in (*marks(leg, hop), *mtu_marks(leg, hop)))
    rows.append(_end_row(leg, arrow, icons, style))
    return rows


def band_row(leg: Leg, said: str, style: Style) -> Row:
    """Return the heading of one leg among several: from where to where, and what else is said of it."""
    return Row(name=", ".join(part for part in (_ends(leg, style), said) if part), band=True, paint=Paint.HEAD)


def _ends(leg: Leg, style: Style) -> str:
    return f"{SHORT_NODES[leg.from_]} {style.symbols.then} {SHORT_NODES[leg.to]}"


def _untraced_row(leg: Leg, arrow: str, icons: Icons, style: Style) -> Row:
    found = [icons[place] for place in (START, END) if place in icons]
    icon, paint = _icon(max(found, key=list(Severity).index) if found else None, style)
    return Row(arrow=arrow, icon=icon, icon_paint=paint, name=_ends(leg, style), dotted=True, paint=Paint.FAINT)


def _start_row(leg: Leg, arrow: str, icons: Icons, style: Style) -> Row:
    icon, paint = _icon(icons.get(START), style)
    address = escape(leg.source_address or "")
    return Row(arrow=arrow, hop="0", icon=icon, icon_paint=paint, address=address, name=NODES[leg.from_])


def _runs(leg: Leg, icons: Icons, *, every: bool) -> list[list[Hop]]:
    """Return the hops, those together that one row could show: silent for one reason, with nothing hanging there."""
    runs: list[list[Hop]] = []
    for hop in leg.hops:
        last = runs[-1][-1] if runs else None
        if last and not every and _alike(last, hop) and not any(_tells_more(leg, each, icons) for each in (last, hop)):
            runs[-1].append(hop)
        else:
            runs.append([hop])
    return runs


def _alike(one: Hop, next_one: Hop) -> bool:
    return one.loss_class is next_one.loss_class and one.probe_ttl + 1 == next_one.probe_ttl


def _tells_more(leg: Leg, hop: Hop, icons: Icons) -> bool:
    return bool(hop.responders or hop.late or hop.probe_ttl in icons or marks(leg, hop) or mtu_marks(leg, hop))


def _silence_row(hops: Sequence[Hop], arrow: str) -> Row:
    asked = sum(hop.sent for hop in hops)
    cells = {
        "loss": percent(asked, asked),
        "class": CLASSES[hops[0].loss_class],
        "failed": f"{asked}/{asked}" if asked else "-",
        "late": "0",
    }
    ttls = f"{hops[0].probe_ttl}-{hops[-1].probe_ttl}"
    return Row(arrow=arrow, hop=ttls, address="*", cells=cells | _rtt_cells(None), paint=Paint.FAINT)


def _hop_rows(hop: Hop, arrow: str, icons: Icons, style: Style) -> list[Row]:
    icon, paint = _icon(icons.get(hop.probe_ttl), style)
    first = hop.responders[0] if hop.responders else None
    main = Row(
        arrow=arrow,
        hop=str(hop.probe_ttl),
        icon=icon,
        icon_paint=paint,
        address=escape(first.address) if first else "*",
        name=_name(first),
        cells=_hop_cells(hop, first),
        paint=Paint.PLAIN if first else Paint.FAINT,
    )
    return [main, *(_other_row(responder) for responder in hop.responders[1:])]


def _other_row(responder: Responder) -> Row:
    """Return the row of a further responder at the same TTL: its own delays, the hop's loss is not its own."""
    cells = _responder_cells(responder)
    if responder.rtt_us:
        times = responder.rtt_us
        cells |= {
            "min": milliseconds(min(times)),
            "avg": milliseconds(sum(times) / len(times)),
            "max": milliseconds(max(times)),
        }
    return Row(address=escape(responder.address), name=_name(responder), cells=cells)


def _end_row(leg: Leg, arrow: str, icons: Icons, style: Style) -> Row:
    """Return the row of the end-to-end series, apart from the hops: the only one whose loss is the path's."""
    icon, paint = _icon(icons.get(END), style)
    return Row(
        arrow=arrow,
        hop="end",
        icon=icon,
        icon_paint=paint,
        address=escape(leg.address or NODES[leg.to]),
        name=_NAME_OF_END[leg.reached],
        cells=_series_cells(leg.end_to_end) if leg.end_to_end else {},
        paint=Paint.HEAD,
    )


def _icon(severity: Severity | None, style: Style) -> tuple[str, Paint]:
    return ("", Paint.PLAIN) if severity is None else (style.symbols.mark(severity), PAINT_OF[severity])


def _name(responder: Responder | None) -> str:
    """Return the name beside an address, without the dot that ends every complete name."""
    return escape(responder.name.removesuffix(".")) if responder and responder.name else ""


def _hop_cells(hop: Hop, first: Responder | None) -> dict[str, str]:
    cells = {
        "loss": percent(unanswered(hop), hop.sent),
        "class": CLASSES[hop.loss_class],
        "failed": _failed(hop),
        "late": str(hop.late),
    }
    return cells | _rtt_cells(hop.rtt_us) | (_responder_cells(first) if first else {})


def _series_cells(series: EndToEnd) -> dict[str, str]:
    cells = {
        # Missing answers are not loss before the series says so: a target may limit its answers.
        "loss": "-" if series.loss_ratio is None else percent(unanswered(series), series.sent),
        "failed": _failed(series),
        "late": str(series.late),
    }
    return cells | _rtt_cells(series.rtt_us)


def _failed(asked: Hop | EndToEnd) -> str:
    """Return `1/3`: one packet of three failed."""
    return f"{unanswered(asked)}/{asked.sent}" if asked.sent else "-"


def _responder_cells(responder: Responder) -> dict[str, str]:
    return {
        "reply_ttl": "" if responder.reply_ttl is None else str(responder.reply_ttl),
        "asn": "" if responder.asn is None else f"AS{responder.asn}",
        "as_name": _in_ascii(responder.as_name or "", _LONGEST_NETWORK),
        "place": place_words(responder),
        "answer": responder_answer(responder),
    }


def network_words(responder: Responder) -> str:
    """Return `AS64500 Example Networks`, or as much of it as is known."""
    number = "" if responder.asn is None else f"AS{responder.asn}"
    return " ".join(part for part in (number, _in_ascii(responder.as_name or "", _LONGEST_NETWORK)) if part)


def place_words(responder: Responder) -> str:
    """Return `DE Frankfurt am Main`, or as much of it as is known."""
    if responder.place is None:
        return ""
    parts = (responder.place.country, responder.place.city)
    return " ".join(_in_ascii(part, _LONGEST_CITY) for part in parts if part)


def _in_ascii(text: str, limit: int) -> str:
    r"""Return a name without the marks on its letters, escaped: `Sao Paulo` tells more than `S\u00e3o Paulo`."""
    if not text.isascii():
        from unicodedata import combining, normalize  # noqa: PLC0415 - most names are ASCII

        text = "".join([character for character in normalize("NFKD", text) if not combining(character)])
    return escape(text, limit)


def _rtt_cells(rtt: RttSummary | None) -> dict[str, str]:
    """Return the delay cells; a dash says that there is no delay to tell, never a zero."""
    if rtt is None:
        return dict.fromkeys(("min", "avg", "max", "dev", "jitter"), "-")
    return {
        "min": milliseconds(rtt.min),
        "avg": milliseconds(rtt.avg),
        "max": milliseconds(rtt.max),
        "dev": spread_ms(rtt.stddev),
        "jitter": "-" if rtt.jitter is None else spread_ms(rtt.jitter),
    }
