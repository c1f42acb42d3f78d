"""A burst of changes, told as few: what happened to one thing is one story, from before the burst to after it."""

from __future__ import annotations

from probes.frozen import frozen, mutable
from probes.host_facts import ChangeKind
from probes.network_ways import DEFAULT_SUBJECTS, ROUTE_CHANGED
from probes.route_watch import default_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.host_facts import Interface, Network, NetworkChange


# What nothing here uses may fill so many stories of one burst; what comes on top is only counted.
_MOST_ASIDES: Final = 256

_FAMILY_OF: Final = {subject: family for family, subject in DEFAULT_SUBJECTS.items()}


@frozen
class HostChange:
    """One change of the host's network, from before a burst of news to after it.

    Attributes:
        at: When it was first seen, RFC 3339 UTC.
        matters: Whether it touched what the agent's packets rest on: interface, address or gateway of a default route
            or of the way to a target, the resolvers, the proxy; or the host slept.
        times: How many changes of this subject the burst held; more than one where a link flapped.
        epoch_before: The network before the burst, `epoch_after` the one after it: the same where it came back.
        aborted: The targets whose samples it ended.
    """

    at: str
    kind: ChangeKind
    subject: str
    what: str
    before: str | None
    after: str | None
    matters: bool
    times: int
    epoch_before: str
    epoch_after: str
    aborted: tuple[str, ...] = ()


@mutable
class _Story:
    """What became of one subject."""

    first: NetworkChange
    last: NetworkChange
    tunnel: bool
    matters: bool
    times: int


class Burst:
    """The changes since the network was last quiet.

    Attributes:
        began: When the first was seen, in monotonic seconds; `newest` is when the last one was, of those that matter
            if there are any.
    """

    def __init__(self, start: Network, now: float) -> None:
        """Begin at monotonic time `now` with the network before it."""
        self.began = self.newest = now
        self._start = start
        self._stories: dict[tuple[str, ...], _Story] = {}
        self._aborted: dict[str, None] = {}
        self._matters = False
        self.untold = 0

    def add(self, change: NetworkChange, now: float) -> None:
        """Add a change seen at monotonic time `now`; `affects_sample` says whether it matters."""
        matters = change.affects_sample
        if matters or not self._matters:
            self.newest = now
        self._matters = self._matters or matters
        key = _key(change)
        story = self._stories.get(key)
        tunnel = change.kind is ChangeKind.TUNNEL
        if story is not None:
            story.last, story.times = change, story.times + 1
            story.tunnel, story.matters = story.tunnel or tunnel, story.matters or matters
        elif matters or len(self._stories) < _MOST_ASIDES:
            self._stories[key] = _Story(change, change, tunnel, matters, 1)
        else:
            self.untold += 1

    def abort(self, target: str) -> None:
        """Note that a sample of this target was ended by it."""
        self._aborted[target] = None

    def told(self, end: Network) -> list[HostChange]:
        """Return the stories at the end of the burst, those that matter first.

        An aside that came and went is left out, and added to `untold`.
        """
        told = []
        for story in sorted(self._stories.values(), key=lambda story: not story.matters):
            change = self._told(story, end)
            if change.matters or change.before != change.after:
                told.append(change)
            else:
                self.untold += story.times
        return told

    def _told(self, story: _Story, end: Network) -> HostChange:
        was, now = _state(story.first, self._start, story.first.before), _state(story.first, end, story.last.after)
        return HostChange(
            at=story.first.at,
            kind=ChangeKind.TUNNEL if story.tunnel else story.first.kind,
            subject=story.first.subject,
            what=_what(story, came_back=was == now),
            before=was,
            after=now,
            matters=story.matters,
            times=story.times,
            epoch_before=self._start.epoch,
            epoch_after=end.epoch,
            aborted=tuple(self._aborted) if story.matters else (),
        )


def _key(change: NetworkChange) -> tuple[str, ...]:
    """Return what all changes of one thing have in common; addresses of the two families are two things."""
    if change.kind is not ChangeKind.ADDRESS:
        return (change.subject,)
    return change.subject, *_kind_of_address(change.before or change.after or "")


def _kind_of_address(address: str) -> tuple[str, str]:
    return "IPv6" if ":" in address else "IPv4", "link" if address.startswith("fe80:") else "wider"


def _what(story: _Story, *, came_back: bool) -> str:
    if came_back and (story.times > 1 or story.first.before is not None):
        return "changed and came back"
    return story.first.what if story.first.what == story.last.what else "changed"


def _state(change: NetworkChange, network: Network, told: str | None) -> str | None:
    """Return what `network` says of a change's subject; what was `told` where that is nothing that it tells of."""
    family = _FAMILY_OF.get(change.subject)
    if family is not None:
        return default_text(network, family)
    interface = next((one for one in network.interfaces if one.name == change.subject), None)
    if change.kind is ChangeKind.ADDRESS:
        return _addresses(interface, _kind_of_address(change.before or change.after or ""))
    if change.kind is ChangeKind.LINK or (change.kind is ChangeKind.TUNNEL and change.what != ROUTE_CHANGED):
        return None if interface is None else link_text(interface)
    return told


def link_text(interface: Interface) -> str:
    """Return the state of a link in a word or two."""
    if not interface.up:
        return "down"
    return "no carrier" if interface.carrier is False else "up"


def _addresses(interface: Interface | None, kind: tuple[str, str]) -> str | None:
    if interface is None:
        return None
    return " ".join(one.address for one in interface.addresses if _kind_of_address(one.address) == kind) or None
