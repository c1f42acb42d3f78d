"""Which events of private access are a target's, and recent enough to join its sample; pure."""

from __future__ import annotations

from probes.log_time import of_posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from probes.sample import Target
    from probes.session_facts import SessionEvent

# More than decide: a record stays readable however often a client tries again.
MOST_EVENTS: Final = 50


def recent_events_of(
    target: Target, events: Iterable[SessionEvent], *, now_s: float, window_s: float, username: str | None = None
) -> tuple[SessionEvent, ...]:
    """Return a target's events of the last `window_s` seconds, in their order in the log, the newest 50.

    An event belongs to the target if its host, application or server is the target's host, or its application is what
    the configuration calls the target, letter for letter; and its port is the target's where both are known. An
    application may have many hosts: who gives a target its name means them all. An event without a time may be of last
    year, and is left out. One from the future counts: the clocks of two machines differ.

    Args:
        target: What the sample looks at.
        events: In the order of the log.
        now_s: The wall clock, as POSIX time.
        window_s: How far back events count.
        username: Whose sessions count; None for everybody's. A log that names nobody is this machine's own.
    """
    since = of_posix(now_s - window_s)
    found = [
        event
        for event in events
        if event.at is not None
        and event.at >= since
        and _is_of(event, target)
        and (None in (username, event.username) or _same_user(username, event.username))
    ]
    return tuple(found[-MOST_EVENTS:])


def _is_of(event: SessionEvent, target: Target) -> bool:
    if None not in (event.port, target.port) and event.port != target.port:
        return False
    said = (event.host, event.application, event.server)
    return event.application == target.name or any(_name(name) == _name(target.host) for name in said if name)


def _same_user(one: str | None, other: str | None) -> bool:
    return (one or "").casefold() == (other or "").casefold()


def _name(name: str) -> str:
    # Names are compared without regard to case (RFC 4343), and the root's dot is no part of what people write.
    return name.rstrip(".").casefold()
