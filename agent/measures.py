"""What one sample comes to in three figures, for curves over time: delay and loss to the destination, and its way.

The same of a sample that was just taken and of a document that is read back, so that both are one point of one curve.
"""

from __future__ import annotations

from agent.ways import Stretch, way_of
from probes.facts import Direction, Node, Prober
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from agent.record import Record
    from probes.facts import Leg
    from probes.sample import Sample

# A ratio is kept in millionths: finer than any series of probes tells.
_DIGITS: Final = 6


@frozen
class Measures:
    """The figures of one sample.

    Attributes:
        latency_us: The average round-trip time of the way to the destination, as far as it was asked: where an edge
            traces onwards, the sum of the way to the edge and of that behind it. None where nothing came back.
        loss_ratio: Lost of what was asked at its end, 0 to 1 in millionths, of two stretches what passes neither; None
            where nothing was asked.
        path: A sketch of who answered on the way, None where nobody did; `agent.ways` tells which sketches are of one
            way, for equal ways have different sketches where a hop is silent.
    """

    latency_us: int | None = None
    loss_ratio: float | None = None
    path: str | None = None


def measures_of(sample: Sample | Record) -> Measures:
    """Return the figures of a sample; of one that was discarded, none, where `without_scores` has been applied."""
    return _measures(tuple(_part_of(leg) for leg in sample.legs))


def measures_in(document: Mapping[str, Any]) -> Measures:
    """Return the same of a document of `cloudpath.sample/1`; what it lacks was not measured."""
    return _measures(tuple(_part_in(leg) for leg in document.get("legs") or ()))


@frozen
class _Part:
    """One leg: what it leads over, who asked, and what came of it."""

    stretch: Stretch
    forward: bool
    by_agent: bool
    traced: bool
    average_us: int | None
    loss_ratio: float | None


def _part_of(leg: Leg) -> _Part:
    series = leg.end_to_end
    return _Part(
        stretch=Stretch(
            start=leg.from_.value,
            end=leg.to.value,
            address=leg.address,
            hops=tuple((hop.probe_ttl, tuple(each.address for each in hop.responders)) for hop in leg.hops),
        ),
        forward=leg.direction is Direction.FORWARD,
        by_agent=leg.probed_by is Prober.AGENT,
        traced=leg.reached is not None,
        average_us=None if series is None or series.rtt_us is None else round(series.rtt_us.avg),
        loss_ratio=leg.loss_ratio,
    )


def _part_in(leg: Mapping[str, Any]) -> _Part:
    average_us = ((leg.get("end_to_end") or {}).get("rtt_us") or {}).get("avg")
    hops = leg.get("hops") or ()
    return _Part(
        stretch=Stretch(
            start=str(leg.get("from")),
            end=str(leg.get("to")),
            address=leg.get("address"),
            hops=tuple((hop["probe_ttl"], tuple(each["address"] for each in hop["responders"])) for hop in hops),
        ),
        forward=leg.get("direction") == Direction.FORWARD.value,
        by_agent=leg.get("probed_by") == Prober.AGENT.value,
        traced=leg.get("reached") is not None,
        average_us=None if average_us is None else round(average_us),
        loss_ratio=leg.get("loss_ratio"),
    )


def _measures(parts: tuple[_Part, ...]) -> Measures:
    way = _way(parts)
    return Measures(
        latency_us=_latency_us(way),
        loss_ratio=_loss_ratio(way),
        path=way_of(part.stretch for part in parts if part.forward),
    )


def _way(parts: tuple[_Part, ...]) -> tuple[_Part, ...]:
    """Return what the traffic passes: the leg that this machine traced furthest, and the one that goes on from there.

    What an egress router leaves unanswered says nothing of the way: packets pass through it, and do not end there.
    """
    forward = [part for part in parts if part.forward and part.traced and part.stretch.end != Node.EGRESS.value]
    own = next((part for part in reversed(forward) if part.by_agent), None)
    if own is None:
        return ()
    onwards = (Node.DESTINATION.value, own.stretch.end)
    following = [part for part in forward if (part.stretch.end, part.stretch.start) == onwards]
    return (own, *following[-1:])


def _latency_us(way: tuple[_Part, ...]) -> int | None:
    averages = [part.average_us for part in way if part.average_us is not None]
    return sum(averages) if way and len(averages) == len(way) else None


def _loss_ratio(way: tuple[_Part, ...]) -> float | None:
    """Return what the whole way loses; an edge that answers no probes, though what is behind it does, loses none."""
    passes_silently = len(way) > 1 and way[0].loss_ratio == 1.0 and way[-1].average_us is not None
    known = [part.loss_ratio for part in (way[-1:] if passes_silently else way) if part.loss_ratio is not None]
    if not known:
        return None
    kept = 1.0
    for ratio in known:
        kept *= 1.0 - ratio
    return round(1.0 - kept, _DIGITS)
