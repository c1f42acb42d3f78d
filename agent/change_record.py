"""One change of the host's network as a JSON document of its own, `cloudpath.change/1`, and as an entry of the store.

`docs/output.md` explains every key.
"""

from __future__ import annotations

from agent.formats.json_text import ndjson_line
from agent.record import AgentIdentity, plain
from agent.store.entry import Entry, Kind
from probes.frozen import frozen
from probes.host_facts import ChangeKind  # noqa: TC001 - the JSON Schema is made from the class at run time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from probes.network_burst import HostChange


CHANGE_SCHEMA: Final = "cloudpath.change/1"


@frozen
class Epochs:
    """The network before a change and after it, by the names that `network.epoch` of samples has."""

    before: str
    after: str


@frozen
class ChangeRecord:
    """The whole document, key by key in the order it is written; the JSON Schema is made from this class."""

    schema: str
    id: str
    seq: int
    agent: AgentIdentity
    at: str
    epoch: Epochs
    kind: ChangeKind
    subject: str
    what: str
    before: str | None
    after: str | None
    matters: bool
    times: int
    aborted: tuple[str, ...]


def change_record(seq: int, change: HostChange, identity: AgentIdentity, record_id: str) -> ChangeRecord:
    """Return the record of one change under its place in the agent's sequence; `record_id` is a UUID version 7."""
    return ChangeRecord(
        schema=CHANGE_SCHEMA,
        id=record_id,
        seq=seq,
        agent=identity,
        at=change.at,
        epoch=Epochs(before=change.epoch_before, after=change.epoch_after),
        kind=change.kind,
        subject=change.subject,
        what=change.what,
        before=change.before,
        after=change.after,
        matters=change.matters,
        times=change.times,
        aborted=change.aborted,
    )


def change_entry(seq: int, change: HostChange, identity: AgentIdentity, record_id: str) -> Entry:
    """Return the store's entry of one change; for `Store.append`."""
    document = plain(change_record(seq, change, identity, record_id))
    if not isinstance(document, dict):
        raise TypeError("a record is an object")
    return Entry(
        seq=seq, kind=Kind.CHANGE, id=record_id, at=change.at, data=ndjson_line(document).rstrip("\n").encode()
    )
