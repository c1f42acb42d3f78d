"""The probes of one flow as they are issued: each with an identity of its own, by which its answer is known again."""

from __future__ import annotations

from probes.seam import Identity, Probe
from probes.trace.attempt import Attempt, Purpose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from probes.seam import Flow, Stamp


# A UDP checksum of 0 means "none", and 0xFFFF is what a computed 0 is sent as (RFC 768): neither names a probe.
_NO_SEQUENCES: Final = frozenset({0, 0xFFFF})

# Fewer bytes of a cut token than a TCP sequence number has prove too little.
LEAST_TOKEN: Final = 4


class Ledger:
    """Issues the identities of one flow's probes; `probes.trace.match` knows them again in what comes back.

    Args:
        flow: What all probes share. Addresses are text as inet_ntop writes it.
        random_bytes: Returns so many unguessable bytes, as `os.urandom`.
    """

    def __init__(self, flow: Flow, random_bytes: Callable[[int], bytes]) -> None:
        self.flow = flow
        self.attempts: list[Attempt] = []
        self.by_sequence: dict[int, Attempt] = {}
        self.by_token: dict[bytes, Attempt] = {}
        self._random_bytes = random_bytes

    def issue(
        self, *, probe_ttl: int, purpose: Purpose, now: float, own_port: bool = False, size: int | None = None
    ) -> Attempt:
        """Return a new probe with an identity never used before; `own_port` holds only where there are ports."""
        number = len(self.attempts)
        identity = self._new_identity()
        own_port = own_port and self.flow.destination_port is not None
        probe = Probe(number=number, probe_ttl=probe_ttl, identity=identity, own_port=own_port, size=size)
        attempt = Attempt(probe=probe, purpose=purpose, issued_at=now)
        self._enter(attempt)
        return attempt

    def know(self, probe: Probe, sent: Stamp) -> None:
        """Know a probe that was issued elsewhere for this flow, and that left; probes come in their order."""
        self._enter(Attempt(probe=probe, purpose=Purpose.HOP, issued_at=sent.monotonic_s, sent=sent))

    def _enter(self, attempt: Attempt) -> None:
        identity = attempt.probe.identity
        self.attempts.append(attempt)
        self.by_sequence[identity.sequence] = attempt
        self.by_token[identity.token[:LEAST_TOKEN]] = attempt

    def _new_identity(self) -> Identity:
        while True:
            drawn = self._random_bytes(10)
            sequence, token = int.from_bytes(drawn[:2], "big"), drawn[2:]
            fresh = sequence not in self.by_sequence and token[:LEAST_TOKEN] not in self.by_token
            if fresh and sequence not in _NO_SEQUENCES:
                return Identity(sequence, token)
