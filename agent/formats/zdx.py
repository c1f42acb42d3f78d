"""A record as the product's own API tells of a Cloud Path: a list with one object, as its SDKs read it.

Its word for "no answer" is -1, and stands here and nowhere else; what it has no room for (errors, protocol, TTL,
direction, spread) is left out, and what nobody knows is null (docs/adr/0029-session-statuses-by-exact-codes.md).

Source: the model `DeviceCloudPathProbesHopData` of zscaler-sdk-python; delays of hops are whole numbers, for the SDK in
Go reads no others.
"""

from __future__ import annotations

import json
from datetime import datetime

from agent.record import plain
from probes.facts import EndReason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from agent.record import Record
    from probes.facts import Hop, Leg

Json = dict[str, object]

_NO_ANSWER: Final = -1


def zdx_text(record: Record) -> str:
    """Return the sample over several lines, ASCII, with a final line break.

    Legs are in the record's order; one that nobody tried to trace is no path, and is left out.
    """
    gateways = {entry.address: entry.link_layer_address for entry in record.network.neighbours}
    found = {
        "timestamp": int(datetime.fromisoformat(record.started_at).timestamp() // 1),
        "cloudpath": [_path(leg, gateways) for leg in record.legs if leg.end_reason is not EndReason.NOT_TRACED],
    }
    return json.dumps([plain(found)], indent=2, allow_nan=False) + "\n"


def _path(leg: Leg, gateways: dict[str, str | None]) -> Json:
    end_to_end = leg.end_to_end.rtt_us if leg.end_to_end else None
    return {
        "src": leg.source_address or leg.from_,
        "dst": leg.address or leg.to,
        "num_hops": len(leg.hops),
        "latency": end_to_end.avg / 1000 if end_to_end else _NO_ANSWER,
        "loss": _NO_ANSWER if leg.loss_ratio is None else round(leg.loss_ratio * 100, 3),
        "num_unresp_hops": sum(not hop.received for hop in leg.hops),
        "tunnel_type": None,
        "hops": _hops(leg, gateways),
    }


def _hops(leg: Leg, gateways: dict[str, str | None]) -> list[Json]:
    hops, before_ms = [], 0
    for hop in leg.hops:
        shown = _hop(hop, gateways, before_ms)
        before_ms = before_ms if hop.rtt_us is None else _ms(hop.rtt_us.avg)
        hops.append(shown)
    return hops


def _hop(hop: Hop, gateways: dict[str, str | None], before_ms: int) -> Json:
    address = hop.responders[0].address if hop.responders else None
    rtt = hop.rtt_us
    return {
        "ip": address,
        "gw_mac": gateways.get(address) if address else None,
        "gw_mac_vendor": None,
        "pkt_sent": hop.sent,
        "pkt_rcvd": hop.received,
        "latency_min": _ms(rtt.min) if rtt else _NO_ANSWER,
        "latency_max": _ms(rtt.max) if rtt else _NO_ANSWER,
        "latency_avg": _ms(rtt.avg) if rtt else _NO_ANSWER,
        # By how much it is farther than the hop before that answered; a nearer answer is none, for -1 has a meaning.
        "latency_diff": max(0, _ms(rtt.avg) - before_ms) if rtt else _NO_ANSWER,
    }


def _ms(microseconds: int) -> int:
    return round(microseconds / 1000)
