"""What happens to a watched path, in words; safe to show."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from agent.views.escape import escape
from agent.watch.picture import EventKind

if TYPE_CHECKING:
    from datetime import tzinfo
    from typing import Final

    from agent.views.style import Symbols
    from agent.watch.picture import Event
    from agent.watch.place import HopChange
    from probes.host_facts import NetworkChange

_LONGEST_VALUE: Final = 60
_NOTHING: Final = "nothing"
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


def time_words(at_s: float, zone: tzinfo | None) -> str:
    """Return a time of the day as a clock on the wall shows it: `12:03:04`."""
    return datetime.fromtimestamp(at_s, zone).strftime("%H:%M:%S")


def age_words(seconds: float) -> str:
    """Return `4 s`, `3 min`, `2 h`."""
    if seconds < _MINUTE_S:
        return f"{max(0, int(seconds))} s"
    return f"{int(seconds // _MINUTE_S)} min" if seconds < _HOUR_S else f"{int(seconds // _HOUR_S)} h"


def event_words(event: Event, symbols: Symbols) -> str:
    """Return what happened, in a line."""
    match event.kind:
        case EventKind.PATH:
            return _path_words(event, symbols)
        case EventKind.NETWORK:
            return "network changed" if event.network is None else _network_words(event.network, symbols)
        case EventKind.TARGET:
            return f"target's address changed: {_value(event.before)} {symbols.then} {_value(event.after)}"
        case EventKind.VERDICT:
            before, after = event.before or "no errors", event.after or "no errors"
            return f"verdict: {escape(before)} {symbols.then} {escape(after)}"
        case EventKind.RESET:
            return "figures reset"
        case _:
            return "watching began"


def _path_words(event: Event, symbols: Symbols) -> str:
    """Return `path changed (hop 4: A → B, and 2 more)`."""
    said = [_hop_words(change, symbols) for change in event.hops[:1]]
    more = len(event.hops) - 1
    said += [f"and {more} more"] if more > 0 else []
    if event.distance is not None:
        before, after = event.distance
        said.append(f"{before} hops {symbols.then} {after} hops")
    return f"path changed ({', '.join(said)})"


def _hop_words(change: HopChange, symbols: Symbols) -> str:
    return f"hop {change.probe_ttl}: {_value(change.before or '')} {symbols.then} {_value(change.after or '')}"


def _network_words(change: NetworkChange, symbols: Symbols) -> str:
    values = (
        ""
        if change.before == change.after
        else f": {_value(change.before or '')} {symbols.then} {_value(change.after or '')}"
    )
    return f"network: {escape(change.subject, _LONGEST_VALUE)} {escape(change.what, _LONGEST_VALUE)}{values}"


def _value(text: str) -> str:
    return escape(text, _LONGEST_VALUE) if text else _NOTHING
