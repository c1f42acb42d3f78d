"""Near hops that many targets share are probed for one of them: who probes what, by the paths that are remembered.

A router answers each prober a burst of six errors and then one a second (stock Linux): twenty targets behind the same
routers, each traced whole, see nine of ten answers missing where nothing is lost [measured]. So of all paths with a
common beginning, one is traced whole, and the others from the first hop on that is theirs alone.
"""

from __future__ import annotations

from probes.frozen import frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from probes.facts import Hop, Leg

    # Who answered at each TTL from 1 on, None where nobody did; the target itself is not part of its path.
    Path = Sequence[str | None]


@frozen
class Share:
    """The first `len(path)` hops of a target are those of `leader`, another target of the same sweep.

    The target is traced from `first_ttl` on: `Sweep.add(..., first_ttl=share.first_ttl)`.

    `path` is who answered there when last asked, and `beyond` who answered behind, at the first hop to probe. Memory is
    a hint: where this sweep's answers differ from it, the target is traced whole.
    """

    leader: str
    path: tuple[str | None, ...]
    beyond: str | None

    @property
    def first_ttl(self) -> int:
        """Return the first TTL that is the target's own."""
        return len(self.path) + 1


def share_near_hops(paths: Mapping[str, Path]) -> dict[str, Share]:
    """Return who shares which hops with whom; targets that are not in it are traced whole, and come first.

    Args:
        paths: The remembered path of each target; each is asked for no hop that one before it is asked for.
    """
    owners: dict[tuple[str | None, ...], str] = {}
    shares: dict[str, Share] = {}
    for key, path in paths.items():
        beginnings = [tuple(path[:length]) for length in range(len(path) + 1)]
        shared = _shared(beginnings, owners)
        if shared:
            beyond = path[len(shared)] if len(shared) < len(path) else None
            shares[key] = Share(leader=owners[shared], path=shared, beyond=beyond)
        for beginning in beginnings[len(shared) + 1 :]:
            owners.setdefault(beginning, key)
    return shares


def with_shared_hops(leg: Leg, leader: Leg, share: Share) -> Leg | None:
    """Return a leg with the hops that its target shares in front, marked as the leader's.

    Args:
        leg: Traced from the first hop on that is its own.
        leader: The leader's leg of the same sweep, with shared hops of its own in place.
        share: What was assumed.

    Returns:
        None where this sweep's answers contradict the memory: then trace the target whole.
    """
    near = leader.hops[: len(share.path)]
    seen = [_responder(hop) for hop in near]
    beyond = _responder(leg.hops[0]) if leg.hops else None
    if not _holds(share, seen, beyond):
        return None
    marked = tuple(replace(hop, shared_with=hop.shared_with or leader.address) for hop in near)
    return replace(leg, hops=marked + leg.hops)


def remembered_path(leg: Leg) -> tuple[str | None, ...]:
    """Return what to remember of a leg that reached its target: who answered before it."""
    return tuple(_responder(hop) for hop in leg.hops[:-1])


def _holds(share: Share, seen: Sequence[str | None], beyond: str | None) -> bool:
    """Return whether this sweep saw what was remembered; silence at the target's own first hop contradicts nothing."""
    if len(seen) < len(share.path):
        return False
    same = all(was is None or now == was for was, now in zip(share.path, seen, strict=True))
    return same and (beyond is None or share.beyond is None or beyond == share.beyond)


def _responder(hop: Hop) -> str | None:
    return hop.responders[0].address if hop.responders else None


def _shared(
    beginnings: Sequence[tuple[str | None, ...]], owners: Mapping[tuple[str | None, ...], str]
) -> tuple[str | None, ...]:
    """Return the longest beginning that somebody before has and that ends with a hop that answers."""
    for beginning in reversed(beginnings):
        if beginning and beginning[-1] is not None and beginning in owners:
            return beginning
    return ()
