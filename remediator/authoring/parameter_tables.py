"""Writes a pydantic model as Markdown: one table of keys for it, and one for each model inside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, HttpUrl, IPvAnyNetwork
from pydantic.fields import FieldInfo

from remediator.durations import format_duration
from remediator.policy.catalog import Inventory
from remediator.policy.promql import PromQLField
from remediator.secret_refs import SecretRef
from remediator.settings import SizeBytes

_PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    timedelta: "duration",
    Path: "path",
    HttpUrl: "URL",
    IPvAnyNetwork: "address or network",
}
# Types that are told apart by their marks alone.
_MARKED = {"secret reference": get_args(SecretRef)[1], "size": get_args(SizeBytes)[1]}
_SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
_ANYTHING = "any value"
_BOUNDS = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}


def parameters(model: type[BaseModel]) -> str:
    """Return a table of a model's keys: type, default, meaning."""
    model.model_rebuild()
    if not model.model_fields:
        return "No parameters.\n"
    rows = [_row(name, info) for name, info in model.model_fields.items()]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def models_within(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield the models that are used inside a model, each once, in order of first use."""
    seen: set[type[BaseModel]] = {model}

    def inner(annotation: Any) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in seen:
                seen.add(annotation)
                yield annotation
                yield from below(annotation)
            return
        for argument in get_args(annotation):
            yield from inner(argument)

    def below(parent: type[BaseModel]) -> Iterator[type[BaseModel]]:
        parent.model_rebuild()
        for info in parent.model_fields.values():
            yield from inner(info.annotation)

    yield from below(model)


def anchor(model: type[BaseModel]) -> str:
    """Return the heading's link target of a model's own table."""
    return model.__name__.lower()


def _row(name: str, info: FieldInfo) -> str:
    kind = _type(info.annotation, info.metadata)
    meaning = info.description or ""
    cells = (f"`{info.alias or name}`", kind, _default(info), meaning)
    return f"| {' | '.join(_escape(cell) for cell in cells)} |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _type(annotation: Any, metadata: list[Any] | None = None) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], list(arguments[1:]))
    for name, known in _MARKED.items():
        if known in (metadata or ()):
            return name
    for mark in metadata or ():
        if isinstance(mark, Inventory):
            return f"name under `{mark.section}`"
        if isinstance(mark, PromQLField):
            return "PromQL"
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in arguments if part is not NoneType))
    return _of(annotation, origin, arguments) + _bounds(metadata or [])


def _of(annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> str:
    if origin is Literal:
        return " or ".join(f"`{_yaml(value)}`" for value in arguments)
    if origin in (tuple, list, set, frozenset):
        return f"list of {_type(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"mapping of name to {_type(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{member.value}`" for member in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{anchor(annotation)})"
    return _PLAIN.get(annotation, _ANYTHING)


def _bounds(metadata: list[Any]) -> str:
    said = [
        text.format(getattr(mark, name))
        for mark in metadata
        for name, text in _BOUNDS.items()
        if getattr(mark, name, None) is not None
    ]
    return f", {', '.join(said)}" if said else ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    text = "" if value is None else _yaml(value)
    if value is not None and _MARKED["size"] in info.metadata:
        text = next(f"{value // unit}{name}" for unit, name in _SIZES if value % unit == 0)
    return "" if text in ("", "[]", "{}") else f"`{text}`"


def _yaml(value: Any) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_yaml(child) for child in value)}]"
    if isinstance(value, BaseModel):
        return _yaml(value.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_yaml(child)}' for key, child in value.items())}}}"
    return str(value)
