"""Widens JSON Schemas: where an action's parameter may be a template, and where null may stand."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from remediator.policy.catalog import INVENTORY_KEYWORD

Schema = dict[str, Any]
# What text has to hold to be a value that is only known once an alert is there.
_TEMPLATE: Schema = {"type": "string", "pattern": r"\{[{%]"}
_REFS = "#/$defs/"
_SAID = ("title", "description", "default", "examples")
_SCALARS = ("string", "integer", "number", "boolean")


def if_else(condition: Schema, *, then: Schema, otherwise: Schema | None = None) -> Schema:
    """Return a schema that follows one of two others, by a condition."""
    found = {"if": condition, "then": then, "else": otherwise}
    return {key: schema for key, schema in found.items() if schema not in (None, {})}


def allow_templates(definitions: dict[str, Schema], roots: Collection[str]) -> Mapping[str, str]:
    """Add copies of `roots`, and of what they point to, that take templates as values.

    Return the name of each definition's copy. A value that names an inventory entry takes none.
    """
    copies = {name: f"{name}-with-templates" for name in _reached(definitions, roots)}
    for name, new in copies.items():
        definitions[new] = _opened(copy.deepcopy(definitions[name]), copies)
    return copies


def _reached(definitions: Mapping[str, Schema], roots: Collection[str]) -> list[str]:
    found: list[str] = []
    left = sorted(roots)
    while left:
        name = left.pop()
        if name not in found:
            found.append(name)
            left += _pointed_to(definitions[name])
    return sorted(found)


def _pointed_to(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"].removeprefix(_REFS)] if isinstance(schema.get("$ref"), str) else []
        return own + [name for child in schema.values() for name in _pointed_to(child)]
    return [name for child in schema for name in _pointed_to(child)] if isinstance(schema, list) else []


def _opened(schema: Schema, copies: Mapping[str, str]) -> Schema:
    """Let every value inside be a template."""
    if "$ref" in schema:
        schema["$ref"] = f"{_REFS}{copies[schema['$ref'].removeprefix(_REFS)]}"
    for key in ("anyOf", "allOf", "oneOf"):
        if key in schema:
            schema[key] = [_opened(child, copies) for child in schema[key]]
    for key in ("then", "else"):
        if key in schema:
            schema[key] = _opened(schema[key], copies)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _or_template(_opened(schema[key], copies))
    if "properties" in schema and "type" in schema:
        schema["properties"] = {
            name: _or_template(_opened(child, copies)) for name, child in schema["properties"].items()
        }
    return schema


def _or_template(schema: Schema) -> Schema:
    said = {key: schema[key] for key in _SAID if key in schema}
    rest = {key: value for key, value in schema.items() if key not in said}
    if INVENTORY_KEYWORD in rest or rest in ({"type": "string"}, {}):
        return schema
    return {**said, **if_else(_TEMPLATE, then={}, otherwise=rest)}


def without_null_unions(schema: Any) -> Any:
    """Write `anyOf: [X, null]` as a choice by what is there, so that X's own faults keep their place."""
    if isinstance(schema, list):
        return [without_null_unions(child) for child in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: without_null_unions(child) for key, child in schema.items()}
    options = found.get("anyOf")
    if not isinstance(options, list) or {"type": "null"} not in options:
        return found
    others = [option for option in options if option != {"type": "null"}]
    rest = {key: value for key, value in found.items() if key != "anyOf"}
    if len(others) == 1:
        (other,) = others
        if other.get("type") in _SCALARS and "enum" not in other and "const" not in other:
            return {**rest, **other, "type": [other["type"], "null"]}
        return {**rest, **if_else({"type": "null"}, then={}, otherwise=other)}
    return {**rest, **if_else({"type": "null"}, then={}, otherwise={"anyOf": others})}
