"""Policies with a guard's parameter or an escalation's time changed, to see whether their tests notice."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from remediator.authoring.policy_tests.coverage_of_telling import rung_key
from remediator.durations import format_duration, parse_duration
from remediator.guards.catalog import configurable_guards
from remediator.guards.time_window import TimeWindowParams
from remediator.policy.matchers import Matcher, Operator, parse_matcher
from remediator.policy.promql import PromQLField
from remediator.yaml_source import NodePath, YamlSource

_COMPARISONS = ("==", "!=", ">=", "<=", ">", "<")
_COMPARISON = re.compile(r"(?<![=!<>~])(==|!=|>=|<=|>|<)(?![=~])\s*(-?[0-9.]+)")
_MATCHER = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)(!?=~?)"((?:[^"\\]|\\.)*)"')
_NEGATED: Mapping[Operator, Operator] = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
_OTHER_ZONES = ("UTC", "Pacific/Kiritimati", "America/Los_Angeles")
_OTHER_NAME = "SomethingElse"
# Of what is told at once.
_LATER = "1m"
_A_LITTLE = (0.98, 1.02)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One policy with one value changed: of which guard or entry of `escalate` (its key), and how."""

    policy: str
    part: str
    what: str
    source: YamlSource


def mutants_of(source: YamlSource) -> Iterator[Mutant]:
    """Yield a policy's mutants: each parameter that a guard has, changed in every way that makes sense,
    and each escalation sooner, later and left out.

    All of them are of the right form; whether they can be loaded is for the loader to say.
    """
    guards = configurable_guards()
    for at, use in enumerate(source.data.get("guards", ())):
        ((name, written),) = use.items()
        guard = f"{at}:{name}"
        yield _mutant(source, ("guards", at), None, guard, "removed")
        if name not in guards:
            continue  # an extension's: what its parameters mean is not known here
        model = guards[name].params
        for key, value in _parameters(model, written or {}).items():
            for other in _others(model, key, value):
                if _fits(model, {**(written or {}), key: other}) and not _alike(source, key, value, other):
                    what = f"{key}: {_shown(value)} -> {_shown(other)}"
                    yield _mutant(source, ("guards", at, name, key), other, guard, what)
    yield from _escalations(source)


def _escalations(source: YamlSource) -> Iterator[Mutant]:
    for at, rung in enumerate(source.data.get("escalate", ())):
        part = rung_key(at, rung["to"])
        yield _mutant(source, ("escalate", at), None, part, "removed")
        if "after" in rung:
            after = parse_duration(rung["after"])
            for other in (format_duration(after / 2), format_duration(after * 2)) if after else (_LATER,):
                what = f"after: {rung['after']} -> {other}"
                yield _mutant(source, ("escalate", at, "after"), other, part, what)


def _parameters(model: type[BaseModel], written: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is written, and choices that are left at their defaults."""
    defaults = {
        info.alias or name: info.default
        for name, info in model.model_fields.items()
        if get_origin(info.annotation) is Literal
    }
    return {**defaults, **written}


def _others(model: type[BaseModel], key: str, value: Any) -> Iterator[Any]:
    """Yield other values of a parameter, by what it is."""
    name, info = next((name, info) for name, info in model.model_fields.items() if key in (name, info.alias))
    annotation = info.annotation
    if get_origin(annotation) is Literal:
        yield from (choice for choice in get_args(annotation) if choice != value)
    elif annotation is timedelta:
        length = parse_duration(value)
        yield from (format_duration(other) for other in (length * 2, length / 2))
    elif annotation is int:
        yield from (value + 1, value - 1)
    elif any(isinstance(mark, PromQLField) for mark in info.metadata):
        yield from _queries(value)
    elif issubclass(model, TimeWindowParams):
        yield from _times(name, value)
    elif name == "matchers":
        yield from ([*value[:at], _negated(one), *value[at + 1 :]] for at, one in enumerate(value))
    elif isinstance(value, list):
        yield from _lists(value)


def _queries(query: str) -> Iterator[str]:
    """Other comparisons, thresholds a little lower and higher, and other label values."""
    for found in _COMPARISON.finditer(query):
        operator, number = found.groups()
        before, after = query[: found.start()], query[found.end() :]
        yield from (f"{before}{other} {number}{after}" for other in _COMPARISONS if other != operator)
        threshold = float(number)
        near = [threshold * factor for factor in _A_LITTLE] if threshold else [-0.01, 0.01]
        yield from (f"{before}{operator} {other:g}{after}" for other in near)
    for found in _MATCHER.finditer(query):
        yield f"{query[: found.start(3)]}{_OTHER_NAME}{query[found.end(3) :]}"


def _times(name: str, value: Any) -> Iterator[Any]:
    """An hour earlier and later, other days, other zones."""
    if name in ("from_", "to"):
        hour, _, minute = str(value).partition(":")
        yield from (f"{(int(hour) + step) % 24:02}:{minute}" for step in (1, -1))
    elif name == "days":
        yield from (other for other in ("mon-sun", "mon-thu", "tue-fri", "sat,sun") if other != value)
    elif name == "timezone":
        yield from (zone for zone in _OTHER_ZONES if zone != value)


def _lists(values: Sequence[Any]) -> Iterator[list[Any]]:
    """Each entry another, and each left out."""
    for at, _ in enumerate(values):
        yield [*values[:at], _OTHER_NAME, *values[at + 1 :]]
        yield [*values[:at], *values[at + 1 :]]


def _negated(matcher: str) -> str:
    """Return a matcher that holds where this one does not."""
    parsed = parse_matcher(matcher)
    return str(Matcher(parsed.name, _NEGATED[parsed.op], parsed.value))


def _alike(source: YamlSource, key: str, value: Any, other: Any) -> bool:
    """Tell whether two values mean the same: a policy of one target has all its runs on it."""
    return (
        key == "scope"
        and {value, other} == {"target", "policy"}
        and "{{" not in str(source.data.get("target"))
    )


def _fits(model: type[BaseModel], data: Mapping[str, Any]) -> bool:
    try:
        model.model_validate(data)
    except ValidationError:
        return False
    return True


def _mutant(source: YamlSource, path: NodePath, value: Any, part: str, what: str) -> Mutant:
    data = copy.deepcopy(source.data)
    holder: Any = data
    for key in path[:-1]:
        holder = holder[key]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return Mutant(str(data["policy"]), part, what, replace(source, data=data))


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
