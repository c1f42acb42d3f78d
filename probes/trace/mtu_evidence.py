"""What packets of different sizes met on their way: the largest that arrived, and what became of larger ones."""

from __future__ import annotations

from probes.facts import MtuStep, MtuStepKind
from probes.frozen import frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

# Worth asking first where nobody says what passes, RFC 1191 section 7.1's plateaus and today's tunnels among them:
# jumbo frames (9000, 9216), a switch that allows a VLAN tag more (1504), PPPoE (1492, RFC 2516), IPv6 or IP in IPv4
# (1480, RFC 4213 and RFC 2003), GRE (1476, RFC 2784), VXLAN over IPv4 (1450, RFC 7348), WireGuard (1440, 1420), ESP by
# its cipher (around 1440 to 1400), and IPv6's minimum (1280, RFC 8200 section 5).
LIKELY: Final = (
    *(65_535, 32_000, 17_914, 9_216, 9_000, 8_166, 4_352, 2_002, 1_504, 1_500, 1_492, 1_480, 1_476, 1_460, 1_450),
    *(1_440, 1_430, 1_420, 1_410, 1_400, 1_380, 1_360, 1_340, 1_300, 1_280, 1_006, 576, 508, 296, 68),
)  # fmt: skip


@frozen
class Refusal:
    """What somebody said to a packet too big; `local`: this host, before it left. `claim` is the MTU that it named.

    `quoted_hop` is where he stands by the TTL that he quotes: Linux quotes the packet as it came, with one less for
    each hop before [measured]; others may have taken off their own.
    """

    by: str | None
    local: bool = False
    claim: int | None = None
    quoted_hop: int | None = None


@frozen
class Gap:
    """Two sizes that ended differently, and nothing known between them.

    `said_below` is None where the smaller one arrived; `said_above` is None where the larger one vanished. `top` is the
    largest size known that ended as the larger one did.
    """

    below: int
    above: int
    top: int
    arrived_below: bool
    said_below: Refusal | None
    said_above: Refusal | None
    minimum: int

    @property
    def tight(self) -> bool:
        """Return whether no size lies between."""
        return self.above - self.below == 1

    @property
    def claim(self) -> int | None:
        """Return the MTU that the larger one's refusal names, if it can be true; else it is no help."""
        claim = None if self.said_above is None else self.said_above.claim
        return claim if claim is not None and max(self.below, self.minimum) <= claim < self.above else None


class Evidence:
    """Collects what each size met. An arrival outweighs all that was said or missed of the same or a smaller size.

    Args:
        minimum: No link may be narrower (IPv4: 68, RFC 791 section 3.2; IPv6: 1280, RFC 8200 section 5); a claim below
            is not believed (RFC 8201 section 4).
    """

    def __init__(self, minimum: int) -> None:
        self.minimum = minimum
        self.arrived = 0
        self.refusals: dict[int, Refusal] = {}
        self.vanished: dict[int, int] = {}

    def arrives(self, size: int) -> None:
        """Note that a packet of this size got to the end."""
        self.arrived = max(self.arrived, size)

    def refuse(self, size: int, refusal: Refusal) -> None:
        """Note that somebody refused a packet of this size; the first word counts."""
        self.refusals.setdefault(size, refusal)

    def vanish(self, size: int) -> None:
        """Note that one more packet of this size was not answered, while smaller ones were."""
        self.vanished[size] = self.vanished.get(size, 0) + 1

    def claimed(self, size: int) -> bool:
        """Return whether somebody named this size as one that passes."""
        return any(refusal.claim == size for refusal in self.refusals.values())

    def host_claims(self, mtu: int) -> None:
        """Note the MTU that this host names without saying for which packet: one that it refused without a word."""
        for size, refusal in self.refusals.items():
            if refusal.local and refusal.claim is None:
                self.refusals[size] = replace(refusal, claim=mtu)

    def tried(self, size: int) -> bool:
        """Return whether it is known what becomes of packets of this size that do not arrive."""
        return size in self.refusals or size in self.vanished

    def reporters_below(self, size: int) -> dict[str, int]:
        """Return who should refuse a packet of this size, by what he said, and the smallest packet that he refused."""
        found: dict[str, int] = {}
        for refused, refusal in sorted(self.refusals.items(), reverse=True):
            named = refusal.claim
            if refusal.by is not None and not refusal.local and (named is None or named < size):
                found[refusal.by] = refused
        return found

    def runs(self) -> list[list[int]]:
        """Return the sizes that did not arrive, ascending, those that ended alike together."""
        failed = sorted(size for size in {*self.refusals, *self.vanished} if size > self.arrived)
        runs: list[list[int]] = []
        for size in failed:
            if runs and self._end_of(runs[-1][-1]) == self._end_of(size):
                runs[-1].append(size)
            else:
                runs.append([size])
        return runs

    def gaps(self) -> list[Gap]:
        """Return the gap below each run, from the smallest sizes on."""
        below, said_below, arrived = self.arrived, None, True
        gaps = []
        for run in self.runs():
            said_above = self.refusals.get(run[0])
            gaps.append(
                Gap(
                    below=below,
                    above=run[0],
                    top=run[-1],
                    arrived_below=arrived,
                    said_below=said_below,
                    said_above=said_above,
                    minimum=self.minimum,
                )
            )
            below, said_below, arrived = run[-1], self.refusals.get(run[-1]), False
        return gaps

    def steps(self, behind: Callable[[int, Refusal | None], int | None]) -> tuple[MtuStep, ...]:
        """Return the places where the path narrows, in the order of the path.

        Args:
            behind: Tells behind which hop a packet of a size ended, given what was said of it.
        """
        steps = [self._step(run, gap, behind) for run, gap in zip(self.runs(), self.gaps(), strict=True)]
        return tuple(reversed(steps))

    def _step(self, run: list[int], gap: Gap, behind: Callable[[int, Refusal | None], int | None]) -> MtuStep:
        said = gap.said_above
        # What a router claimed first, of the largest packet: the smaller ones were sent because of it.
        first = self.refusals.get(run[-1])
        return MtuStep(
            probe_ttl=behind(run[0], said),
            mtu=gap.below if gap.tight or gap.claim is None else gap.claim,
            kind=_kind(said),
            reported_by=None if said is None else said.by,
            reported_mtu=None if first is None else first.claim,
        )

    def _end_of(self, size: int) -> tuple[bool, str | None] | None:
        """Return where a packet of this size ended, as far as it is told apart: None where it vanished."""
        refusal = self.refusals.get(size)
        return None if refusal is None else (refusal.local, None if refusal.local else refusal.by)


def between(below: int, above: int, most: int) -> list[int]:
    """Return at most `most` sizes strictly between two: likely ones, the one above `below`, and others evenly."""
    if above - below - 1 <= most:
        return list(range(below + 1, above))
    likely = [size for size in LIKELY if below < size < above]
    chosen = {*_spread(likely, most - 1), below + 1}
    missing = most - len(chosen)
    step = (above - below) / (missing + 1)
    chosen.update(below + max(1, round(step * (index + 1))) for index in range(missing))
    return sorted(size for size in chosen if below < size < above)


def _spread(sizes: list[int], most: int) -> Iterable[int]:
    """Return at most `most` of them, from all over."""
    if len(sizes) <= most:
        return sizes
    return [sizes[index * len(sizes) // most] for index in range(most)]


def _kind(said: Refusal | None) -> MtuStepKind:
    if said is None:
        return MtuStepKind.BLACK_HOLE
    return MtuStepKind.LOCAL if said.local else MtuStepKind.REPORTED
