"""A record as RIPE Atlas traceroute results (firmware 5000 and later): one JSON object a line for each traced leg.

Nothing is made up (docs/adr/0020-formats-and-what-they-leave-out.md): what RIPE Atlas knows and we do not is null where
its readers insist on the key (`msm_id`, `prb_id`), and left out elsewhere (`from`, `size`, `paris_id` without a flow).

Source: RIPE Atlas documentation, measurement result format, version 5000, traceroute.
"""

from __future__ import annotations

import json
from datetime import datetime

from agent.record import plain
from probes.facts import Answer, Direction, Family, FlowKind, InterfaceRole, Node, Prober

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from agent.record import Record
    from probes.facts import Hop, InterfaceInformation, Leg, MplsLabel, Responder, SendFailure

Json = dict[str, object]

# The first firmware whose results have this form; it names the form here, for there is no firmware.
FORMAT_VERSION: Final = 5000
# "The value -1 is used to indicate that the probe does not know whether it is in sync": the format's own word for it.
_SYNCHRONY_UNKNOWN: Final = -1
_AF: Final = {Family.IPV4: 4, Family.IPV6: 6}
# 0 is the classic traceroute, whose flows differ; of the one flow of a Paris trace there is no number to tell.
_PARIS_IDS: Final = {FlowKind.PARIS: 1, FlowKind.PER_ROUND: 0, FlowKind.PER_PROBE: 0}

# RFC 792 and RFC 1812 section 5.2.7.1; RFC 4443 section 3.1. Any other code is given as its number.
_ERRORS_V4: Final = {0: "N", 1: "H", 2: "P", 3: "p", 13: "A"}
_ERRORS_V6: Final = {0: "N", 1: "A", 2: "h", 3: "H", 4: "p"}
_PORT_UNREACHABLE: Final = "p"
# RFC 9293 section 3.10.7.1: the reset of a SYN carries ACK, for a SYN has none; in the format's order of flags.
_TCP_FLAGS: Final = {Answer.SYN_ACK: "SA", Answer.RST: "RA"}
# RFC 4884 section 7; RFC 4950 section 7.
_EXTENSION_VERSION: Final = 2
_MPLS_CLASS: Final = 1
_INCOMING_STACK: Final = 1
# RFC 5837 section 4.1: the class, and in the c-type the role (two bits) and what is told (index, address, name, MTU).
_INTERFACE_CLASS: Final = 2
_ROLES: Final = tuple(InterfaceRole)

# A record is outside text to whoever reads one back: a number in it must not fill the memory, nor leave the calendar.
_MOST_ENTRIES: Final = 1000
_OLDEST_TRACE_S: Final = 86_400


def ripe_atlas_lines(record: Record) -> str:
    """Return one line for each leg that this agent traced or tried to trace, ASCII, each with a final line break.

    A leg from this machine that could not be traced is a result with an error in place of hops, as RIPE Atlas has it;
    one that nobody tried to trace is no measurement, and has no line.
    """
    results = [_result(record, leg) for leg in record.legs if leg.hops or leg.from_ is Node.CLIENT]
    return "".join(json.dumps(plain(result), separators=(",", ":"), allow_nan=False) + "\n" for result in results)


def _result(record: Record, leg: Leg) -> Json:
    started_s = datetime.fromisoformat(record.started_at).timestamp() - _age_s(record, leg)
    return _known(
        fw=FORMAT_VERSION,
        lts=_SYNCHRONY_UNKNOWN,
        timestamp=int(started_s // 1),
        endtime=int((started_s + record.duration_us / 1e6) // 1),
        dst_name=_name_of_end(record, leg),
        dst_addr=leg.address,
        src_addr=leg.source_address,
        proto=leg.protocol.upper() if leg.protocol else None,
        af=_AF[leg.family] if leg.family else None,
        paris_id=_PARIS_IDS[leg.flow] if leg.flow else None,
        msm_name="Traceroute",
        type="traceroute",
    ) | {"msm_id": None, "prb_id": None, "result": _hops(leg)}


def _known(**values: object) -> Json:
    """Return the keys that there is something to say of."""
    return {key: value for key, value in values.items() if value is not None}


def _age_s(record: Record, leg: Leg) -> int:
    """Return how long before the sample a leg was traced: an edge may answer with an earlier trace of its own."""
    used = next((edge for edge in record.edges if edge.used), None)
    if used is None or leg.probed_by is not Prober.EDGE:
        return 0
    trace = used.reverse if leg.direction is Direction.REVERSE else used.forward
    return min(trace.age_s or 0, _OLDEST_TRACE_S) if trace and trace.cached else 0


def _name_of_end(record: Record, leg: Leg) -> str | None:
    names = {
        Node.DESTINATION: record.target.host,
        Node.SERVICE_EDGE: record.target.edge_host,
        Node.EXTERNAL_PROXY: record.proxy.host if record.proxy else None,
    }
    return names.get(leg.to) or leg.address


def _hops(leg: Leg) -> list[Json]:
    if leg.hops:
        return [_hop(hop, leg) for hop in leg.hops]
    if leg.send_failures:
        first = leg.send_failures[0]
        return [{"hop": first.first_probe_ttl, "error": _refusal(first)}]
    return [{"error": leg.reason or leg.end_reason.replace("_", " ")}]


def _hop(hop: Hop, leg: Leg) -> Json:
    """Return one hop: every answer in time, the silences behind them, and who was heard too late."""
    refused = next((failed for failed in leg.send_failures if failed.first_probe_ttl == hop.probe_ttl), None)
    if refused is not None and not hop.sent and not hop.responders:
        return {"hop": hop.probe_ttl, "error": _refusal(refused)}
    timed = [_reply(who, leg) | {"rtt": us / 1000} for who in hop.responders for us in who.rtt_us]
    in_time, late = _without_times(hop, len(timed))
    replies = [*timed, *(_reply(who, leg) for who in in_time)]
    timeouts: list[Json] = [{"x": "*"}] * min(max(hop.sent - len(replies), 0), _MOST_ENTRIES)
    # By how many probes an answer is late the record does not say: by one at least.
    return {"hop": hop.probe_ttl, "result": [*replies, *timeouts, *(_reply(who, leg) | {"late": 1} for who in late)]}


def _without_times(hop: Hop, timed: int) -> tuple[list[Responder], list[Responder]]:
    """Return who answered in time without a time that can be trusted, once an answer, and who was heard late only."""
    silent_on_time = [who for who in hop.responders if not who.rtt_us]
    count = min(max(hop.received - timed, 0), _MOST_ENTRIES)
    in_time = (silent_on_time or list(hop.responders))[:count]
    # Of several the record does not say how many answers each gave: the first gets what is left.
    return in_time + in_time[:1] * (count - len(in_time)), silent_on_time[count:]


def _refusal(failed: SendFailure) -> str:
    return f"sendto failed: {failed.failure.replace('_', ' ')}"


def _reply(responder: Responder, leg: Leg) -> Json:
    """Return what is the same in each of one responder's replies."""
    return _known(
        **{"from": responder.address},
        ttl=responder.reply_ttl,
        ittl=None if responder.quoted_ttl == 1 else responder.quoted_ttl,
        itos=responder.quoted_tos,
        err=_error(responder, leg),
        flags=_TCP_FLAGS.get(responder.answer),
        icmpext=_extensions(responder),
    )


def _error(responder: Responder, leg: Leg) -> str | int | None:
    """Return the format's letter or number for an unreachable; none for the port that proves the arrival."""
    if responder.answer is not Answer.DESTINATION_UNREACHABLE or responder.icmp is None:
        return None
    errors = _ERRORS_V6 if ":" in responder.address else _ERRORS_V4
    error = errors.get(responder.icmp.code, responder.icmp.code)
    ends = {leg.address, leg.reached_by.address if leg.reached_by else None}
    return None if error == _PORT_UNREACHABLE and responder.address in ends else error


def _extensions(responder: Responder) -> Json | None:
    """Return the objects behind a quote, label stack first; `rfc4884` is left out, for the record lacks it."""
    objects: list[Json] = [_stack(responder.mpls)] if responder.mpls else []
    objects += [{"class": _INTERFACE_CLASS, "type": _c_type(told)} for told in responder.interfaces]
    objects += [{"class": other.class_number, "type": other.c_type} for other in responder.other_extensions]
    return {"version": _EXTENSION_VERSION, "obj": objects} if objects else None


def _stack(labels: tuple[MplsLabel, ...]) -> Json:
    stack = [
        {"exp": entry.traffic_class, "label": entry.label, "s": int(entry.bottom), "ttl": entry.mpls_ttl}
        for entry in labels
    ]
    return {"class": _MPLS_CLASS, "type": _INCOMING_STACK, "mpls": stack}


def _c_type(told: InterfaceInformation) -> int:
    """Return the c-type that says as much of an interface as is known of it."""
    known = [told.index is not None, told.address is not None, told.name is not None, told.mtu is not None]
    return _ROLES.index(told.role) << 6 | sum(
        is_known << bit for is_known, bit in zip(known, (3, 2, 1, 0), strict=True)
    )
