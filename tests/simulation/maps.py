"""Reads simulated networks from files that read like maps, and says what a trace of them must show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from probes.facts import Family, FlowKind, Hop, Icmp, Leg, MplsLabel, PathSign, Protocol, ProtocolChoice, Responder
from probes.failure import Failure
from probes.seam import LocalError
from probes.trace.adaptive import Naming
from probes.trace.settings import TraceSettings
from tests.simulation.world import START_S, Node, Refusals, World

MAPS = Path(__file__).parent / "networks"

_ANSWERS = {
    Family.IPV4: {"icmp": "echo_reply", "udp": "port_unreachable", "tcp": "syn_ack"},
    Family.IPV6: {"icmp": "echo_reply", "udp": "port_unreachable_v6", "tcp": "syn_ack"},
}
_TARGET = {Family.IPV4: "192.0.2.80", Family.IPV6: "2001:db8:ff::80"}
_SOURCE = {Family.IPV4: "198.51.100.2", Family.IPV6: "2001:db8:aa::2"}
_ROUTER = {Family.IPV4: "10.0.0.{}", Family.IPV6: "2001:db8::{}"}


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the leg must show; what is None is not looked at.

    `hops` are lines, see `line`; `signs` are lines of kind, TTL, address, what was sent and what was seen; `middlebox`
    is a line of protocol, TTL, address and the control's protocol.
    """

    protocol: str | None = None
    ends: str
    reached: bool | None
    reached_by: str | None = None
    hops: tuple[str, ...] | None = None
    within_ms: float | None = None
    end_to_end: str | None = None
    loss_ratio: float | str | None = "any"
    rejected: Mapping[str, int] | None = None
    rejects_some: tuple[str, ...] = ()
    send_failures: tuple[str, ...] = ()
    answered: Mapping[str, bool | None] = field(default_factory=dict)
    reason: str | None = None
    sends_at_most: int | None = None
    signs: tuple[str, ...] | None = None
    not_observable: tuple[str, ...] | None = None
    middlebox: str | None = "any"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One trace over the map."""

    choice: ProtocolChoice
    naming: Naming
    settings: TraceSettings
    flow_kind: FlowKind
    interrupted_at_ms: float | None
    expect: Expectation


@dataclass(frozen=True, kw_only=True)
class Map:
    """One file: a world, made anew for each run, and the runs over it."""

    name: str
    document: Mapping[str, Any]
    runs: tuple[Run, ...]

    def world(self) -> World:
        return _world(self.document)


def every_map() -> list[Map]:
    """Return all maps, by name."""
    return [_map(path) for path in sorted(MAPS.glob("*.yaml"))]


def line(hop: Hop) -> str:
    """Return a hop as a map writes it: TTL, who with which error, received/sent, class, then what is unusual."""
    who = ",".join(_who(responder) for responder in hop.responders) or "*"
    words = [str(hop.probe_ttl), who, f"{hop.received}/{hop.sent}", hop.loss_class.value]
    words += [f"mpls={label.label}" for responder in hop.responders for label in responder.mpls]
    words += [f"late={hop.late}"] if hop.late else []
    words += [f"duplicates={hop.duplicates}"] if hop.duplicates else []
    return " ".join(words)


def lines(leg: Leg) -> tuple[str, ...]:
    """Return a leg's hops as lines."""
    return tuple(line(hop) for hop in leg.hops)


def sign_line(sign: PathSign) -> str:
    """Return a sign as a map writes it."""
    return f"{sign.kind} {sign.probe_ttl} {sign.address} {sign.sent} {sign.seen}"


def _who(responder: Responder) -> str:
    """Return an address, with type and code of any ICMP message but a plain "time to live exceeded"."""
    icmp = responder.icmp
    plain = (3, 0) if ":" in responder.address else (11, 0)
    return (
        responder.address if icmp is None or (icmp.type, icmp.code) == plain else _with_error(responder.address, icmp)
    )


def _with_error(address: str, icmp: Icmp) -> str:
    return f"{address}!{icmp.type}/{icmp.code}"


# --- reading ----------------------------------------------------------------------------------------------------------

_MAP_KEYS = {"about", "family", "target", "source", "changes", "refuses", "local_errors", "forgeries", "opens_not"}
_MAP_KEYS |= {"tos", "unprivileged", "clock_step", "plain", "habits", "path", "runs"}
_RUN_KEYS = {"choices", "naming", "settings", "flow", "interrupted_at_ms"}


def _map(path: Path) -> Map:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = set(document) - _MAP_KEYS
    assert not unknown, f"{path.name}: unknown keys {unknown}"
    runs = tuple(run for entry in document["runs"] for run in _runs(entry, path.name))
    return Map(name=path.stem, document=document, runs=runs)


def _runs(entry: dict[str, Any], name: str) -> list[Run]:
    expected = {key: value for key, value in entry.items() if key not in _RUN_KEYS}
    known = {field.name for field in fields(Expectation)}
    assert set(expected) <= known, f"{name}: unknown keys {set(expected) - known}"
    return [
        Run(
            choice=ProtocolChoice(choice),
            naming=Naming[entry.get("naming", "host").upper()],
            settings=_settings(entry.get("settings", {})),
            flow_kind=FlowKind(entry.get("flow", "paris")),
            interrupted_at_ms=entry.get("interrupted_at_ms"),
            expect=_expectation(expected, ProtocolChoice(choice)),
        )
        for choice in entry["choices"]
    ]


def _settings(values: dict[str, Any]) -> TraceSettings:
    said: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return TraceSettings(**said)


def _expectation(values: dict[str, Any], choice: ProtocolChoice) -> Expectation:
    """Return what is expected of one protocol: a mapping by protocol, where one is given, says it for each."""
    said = {key: value[choice.value] if _by_choice(key, value) else value for key, value in values.items()}
    for key in ("hops", "rejects_some", "send_failures", "signs", "not_observable"):
        if said.get(key) is not None:
            said[key] = tuple(" ".join(text.split()) for text in _texts(said[key]))
    return Expectation(**said)


def _by_choice(key: str, value: object) -> bool:
    choices = {choice.value for choice in ProtocolChoice}
    return key != "answered" and isinstance(value, dict) and bool(value) and set(value) <= choices


def _texts(value: str | list[str]) -> list[str]:
    return value.strip().splitlines() if isinstance(value, str) else value


def _world(document: Mapping[str, Any]) -> World:
    family = Family(document.get("family", "ipv4"))
    target = document.get("target", _TARGET[family])
    paths = [(0.0, _path(document, family, target))]
    paths += [(change["at_ms"] / 1000, _path(change, family, target)) for change in document.get("changes", ())]
    step = document.get("clock_step")
    return World(
        family=family,
        source=document.get("source", _SOURCE[family]),
        target=target,
        paths=paths,
        refuses={Protocol(p): _refusals(said) for p, said in document.get("refuses", {}).items()},
        local_errors=[_local_error(said) for said in document.get("local_errors", ())],
        forgeries=tuple(document.get("forgeries", ())),
        opens_not={Protocol(p): Failure(f) for p, f in document.get("opens_not", {}).items()},
        unprivileged=document.get("unprivileged", False),
        tos=document.get("tos", 0),
        clock_step=None if step is None else (step["at_ms"] / 1000, step["by_s"]),
    )


def _path(said: Mapping[str, Any], family: Family, target: str) -> list[Node]:
    if "path" in said:
        return [_node(node, family, target) for node in said["path"]]
    plain, habits = said["plain"], said.get("habits", {})
    count = plain["routers"] + 1
    entries = [
        {"at": _ROUTER[family].format(ttl), "rtt_ms": plain["slowest_ms"] * ttl / count} for ttl in range(1, count)
    ]
    entries.append({"at": target, "rtt_ms": plain["slowest_ms"], "target": {}})
    for ttl, habit in habits.items():
        entries[count - 1 if ttl == "target" else ttl - 1] |= habit
    return [_node(entry, family, target) for entry in entries]


def _node(said: Mapping[str, Any], family: Family, target: str) -> Node:
    if "any_of" in said:
        branches = tuple(tuple(_node(node, family, target) for node in branch) for branch in said["any_of"])
        per_protocol = {Protocol(protocol): index for protocol, index in said.get("goes_by", {}).items()}
        return Node(address="", rtt_ms=0.0, any_of=branches, goes_by=per_protocol)
    known = {"at", "target", "limit", "lost", "mpls", "rejects", "drops", "drops_passing", "expires_with"}
    known |= {"answers_for", "mpls_ttl"}
    limit = said.get("limit", (6, 1.0))
    answers = said.get("target")
    plain = {key: value for key, value in said.items() if key not in known}
    return Node(
        address=said.get("at", target),
        limit=None if limit == "none" else tuple(limit),
        lost=frozenset(said.get("lost", ())),
        mpls=_labels(said.get("mpls", ()), said.get("mpls_ttl", 1)),
        rejects={Protocol(p): (icmp[0], icmp[1]) for p, icmp in said.get("rejects", {}).items()},
        drops=frozenset(Protocol(p) for p in said.get("drops", ())),
        drops_passing=frozenset(said.get("drops_passing", ())),
        expires_with=None if "expires_with" not in said else (said["expires_with"][0], said["expires_with"][1]),
        answers_for={Protocol(p): answer for p, answer in said.get("answers_for", {}).items()},
        target=None if answers is None else _answers(answers, family),
        **plain,
    )


def _labels(labels: Sequence[int], mpls_ttl: int) -> tuple[MplsLabel, ...]:
    return tuple(MplsLabel(label=label, traffic_class=0, bottom=True, mpls_ttl=mpls_ttl) for label in labels)


def _answers(said: Mapping[str, str], family: Family) -> dict[Protocol, str]:
    return {Protocol(protocol): answer for protocol, answer in (_ANSWERS[family] | dict(said)).items()}


def _refusals(said: Mapping[str, Any]) -> Refusals:
    return Refusals(failure=Failure(said["failure"]), from_ttl=said.get("from_ttl", 1))


def _local_error(said: Mapping[str, Any]) -> tuple[float, LocalError]:
    error = LocalError(Failure(said["failure"]), said.get("offender"), said.get("number"))
    return said["at_ms"] / 1000, error


def interruption(run: Run, now: float) -> bool:
    """Return whether somebody interrupts this run at this monotonic time."""
    return run.interrupted_at_ms is not None and now >= START_S + run.interrupted_at_ms / 1000
