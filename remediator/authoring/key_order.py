"""Puts the keys of a policy's text into the model's order; comments above a key move along with it.

Works on the text, for only there is it plain which key a comment stands above. What a move would
change the meaning of (an alias that would come before its anchor) stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from remediator.errors import ConfigError
from remediator.policy.model import Check, Policy, Verify
from remediator.yaml_source import NodePath, compose_yaml, read_yaml

# What a thing is called comes before what it is, whichever class the field is inherited from.
_NAMES = ("policy", "fact", "name")

_Pairs = Sequence[tuple[yaml.Node, yaml.Node]]


@dataclass(frozen=True, slots=True)
class _Mapping:
    """A mapping of the document whose keys the model knows; `order` holds where each key belongs."""

    path: NodePath
    node: yaml.MappingNode
    order: tuple[int, ...]

    @property
    def in_order(self) -> bool:
        return self.order == tuple(sorted(self.order))


def in_model_order(file: str, text: str) -> str:
    """Return the text with each mapping's keys in order; the data in it is the same.

    Raises:
        ConfigError: when it can't be read.
    """
    data = read_yaml(file, text).data
    left_alone: set[NodePath] = set()
    while True:
        root = compose_yaml(file, text)
        wrong = next(
            (one for one in _mappings(root, Policy, ()) if not one.in_order and one.path not in left_alone),
            None,
        )
        if wrong is None:
            return text
        moved = _flow(text, wrong) if wrong.node.flow_style else _block(text, wrong)
        if moved is not None and _same(file, moved, data):
            text = moved
        # What was moved is in order now; what could not be stays as it is.
        left_alone.add(wrong.path)


def _same(file: str, text: str, data: Any) -> bool:
    try:
        return bool(read_yaml(file, text).data == data)
    except ConfigError:
        return False


def _mappings(node: yaml.Node | None, model: type[BaseModel], path: NodePath) -> Iterator[_Mapping]:
    """Yield every mapping that a model describes, the outer before the inner."""
    if isinstance(node, yaml.SequenceNode):
        for at, child in enumerate(node.value):
            yield from _mappings(child, model, (*path, at))
    if not isinstance(node, yaml.MappingNode):
        return
    fields = _fields(model)
    places = {name: place for place, name in enumerate(sorted(fields, key=lambda name: name not in _NAMES))}
    order = tuple(places.get(key.value, len(places)) for key, _ in node.value)
    yield _Mapping(path, node, order)
    for key, value in node.value:
        inner = fields.get(key.value)
        if inner is not None:
            yield from _mappings(value, inner, (*path, key.value))


def _fields(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """Return each key with the model of what is below it, if there is one."""
    # One check of a verification may be written directly.
    before = _fields(Check) if model is Verify else {}
    own = {info.alias or name: _model_in(info.annotation) for name, info in model.model_fields.items()}
    return before | own


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _flow(text: str, mapping: _Mapping) -> str | None:
    pairs: _Pairs = mapping.node.value
    spans = [(key.start_mark.index, value.end_mark.index) for key, value in pairs]
    whole = text[spans[0][0] : spans[-1][1]]
    aliased = any(end < start for start, end in spans)  # its marks are those of the anchor
    if aliased or ("#" in whole and "\n" in whole):
        return None  # a comment between the parts would end up beside another key
    slices = [text[start:end] for start, end in spans]
    parts = [slices[at] for at in _sorted(mapping)]
    for (start, end), part in reversed(list(zip(spans, parts, strict=True))):
        text = text[:start] + part + text[end:]
    return text


def _block(text: str, mapping: _Mapping) -> str | None:
    lines = text.splitlines(keepends=True)
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    pairs: _Pairs = mapping.node.value
    column = pairs[0][0].start_mark.column
    keys = [key.start_mark.line for key, _ in pairs]
    ends = [_end_of_content(lines, stop) for stop in (*keys[1:], _line_after(mapping.node))]
    dash = lines[keys[0]][:column]
    if dash.strip() not in ("", "-"):
        return None
    starts = [keys[0] if column else _below_header(lines, keys[0])]
    for before, key in zip(ends[:-1], keys[1:], strict=True):
        starts.append(_first_of_gap(lines, before, key, column))
    stops = [*starts[1:], ends[-1]]
    lines[keys[0]] = " " * column + lines[keys[0]][column:]
    segments = [lines[start:stop] for start, stop in zip(starts, stops, strict=True)]
    new = [segments[at] for at in _sorted(mapping)]
    _keep_blank_lines(segments, new)
    first = next(at for at, line in enumerate(new[0]) if line.strip() and not _is_comment(line))
    new[0][first] = dash + new[0][first][column:]
    return "".join([*lines[: starts[0]], *(line for segment in new for line in segment), *lines[ends[-1] :]])


def _keep_blank_lines(old: list[list[str]], new: list[list[str]]) -> None:
    """What comes first now has no blank line above it; what came first before has one, if others do."""
    if old[0] is new[0]:
        return
    blank = [line for line in new[0] if not line.strip()]
    while new[0] and not new[0][0].strip():
        new[0].pop(0)
    if blank:
        old[0].insert(0, blank[0])


def _sorted(mapping: _Mapping) -> list[int]:
    by_place: Callable[[int], int] = mapping.order.__getitem__
    return sorted(range(len(mapping.order)), key=by_place)


def _first_of_gap(lines: Sequence[str], start: int, key: int, column: int) -> int:
    """Return the line where what belongs to `key` begins; comments further in end what came before."""
    while start < key and _is_comment(lines[start]) and _indent(lines[start]) > column:
        start += 1
    return start


def _below_header(lines: Sequence[str], key: int) -> int:
    """Return where the first key's own comment begins: what opens a file is about the whole of it."""
    start = key
    while start and _is_comment(lines[start - 1]):
        start -= 1
    return start if any(_is_comment(line) for line in lines[:start]) else key


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _line_after(node: yaml.Node) -> int:
    """Return the line where what follows a block collection begins."""
    end: Any = node.end_mark
    return int(end.line) + (1 if end.column else 0)


def _end_of_content(lines: Sequence[str], stop: int) -> int:
    """Return the line after the last one before `stop` that holds more than a comment."""
    while not lines[stop - 1].strip() or _is_comment(lines[stop - 1]):
        stop -= 1
    return stop
