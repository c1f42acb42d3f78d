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

    An event belongs to the target if its application, host or server is the target's host or name, and its port is the
    target's where both are known. One without a time may be of last year, and is left out. One from the future counts:
    the clocks of two machines differ.

    Args:
        target: What the sample looks at.
        events: In the order of the log.
        now_s: The wall clock, as POSIX time.
        window_s: How far back events count.
        username: Whose sessions count; None for everybody's. A log that names nobody is this machine's own.
    """
    since = of_posix(now_s - window_s)
    names = frozenset(_name(name) for name in (target.host, target.name))
    found = [
        event
        for event in events
        if event.at is not None
        and event.at >= since
        and _is_of(event, names, target)
        and (None in (username, event.username) or _same_user(username, event.username))
    ]
    return tuple(found[-MOST_EVENTS:])


def _is_of(event: SessionEvent, names: frozenset[str], target: Target) -> bool:
    said = (event.host, event.application, event.server)
    same_port = None in (event.port, target.port) or event.port == target.port
    return same_port and any(_name(name) in names for name in said if name)


def _same_user(one: str | None, other: str | None) -> bool:
    return (one or "").casefold() == (other or "").casefold()


def _name(name: str) -> str:
    # Names are compared without regard to case (RFC 4343), and the root's dot is no part of what people write.
    return name.rstrip(".").casefold()
