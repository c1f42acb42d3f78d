"""A simulated carrier: many targets behind simulated paths, answered with real messages, at a clock that is told."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from probes.drivers.many_raw import parse_ipv4_evidence
from probes.facts import Clocks, Family, FlowKind, Method, Protocol, RejectReason, StampSource
from probes.failure import Failure
from probes.many_seam import Lane, Readable
from probes.seam import Event, Flow, Probe, Stamp, Unreadable
from probes.wire.checksum import internet_checksum

SOURCE: Final = "192.0.2.1"
_HOP_S: Final = 0.002
_ENDLESS: Final = 200_000

Sighting = tuple[int, int, bytes, bytes | None, bytes, bytes | None, float, bytes]


@dataclass(frozen=True, kw_only=True)
class Way:
    """The way to one target: an address or silence for each TTL before it, and what happens to packets."""

    hops: tuple[str | None, ...]
    alive: bool = True
    loss: float = 0.0
    duplicates: float = 0.0
    jitter_s: float = 0.0
    # The router at this TTL refuses with (type, code) whatever goes beyond it.
    refuses_at: int = 0
    refusal: tuple[int, int] = (3, 13)


class Clock:
    """Seconds that move when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def realtime_ns(self) -> int:
        return round(self.now * 1e9) + 10**18

    def boottime(self) -> float:
        return self.now


class SimulatedCarrier:
    """Carries probes to simulated ways; keeps what it sent, for the laws."""

    family = Family.IPV4
    method = Method.RAW
    clocks = Clocks(sent=StampSource.USER, received=StampSource.KERNEL)

    def __init__(self, clock: Clock, ways: dict[str, Way], *, seed: int = 0, slots: int = 65536) -> None:
        self.slots = slots
        self.sends: list[tuple[float, str, int, int]] = []
        self.refuses: Failure | None = None
        self.full = 0
        self._clock = clock
        self._ways = ways
        self._random = Random(seed)  # noqa: S311 - a simulation's own
        self._arriving: list[tuple[float, int, tuple[int, int, bytes, bytes | None, bytes, bytes | None, bytes]]] = []
        self._number = 0

    def lane(self, destination: str, token: bytes) -> Lane | tuple[Failure, str]:
        if destination not in self._ways:
            return Failure.NETWORK_UNREACHABLE, f"no way to {destination}"
        flow = Flow(family=Family.IPV4, protocol=Protocol.ICMP, source=SOURCE, destination=destination, icmp_id=0x1234)
        return Lane(
            address=(destination, 0),
            flow=flow,
            source=_packed(SOURCE),
            destination=_packed(destination),
            token=token,
            remainder=0,
        )

    def send(self, lane: Lane, probe_ttl: int, slot: int) -> float | Failure | None:
        if self.full:
            self.full -= 1
            return None
        if self.refuses is not None:
            return self.refuses
        destination = lane.flow.destination
        self.sends.append((self._clock.now, destination, probe_ttl, slot))
        way = self._ways[destination]
        if self._random.random() >= way.loss:
            self._answer(lane, way, probe_ttl, slot)
        return self._clock.now

    def receive(self) -> Sequence[Sighting]:
        heard: list[Sighting] = []
        while self._arriving and self._arriving[0][0] <= self._clock.now and len(heard) < 256:
            at, _, (slot, kind, sender, source, destination, token, evidence) = heapq.heappop(self._arriving)
            heard.append((slot, kind, sender, source, destination, token, at, evidence))
        return heard

    def read(self, lane: Lane, evidence: bytes, stamp: Stamp) -> Event:
        del lane
        return parse_ipv4_evidence(evidence, stamp) or Unreadable(RejectReason.NOT_AN_ANSWER)

    def lost(self) -> int:
        return 0

    def filenos(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        self._arriving.clear()

    def next_arrival(self) -> float | None:
        return self._arriving[0][0] if self._arriving else None

    def forge(
        self, *, slot: int, sender: str, destination: str, token: bytes | None, kind: int = 0x0B00, at: float
    ) -> None:
        """Let a message arrive that nobody on the way sent."""
        evidence = error_datagram(sender, kind, destination, slot, token or b"")
        source = None if kind >> 8 == 0 else _packed(SOURCE)
        self._arrive(at, (slot, kind, _packed(sender), source, _packed(destination), token, evidence))

    def _answer(self, lane: Lane, way: Way, probe_ttl: int, slot: int) -> None:
        destination = lane.flow.destination
        stop = way.refuses_at if way.refuses_at and probe_ttl > way.refuses_at else 0
        place = stop or min(probe_ttl, len(way.hops) + 1)
        if place <= len(way.hops):
            sender = way.hops[place - 1]
            kind = way.refusal[0] << 8 | way.refusal[1] if stop else 0x0B00
        else:
            sender, kind = (destination if way.alive else None), 0
        if sender is None:
            return
        times = 2 if self._random.random() < way.duplicates else 1
        for _ in range(times):
            delay_s = _HOP_S * place + self._random.random() * way.jitter_s
            source = None if kind == 0 else lane.source
            evidence = (
                echo_datagram(destination, slot, lane.token)
                if kind == 0
                else error_datagram(sender, kind, destination, slot, lane.token)
            )
            told = (slot, kind, _packed(sender), source, lane.destination, lane.token, evidence)
            self._arrive(self._clock.now + delay_s, told)

    def _arrive(self, at: float, told: tuple[int, int, bytes, bytes | None, bytes, bytes | None, bytes]) -> None:
        self._number += 1
        heapq.heappush(self._arriving, (at, self._number, told))


class DeepDriver:
    """The deep engine's driver over the same simulated way, to compare what both engines make of it."""

    method = Method.RAW
    flow_kind = FlowKind.PARIS
    clocks = Clocks(sent=StampSource.USER, received=StampSource.KERNEL)

    def __init__(self, carrier: SimulatedCarrier, clock: Clock, destination: str) -> None:
        lane = carrier.lane(destination, bytes(8))
        assert isinstance(lane, Lane)
        self.flow = lane.flow
        self._lane = lane
        self._carrier = carrier
        self._clock = clock

    def send(self, probe: Probe) -> Stamp | Failure:
        self._lane.token = probe.identity.token
        self._carrier.send(self._lane, probe.probe_ttl, probe.identity.sequence)
        return Stamp(self._clock.now, self._clock.realtime_ns(), StampSource.USER)

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        del hurried
        return [
            self._carrier.read(self._lane, evidence, Stamp(at, round(at * 1e9) + 10**18, StampSource.KERNEL))
            for *_, at, evidence in self._carrier.receive()
        ]

    def next_arrival(self) -> float | None:
        return self._carrier.next_arrival()

    def filenos(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        self._carrier.close()


class SimulatedWaiter:
    """Moves the clock to whatever comes first; a loop that waits for the past turns without end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.turns = 0

    def wait(self, drivers: Sequence[Readable], until: float) -> None:
        self.turns += 1
        assert self.turns < _ENDLESS, "the loop turns without end"
        carriers = [each for each in drivers if isinstance(each, SimulatedCarrier | DeepDriver)]
        arrivals = [at for each in carriers if (at := each.next_arrival()) is not None]
        self._clock.now = max(self._clock.now + 1e-6, min([until, *arrivals]))


def echo_datagram(sender: str, slot: int, token: bytes) -> bytes:
    """Return an echo reply as a raw socket gives it."""
    return _ip(sender, SOURCE, 64, _checksummed(b"\0\0\0\0\x12\x34" + (slot & 0xFFFF).to_bytes(2, "big") + token))


def error_datagram(sender: str, kind: int, destination: str, slot: int, token: bytes) -> bytes:
    """Return an ICMP error that quotes a probe of ours, as a raw socket gives it."""
    echo = b"\x08\0\0\0\x12\x34" + (slot & 0xFFFF).to_bytes(2, "big") + token
    quote = _ip(SOURCE, destination, 1, echo)
    return _ip(sender, SOURCE, 250, _checksummed(kind.to_bytes(2, "big") + bytes(6) + quote))


def _ip(source: str, destination: str, ttl: int, payload: bytes) -> bytes:
    header = b"\x45\0" + (20 + len(payload)).to_bytes(2, "big") + b"\0\0\x40\0" + bytes((ttl, 1, 0, 0))
    return header + _packed(source) + _packed(destination) + payload


def _checksummed(message: bytes) -> bytes:
    return message[:2] + internet_checksum(message).to_bytes(2, "big") + message[4:]


def _packed(address: str) -> bytes:
    return bytes(map(int, address.split(".")))
