"""Scenarios: what is done to which network, what is asked there, and the verdict that must follow; read from data."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.lab.behaviour import KERNEL_SETTINGS
from tests.lab.builder import User
from tests.lab.network_map import NETWORKS, MapError, NetworkMap, make_map

SCENARIOS: Final = Path(__file__).parent / "scenarios"
FAULTS: Final = Path(__file__).parent / "faults.yaml"

# What a whole verdict may take, the start of Python included: healthy and direct, healthy by an edge, with a fault.
HEALTHY_WITHIN_S: Final = 1.5
HEALTHY_BY_EDGE_WITHIN_S: Final = 3.0
FAULTY_WITHIN_S: Final = 4.0

_ROW_KEYS: Final = {
    "title", "network", "with", "nodes", "links", "client", "before", "break", "command", "configuration", "files",
    "environment", "stdin", "during", "send", "user", "through", "rest_s", "expect", "record", "within_s",
}  # fmt: skip
_USERS: Final = {"root": (User.ROOT,), "nobody": (User.NOBODY,), "both": (User.ROOT, User.NOBODY)}


class ScenarioError(ValueError):
    """A scenario file that cannot be meant; the message says which row, and what about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that is done to a node: shell lines, a ruleset, a named fault, or a server's end.

    `after_packets` counts what the client has sent since the command began; a step with it happens meanwhile.
    """

    node: str
    run: str | None = None
    nft: str | None = None
    fault: str | None = None
    stop: str | None = None
    after_packets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One error that must be there, with its reason, the ends of its leg (None: of no leg), and the node it hangs on.

    `node` None means the one that the catalogue names.
    """

    code: str
    reason: str
    leg: tuple[str, str] | None
    node: str | None = None
    confidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Lines that a node sends over one TCP connection, once somebody listens there."""

    node: str
    to: str
    lines: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One command, and what it is run with; `through` are the words of another command that runs it."""

    command: tuple[str, ...]
    configuration: dict[str, Any] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    stdin: str | None = None
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the matrix. `before` is asked until something is broken, and must find nothing; None: it is not.

    After that, routers rest for `rest_s`: they may have used up the ICMP errors that they have for the client.
    """

    group: str
    title: str
    network: str
    including: tuple[str, ...]
    nodes: dict[str, Any]
    links: dict[str, Any]
    client: str
    before: Asked | None
    rest_s: float
    faults: tuple[Step, ...]
    asked: Asked
    files: dict[str, str]
    during: tuple[Step, ...]
    send: tuple[Stream, ...]
    users: tuple[User, ...]
    expected: tuple[Expected, ...]
    record: dict[str, Any]
    within_s: float

    @property
    def id(self) -> str:
        """Return what `watch` and `enter` call it: its file's name and its title's words."""
        return f"{self.group}/{re.sub(r'[^a-z0-9]+', '-', self.title.lower()).strip('-')}"

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes that must be there, in order."""
        return tuple(sorted(each.code for each in self.expected))

    def map(self) -> NetworkMap:
        """Return the network, with what this row adds to it."""
        document = yaml.safe_load((NETWORKS / f"{self.network}.yaml").read_text(encoding="utf-8"))
        nodes = _only_wanted(self, document["nodes"])
        links = {key: value for key, value in document["links"].items() if set(key.split(" -- ")) <= nodes.keys()}
        laid = {key: link for key, link in _merged(links, self.links).items() if link is not None}
        return make_map(self.network, {"nodes": _merged(nodes, self.nodes), "links": laid})


def _only_wanted(row: Row, nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nodes of a map without the optional ones that nobody asked for."""
    if unknown := set(row.including) - nodes.keys():
        raise ScenarioError(f"{row.id}: `with` names {', '.join(sorted(unknown))}, which {row.network} does not have")
    return {name: node for name, node in nodes.items() if not (node or {}).get("optional") or name in row.including}


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, mapping by mapping; where both have something else, `more` counts."""
    merged = dict(base)
    for key, value in more.items():
        old = merged.get(key) or {}
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        merged[key] = _merged(old, value) if both else value
    return merged


# --- reading ----------------------------------------------------------------------------------------------------------


@cache
def read_rows() -> tuple[Row, ...]:
    """Return every row, in the order of the files' names.

    Raises:
        ScenarioError: A row cannot be meant.
    """
    rows = tuple(row for path in sorted(SCENARIOS.glob("*.yaml")) for row in parse(path.stem, path.read_text("utf-8")))
    ids = [row.id for row in rows]
    if twice := {id_ for id_ in ids if ids.count(id_) > 1}:
        raise ScenarioError(f"more than one row is called {', '.join(sorted(twice))}")
    return rows


def find_row(name: str) -> Row:
    """Return the row of this id, or the only one whose id contains it.

    Raises:
        ScenarioError: There is none, or more than one.
    """
    rows = read_rows()
    found = [row for row in rows if row.id == name] or [row for row in rows if name in row.id]
    if len(found) == 1:
        return found[0]
    rather = "\n".join(f"  {row.id}" for row in found or rows)
    raise ScenarioError(f"{'more than one row is' if found else 'no row is'} called {name}; there are:\n{rather}")


def parse(group: str, text: str) -> Iterator[Row]:
    """Yield the rows of one file: `rows`, and `defaults` for all of them."""
    document = yaml.safe_load(text)
    if not isinstance(document, dict) or not document.keys() <= {"defaults", "rows"}:
        raise ScenarioError(f"{group}: a file has `rows`, and `defaults` for all of them")
    defaults = document.get("defaults", {})
    for value in document["rows"]:
        yield _row(group, {**defaults, **value})


def _row(group: str, value: dict[str, Any]) -> Row:
    where = f"{group}: {value.get('title', value)}"
    if unknown := value.keys() - _ROW_KEYS:
        raise ScenarioError(f"{where}: unknown {', '.join(sorted(unknown))}")
    if missing := {"title", "network", "command", "expect"} - value.keys():
        raise ScenarioError(f"{where}: no {', '.join(sorted(missing))}")
    try:
        return _made(group, value)
    except (TypeError, KeyError, MapError, ScenarioError) as error:
        raise ScenarioError(f"{where}: {error}") from error


def _made(group: str, value: dict[str, Any]) -> Row:
    asked = _asked(value)
    expected = tuple(_expected(each) for each in value["expect"])
    faults = tuple(_step(step) for step in value.get("break", ()))
    return Row(
        group=group,
        title=value["title"],
        network=value["network"],
        including=tuple(value.get("with", ())),
        nodes=value.get("nodes", {}),
        links=value.get("links", {}),
        client=value.get("client", "client"),
        before=_before(value, asked, changed=bool(faults or value.get("during"))),
        rest_s=value.get("rest_s", 0.0),
        faults=faults,
        asked=asked,
        files=value.get("files", {}),
        during=tuple(_step(step) for step in value.get("during", ())),
        send=tuple(Stream(**stream) for stream in value.get("send", ())),
        users=_USERS[value.get("user", "root")],
        expected=expected,
        record=value.get("record", {}),
        within_s=value.get("within_s", _within_s(asked, expected)),
    )


def _asked(value: Mapping[str, Any]) -> Asked:
    return Asked(
        command=tuple(shlex.split(value["command"])),
        configuration=value.get("configuration"),
        environment={name: str(text) for name, text in value.get("environment", {}).items()},
        stdin=value.get("stdin"),
        through=tuple(shlex.split(value.get("through", ""))),
    )


def _before(value: Mapping[str, Any], asked: Asked, *, changed: bool) -> Asked | None:
    """Return what must be healthy before: the same, unless the row says something else, or nothing is broken."""
    before = value.get("before", changed)
    if isinstance(before, bool):
        return asked if before else None
    return _asked({**value, **before})


def _step(value: Mapping[str, Any]) -> Step:
    step = Step(**value)
    if sum(each is not None for each in (step.run, step.nft, step.fault, step.stop)) != 1:
        raise ScenarioError(f"{dict(value)} needs one of run, nft, fault and stop")
    if step.fault is not None and step.fault not in named_faults():
        raise ScenarioError(f"no fault is called {step.fault}; there are {', '.join(sorted(named_faults()))}")
    return step


def _expected(value: Mapping[str, Any]) -> Expected:
    known = dict(value)
    leg = known.pop("leg")
    return Expected(leg=None if leg is None else (leg[0], leg[1]), **known)


def _within_s(asked: Asked, expected: tuple[Expected, ...]) -> float:
    if expected:
        return FAULTY_WITHIN_S
    by_edge = "service_edge" in (asked.configuration or {}) or "--edge" in asked.command
    return HEALTHY_BY_EDGE_WITHIN_S if by_edge else HEALTHY_WITHIN_S


@cache
def named_faults() -> dict[str, dict[str, str]]:
    """Return the faults that several rows share, each with one of `run` and `nft`."""
    behaviours = {name.value: {"nft": kernel.nftables} for name, kernel in KERNEL_SETTINGS.items() if kernel.nftables}
    others: dict[str, dict[str, str]] = yaml.safe_load(FAULTS.read_text(encoding="utf-8"))
    return behaviours | others
