"""Turns pydantic's errors into problems with line and column, in words for whoever wrote the file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from remediator.errors import Problem
from remediator.yaml_source import NodePath, YamlSource

_FIXES = {
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "model_attributes_type": "write a mapping, `key: value`",
    "url_parsing": "write it like http://host:port",
    "url_scheme": "write it like http://host:port",
}

_BOUNDS = {
    "too_short": ("is too short a list", "write at least {}", "min_length"),
    "too_long": ("is too long a list", "write at most {}", "max_length"),
    "string_too_short": ("is too short a text", "write at least {} characters", "min_length"),
    "string_too_long": ("is too long a text", "write at most {} characters", "max_length"),
    "greater_than_equal": ("is too small", "write at least {}", "ge"),
    "greater_than": ("is too small", "write more than {}", "gt"),
    "less_than_equal": ("is too large", "write at most {}", "le"),
    "less_than": ("is too large", "write less than {}", "lt"),
    "list_type": ("is not a list", "write a list", ""),
    "tuple_type": ("is not a list", "write a list", ""),
    "dict_type": ("is not a mapping", "write a mapping, `key: value`", ""),
    "model_type": ("is not a mapping", "write a mapping, `key: value`", ""),
    "string_type": ("is not text", "write text; put a number or true/false in quotes", ""),
}

# A list is short because its entries are at fault, or a union's other form does not fit: said already.
_FOLLOWING = frozenset({"too_short", "dict_type", "list_type", "tuple_type", "model_type", "string_type"})


def problems_from_validation(
    source: YamlSource,
    error: ValidationError,
    model: type[BaseModel] | None = None,
    *,
    prefix: NodePath = (),
    leave_out: Collection[NodePath] = (),
) -> list[Problem]:
    """Return one problem for each of pydantic's errors, each at the deepest node of the file it is about.

    `model` is what the data was checked against (for the names that are known); `prefix` leads from
    the file's top to that data; `leave_out` are pydantic's own paths of errors that concern something
    else. A value's own text is never quoted here: it may be a secret.
    """
    faults = [fault for fault in error.errors(include_url=False) if fault["loc"] not in leave_out]
    places = [source.deepest((*prefix, *fault["loc"])) for fault in faults]
    problems = [
        _problem(source, fault, model, prefix)
        for fault, place in zip(faults, places, strict=True)
        if not (fault["type"] in _FOLLOWING and _said_already(place, fault, faults, places))
    ]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _said_already(
    place: NodePath, fault: ErrorDetails, faults: Sequence[ErrorDetails], places: Sequence[NodePath]
) -> bool:
    return any(
        _below(other, place) or (other == place and beside["type"] not in _FOLLOWING)
        for other, beside in zip(places, faults, strict=True)
        if beside is not fault
    )


def _below(path: NodePath, other: NodePath) -> bool:
    return len(path) > len(other) and path[: len(other)] == other


def _problem(
    source: YamlSource, fault: ErrorDetails, model: type[BaseModel] | None, prefix: NodePath
) -> Problem:
    path: NodePath = (*prefix, *fault["loc"])
    last = str(path[-1]) if path else "the file"
    if fault["type"] == "extra_forbidden":
        known = known_keys(model, fault["loc"][:-1]) if model else ()
        return source.problem(path, f"unknown key {last!r}", suggestion(last, known, "keys"), at_key=True)
    if fault["type"] == "missing":
        return source.problem(path, f"key {last!r} is missing", f"add `{last}:`", at_key=True)
    what, fix = _words(fault)
    # What a union or a shorthand adds to the path is no part of the file.
    subject = ".".join(str(part) for part in source.deepest(path))
    about_key = last == "[key]"
    return source.problem(path, f"{subject}: {what}" if subject else what, fix, at_key=about_key)


def _words(fault: ErrorDetails) -> tuple[str, str]:
    context = fault.get("ctx", {})
    if fault["type"] in ("literal_error", "enum"):
        return "the value is not a known one", f"write one of {context.get('expected')}"
    if fault["type"] == "string_pattern_mismatch":
        return "the text has a form that is not allowed", f"it must fit {context.get('pattern')}"
    if fault["type"] in _BOUNDS:
        what, fix, bound = _BOUNDS[fault["type"]]
        return what, fix.format(context.get(bound))
    what, _, fix = fault["msg"].removeprefix("Value error, ").partition("; ")
    lowered = what[:1].lower() + what[1:] if what[1:2].islower() else what
    return lowered, fix or _FIXES.get(fault["type"], "correct it")


def suggestion(name: str, known: Sequence[str], kind: str) -> str:
    """Say which known name was probably meant, or which there are."""
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known {kind} are {', '.join(sorted(known))}" if known else "remove it"


def known_keys(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """Return the keys that may be written at `path` in data for `model`."""
    found = {
        info.alias or name
        for annotation in _at(model, tuple(path))
        if isinstance(annotation, type) and issubclass(annotation, BaseModel)
        for name, info in annotation.model_fields.items()
    }
    return tuple(sorted(found))


def _at(annotation: Any, path: NodePath) -> list[Any]:
    """Return the annotations that stand at `path`: several where there is a union."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _at(arguments[0], path)
    if origin in (Union, UnionType):
        return [found for argument in arguments for found in _at(argument, path)]
    if not path:
        return [annotation]
    part, rest = path[0], path[1:]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {info.alias or name: info for name, info in annotation.model_fields.items()}
        return _at(fields[str(part)].annotation, rest) if part in fields else _at(annotation, rest)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _at(arguments[1], rest)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return _at(arguments[0], rest) if isinstance(part, int) else _at(annotation, rest)
    return []
