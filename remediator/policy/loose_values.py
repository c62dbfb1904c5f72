"""Finds values of another type than the schema names: a number in quotes, a duration without a unit.

Pydantic would turn many of them into what is wanted (`"3"` into 3, `true` into 1, a bare 30 into 30
seconds). In a policy that hides a slip, and an editor, which sees only the JSON Schema, marks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator

from remediator.policy.catalog import Path, annotated_fields, parts_of
from remediator.policy.expressions import is_template

_NUMBER = "write the number without quotes"
_FIXES = {
    int: "write a whole number, without quotes",
    float: _NUMBER,
    bool: "write true or false, without quotes",
    timedelta: "write a duration like 30s, with its unit",
}


def loose_values(model: type[BaseModel], data: Any) -> Iterator[tuple[Path, str]]:
    """Yield the path of each such value with what to write instead; templates are left for later."""
    data = _as_validated(model, data)
    if not isinstance(data, Mapping):
        return
    for keys, annotation in annotated_fields(model):
        for key in keys & data.keys():
            for inner, fix in _loose(annotation, data[key]):
                yield (key, *inner), fix


def _as_validated(model: type[BaseModel], data: Any) -> Any:
    """Return the data as the model's own shorthands write it out."""
    for decorator in model.__pydantic_decorators__.model_validators.values():
        if decorator.info.mode == "before":
            data = getattr(model, decorator.cls_var_name)(data)
    return data


def _loose(annotation: Any, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping | list | tuple):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from loose_values(annotation, value)
        for part, child, steps in parts_of(annotation, value):
            for inner, fix in _loose(part, child):
                yield (*steps, *inner), fix
    elif value is not None and not (isinstance(value, str) and is_template(value)):
        try:
            wanted = _wanted(annotation)
        except TypeError:  # an extension's mark that has no hash
            wanted = frozenset(_scalars(annotation))
        if wanted and not wanted & _fitting(value):
            yield (), next((_FIXES[kind] for kind in _FIXES if kind in wanted), _NUMBER)


@cache
def _wanted(annotation: Any) -> frozenset[type]:
    return frozenset(_scalars(annotation))


def _fitting(value: Any) -> set[type]:
    """Return the types that the value has as it is written; str stands for all that is read from text."""
    if isinstance(value, bool):
        return {bool, object}
    if isinstance(value, int | float):
        return {int, float, object}
    return {str, timedelta, object}


def _scalars(annotation: Any) -> Iterator[type]:
    """Yield the scalar types that a value may have; `object` where that is not for us to say."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        # A validator that comes first may read another type: a duration reads text.
        reads = any(isinstance(mark, BeforeValidator) for mark in arguments[1:])
        kinds = set(_scalars(arguments[0]))
        yield from {object} if reads and timedelta not in kinds else kinds
    elif annotation in _FIXES:
        yield annotation
    elif annotation is str or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        yield str
    elif annotation is NoneType or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return
    elif origin is Literal:
        yield from {type(choice) for choice in arguments}
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from _scalars(argument)
    elif not arguments:
        yield object
