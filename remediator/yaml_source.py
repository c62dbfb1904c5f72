"""YAML read strictly, with the line and column of every key and value.

YAML 1.2's core types only: `on`, `yes`, `22:22` and dates are text. Refused, all at once and each
with its place: duplicate keys, keys that are not text, tags beyond the core, merge keys, several
documents, numbers that are not finite; and, before anything is built, files that are too large,
nested too deeply or full of aliases.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from remediator.errors import ConfigError, Problem, Severity

MAX_CHARACTERS = 1_000_000
_MAX_BYTES = 4 * MAX_CHARACTERS + 4
MAX_ALIASES = 16
MAX_NODES = 20_000
MAX_DEPTH = 40
_MAX_DIGITS = 30

NodePath = tuple[str | int, ...]
Position = tuple[int, int]

_CORE = "tag:yaml.org,2002:"
_STR, _SEQUENCE, _MAPPING = f"{_CORE}str", f"{_CORE}seq", f"{_CORE}map"
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")
_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INTEGER = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


class _CoreLoader(yaml.CSafeLoader):
    """Tells types as YAML 1.2's core schema does; used to compose only, never to construct."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own attribute)

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Return the tag of a node that has none; PyYAML's own looks for rules by path besides."""
        if kind is yaml.ScalarNode:
            for tag, form in self.yaml_implicit_resolvers.get(value[:1], ()) if implicit[0] else ():
                if form.match(value):
                    return str(tag)
            return _STR
        return _SEQUENCE if kind is yaml.SequenceNode else _MAPPING


_CoreLoader.add_implicit_resolver(f"{_CORE}bool", _BOOLEAN, list("tTfF"))
_CoreLoader.add_implicit_resolver(f"{_CORE}int", _INTEGER, list("-+0123456789"))
_CoreLoader.add_implicit_resolver(f"{_CORE}float", _FLOAT, list("-+.0123456789"))
_CoreLoader.add_implicit_resolver(f"{_CORE}null", _NULL, ["~", "n", "N", ""])


@dataclass(frozen=True, slots=True)
class YamlSource:
    """A file's text, the plain data in it, and where each part stands (from 1).

    `positions` leads from a path to a value, `keys` from a path to the key that holds it.
    """

    file: str
    text: str
    data: Any
    positions: Mapping[NodePath, Position]
    keys: Mapping[NodePath, Position]

    def deepest(self, path: NodePath) -> NodePath:
        """Return the path of the deepest node that is on the way along `path`.

        Parts that are not in the file (a list that may be written as one entry, a union's tag) are
        passed over.
        """
        known: NodePath = ()
        for part in path:
            if (*known, part) in self.positions:
                known = (*known, part)
        return known

    def problem(
        self,
        path: NodePath,
        what: str,
        fix: str,
        *,
        severity: Severity = Severity.ERROR,
        at_key: bool = False,
    ) -> Problem:
        """Return a problem at the value of `path`, or at its key."""
        known = self.deepest(path)
        place = self.keys.get(known) if at_key else None
        line, column = place or self.positions.get(known, (1, 1))
        return Problem(self.file, line, column, what, fix, severity)


def read_yaml_file(path: Path, name: str | None = None) -> YamlSource:
    """Read a file; `name` is what problems call it.

    Raises:
        ConfigError: also when it can't be read or is not UTF-8.
    """
    file = name or str(path)
    try:
        with path.open("rb") as stream:
            # No further than tells that it is too long: it may be anything.
            text = stream.read(_MAX_BYTES).decode("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([Problem(file, 0, 0, f"can't be read ({reason})", "check the path")]) from None
    except UnicodeDecodeError as error:
        if error.end == _MAX_BYTES:
            raise ConfigError([_too_long(file)]) from None
        raise ConfigError([Problem(file, 0, 0, "is not UTF-8 text", "save it as UTF-8")]) from None
    return read_yaml(file, text)


def read_yaml(file: str, text: str) -> YamlSource:
    """Read one document.

    Raises:
        ConfigError: with every fault found.
    """
    root = compose_yaml(file, text)
    reader = _Reader(file)
    data = None if root is None else reader.read(root, ())
    if reader.problems:
        raise ConfigError(sorted(reader.problems, key=lambda problem: (problem.line, problem.column)))
    return YamlSource(file, text, data, reader.positions or {(): (1, 1)}, reader.keys)


def compose_yaml(file: str, text: str) -> yaml.Node | None:
    """Read one document's nodes, with the marks where they begin and end; None when it is empty.

    Raises:
        ConfigError: when it is no YAML, or too large.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError([_too_long(file)])
    try:
        _check_size(file, text)
        root: yaml.Node | None = yaml.compose(text, _CoreLoader)
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_problem(file, text, error)]) from None
    except UnicodeEncodeError:
        raise ConfigError([Problem(file, 0, 0, "holds half a character", "save it as UTF-8")]) from None
    return root


def _too_long(file: str) -> Problem:
    return Problem(file, 0, 0, f"is longer than {MAX_CHARACTERS} characters", "split or shorten it")


def _check_size(file: str, text: str) -> None:
    """Look at the events alone, before anything recursive sees the file."""
    depth = aliases = 0
    for event in yaml.parse(text, _CoreLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if depth > MAX_DEPTH or aliases > MAX_ALIASES:
            limit = f"{MAX_DEPTH} levels" if depth > MAX_DEPTH else f"{MAX_ALIASES} aliases"
            problem = Problem(file, *_position(event), f"has more than {limit}", "write it out plainly")
            raise ConfigError([problem])


class _Reader:
    """Turns nodes into plain data, and notes positions and faults on the way."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.positions: dict[NodePath, Position] = {}
        self.keys: dict[NodePath, Position] = {}
        self._file = file
        self._within: set[int] = set()

    def read(self, node: yaml.Node, path: NodePath) -> Any:
        if len(self.positions) >= MAX_NODES:
            self._fault(node, "has too many values once its aliases are written out", "write it out plainly")
            raise ConfigError(self.problems)
        self.positions[path] = _position(node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._within:
            self._fault(node, "contains itself through an alias", "write it out plainly")
            return None
        self._within.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return self._sequence(node, path)
        finally:
            self._within.discard(id(node))

    def _sequence(self, node: yaml.Node, path: NodePath) -> list[Any]:
        self._check_tag(node, "seq")
        return [self.read(child, (*path, at)) for at, child in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: NodePath) -> dict[str, Any]:
        self._check_tag(node, "map")
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key is None:
                continue
            place = (*path, key)
            if key in data:
                line = self.keys[place][0]
                self._fault(key_node, f"key {key!r} was already given in line {line}", "keep one of the two")
                continue
            self.keys[place] = _position(key_node)
            data[key] = self.read(value_node, place)
        return data

    def _key(self, node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._fault(node, "a key is a list or a mapping", "put a template, {{ … }}, in quotes")
        elif node.tag != f"{_CORE}str":
            self._fault(node, f"key {node.value!r} is not text", "put it in quotes")
        elif node.value == "<<" and not node.style:
            self._fault(node, "merge keys (<<) are not YAML 1.2", "write the keys out")
        else:
            return str(node.value)
        return None

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text, tag = str(node.value), str(node.tag).removeprefix(_CORE)
        if tag == "str":
            return text
        if tag == "null" and _NULL.match(text):
            return None
        if tag == "bool" and _BOOLEAN.match(text):
            return _BOOLEANS[text]
        if tag == "int" and _INTEGER.match(text) and len(text) <= _MAX_DIGITS:
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if tag == "float" and (_FLOAT.match(text) or _INTEGER.match(text)):
            return self._number(node, text)
        if tag in ("null", "bool", "int", "float"):
            self._fault(
                node, f"{text[:_MAX_DIGITS]!r} can't be read as {tag}", "put it in quotes if it is text"
            )
        else:
            self._fault(node, f"tag {node.tag} is not one of the core", "remove the tag")
        return None

    def _number(self, node: yaml.Node, text: str) -> float | None:
        number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if math.isfinite(number):
            return number
        self._fault(node, f"{text} is not a finite number", "put it in quotes if it is text")
        return None

    def _check_tag(self, node: yaml.Node, kind: str) -> None:
        if node.tag != f"{_CORE}{kind}":
            self._fault(node, f"tag {node.tag} is not one of the core", "remove the tag")

    def _fault(self, node: yaml.Node, what: str, fix: str) -> None:
        self.problems.append(Problem(self._file, *_position(node), what, fix))


def _position(node: yaml.Node | yaml.Event) -> Position:
    mark: Any = node.start_mark
    return mark.line + 1, mark.column + 1


_FIXES = (
    ("another document", "keep one document, without ---"),
    ("undefined alias", "write the value out; a text that begins with * needs quotes"),
    ("cannot start any token", "indent with spaces, and put a text that begins with @ ` or % in quotes"),
    ("mapping values are not allowed", "put a text that holds `: ` in quotes, or mend the indentation"),
    ("unexpected end of stream", "close the quotes"),
)


def _syntax_problem(file: str, text: str, error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        problem = error.problem or "can't be read"
        what = f"{error.context}: {problem}" if error.context else problem
        mark = error.problem_mark
        fix = next((fix for part, fix in _FIXES if part in problem), "mend the YAML there")
        return Problem(file, mark.line + 1, mark.column + 1, f"is not YAML: {what}", fix)
    # A reader's error has an offset in bytes, not a line.
    offset = int(getattr(error, "position", 0))
    before = text.encode("utf-8", "replace")[:offset].decode("utf-8", "ignore")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    reason = getattr(error, "reason", "can't be read")
    return Problem(file, line, column, f"is not YAML: {reason}", "remove the character")


def render_problem(problem: Problem, text: str) -> str:
    """Write a problem with its line and a caret below the place."""
    head = f"{problem.file}:{problem.line}:{problem.column}: {problem.severity}: {problem.what}"
    lines = text.splitlines()
    if not 1 <= problem.line <= len(lines):
        return f"{head}\n  {problem.fix}"
    line = lines[problem.line - 1]
    number = str(problem.line)
    # Tabs stay tabs, so that the caret stands where the terminal put the character.
    indent = "".join("\t" if character == "\t" else " " for character in line[: max(0, problem.column - 1)])
    return f"{head}\n  {number} | {line}\n  {' ' * len(number)} | {indent}^ {problem.fix}"
