"""How far away an answer started, guessed from the TTL that is left of it."""

from __future__ import annotations

# What packets start with: 64 (RFC 1700; Linux, the BSDs), 128 (Windows), 255 (many routers' ICMP), 32 (old systems).
_STARTS = (32, 64, 128, 255)


def initial_ttl(reply_ttl: int, *, near: int | None = None) -> int:
    """Return the TTL that an answer most likely started with.

    Args:
        reply_ttl: What is left of it.
        near: Its sender's distance there; of several starts the one that agrees with it best is taken, so that the
            guess itself never makes two ways differ.
    """
    possible = [start for start in _STARTS if start >= reply_ttl] or [_STARTS[-1]]
    if near is None:
        return possible[0]
    return min(possible, key=lambda start: abs(start - reply_ttl + 1 - near))


def distance_back(reply_ttl: int, *, near: int | None = None) -> int:
    """Return how many hops an answer came, its sender's own link included: comparable to the probe's TTL."""
    return initial_ttl(reply_ttl, near=near) - reply_ttl + 1
