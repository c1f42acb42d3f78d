"""What whoever measures tells whoever watches: rounds, checks, and a network that changed under them."""

from __future__ import annotations

from probes.facts import Leg  # noqa: TC001 - the records below are read at run time
from probes.frozen import frozen
from probes.host_facts import NetworkChange  # noqa: TC001
from probes.sample import Sample  # noqa: TC001
from probes.word import Word
from rules.diagnosis import Diagnosis  # noqa: TC001


@frozen
class Round:
    """One probe to each hop of the main leg; `at_s` is when it began, in seconds since 1970."""

    at_s: float
    leg: Leg


@frozen
class Check:
    """One complete sample, and what the rules make of it.

    Attributes:
        at_s: When it was over, in seconds since 1970.
        leg: The index of the leg that the rounds follow, None where nothing could be traced.
    """

    at_s: float
    sample: Sample
    diagnosis: Diagnosis
    leg: int | None

    @property
    def main_leg(self) -> Leg | None:
        """Return the leg that the rounds follow."""
        return None if self.leg is None else self.sample.legs[self.leg]


@frozen
class Moved:
    """The network changed: what was being measured is discarded (CP-06) and measured anew.

    Without `disturbed`, it was nothing that the path rests on, and nothing is discarded.
    """

    at_s: float
    changes: tuple[NetworkChange, ...]
    disturbed: bool = True


class Phase(Word):
    """What is being done right now: `paused` by a person."""

    CHECKING = "checking"
    ROUND = "round"
    WAITING = "waiting"
    PAUSED = "paused"


@frozen
class Doing:
    """What is being done from now on, and how often rounds begin."""

    phase: Phase
    interval_s: float


@frozen
class Broken:
    """Whoever measures cannot go on: a mistake of the agent's own."""

    error: Exception


News = Round | Check | Moved | Doing | Broken
