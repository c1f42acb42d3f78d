"""Reads catalogue and rule files and checks them against each other, every problem at once, each with its place."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

from probes.facts import Node
from rules.catalogue import Entry, read_catalogue, read_entry
from rules.condition import All, Any, Condition, Leaf, Not, Term, names, terms
from rules.diagnosis import CodeGrade, Confidence
from rules.evidence.vocabulary import all_propositions
from rules.ruleset import PLACEHOLDER, PLACES, HopChoice, LegChoice, Precedence, Reason, Rule, RuleSet
from rules.yaml_marks import Path, Problem, YamlValue, load_marked
from rules.yaml_reader import Reader, hint

# Not importlib.resources: it takes 32 ms to import [measured].
_HERE: Final = FilePath(__file__).parent
_CATALOGUE: Final = _HERE / "catalogue.yaml"
_RULES: Final = _HERE / "rules"
_PRECEDENCE: Final = _RULES / "precedence.yaml"

_EVERYTHING: Final = "all"
_CODE: Final = re.compile(r"[A-Z][A-Z0-9]*-[0-9]{2,}")
_LOOSE_CODE: Final = re.compile(r"([A-Za-z]+)[-_ ]?([0-9]{1,4})")
_REASON: Final = re.compile(r"[a-z][a-z0-9_]*")


class RuleFileError(Exception):
    """Catalogue or rule files have mistakes; nothing of them is used."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.text for problem in problems))
        self.problems = tuple(problems)


@dataclass(slots=True)
class _Draft:
    """What the files said so far."""

    catalogue: dict[str, Entry]
    rules: dict[str, list[Rule]]
    groups: dict[str, list[str]]
    suppresses: dict[str, frozenset[str]]
    problems: list[Problem]


def load_rules(extra: Sequence[FilePath] = ()) -> RuleSet:
    """Return the shipped rules, and an operator's files on top of them.

    Args:
        extra: Rule files (or directories of `*.yaml` files) in the format of `docs/rules.md`.

    Raises:
        RuleFileError: One or more files are wrong; it holds every problem of all of them.
    """
    draft = _Draft({}, {}, {}, {}, [])
    _take_catalogue(_CATALOGUE, draft)
    own = sorted(path for path in _RULES.glob("*.yaml") if path != _PRECEDENCE)
    readers = [(path, _reader(path, draft)) for path in (*own, *_files(extra))]
    for path, reader in readers:
        _take_rule_file(reader, draft, shipped=path in own)
    _take_precedence(_PRECEDENCE, draft)
    for path, reader in readers:
        if path not in own:
            _take_operator_precedence(reader, draft)
        draft.problems += reader.problems
    if draft.problems:
        raise RuleFileError(draft.problems)
    order = _ordered(draft)
    if draft.problems:
        raise RuleFileError(draft.problems)
    return RuleSet(
        catalogue=draft.catalogue,
        rules={code: tuple(rules) for code, rules in draft.rules.items()},
        precedence=_precedence(draft),
        order=order,
    )


def _files(extra: Iterable[FilePath]) -> list[FilePath]:
    return [file for path in extra for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]


def _reader(path: FilePath, draft: _Draft) -> Reader:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        # An operator's file: one line that says which and why, like every other mistake in it.
        what = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        draft.problems.append(Problem(str(path), 1, 1, "", f"cannot be read: {what}"))
        text = "{}"
    return Reader(load_marked(text, str(path)))


def _take_catalogue(path: FilePath, draft: _Draft) -> None:
    reader = _reader(path, draft)
    draft.catalogue.update(read_catalogue(reader))
    draft.problems += reader.problems


# --- one rule file ----------------------------------------------------------------------------------------------------

_RULE_KEYS: Final = ("code", "about", "reasons")
_OPTIONAL_KEYS: Final = ("given", "leg")
_OPERATOR_KEYS: Final = ("given", "leg", "entry", "group", "suppresses")
_REASON_KEYS: Final = ("reason", "confidence", "when", "explanation")


def _take_rule_file(reader: Reader, draft: _Draft, *, shipped: bool) -> None:
    if reader.problems and reader.marked.value is None:
        return
    optional = _OPTIONAL_KEYS if shipped else _OPERATOR_KEYS
    top = reader.mapping(reader.marked.value, (), required=_RULE_KEYS, optional=optional)
    code = _code(reader, top, draft)
    given = _condition(reader, top["given"], ("given",)) if "given" in top else None
    leg = _leg(reader, top["leg"]) if "leg" in top else None
    reasons = _reasons(reader, top, given)
    if code and reasons:
        about = reader.text(top.get("about"), ("about",))
        rule = Rule(code=code, about=about, source=reader.marked.source, given=given, reasons=tuple(reasons), leg=leg)
        draft.rules.setdefault(code, []).append(rule)


def _code(reader: Reader, top: Mapping[str, YamlValue], draft: _Draft) -> str | None:
    """Return the file's code, after taking up its entry if it brings one of its own."""
    if "code" not in top:
        return None
    code = reader.text(top["code"], ("code",))
    if "entry" in top:
        _take_entry(reader, top["entry"], code, draft)
    elif code and code not in draft.catalogue:
        reader.problem(("code",), f"{_unlisted(code, draft)}; a new code needs `entry`")
    return code


def _take_entry(reader: Reader, value: YamlValue, code: str, draft: _Draft) -> None:
    if code in draft.catalogue:
        reader.problem(("entry",), f"{code} is in the catalogue already: its texts cannot be changed", at_key=True)
    elif not _CODE.fullmatch(code) or code.startswith(("CP-", "ZPA-")):
        reader.problem(("code",), "a code of your own is capitals, a hyphen and a number, and not CP-… or ZPA-…")
    entry = read_entry(reader, value, ("entry",), code, (reader.marked.source,))
    if entry is not None:
        draft.catalogue.setdefault(code, entry)


def _leg(reader: Reader, value: YamlValue) -> LegChoice | None:
    if not isinstance(value, list) or len(value) != len(LegChoice._fields):
        reader.problem(("leg",), "must be a list of two nodes: where the leg starts, and where it ends")
        return None
    start, end = (reader.choice(item, ("leg", index), Node) for index, item in enumerate(value))
    return LegChoice(start, end) if start is not None and end is not None else None


def _reasons(reader: Reader, top: Mapping[str, YamlValue], given: Condition | None) -> list[Reason]:
    found: list[Reason] = []
    earlier: list[frozenset[Term]] = []
    for index, value in enumerate(reader.items(top.get("reasons"), ("reasons",)) if "reasons" in top else []):
        path = ("reasons", index)
        reason = _reason(reader, value, path)
        if reason is None:
            continue
        whole = reason.when if given is None else All((given, reason.when))
        _check_can_fire(reader, (*path, "when"), terms(whole), earlier)
        _check_placeholders(reader, (*path, "explanation"), reason.explanation, set(names(whole)))
        earlier.append(terms(whole))
        found.append(reason)
    return found


def _reason(reader: Reader, value: YamlValue, path: Path) -> Reason | None:
    keys = reader.mapping(value, path, required=_REASON_KEYS, optional=("hop", "grade"))
    if any(key not in keys for key in _REASON_KEYS):
        return None
    name = reader.text(keys["reason"], (*path, "reason"))
    if name and not _REASON.fullmatch(name):
        reader.problem((*path, "reason"), "must be small letters, digits and underscores")
    confidence = reader.choice(keys["confidence"], (*path, "confidence"), Confidence)
    hop = reader.choice(keys["hop"], (*path, "hop"), HopChoice) if "hop" in keys else HopChoice.NONE
    grade = reader.choice(keys["grade"], (*path, "grade"), CodeGrade) if "grade" in keys else None
    when = _condition(reader, keys["when"], (*path, "when"))
    explanation = reader.text(keys["explanation"], (*path, "explanation"))
    if confidence is None or hop is None or when is None:
        return None
    return Reason(name=name, confidence=confidence, when=when, explanation=explanation, hop=hop, grade=grade)


def _check_can_fire(reader: Reader, path: Path, own: frozenset[Term], earlier: list[frozenset[Term]]) -> None:
    if not own:
        reader.problem(path, "can never be true: it contradicts itself (or `given`)")
        return
    for index, others in enumerate(earlier):
        if all(any(other <= term for other in others) for term in own):
            reader.problem(path, f"is never reached: reasons.{index} is true whenever this is")


def _check_placeholders(reader: Reader, path: Path, explanation: str, used: set[str]) -> None:
    for name in PLACEHOLDER.findall(explanation):
        if name not in PLACES and name not in used:
            reader.problem(path, f"{{{name}}} is no proposition of this condition{hint(name, {*PLACES, *used})}")


# --- conditions -------------------------------------------------------------------------------------------------------


def _condition(reader: Reader, value: YamlValue, path: Path) -> Condition | None:
    if isinstance(value, str):
        return _leaf(reader, value, path)
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if key == "not":
            part = _condition(reader, inner, (*path, "not"))
            return None if part is None else Not(part)
        if key in ("all", "any"):
            return _joined(reader, key, inner, (*path, key))
        reader.problem((*path, key), f"must be all, any or not{hint(key, ('all', 'any', 'not'))}", at_key=True)
        return None
    reader.problem(path, "must be the name of a proposition, or one of all, any, not")
    return None


def _leaf(reader: Reader, name: str, path: Path) -> Leaf | None:
    known = all_propositions()
    if name in known:
        return Leaf(name)
    reader.problem(path, f"unknown proposition {name}{hint(name, known)}")
    return None


def _joined(reader: Reader, key: str, value: YamlValue, path: Path) -> Condition | None:
    items = reader.items(value, path)
    parts = [_condition(reader, item, (*path, index)) for index, item in enumerate(items)]
    good = tuple(part for part in parts if part is not None)
    if not good or len(good) != len(parts):
        return None
    return All(good) if key == "all" else Any(good)


# --- precedence -------------------------------------------------------------------------------------------------------


def _take_precedence(path: FilePath, draft: _Draft) -> None:
    reader = _reader(path, draft)
    top = reader.mapping(reader.marked.value, (), required=("order", "suppresses"))
    for group, value in reader.any_mapping(top.get("order"), ("order",)).items():
        draft.groups[group] = _codes(reader, value, ("order", group), draft)
    for code, value in reader.any_mapping(top.get("suppresses"), ("suppresses",)).items():
        if code not in draft.catalogue:
            reader.problem(("suppresses", code), _unlisted(code, draft), at_key=True)
        _take_suppression(reader, code, value, ("suppresses", code), draft)
    draft.problems += reader.problems


def _take_operator_precedence(reader: Reader, draft: _Draft) -> None:
    """Put a code of the operator's own into the order; the documented codes keep theirs."""
    top = reader.marked.value
    if not isinstance(top, dict) or not isinstance(top.get("code"), str):
        return
    code = str(top["code"])
    for key in ("group", "suppresses"):
        if key in top and "entry" not in top:
            reader.problem((key,), "only a code with an `entry` of its own may have this", at_key=True)
    if "entry" not in top:
        return
    group = reader.text(top["group"], ("group",)) if "group" in top else next(reversed(draft.groups))
    if group not in draft.groups:
        reader.problem(("group",), f"must be one of {', '.join(draft.groups)}{hint(group, draft.groups)}")
    elif code not in draft.groups[group]:
        draft.groups[group].append(code)
    if "suppresses" in top:
        _take_suppression(reader, code, top["suppresses"], ("suppresses",), draft)


def _take_suppression(reader: Reader, code: str, value: YamlValue, path: Path, draft: _Draft) -> None:
    hidden = draft.catalogue if value == _EVERYTHING else _codes(reader, value, path, draft)
    draft.suppresses[code] = frozenset(hidden) - {code}


def _codes(reader: Reader, value: YamlValue, path: Path, draft: _Draft) -> list[str]:
    found = [reader.text(item, (*path, index)) for index, item in enumerate(reader.items(value, path))]
    for index, code in enumerate(found):
        if code and code not in draft.catalogue:
            reader.problem((*path, index), _unlisted(code, draft))
    return found


def _unlisted(code: str, draft: _Draft) -> str:
    """Return what to say of a code that is not there, and which one it is once case and zeros are put right."""
    parts = _LOOSE_CODE.fullmatch(code)
    right = f"{parts[1].upper()}-{int(parts[2]):02}" if parts else ""
    return f"{code} is not in the catalogue" + (f" (did you mean {right}?)" if right in draft.catalogue else "")


def _precedence(draft: _Draft) -> Precedence:
    groups = {group: tuple(codes) for group, codes in draft.groups.items()}
    return Precedence(groups=groups, suppresses=dict(draft.suppresses))


def _ordered(draft: _Draft) -> tuple[str, ...]:
    """Return every code, what hides before what is hidden, else in the order of the groups.

    A cycle of codes that hide each other is a problem: neither could ever stand.
    """
    precedence = _precedence(draft)
    waiting = sorted(draft.catalogue, key=precedence.rank)
    hidden_by = {code: {c for c, hides in draft.suppresses.items() if code in hides} for code in waiting}
    ordered: list[str] = []
    while waiting:
        free = next((code for code in waiting if hidden_by[code] <= set(ordered)), None)
        if free is None:
            cycle = ", ".join(code for code in waiting if any(code in hidden_by[other] for other in waiting))
            draft.problems.append(
                Problem(_cycle_source(draft, waiting), 1, 1, "suppresses", f"a cycle hides all of {cycle}")
            )
            return ()
        waiting.remove(free)
        ordered.append(free)
    return tuple(ordered)


def _cycle_source(draft: _Draft, waiting: list[str]) -> str:
    operators = (rule.source for code in waiting if code in draft.suppresses for rule in draft.rules.get(code, []))
    return next((source for source in operators if FilePath(source).parent != _RULES), str(_PRECEDENCE))
