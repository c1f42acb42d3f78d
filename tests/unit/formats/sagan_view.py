"""What RIPE's own parser makes of our RIPE Atlas results, and whether that is what our record says."""

import json
from typing import Any, Final

from ripe.atlas.sagan import Result

from probes.facts import Family, Hop, Leg, Node, Responder

_AF: Final = {Family.IPV4: 4, Family.IPV6: 6}
MOST_ENTRIES: Final = 1000


def parsed(line: str) -> Any:
    """Return sagan's result of one line; anything that it finds malformed raises."""
    result = Result.get(line, on_malformation=Result.ACTION_FAIL, on_error=Result.ACTION_IGNORE)
    assert result.type == "traceroute"
    assert result.is_malformed is False
    return result


def lines_of(text: str) -> list[str]:
    """Return the lines of a whole output: each complete, in ASCII, and JSON of its own."""
    assert text.isascii()
    assert text == "" or text.endswith("\n")
    lines = text.splitlines()
    assert all(isinstance(json.loads(line), dict) for line in lines)
    return lines


def measured(legs: tuple[Leg, ...]) -> list[Leg]:
    """Return the legs that have a result."""
    return [leg for leg in legs if leg.hops or leg.from_ is Node.CLIENT]


def assert_agrees(result: Any, leg: Leg) -> None:
    """Compare everything that sagan understands of a result with the leg that it was made of."""
    assert result.protocol == (leg.protocol.value.upper() if leg.protocol else None)
    assert result.af == (_AF[leg.family] if leg.family else None)
    assert result.destination_address == leg.address
    assert result.source_address == leg.source_address
    assert (result.measurement_id, result.probe_id, result.origin, result.seconds_since_sync) == (None,) * 4
    if not leg.hops:
        assert [hop.packets for hop in result.hops] == [[]]
        assert result.hops[0].is_error
        return
    assert [hop.index for hop in result.hops] == [hop.probe_ttl for hop in leg.hops]
    for theirs, ours in zip(result.hops, leg.hops, strict=True):
        if not theirs.is_error:
            _assert_hop_agrees(theirs, ours)
    last = leg.hops[-1]
    assert result.total_hops == len(leg.hops)
    if leg.address and leg.address in {responder.address for responder in last.responders if responder.rtt_us}:
        assert result.destination_ip_responded
    if leg.address not in {responder.address for responder in last.responders}:
        assert not result.destination_ip_responded
    assert result.last_hop_responded is any(us > 0 for responder in last.responders for us in responder.rtt_us)


def _assert_hop_agrees(theirs: Any, ours: Hop) -> None:
    answers = [(responder, us) for responder in ours.responders for us in responder.rtt_us]
    heard = [packet for packet in theirs.packets if packet.origin is not None]
    assert [(packet.origin, packet.rtt, packet.ttl) for packet in heard[: len(answers)]] == [
        (responder.address, round(us / 1000, 3), responder.reply_ttl) for responder, us in answers
    ]
    # What was answered in time, but at a time that nobody can vouch for.
    untimed = heard[len(answers) :]
    assert {packet.rtt for packet in untimed} <= {None}
    assert {packet.origin for packet in untimed} <= {responder.address for responder in ours.responders}
    if ours.responders:
        assert len(untimed) == min(max(ours.received - len(answers), 0), MOST_ENTRIES)
    silent = len(theirs.packets) - len(heard)
    assert silent == min(max(ours.sent - len(heard), 0), MOST_ENTRIES)
    for packet, (responder, _) in zip(heard, answers, strict=False):
        assert packet.internal_ttl == (1 if responder.quoted_ttl is None else responder.quoted_ttl)
        _assert_extensions_agree(packet.icmp_header, responder)


def _assert_extensions_agree(header: Any, responder: Responder) -> None:
    objects = [] if header is None else header.objects
    assert header is None or header.version == 2
    stacks = [
        entries for found in objects if (found["class"], found["type"]) == (1, 1) and (entries := found.get("mpls"))
    ]
    assert [(entry["label"], entry["exp"], entry["s"], entry["ttl"]) for stack in stacks for entry in stack] == [
        (entry.label, entry.traffic_class, int(entry.bottom), entry.mpls_ttl) for entry in responder.mpls
    ]
    others = [(found["class"], found["type"]) for found in objects if "mpls" not in found]
    assert len(others) == len(responder.interfaces) + len(responder.other_extensions)
    assert others[len(responder.interfaces) :] == [
        (other.class_number, other.c_type) for other in responder.other_extensions
    ]
