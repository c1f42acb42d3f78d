"""News as whoever measures would tell them: a path of five hops, second by second."""

from collections.abc import Mapping, Sequence
from typing import Final

from agent.watch.news import Check, Round
from agent.watch.watching import Watching
from probes.facts import Answer, EndReason, EndToEnd, Hop, Leg, LossClass, Protocol, Responder
from probes.frozen import replace
from probes.sample import Sample
from rules.diagnosis import Diagnosis
from tests.unit.views import samples

# 2026-11-23 12:00:00 UTC.
NOON_S: Final = 1_795_435_200.0
ROUTERS: Final = ("10.0.0.1", "198.51.100.1", "198.51.100.77", "203.0.113.9")


def hop(ttl: int, address: str | None, rtt_us: int | None, *, name: str | None = None) -> Hop:
    """Return one hop asked once; without a time nobody answered."""
    if rtt_us is None or address is None:
        return Hop(probe_ttl=ttl, sent=1, received=0, loss_class=LossClass.UNKNOWN)
    responder = Responder(address=address, answer=Answer.TIME_EXCEEDED, name=name, reply_ttl=64, rtt_us=(rtt_us,))
    return Hop(
        probe_ttl=ttl,
        sent=1,
        received=1,
        loss_class=LossClass.NONE,
        responders=(responder,),
        rtt_us=samples.rtt(rtt_us),
    )


def leg(
    end_us: int | None = 12_300,
    *,
    routers: Sequence[str] = ROUTERS,
    missing: Sequence[int] = (),
    names: Mapping[str, str] | None = None,
) -> Leg:
    """Return the leg of one round: each router answers but those `missing`, the end after `end_us` or not at all."""
    known = names or {}
    hops = [
        hop(ttl, address, None if ttl in missing else 400 * ttl, name=known.get(address))
        for ttl, address in enumerate(routers, 1)
    ]
    far = len(routers) + 1
    if end_us is not None:
        arrived = hop(far, samples.DESTINATION, end_us)
        hops.append(replace(arrived, responders=(replace(arrived.responders[0], answer=Answer.SYN_ACK),)))
    series = EndToEnd(
        protocol=Protocol.TCP,
        sent=1,
        received=0 if end_us is None else 1,
        loss_ratio=None if end_us is None else 0.0,
        rtt_us=None if end_us is None else samples.rtt(end_us),
    )
    return replace(
        samples.LEG,
        hops=tuple(hops),
        reached=end_us is not None,
        end_reason=EndReason.GAP_LIMIT if end_us is None else EndReason.REACHED,
        end_to_end=series,
    )


def round_at(second: float, traced: Leg) -> Round:
    return Round(at_s=NOON_S + second, leg=traced)


def check_at(second: float, sample: Sample = samples.HEALTHY, diagnosis: Diagnosis = samples.FINE) -> Check:
    traced = bool(sample.legs) and sample.legs[-1].reached is not None
    return Check(at_s=NOON_S + second, sample=sample, diagnosis=diagnosis, leg=len(sample.legs) - 1 if traced else None)


def watched(*legs: Leg) -> Watching:
    """Return a watch with one round a second."""
    watching = Watching("crm.example.com", NOON_S)
    for second, traced in enumerate(legs, 1):
        watching.take(round_at(second, traced))
    return watching
