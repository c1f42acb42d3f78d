"""Behind which hop packets of a size end: what their journeys with a growing TTL tell."""

from __future__ import annotations

from math import inf

from probes.frozen import field, mutable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.trace.mtu_evidence import Refusal
    from probes.trace.mtu_settings import KnownHop, MtuSettings

# A size, and the TTL to send it with.
Question = tuple[int, int]


@mutable
class _Journey:
    """How far packets of one size were seen to get. `open` are the questions that nobody has answered or missed yet."""

    reached: int = 0
    refused_at: int | None = None
    open: int = 0
    swept: bool = False
    asking: bool = False
    stopped: dict[int, int] = field(default_factory=dict)
    doubtful: dict[int, int] = field(default_factory=dict)
    not_before: float = -inf
    done: bool = False
    settled: bool = False


class Places:
    """Finds the hop behind which packets of a size end.

    A router answers "time exceeded" to a packet of any size that arrived with its last TTL, so the last hop that does
    is the last that it reached. A hop that answered the trace, and now answers a small packet and not the large one
    beside it, was not reached.
    """

    def __init__(self, hops: tuple[KnownHop, ...], *, distance: int | None, settings: MtuSettings) -> None:
        self._hops = hops
        self._distance = distance
        self._settings = settings
        self._journeys: dict[int, _Journey] = {}
        self._controls: dict[Question, bool] = {}

    def behind(self, size: int, refusal: Refusal | None) -> int | None:
        """Return the hop (0: this host) behind which a size ended; None where that could not be told."""
        if refusal is not None:
            return self._of_reporter(size, refusal)
        if self._distance == 1:
            return 0
        journey = self._journeys.get(size)
        # How far it was seen to get is no place yet: the next hop may only have kept silent.
        return journey.reached if journey is not None and journey.settled else None

    def questions(self, size: int, refusal: Refusal | None, now: float) -> list[Question] | None:
        """Return what to ask now to learn where a size ends; None where that is known as well as it will be."""
        if refusal is not None and (refusal.local or self._named(refusal) is not None):
            return None
        if not self._hops:
            return None
        journey = self._journeys.setdefault(size, _Journey())
        if journey.done:
            return None
        if journey.open or now < journey.not_before:
            return []
        if not journey.swept:
            journey.swept = True
            sweep = [(size, ttl) for ttl in self._sweep(refusal)]
            journey.open = len(sweep)
            return sweep
        return self._further(size, journey, refusal)

    def due_at(self, size: int) -> float:
        """Return when `questions` has something to say again, where it waits for nothing but time."""
        journey = self._journeys.get(size)
        return inf if journey is None or journey.done or journey.open else journey.not_before

    # --- what became of the questions ---------------------------------------------------------------------------------

    def answered(self, size: int, probe_ttl: int) -> None:
        """Take in that a packet of a size reached a hop."""
        if size == self._settings.small:
            self._controls[size, probe_ttl] = True
            return
        journey = self._journeys.setdefault(size, _Journey())
        journey.open = max(0, journey.open - 1)
        journey.reached = max(journey.reached, probe_ttl)

    def refused(self, size: int, probe_ttl: int) -> None:
        """Take in that a packet of a size was refused before it ran out of TTL."""
        journey = self._journeys.get(size)
        if journey is not None:
            journey.open = max(0, journey.open - 1)
            journey.refused_at = min(probe_ttl, journey.refused_at or probe_ttl)

    def missed(self, size: int, probe_ttl: int, now: float) -> None:
        """Take in that nobody answered a packet of a size, in a wait that its control had too."""
        journey = self._journeys.get(size)
        if journey is None:
            return
        journey.open = max(0, journey.open - 1)
        if not journey.asking:
            return
        if self._controls.pop((self._settings.small, probe_ttl), False):
            journey.stopped[probe_ttl] = journey.stopped.get(probe_ttl, 0) + 1
        else:
            journey.doubtful[probe_ttl] = journey.doubtful.get(probe_ttl, 0) + 1
            journey.not_before = now + self._settings.pause_s

    # --- how to go on -------------------------------------------------------------------------------------------------

    def _sweep(self, refusal: Refusal | None) -> list[int]:
        """Return the TTLs of the first questions: those of all hops that answer, or every one for an unknown router."""
        if refusal is None:
            return [hop.probe_ttl for hop in self._hops]
        last = self._hops[-1].probe_ttl + 1 if self._distance is None else self._distance - 1
        return list(range(1, last + 1))

    def _further(self, size: int, journey: _Journey, refusal: Refusal | None) -> list[Question] | None:
        following = next((hop.probe_ttl for hop in self._hops if hop.probe_ttl > journey.reached), None)
        nearer = self._nearer(size, journey)
        journey.settled = following is None or self._stopped(journey, following) or any(n.settled for n in nearer)
        if refusal is not None or following is None or journey.settled or nearer or self._doubtful(journey, following):
            journey.done = True
            return None
        journey.asking = True
        journey.open = 1
        return [(size, following), (self._settings.small, following)]

    def _nearer(self, size: int, journey: _Journey) -> list[_Journey]:
        """Return the journeys of smaller packets that got no farther, so that this one cannot either."""
        return [
            other for s, other in self._journeys.items() if s < size and other.done and other.reached <= journey.reached
        ]

    def _stopped(self, journey: _Journey, probe_ttl: int) -> bool:
        """Return whether a hop answered often enough when only this size did not get there."""
        return journey.stopped.get(probe_ttl, 0) >= self._settings.place_tries

    def _doubtful(self, journey: _Journey, probe_ttl: int) -> bool:
        """Return whether a hop kept silent too often, whatever size it was asked with."""
        return journey.doubtful.get(probe_ttl, 0) > self._settings.place_tries

    def _of_reporter(self, size: int, refusal: Refusal) -> int | None:
        if refusal.local:
            return 0
        named = self._named(refusal)
        if named is not None:
            return named
        journey = self._journeys.get(size)
        if journey is not None and journey.refused_at is not None:
            return max(0, journey.refused_at - 1)
        return refusal.quoted_hop

    def _named(self, refusal: Refusal) -> int | None:
        """Return the hop that answered the trace from the reporter's address."""
        return next((hop.probe_ttl for hop in self._hops if refusal.by in hop.addresses), None)
