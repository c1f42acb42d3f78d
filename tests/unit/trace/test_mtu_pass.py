"""What the pass makes of a traced leg: whom it asks, by which protocol, and what it does where nobody can be asked."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest

from probes.facts import (
    Answer,
    Clocks,
    Family,
    FlowKind,
    Hop,
    Leg,
    LossClass,
    Method,
    MtuCertainty,
    MtuStepKind,
    Node,
    Protocol,
    Reachability,
    Refusal,
    Responder,
    Role,
    RttSummary,
    StampSource,
)
from probes.failure import Failure
from probes.seam import Driver, Event, Flow, Probe, Quote, Received, Stamp, Waiter
from probes.trace.mtu_pass import Surroundings, known_path, with_path_mtu
from tests.property.trace.mtu_model import SOURCE, TARGET, Limiter, Model, Router, silence

RTT = RttSummary(min=19_000, avg=20_000, max=21_000, stddev=10)
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def boottime(self) -> float:
        return self.now

    def realtime_ns(self) -> int:
        return round(self.now * 1e9)


class ModelDriver:
    """Carries packets over a model; ICMP and UDP targets answer as they do in it."""

    method = Method.RAW
    flow_kind = FlowKind.PARIS
    clocks = Clocks(sent=StampSource.USER, received=StampSource.KERNEL)

    def __init__(self, model: Model, protocol: Protocol, time: Time) -> None:
        udp = protocol is Protocol.UDP
        self.flow = Flow(
            family=Family.IPV4,
            protocol=protocol,
            source=SOURCE,
            destination=TARGET,
            source_port=40_000 if udp else None,
            destination_port=33_434 if udp else None,
        )
        self.coming: list[tuple[float, Event]] = []
        self.closed = False
        self._model = model
        self._time = time

    def send(self, probe: Probe) -> Stamp | Failure:
        stamp = self._stamp(self._time.now)
        fate = self._model.fate(probe, self._time.now)
        if fate is not None:
            sender, answer, icmp, claim, hop = fate
            at = self._time.now + self._model.rtt_s * hop / self._model.distance
            quote = Quote(token=probe.identity.token, quoted_ttl=probe.probe_ttl - hop + 1)
            event = Received(
                sender=sender, answer=answer, stamp=self._stamp(at), quote=quote, icmp=icmp, next_hop_mtu=claim
            )
            self.coming.append((at, event))
        return stamp

    def receive(self, *, hurried: bool = False) -> Sequence[Event]:
        del hurried
        here = [event for at, event in self.coming if at <= self._time.now]
        self.coming = [(at, event) for at, event in self.coming if at > self._time.now]
        return here

    def filenos(self) -> Sequence[int]:
        return ()

    def close(self) -> None:
        self.closed = True

    def _stamp(self, at: float) -> Stamp:
        return Stamp(at, round(at * 1e9), StampSource.KERNEL)


class Setting:
    """A world for the pass: a model for each protocol that can be opened, and what was opened."""

    def __init__(self, **models: Model) -> None:
        self.time = Time()
        self.opened: list[ModelDriver] = []
        self.interrupted = False
        self.progress: list[Leg] = []
        self._models = models

    def open(self, protocol: Protocol) -> tuple[Driver | None, tuple[Refusal, ...]]:
        if protocol not in self._models:
            return None, ()
        self.opened.append(ModelDriver(self._models[protocol], protocol, self.time))
        return self.opened[-1], ()

    def wait(self, drivers: Sequence[Driver], until: float) -> None:
        coming = [at for driver in drivers if isinstance(driver, ModelDriver) for at, _ in driver.coming]
        self.time.now = max(self.time.now + 1e-6, min([until, *coming]))

    def measure(self, leg: Leg, *answering: Protocol) -> Leg:
        by = Surroundings(
            open_driver=self.open,
            waiter=self,
            clock=self.time,
            random_bytes=Random(7).randbytes,  # noqa: S311 - a test that can be repeated
            interrupted=lambda: self.interrupted,
            on_progress=self.progress.append,
        )
        found = with_path_mtu(leg, checks(*answering), 1500, by)
        assert all(driver.closed for driver in self.opened)
        return found

    @property
    def used(self) -> list[Protocol]:
        return [driver.flow.protocol for driver in self.opened]


def fits(waiter: type[Waiter], driver: type[Driver]) -> None:
    """The type checker holds both to the seam."""


fits(Setting, ModelDriver)


def checks(*answering: Protocol) -> tuple[Reachability, ...]:
    return tuple(
        Reachability(role=Role.DESTINATION, address=TARGET, protocol=protocol, answered=protocol in answering)
        for protocol in Protocol
    )


def hop(probe_ttl: int, address: str, answer: Answer = Answer.TIME_EXCEEDED) -> Hop:
    responder = Responder(address=address, answer=answer)
    return Hop(probe_ttl=probe_ttl, sent=3, received=3, loss_class=LossClass.NONE, responders=(responder,), rtt_us=RTT)


LEG = Leg(
    from_=Node.CLIENT,
    to=Node.DESTINATION,
    protocol=Protocol.TCP,
    address=TARGET,
    reached=True,
    hops=(*(hop(ttl, address) for ttl, address in enumerate(ADDRESSES, 1)), hop(4, TARGET, Answer.SYN_ACK)),
)
DARK = replace(LEG, reached=False, hops=LEG.hops[:3])


def path(*links: int, hole: int | None = None, **options: object) -> Model:
    routers = [
        Router(address, limiter=Limiter(6), **({"says": silence} if ttl == hole else {}))  # type: ignore[arg-type]
        for ttl, address in enumerate(ADDRESSES, 1)
    ]
    return Model(list(links), routers, **options)  # type: ignore[arg-type]


def test_what_a_leg_tells_of_its_path() -> None:
    known = known_path(LEG, Protocol.UDP, 1500, answers=True)
    assert [(each.probe_ttl, each.addresses) for each in known.hops] == [
        (ttl, (address,)) for ttl, address in enumerate(ADDRESSES, 1)
    ]
    assert (known.distance, known.limited, known.link_mtu, known.rtt_s) == (4, True, 1500, 0.021)
    assert known_path(DARK, Protocol.ICMP, None, answers=False).distance is None


def test_icmp_is_asked_where_the_target_answers_it() -> None:
    setting = Setting(icmp=path(1500, 1500, 1400, 1500), udp=path(1500, 1500, 1400, 1500))
    leg = setting.measure(LEG, Protocol.ICMP, Protocol.UDP, Protocol.TCP)
    assert (leg.path_mtu, setting.used) == (1400, [Protocol.ICMP])


@pytest.mark.parametrize("models", [("icmp", "udp"), ("udp",)])
def test_udp_where_only_that_is_answered_or_opens(models: tuple[str, ...]) -> None:
    setting = Setting(**dict.fromkeys(models, path(1500, 1500, 1400, 1500)))
    leg = setting.measure(LEG, Protocol.UDP)
    assert leg.mtu is not None
    assert (leg.path_mtu, leg.mtu.protocol, setting.used) == (1400, Protocol.UDP, [Protocol.UDP])


def test_a_target_that_drops_large_echoes_alone_has_no_black_hole() -> None:
    setting = Setting(icmp=path(1500, 1500, 1500, 1000, hole=3), udp=path(1500, 1500, 1500, 1500))
    leg = setting.measure(LEG, Protocol.ICMP, Protocol.UDP)
    assert leg.mtu is not None
    assert (leg.path_mtu, leg.mtu.protocol, leg.mtu.steps) == (1500, Protocol.UDP, ())
    assert leg.mtu.reason is not None
    assert "more than 1000 octets" in leg.mtu.reason


def test_two_protocols_that_agree_leave_no_doubt() -> None:
    narrow = path(1500, 1500, 1500, 1400, hole=3)
    leg = Setting(icmp=narrow, udp=narrow).measure(LEG, Protocol.ICMP, Protocol.UDP)
    assert leg.mtu is not None
    assert (leg.path_mtu, leg.mtu.certainty) == (1400, MtuCertainty.SEARCHED)
    assert leg.mtu.reason == "echo requests and UDP datagrams larger than that are lost alike"


def test_two_black_holes_are_two_steps() -> None:
    two = path(1500, 1400, 1300, 1500, hole=1)
    two.routers[1].says = silence
    leg = Setting(icmp=two).measure(LEG, Protocol.ICMP)
    assert leg.mtu is not None
    steps = [(step.probe_ttl, step.mtu, step.kind) for step in leg.mtu.steps]
    assert steps == [(1, 1400, MtuStepKind.BLACK_HOLE), (2, 1300, MtuStepKind.BLACK_HOLE)]


def test_a_silent_target_has_no_path_mtu_and_what_was_found_on_the_way() -> None:
    leg = Setting(icmp=path(1500, 1500, 1400, 1500, target_speaks=False)).measure(DARK)
    assert leg.mtu is not None
    assert (leg.path_mtu, leg.mtu.at_least, leg.mtu.up_to_ttl) == (None, 1400, 3)


def test_a_target_that_stops_answering_is_measured_up_to_the_last_hop() -> None:
    leg = Setting(icmp=path(1500, 1500, 1400, 1500, target_speaks=False)).measure(LEG, Protocol.ICMP)
    assert leg.mtu is not None
    assert (leg.path_mtu, leg.mtu.at_least, leg.mtu.up_to_ttl) == (None, 1400, 3)


def test_without_a_driver_and_without_a_path_there_is_a_reason() -> None:
    unopened = Setting().measure(LEG, Protocol.ICMP)
    assert unopened.mtu is not None
    assert unopened.mtu.reason == "no way to send packets of a chosen size could be opened"
    nothing = Setting(icmp=path(1500, 1500, 1500, 1500)).measure(replace(DARK, hops=(), reason="no route"))
    assert nothing.mtu is not None
    assert (nothing.mtu.reason, nothing.mtu.sent) == ("no route", 0)


def test_who_interrupts_gets_what_there_is() -> None:
    setting = Setting(icmp=path(1500, 1500, 1400, 1500, hole=2))
    setting.interrupted = True
    leg = setting.measure(LEG, Protocol.ICMP)
    assert leg.mtu is not None
    assert (leg.path_mtu, leg.mtu.certainty, leg.mtu.reason) == (None, MtuCertainty.UNKNOWN, "interrupted")


def test_progress_shows_how_far_it_got() -> None:
    setting = Setting(icmp=path(1500, 1500, 1400, 1500, hole=2))
    setting.measure(LEG, Protocol.ICMP)
    shown = [leg.mtu.at_least for leg in setting.progress if leg.mtu]
    assert shown == sorted(shown, key=lambda size: size or 0)
    assert shown[-1] == 1400
