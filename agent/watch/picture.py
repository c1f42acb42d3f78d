"""A watched path at one moment, as views show it: who is where, their figures, the verdict, and what happened."""

from __future__ import annotations

from agent.watch.news import Check, Phase
from agent.watch.place import HopChange  # noqa: TC001 - the records below are read at run time
from agent.watch.tally import Figures  # noqa: TC001
from probes.facts import LossClass, Responder  # noqa: TC001
from probes.frozen import frozen
from probes.host_facts import NetworkChange  # noqa: TC001
from probes.word import Word


@frozen
class Row:
    """One router of the path; several that take turns at one TTL have a row each, one below the other.

    Attributes:
        probe_ttl: None for an end that never answered, for nobody knows how far away it is.
        address: Who answers there now, None where nobody ever did; the end has its own in any case.
        shared: The addresses that take turns there, this one among them; empty where nobody does.
        is_end: Whether it is what the leg leads to.
    """

    probe_ttl: int | None
    address: str | None
    responder: Responder | None
    shared: tuple[str, ...]
    figures: Figures
    loss_class: LossClass
    is_end: bool = False


class EventKind(Word):
    """What happens to a watched path."""

    STARTED = "started"
    PATH = "path"
    TARGET = "target"
    NETWORK = "network"
    VERDICT = "verdict"
    RESET = "reset"


@frozen
class Event:
    """Something that happened, at a time in seconds since 1970.

    Attributes:
        hops: For `path`: who was replaced by whom.
        distance: For `path`: the TTL of the end before and after, None where it stayed.
        network: For `network`: what changed.
        before: For `target`: the address; for `verdict`: the codes, separated by spaces, empty for none. `after` too.
        path: The index in `Picture.former` of the path as it was until then, None where it is not kept.
    """

    at_s: float
    kind: EventKind
    hops: tuple[HopChange, ...] = ()
    distance: tuple[int, int] | None = None
    network: NetworkChange | None = None
    before: str = ""
    after: str = ""
    path: int | None = None


@frozen
class FormerPath:
    """A path as it was, with the figures that it had in the end."""

    number: int
    since_s: float
    until_s: float
    rows: tuple[Row, ...]


@frozen
class Picture:
    """Everything that a view may show; instants are seconds since 1970.

    Attributes:
        target: As a person named it.
        rounds: How many there were since the start or the last reset.
        since_s: When that was.
        rows: The path, its end last; none before the first check is over.
        check: The newest one that was not discarded.
        discarded_s: When the network last changed under what was being measured.
        events: Oldest first, the newest hundred.
        former: Oldest first, the newest twenty.
    """

    target: str
    since_s: float
    phase: Phase = Phase.CHECKING
    interval_s: float = 1.0
    rounds: int = 0
    rows: tuple[Row, ...] = ()
    check: Check | None = None
    discarded_s: float | None = None
    events: tuple[Event, ...] = ()
    former: tuple[FormerPath, ...] = ()
