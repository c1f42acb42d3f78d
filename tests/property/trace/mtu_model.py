"""A small network of links that are too narrow: what becomes of one packet by its size and TTL, told in events."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from probes.facts import Answer, Family, Icmp, PathMtu, Protocol, StampSource
from probes.failure import Failure
from probes.seam import Flow, Probe, Quote, Received, Stamp
from probes.trace.mtu_settings import KnownHop, KnownPath, MtuSettings
from probes.trace.path_mtu import PathMtuPlan

TARGET = "192.0.2.80"
SOURCE = "192.0.2.1"


def truth(mtu: int, size: int) -> int | None:
    """Return what an honest router names."""
    del size
    return mtu


def silence(mtu: int, size: int) -> int | None:
    """Say nothing: a black hole."""
    del mtu, size
    return None


@dataclass
class Limiter:
    """A bucket of `burst` answers, refilled by one each `period_s`; None: no limit."""

    burst: int | None = None
    period_s: float = 1.0
    tokens: float = 0.0
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.burst or 0

    def lets(self, now: float) -> bool:
        """Return whether one more answer may be sent now."""
        if self.burst is None:
            return True
        self.tokens = min(self.burst, self.tokens + (now - self.at) / self.period_s)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Router:
    """One hop: whether it says "time exceeded", what it says of a packet too big for the link behind it."""

    address: str
    speaks: bool = True
    says: Callable[[int, int], int | None] = truth
    limiter: Limiter = field(default_factory=Limiter)
    too_big_limiter: Limiter = field(default_factory=Limiter)


@dataclass
class Model:
    """A path: `links[i]` lies behind hop i, hop 0 is this host; the target is behind the last link.

    `host_mtu` is what this host refuses beyond, `host_drops` what its device drops beyond, and tells so; `loss` is the
    chance that a packet or its answer is lost.
    """

    links: list[int]
    routers: list[Router]
    rtt_s: float = 0.02
    loss: float = 0.0
    target_speaks: bool = True
    target_limiter: Limiter = field(default_factory=Limiter)
    host_mtu: int = 1500
    family: Family = Family.IPV4
    told_link_mtu: bool = True
    host_drops: int | None = None

    @property
    def path_mtu(self) -> int:
        """Return the truth."""
        return min(self.host_mtu, self.host_drops or self.host_mtu, *self.links)

    @property
    def distance(self) -> int:
        """Return the TTL at which the target answers."""
        return len(self.links)

    def known(self) -> KnownPath:
        """Return what a trace of this path finds."""
        hops = tuple(
            KnownHop(probe_ttl=ttl, addresses=(router.address,))
            for ttl, router in enumerate(self.routers, start=1)
            if router.speaks
        )
        return KnownPath(
            hops=hops,
            answers=self.target_speaks,
            limited=self.target_limiter.burst is not None,
            distance=self.distance if self.target_speaks else None,
            link_mtu=self.host_mtu if self.told_link_mtu else None,
            rtt_s=self.rtt_s,
        )

    def fate(self, probe: Probe, now: float) -> tuple[str, Answer, Icmp, int | None, int] | None:
        """Return who answers a packet with what, and from how far: None for nobody."""
        size = probe.size or 60
        for hop, mtu in enumerate(self.links):
            if hop > 0 and probe.probe_ttl == hop:
                return self._expired(hop, now)
            if size > mtu:
                return self._too_big(hop, mtu, size, now)
        if not self.target_speaks or not self.target_limiter.lets(now):
            return None
        return TARGET, Answer.ECHO_REPLY, Icmp(type=0, code=0), None, self.distance

    def _expired(self, hop: int, now: float) -> tuple[str, Answer, Icmp, int | None, int] | None:
        router = self.routers[hop - 1]
        if not router.speaks or not router.limiter.lets(now):
            return None
        return router.address, Answer.TIME_EXCEEDED, Icmp(type=11, code=0), None, hop

    def _too_big(self, hop: int, mtu: int, size: int, now: float) -> tuple[str, Answer, Icmp, int | None, int] | None:
        if hop == 0:
            return None
        router = self.routers[hop - 1]
        claim = router.says(mtu, size)
        if claim is None or not router.too_big_limiter.lets(now):
            return None
        return router.address, Answer.DESTINATION_UNREACHABLE, Icmp(type=3, code=4), claim, hop


def measure(
    model: Model, *, seed: int = 1, quoted: bool = True, settings: MtuSettings | None = None
) -> tuple[PathMtu, float]:
    """Return what the plan finds in a model, and how many seconds it takes there; raise if it does not end."""
    random = Random(seed)  # noqa: S311 - a test that can be repeated
    flow = Flow(family=model.family, protocol=Protocol.ICMP, source=SOURCE, destination=TARGET, icmp_id=7)
    plan = PathMtuPlan(flow=flow, path=model.known(), random_bytes=random.randbytes, now=100.0, settings=settings)
    coming: list[tuple[float, int, Received]] = []
    now, turns = 100.0, 0
    while not plan.over:
        turns += 1
        assert turns < 20_000, "the plan does not end"
        while coming and coming[0][0] <= now:
            plan.reply_received(heappop(coming)[2], now)
        for probe in plan.probes_to_send(now):
            _carry(plan, model, probe, now, coming, random, quoted=quoted)
        deadline = plan.next_deadline()
        if deadline is None:
            break
        upcoming = min(deadline, coming[0][0] if coming else deadline)
        now = max(upcoming, now + 1e-6)
    return plan.facts(method=None, now=now), now - 100.0


def _carry(
    plan: PathMtuPlan,
    model: Model,
    probe: Probe,
    now: float,
    coming: list[tuple[float, int, Received]],
    random: Random,
    *,
    quoted: bool,
) -> None:
    if (probe.size or 0) > model.host_mtu:
        plan.failed(probe.number, Failure.MESSAGE_TOO_LONG, now)
        return
    if model.host_drops is not None and (probe.size or 0) > model.host_drops:
        plan.failed(probe.number, Failure.OUT_OF_MEMORY, now)
        return
    plan.sent(probe, _stamp(now))
    fate = model.fate(probe, now)
    if fate is None or random.random() < model.loss:
        return
    sender, answer, icmp, claim, hop = fate
    arrives = now + model.rtt_s * hop / model.distance
    quote = Quote(
        source=SOURCE,
        destination=TARGET,
        sequence=probe.identity.sequence,
        token=probe.identity.token,
        icmp_id=7,
        quoted_ttl=probe.probe_ttl - hop + 1 if quoted else None,
    )
    event = Received(sender=sender, answer=answer, stamp=_stamp(arrives), quote=quote, icmp=icmp, next_hop_mtu=claim)
    heappush(coming, (arrives, probe.number, event))


def _stamp(at: float) -> Stamp:
    return Stamp(at, round(at * 1e9), StampSource.KERNEL)
