"""PyYAML's nodes as marked values: the only module that knows PyYAML."""

import re
from typing import Final

import yaml

from rules.yaml_marks import Marked, Path, Place, Problem, YamlValue, dotted

# Aliases can make a short text a huge tree; nobody's rule or configuration file has this many values.
MOST_VALUES: Final = 50_000

# Nor is any nested like this; deeper, and walking it would exhaust the interpreter's stack.
MOST_LEVELS: Final = 40

_STRING_TAG: Final = "tag:yaml.org,2002:str"
_KNOWN_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# The YAML 1.2 core schema (section 10.3.2) without octal numbers. What is longer than any number that is meant stays
# text, for int() refuses more than 4,300 digits.
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
_FLOAT: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)?\.[0-9]+([eE][-+]?[0-9]+)?")

# libyaml reads the shipped files eight times as fast as pure Python; not every build of PyYAML has it.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_nodes(text: str, marked: Marked) -> None:
    """Fill `marked` with the value, places and problems of a YAML text."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        marked.problems.append(_syntax_problem(error, marked.source))
    except yaml.reader.ReaderError as error:
        marked.problems.append(_character_problem(error, text, marked.source))
    except RecursionError:
        # The Python reader's way to say it; libyaml has a limit of its own.
        marked.problems.append(Problem(marked.source, 1, 1, "", f"nested more than {MOST_LEVELS} levels deep"))
    else:
        if node is not None:
            marked.value = _Walk(marked).value(node, ())


def _syntax_problem(error: yaml.MarkedYAMLError, source: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what = " ".join(part for part in (error.problem, error.context) if part)
    return Problem(source, line, column, "", what or "not YAML")


def _character_problem(error: yaml.reader.ReaderError, text: str, source: str) -> Problem:
    before = text[: error.position]
    column = error.position - before.rfind("\n")
    # libyaml hands the character over as a number, the Python reader as text.
    code_point = error.character if isinstance(error.character, int) else ord(str(error.character)[:1] or "\0")
    what = f"the character U+{code_point:04X} is not allowed in YAML"
    return Problem(source, before.count("\n") + 1, column, "", what)


class _Walk:
    """Turns nodes into values, noting places and problems on the way."""

    def __init__(self, marked: Marked) -> None:
        self._marked = marked
        self._above: list[yaml.Node] = []
        self._seen = 0

    def value(self, node: yaml.Node, path: Path) -> YamlValue:
        """Return one node's value; its place is noted, its problems too."""
        self._marked.places[path] = _start(node)
        self._seen += 1
        if self._seen > MOST_VALUES:
            if self._seen == MOST_VALUES + 1:
                self._problem(path, f"more than {MOST_VALUES} values")
            return None
        if any(node is above for above in self._above):
            self._problem(path, "contains itself")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if len(self._above) >= MOST_LEVELS:
            self._problem(path, f"nested more than {MOST_LEVELS} levels deep")
            return None
        self._above.append(node)
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        self._above.pop()
        return value

    def _sequence(self, node: yaml.Node, path: Path) -> YamlValue:
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, path: Path) -> YamlValue:
        values: dict[str, YamlValue] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            what = self._key_problem(key_node, key, values, path)
            if what is not None:
                line, column = _start(key_node)
                self._marked.problems.append(Problem(self._marked.source, line, column, dotted((*path, key)), what))
                continue
            self._marked.key_places[(*path, key)] = _start(key_node)
            values[key] = self.value(value_node, (*path, key))
        return values

    def _key_problem(self, node: yaml.Node, key: str, values: dict[str, YamlValue], path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            return "a key must be a word"
        if key in values:
            return f"key given twice, first in line {self._marked.key_places[(*path, key)][0]}"
        return None

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> YamlValue:
        text = str(node.value)
        if node.tag not in _KNOWN_TAGS:
            self._problem(path, f"the tag {node.tag} is not understood")
            return None
        # Quotes and blocks have a style; a plain word with the tag `str` is text in YAML's own view, or by hand.
        return text if node.style or node.tag == _STRING_TAG else _plain(text)

    def _problem(self, path: Path, what: str) -> None:
        self._marked.problems.append(self._marked.problem(path, what))


def _plain(text: str) -> YamlValue:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _start(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1
