"""A record as CSV: one row for each hop and responder, under a header whose names stay."""

from __future__ import annotations

from probes.trace.rtt import summarise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from agent.record import Record
    from probes.facts import Hop, Leg, Responder

Cell = str | int | float | bool | None

# New columns go to the end; none is renamed, moved or dropped (docs/output.md).
COLUMNS: Final = (
    "sample_id",
    "started_at",
    "target",
    "status",
    "errors",
    "leg",
    "from",
    "to",
    "direction",
    "protocol",
    "destination",
    "port",
    "reached",
    "end_reason",
    "reason",
    "loss_ratio",
    "probe_ttl",
    "responder",
    "address",
    "name",
    "asn",
    "as_name",
    "country",
    "city",
    "sent",
    "received",
    "late",
    "loss_class",
    "answer",
    "icmp_type",
    "icmp_code",
    "reply_ttl",
    "mpls_labels",
    "rtt_min_us",
    "rtt_avg_us",
    "rtt_max_us",
    "rtt_stddev_us",
    "rtt_us",
    "probed_by",
)

# What a spreadsheet takes for a formula; in some languages also the wide forms (OWASP, CSV injection).
_FORMULA_STARTS: Final = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_LAST_OF_FOUR_DIGITS: Final = 0xFFFF


def csv_header() -> str:
    """Return the header line."""
    return ",".join(COLUMNS) + "\n"


def csv_rows(record: Record) -> str:
    """Return the rows of one record, without header, each with a final line break (LF).

    A hop that nobody answered and a leg without hops are rows too, with empty cells for what is not known.
    """
    sample = _of_sample(record)
    rows = [_row(sample | _of_leg(index, leg) | cells) for index, leg in enumerate(record.legs) for cells in _hops(leg)]
    return "".join(rows)


def csv_text(record: Record) -> str:
    """Return header and rows of one record."""
    return csv_header() + csv_rows(record)


def _of_sample(record: Record) -> dict[str, Cell]:
    return {
        "sample_id": record.id,
        "started_at": record.started_at,
        "target": record.target.name,
        "status": record.status,
        "errors": " ".join(error.code for error in record.errors),
    }


def _of_leg(index: int, leg: Leg) -> dict[str, Cell]:
    return {
        "leg": index,
        "from": leg.from_,
        "to": leg.to,
        "direction": leg.direction,
        "probed_by": leg.probed_by,
        "protocol": leg.protocol,
        "destination": leg.address,
        "port": leg.port,
        "reached": leg.reached,
        "end_reason": leg.end_reason,
        "reason": leg.reason,
        "loss_ratio": leg.loss_ratio,
    }


def _hops(leg: Leg) -> list[dict[str, Cell]]:
    """Return the cells of each row of one leg: one a responder, one for a silent hop, one for a leg without hops."""
    rows: list[dict[str, Cell]] = []
    for hop in leg.hops:
        own = _of_hop(hop)
        rows += [own | _of_responder(number, who) for number, who in enumerate(hop.responders, 1)] or [own]
    return rows or [{}]


def _of_hop(hop: Hop) -> dict[str, Cell]:
    return {
        "probe_ttl": hop.probe_ttl,
        "sent": hop.sent,
        "received": hop.received,
        "late": hop.late,
        "loss_class": hop.loss_class,
    }


def _of_responder(number: int, responder: Responder) -> dict[str, Cell]:
    place, icmp = responder.place, responder.icmp
    return _delays(responder.rtt_us) | {
        "responder": number,
        "address": responder.address,
        "name": responder.name,
        "asn": responder.asn,
        "as_name": responder.as_name,
        "country": place.country if place else None,
        "city": place.city if place else None,
        "answer": responder.answer,
        "icmp_type": icmp.type if icmp else None,
        "icmp_code": icmp.code if icmp else None,
        "reply_ttl": responder.reply_ttl,
        "mpls_labels": " ".join(str(entry.label) for entry in responder.mpls),
    }


def _delays(rtt_us: tuple[int, ...]) -> dict[str, Cell]:
    """Return this responder's own delays; those of the hop mix all that answered there."""
    summary = summarise(rtt_us)
    if summary is None:
        return {}
    return {
        "rtt_min_us": summary.min,
        "rtt_avg_us": summary.avg,
        "rtt_max_us": summary.max,
        "rtt_stddev_us": summary.stddev,
        "rtt_us": " ".join(map(str, rtt_us)),
    }


# --- cells ------------------------------------------------------------------------------------------------------------


def _row(cells: Mapping[str, Cell]) -> str:
    return ",".join(_cell(cells.get(column)) for column in COLUMNS) + "\n"


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(_inert(value)) if isinstance(value, str) else str(value)


def _inert(text: str) -> str:
    r"""Return text that neither a terminal nor a spreadsheet obeys: one line, printable, and no formula.

    What cannot be seen becomes `\u....`, a backslash is doubled, and an apostrophe goes before a formula's start.
    """
    shown = "".join([_character(character) for character in text])
    return f"'{shown}" if shown[:1] in _FORMULA_STARTS else shown


def _character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= _LAST_OF_FOUR_DIGITS else f"\\U{code:08x}"


def _quoted(text: str) -> str:
    """Return a field quoted where RFC 4180 section 2 (6, 7) asks for it; no line break is left in it by now."""
    return '"' + text.replace('"', '""') + '"' if '"' in text or "," in text else text
