"""The record: facts and diagnosis of one sample as one self-contained JSON document, `cloudpath.sample/1`.

Nothing is computed here. The document is a walk over the fields of the dataclasses, so that reading one back
(`agent.record_reader`) gives the same facts. `docs/output.md` explains every key.
"""

from collections.abc import Callable
from typing import Final

from probes.egress_facts import Edge, Egress
from probes.facts import Leg, Middlebox, Reachability
from probes.frozen import frozen, is_record, replace
from probes.host_facts import Network
from probes.name_facts import DnsCheck
from probes.sample import AgentFailure, NdrSetting, Sample, Target, Topology
from probes.session_facts import PrivateAccess, SessionEvent
from probes.web_facts import CaptivePortal, Proxy, WebCheck
from rules.diagnosis import Diagnosis, FiredError, NotEvaluated, Rejected, Status

SCHEMA: Final = "cloudpath.sample/1"

DISCARDED_REASON: Final = "discarded: the network changed during the sample"

Document = dict[str, object]


@frozen
class AgentIdentity:
    """Who made a record: an agent, at a version, in one boot of one host."""

    id: str
    version: str
    hostname: str
    boot_id: str | None


@frozen
class RecordHeader:
    """What a record needs beside facts and diagnosis: an identity of its own, and its place in the agent's sequence."""

    id: str
    seq: int
    agent: AgentIdentity


@frozen
class Record:
    """The whole document, key by key in the order it is written; the JSON Schema is made from this class.

    Every key is always there.
    """

    schema: str
    id: str
    seq: int
    agent: AgentIdentity
    started_at: str
    duration_us: int
    target: Target
    status: Status
    errors: tuple[FiredError, ...]
    rejected: tuple[Rejected, ...]
    not_evaluated: tuple[NotEvaluated, ...]
    network: Network
    ndr: NdrSetting
    dns: tuple[DnsCheck, ...]
    proxy: Proxy | None
    web: WebCheck | None
    captive_portal: CaptivePortal | None
    egress: Egress | None
    edges: tuple[Edge, ...]
    private_access: PrivateAccess | None
    sessions: tuple[SessionEvent, ...]
    topology: Topology | None
    middlebox: Middlebox | None
    reachability: tuple[Reachability, ...]
    legs: tuple[Leg, ...]
    agent_failures: tuple[AgentFailure, ...]


def document(sample: Sample, diagnosis: Diagnosis, header: RecordHeader) -> Document:
    """Return the record of one sample as plain dictionaries, lists, texts and numbers, ready for any JSON encoder."""
    return document_of(record_of(sample, diagnosis, header))


def document_of(record: Record) -> Document:
    """Return the same of a record that is there already."""
    return _record(record)


def record_of(sample: Sample, diagnosis: Diagnosis, header: RecordHeader) -> Record:
    """Return the record of one sample, ready for any format.

    A discarded sample keeps everything but what the path would be scored by: see `without_scores`.
    """
    kept = without_scores(sample) if diagnosis.status is Status.DISCARDED else sample
    return Record(
        schema=SCHEMA,
        id=header.id,
        seq=header.seq,
        agent=header.agent,
        started_at=kept.started_at,
        duration_us=kept.duration_us,
        target=kept.target,
        status=diagnosis.status,
        errors=diagnosis.errors,
        rejected=diagnosis.rejected,
        not_evaluated=diagnosis.not_evaluated,
        network=kept.network,
        ndr=kept.ndr,
        dns=kept.dns,
        proxy=kept.proxy,
        web=kept.web,
        captive_portal=kept.captive_portal,
        egress=kept.egress,
        edges=kept.edges,
        private_access=kept.private_access,
        sessions=kept.sessions,
        topology=kept.topology,
        middlebox=kept.middlebox,
        reachability=kept.reachability,
        legs=kept.legs,
        agent_failures=kept.agent_failures,
    )


def verdict_of_record(sample: Sample, diagnose: Callable[[Sample], Diagnosis]) -> Diagnosis:
    """Return the diagnosis of what the record of a sample holds: `explain` comes to the same from the record alone.

    A discarded sample leaves out what its path would be scored by, and then nothing may rest on that either, be it only
    what is said of errors that were not evaluated.
    """
    diagnosis = diagnose(sample)
    return diagnose(without_scores(sample)) if diagnosis.status is Status.DISCARDED else diagnosis


def without_scores(sample: Sample) -> Sample:
    """Return the sample without hops, signs, loss, delay and path MTU on its legs: two networks were measured as one.

    Addresses, protocol and end of each leg stay, and so do the network's changes, on which the verdict rests.
    """
    return replace(sample, legs=tuple(_without_scores(leg) for leg in sample.legs), middlebox=None)


def _without_scores(leg: Leg) -> Leg:
    return replace(
        leg,
        hops=(),
        tried=(),
        loss_ratio=None,
        end_to_end=None,
        path_mtu=None,
        mtu=None,
        signs=None,
        signs_not_observable=(),
        reason=DISCARDED_REASON,
    )


def uuid7(realtime_ns: int, random: bytes) -> str:
    """Return a UUID version 7: 48 bits of milliseconds since 1970, then 74 random bits.

    Args:
        realtime_ns: The wall clock, in nanoseconds since the Unix epoch.
        random: At least 10 random bytes.

    Source: RFC 9562 section 5.7 (Python's own arrives with 3.14).
    """
    milliseconds = realtime_ns // 1_000_000
    rand_a = int.from_bytes(random[:2], "big") & 0x0FFF
    rand_b = int.from_bytes(random[2:10], "big") & ((1 << 62) - 1)
    number = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# --- the walk ---------------------------------------------------------------------------------------------------------


def plain(value: object) -> object:
    """Return a value of the vocabulary as JSON has it: enums as values, tuples as lists, `from_` as `from`."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _text(str(value))
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if is_record(value):
        return _record(value)
    raise TypeError(f"{type(value).__name__} has no place in a record")


def _record(value: object) -> Document:
    return {key: plain(getattr(value, name)) for name, key in _KEYS[type(value)]}


class _Keys(dict[type, tuple[tuple[str, str], ...]]):
    """Each field's name and its key, by class; a trailing underscore only keeps Python's own words apart."""

    def __missing__(self, kind: type) -> tuple[tuple[str, str], ...]:
        # A record's slots are its fields, and asking `dataclasses` for them takes a tenth of a millisecond a class.
        keys = tuple((name, name.removesuffix("_")) for name in kind.__slots__)  # type: ignore[attr-defined]
        self[kind] = keys
        return keys


_KEYS: Final = _Keys()


def _text(text: str) -> str:
    # Names of files and interfaces may carry bytes that are no UTF-8, as lone surrogates: JSON cannot hold those.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
