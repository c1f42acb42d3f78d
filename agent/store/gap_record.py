"""The document of a loss, `cloudpath.gap/1`: entries that somebody still had to get, and that are gone."""

from __future__ import annotations

import json

from agent.record import AgentIdentity, plain, uuid7
from agent.store.entry import Entry, Kind
from agent.store.loss import Losses, LossReason
from probes.clock import utc_text
from probes.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

GAP_SCHEMA: Final = "cloudpath.gap/1"


@frozen
class GapRecord:
    """The whole document, key by key in the order it is written; its JSON Schema is made from this class."""

    schema: str
    id: str
    seq: int
    agent: AgentIdentity
    at: str
    why: LossReason
    lost: int | None
    first_seq: int
    last_seq: int
    sinks: tuple[str, ...]


def gap_entry(seq: int, losses: Losses, identity: AgentIdentity, realtime_ns: int, random: bytes) -> Entry:
    """Return the entry that tells of a loss; `random` holds 10 bytes for its UUID."""
    record = GapRecord(
        schema=GAP_SCHEMA,
        id=uuid7(realtime_ns, random),
        seq=seq,
        agent=identity,
        at=utc_text(realtime_ns),
        why=losses.why,
        lost=losses.lost,
        first_seq=losses.first_seq,
        last_seq=losses.last_seq,
        sinks=losses.sinks,
    )
    data = json.dumps(plain(record), separators=(",", ":"), allow_nan=False).encode()
    return Entry(seq=seq, kind=Kind.GAP, id=record.id, at=record.at, data=data)


def losses_in(document: object) -> Losses | None:
    """Return the loss that a document tells of, None where it tells of none that can be read."""
    if not isinstance(document, dict):
        return None
    try:
        parts = {name: document[name] for name in ("lost", "first_seq", "last_seq")}
        return Losses(why=LossReason(document["why"]), sinks=tuple(document["sinks"]), **parts)
    except (KeyError, TypeError, ValueError):
        return None
