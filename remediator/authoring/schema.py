"""The JSON Schema of a policy, with the parameters of every guard and action in it, for editors.

It is written so that a fault shows where it is: one branch is chosen by what is there (`if`), rather
than many tried (`anyOf`), which an editor could only report as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, BeforeValidator
from pydantic.json_schema import models_json_schema

from remediator.authoring.open_values import allow_templates, if_else, without_null_unions
from remediator.policy.model import Policy

Schema = dict[str, Any]
_USES = ("Step", "Fact", "Check")
_REFS = "#/$defs/"


@dataclass(frozen=True, slots=True)
class Named:
    """A guard or an action: its parameters and what it does, in one sentence."""

    params: type[BaseModel]
    summary: str


def policy_schema(guards: Mapping[str, Named], actions: Mapping[str, Named]) -> Schema:
    """Return the schema (JSON Schema 2020-12) that a policy file fits."""
    models: set[type[BaseModel]] = {
        Policy,
        *(named.params for named in (*guards.values(), *actions.values())),
    }
    ordered = sorted(models, key=lambda model: (model.__module__, model.__qualname__))
    refs, generated = models_json_schema([(model, "validation") for model in ordered], by_alias=True)
    definitions: dict[str, Schema] = generated["$defs"]

    def name_of(model: type[BaseModel]) -> str:
        return str(refs[model, "validation"]["$ref"]).removeprefix(_REFS)

    policy = definitions.pop(name_of(Policy))
    for named in actions.values():
        _allow_single_entries(definitions[name_of(named.params)], named.params)
    names = {name: name_of(named.params) for name, named in actions.items()}
    opened = allow_templates(definitions, set(names.values()))
    policy["properties"]["guards"]["items"] = _guard(
        guards, {name: name_of(g.params) for name, g in guards.items()}
    )
    for name in _USES:
        _parameters(
            definitions[name], actions, {action: opened[definition] for action, definition in names.items()}
        )
    _shorthands(policy, definitions)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A policy of remediator",
        **{key: value for key, value in policy.items() if key != "title"},
        "$defs": definitions,
    }
    return _used(without_null_unions(schema))


def _required(model: type[BaseModel]) -> bool:
    return any(info.is_required() for info in model.model_fields.values())


def _guard(guards: Mapping[str, Named], definitions: Mapping[str, str]) -> Schema:
    """One key, the guard's name; what stands below it follows from the name."""

    def one(name: str, named: Named) -> Schema:
        value: Schema = {"$ref": f"{_REFS}{definitions[name]}"}
        if not _required(named.params):
            value = if_else({"type": "null"}, then={}, otherwise=value)
        return {"description": named.summary, **value}

    return {
        "type": "object",
        "properties": {name: one(name, named) for name, named in sorted(guards.items())},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }


def _allow_single_entries(definition: Schema, model: type[BaseModel]) -> None:
    """Some lists may be written as their only entry."""
    properties = definition.get("properties", {})
    for name, info in model.model_fields.items():
        key = info.alias or name
        if "items" in properties[key] and any(isinstance(mark, BeforeValidator) for mark in info.metadata):
            said = {part: properties[key].pop(part) for part in ("description",) if part in properties[key]}
            listed = properties[key]
            properties[key] = {**said, **if_else({"type": "array"}, then=listed, otherwise=listed["items"])}


def _parameters(definition: Schema, actions: Mapping[str, Named], definitions: Mapping[str, str]) -> None:
    """Let `uses` take the known names, and `with` follow from it."""
    known = sorted(actions)
    uses = definition["properties"]["uses"]
    definition["properties"]["uses"] = {
        "description": uses["description"],
        "enum": [*known, None] if "anyOf" in uses else known,
        "markdownEnumDescriptions": [actions[name].summary for name in known],
    }
    definition["allOf"] = [
        if_else(
            {"properties": {"uses": {"const": name}}, "required": ["uses"]},
            then={
                "properties": {"with": {"$ref": f"{_REFS}{definitions[name]}"}},
                **({"required": ["with"]} if _required(actions[name].params) else {}),
            },
        )
        for name in known
    ]


def _shorthands(policy: Schema, definitions: dict[str, Schema]) -> None:
    """One check may stand directly under `verify`, and one entry directly under `notify`."""
    full, check = definitions["Verify"], definitions["Check"]
    own = {name: schema for name, schema in full["properties"].items() if name != "all"}
    direct = {
        **{key: value for key, value in check.items() if key not in ("title", "description")},
        "properties": {**own, **check["properties"]},
    }
    definitions["Verify"] = {
        "description": full["description"],
        **if_else({"type": "object", "required": ["all"]}, then=full, otherwise=direct),
    }
    notify = policy["properties"]["notify"]
    said = {key: notify.pop(key) for key in ("description", "default")}
    policy["properties"]["notify"] = {
        **said,
        **if_else({"type": "object"}, then=notify["items"], otherwise=notify),
    }


def _used(schema: Schema) -> Schema:
    """Leave out definitions that nothing points to."""
    definitions: dict[str, Schema] = schema.pop("$defs")
    wanted: set[str] = set()
    left = set(_references(schema))
    while left:
        wanted |= left
        left = {ref for name in left for ref in _references(definitions[name])} - wanted
    return {**schema, "$defs": {name: definitions[name] for name in definitions if name in wanted}}


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"].removeprefix(_REFS)] if isinstance(schema.get("$ref"), str) else []
        return own + [ref for child in schema.values() for ref in _references(child)]
    return [ref for child in schema for ref in _references(child)] if isinstance(schema, list) else []
