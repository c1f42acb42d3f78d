"""How long an answer is worth waiting for, judged by the answers of the neighbours."""

from __future__ import annotations

from math import inf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from probes.trace.settings import TraceSettings


class Waits:
    """Knows the RTT of every TTL that answered, and of the path's end."""

    def __init__(self, settings: TraceSettings) -> None:
        self._settings = settings
        self._rtt_us: dict[float, int] = {}

    def heard(self, probe_ttl: int, rtt_us: int, *, ends: bool) -> None:
        """Note an answer in time; `ends`: it speaks for every TTL from here on."""
        self._note(probe_ttl, rtt_us)
        if ends:
            self._note(inf, rtt_us)

    def wait_s(self, probe_ttl: float) -> float:
        """Return how many seconds a probe to this TTL may take; infinity stands for the end of the path.

        Source: three times the RTT of the nearest answering hop at or behind it, and where nothing behind answered,
        four times the largest RTT: both with a floor, and never above the timeout [measured].
        """
        settings = self._settings
        nearest = min((ttl for ttl in self._rtt_us if ttl >= probe_ttl), default=None)
        if nearest is not None:
            wait_s = max(settings.rtt_factor * self._rtt_us[nearest] / 1e6, settings.least_wait_s)
        else:
            largest_us = max(self._rtt_us.values(), default=0)
            wait_s = max(settings.silence_factor * largest_us / 1e6, settings.silence_wait_s)
        return min(wait_s, settings.timeout_s)

    def rtt_s(self, probe_ttl: float) -> float | None:
        """Return the RTT of the nearest TTL at or behind this one that answered."""
        nearest = min((ttl for ttl in self._rtt_us if ttl >= probe_ttl), default=None)
        return None if nearest is None else self._rtt_us[nearest] / 1e6

    def _note(self, place: float, rtt_us: int) -> None:
        self._rtt_us[place] = max(rtt_us, self._rtt_us.get(place, 0))
