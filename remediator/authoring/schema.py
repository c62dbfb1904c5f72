"""The JSON Schema of a policy, with the parameters of every guard and action in it, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, BeforeValidator
from pydantic.json_schema import models_json_schema

from remediator.policy.catalog import Inventory
from remediator.policy.model import Policy

Schema = dict[str, Any]
# A value that is only known once an alert is there.
_TEMPLATE: Schema = {"type": "string", "pattern": r"\{\{", "description": "A template."}
_USES = ("Step", "Fact", "Check")


def policy_schema(guards: Mapping[str, type[BaseModel]], actions: Mapping[str, type[BaseModel]]) -> Schema:
    """Return the schema (JSON Schema 2020-12) that a policy file fits, given parameters by name."""
    models: set[type[BaseModel]] = {Policy, *guards.values(), *actions.values()}
    ordered = sorted(models, key=lambda model: (model.__module__, model.__qualname__))
    refs, generated = models_json_schema([(model, "validation") for model in ordered], by_alias=True)
    definitions: dict[str, Schema] = generated["$defs"]

    def of(model: type[BaseModel]) -> Schema:
        return refs[model, "validation"]

    def name_of(model: type[BaseModel]) -> str:
        return str(of(model)["$ref"]).rpartition("/")[2]

    policy = definitions.pop(name_of(Policy))
    for params in actions.values():
        _allow_templates(definitions[name_of(params)], params)
    policy["properties"]["guards"]["items"] = _guard(
        {name: of(params) for name, params in guards.items()},
        {name for name, params in guards.items() if not _required(params)},
    )
    parameters = {name: of(params) for name, params in actions.items()}
    for name in _USES:
        _parameters(definitions[name], parameters)
    _shorthands(policy, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A policy of remediator",
        **{key: value for key, value in policy.items() if key != "title"},
        "$defs": definitions,
    }


def _required(model: type[BaseModel]) -> bool:
    return any(info.is_required() for info in model.model_fields.values())


def _guard(parameters: Mapping[str, Schema], may_be_empty: set[str]) -> Schema:
    def one(name: str, schema: Schema) -> Schema:
        value = {"anyOf": [schema, {"type": "null"}]} if name in may_be_empty else schema
        return {
            "type": "object",
            "properties": {name: value},
            "required": [name],
            "additionalProperties": False,
        }

    return {"oneOf": [one(name, schema) for name, schema in sorted(parameters.items())]}


def _allow_templates(definition: Schema, model: type[BaseModel]) -> None:
    """A parameter may be a template, but not one that names an inventory entry."""
    properties = definition.get("properties", {})
    for name, info in model.model_fields.items():
        key = info.alias or name
        if any(isinstance(mark, Inventory) for mark in info.metadata):
            continue
        forms = [properties[key], _TEMPLATE]
        if "items" in properties[key] and any(isinstance(mark, BeforeValidator) for mark in info.metadata):
            # Such a list may be written as its only entry.
            forms.append(properties[key]["items"])
        properties[key] = {"anyOf": forms}


def _parameters(definition: Schema, parameters: Mapping[str, Schema]) -> None:
    """Let `uses` take the known names, and `with` follow from it."""
    uses = definition["properties"]["uses"]
    optional = "anyOf" in uses
    known: Schema = {"enum": sorted(parameters)}
    definition["properties"]["uses"] = {"anyOf": [known, {"type": "null"}]} if optional else known
    definition["allOf"] = [
        {
            "if": {"properties": {"uses": {"const": name}}, "required": ["uses"]},
            "then": {"properties": {"with": schema}},
        }
        for name, schema in sorted(parameters.items())
    ]


def _shorthands(policy: Schema, definitions: dict[str, Schema]) -> None:
    """One check may stand directly under `verify`, and one entry directly under `notify`."""
    full, check = definitions["Verify"], definitions["Check"]
    direct = {name: schema for name, schema in full["properties"].items() if name != "all"}
    definitions["Verify"] = {
        "anyOf": [
            full,
            {
                "type": "object",
                "properties": {**direct, **check["properties"]},
                "allOf": check["allOf"],
                "additionalProperties": False,
            },
        ]
    }
    notify = policy["properties"]["notify"]
    policy["properties"]["notify"] = {"anyOf": [notify, notify["items"]]}
