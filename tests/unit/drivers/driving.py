"""Drives one driver by hand, as the engine would: sends, waits, and believes what names a probe of its own."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from probes.clock import SystemClock
from probes.drivers.ladder import open_driver
from probes.drivers.waiter import PollWaiter
from probes.facts import Family, Protocol
from probes.seam import Driver, Event, Identity, Probe, Quote, Received, Stamp

CLOCK: Final = SystemClock()


def opened(protocol: Protocol, family: Family, destination: str, port: int | None = None, **options: Any) -> Driver:
    """Return a driver; the refusals where there is none."""
    driver, refused = open_driver(protocol, family, destination, port, clock=CLOCK, random_bytes=os.urandom, **options)
    assert driver is not None, refused
    return driver


def probes(ttls: Iterable[int], *, own_port: bool = False) -> list[Probe]:
    """Return probes with fresh identities, no two alike; the sequence is never 0, as for UDP."""
    first = int.from_bytes(os.urandom(2), "big")
    return [
        Probe(number, ttl, Identity(1 + (first + 257 * number) % 0xFFFF, os.urandom(8)), own_port)
        for number, ttl in enumerate(ttls)
    ]


def send_all(driver: Driver, sending: Sequence[Probe]) -> list[Stamp]:
    """Send every probe, 0.3 ms apart as a plan would; each must leave."""
    stamps = []
    for probe in sending:
        stamp = driver.send(probe)
        assert isinstance(stamp, Stamp), stamp
        stamps.append(stamp)
        PollWaiter().wait([], CLOCK.monotonic() + 0.0003)
    return stamps


def listen(driver: Driver, enough: Callable[[Sequence[Event]], bool], *, for_s: float = 2.0) -> list[Event]:
    """Return what arrives until it is enough, or for the whole time."""
    waiter, events, end = PollWaiter(), list[Event](), CLOCK.monotonic() + for_s
    while not enough(events) and CLOCK.monotonic() < end:
        waiter.wait([driver], end)
        events.extend(driver.receive())
    waiter.close()
    return events


def answers(driver: Driver, count: int) -> list[Received]:
    """Return exactly `count` answers, and nothing else beside them."""
    events = listen(driver, lambda events: len(events) >= count)
    received = [event for event in events if isinstance(event, Received)]
    assert received == events
    assert len(received) == count, events
    return received


def names(quote: Quote, probe: Probe) -> bool:
    """Return whether a quote names a probe by any of its identities."""
    return (
        quote.number == probe.number
        or quote.token == probe.identity.token
        or quote.sequence == probe.identity.sequence
        or quote.tcp_sequence == probe.identity.tcp_sequence
    )


def answered(received: Received, sent: Sequence[Probe]) -> Probe:
    """Return the one probe that an answer names."""
    (probe,) = (each for each in sent if names(received.quote, each))
    return probe
