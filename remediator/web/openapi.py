"""The OpenAPI 3.1 document, made of the routes and of the very models that read and answer requests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from remediator.web.inputs import Input
from remediator.web.operations import JSON, PROBLEM_JSON, Operation
from remediator.web.problem_details import ProblemDetails
from remediator.web.routes import Route

_REFERENCE = "#/components/schemas/{model}"
_PATH_PART = re.compile(r"\{(\w+)(?::[^/]*)?\}")
_MOST_ID = 10**18 - 1
_PATH_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "id": {"type": "integer", "minimum": 0, "maximum": _MOST_ID},
    "name": {"type": "string", "minLength": 1, "description": "The policy's name."},
    "source": {"type": "string", "minLength": 1, "description": "A source of remediator.yaml."},
}
_INTRODUCTION = """\
Lists are newest first. `limit` bounds a page; `next_cursor` of one page is `cursor` of the next, and filters
stay the same from page to page. A filter that takes several values is given several times, as in
`state=running&state=verifying`. Times are RFC 3339 in UTC. Every refusal is a problem (RFC 9457). Approve and
deny may be sent again: the same verdict of the same person on the same plan is answered as before, with the
result `repeated`.
"""
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The token as the password; any user name.",
    },
}

Schemas = Mapping[Any, Mapping[str, Any]]


def openapi_document(routes: Iterable[Route], *, version: str) -> dict[str, Any]:
    """Return the document of all routes that have an operation."""
    documented = [(route, route.operation) for route in routes if route.operation is not None]
    schemas, components = _schemas([operation for _, operation in documented])
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in documented:
        item = paths.setdefault(_PATH_PART.sub(r"{\1}", route.path), {})
        item[route.method.lower()] = _operation(route, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "remediator", "version": version, "description": _INTRODUCTION},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }


def _schemas(operations: Iterable[Operation]) -> tuple[Schemas, dict[str, Any]]:
    """Return each model's schema, and the components that they point to."""
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemDetails, "serialization"): None}
    queries: set[type[BaseModel]] = set()
    for operation in operations:
        answers = (operation.answer, *operation.other_answers.values())
        wanted |= {(answer, "serialization"): None for answer in answers if answer is not None}
        wanted |= {(taken, "validation"): None for taken in (operation.body, operation.query) if taken}
        if operation.query is not None:
            queries.add(operation.query)
    references: Schemas
    references, definitions = models_json_schema(list(wanted), ref_template=_REFERENCE)
    components: dict[str, Any] = definitions["$defs"]
    schemas = {
        # Query parameters are told one by one, so their model is no component.
        key: components.pop(_component(schema)) if key[0] in queries else schema
        for key, schema in references.items()
    }
    return schemas, components


def _component(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _operation(route: Route, operation: Operation, schemas: Schemas) -> dict[str, Any]:
    handler = route.handler
    path_parameters = _PATH_PART.findall(route.path)
    suffix = "".join(f"_{name}" for name in path_parameters if name == "source")
    description = inspect.getdoc(handler) or ""
    found: dict[str, Any] = {
        "operationId": handler.__name__ + suffix,
        "tags": [handler.__module__.rpartition(".")[2]],
        "summary": description.partition("\n")[0],
        "description": _role(route),
        "responses": _responses(route, operation, schemas, has_parameters=bool(path_parameters)),
    }
    parameters = [_path_parameter(name) for name in path_parameters]
    if operation.query is not None:
        parameters += _query_parameters(schemas[operation.query, "validation"])
    parameters += [_header(name, meaning) for name, meaning in operation.headers.items()]
    if parameters:
        found["parameters"] = parameters
    if operation.body is not None:
        schema = schemas[operation.body, "validation"]
        found["requestBody"] = {
            "required": not issubclass(operation.body, Input) or _needs_fields(operation.body),
            "content": {JSON: {"schema": schema}},
        }
    if route.role is not None:
        found["security"] = [{scheme: []} for scheme in _SCHEMES]
        found["x-role"] = str(route.role)
    return found


def _needs_fields(body: type[BaseModel]) -> bool:
    return any(field.is_required() for field in body.model_fields.values())


def _role(route: Route) -> str:
    return "Needs no token." if route.role is None else f"Needs a token with the role {route.role}, or admin."


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _PATH_PARAMETERS[name]}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _query_parameters(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, whole in schema.get("properties", {}).items():
        given = {key: value for key, value in whole.items() if key not in ("title", "description")}
        if given.get("default", ...) is None:  # left out, not `null`
            del given["default"]
        choices = given.pop("anyOf", None)
        if choices is not None:
            (one,) = (choice for choice in choices if choice.get("type") != "null")
            given = {**one, **given}
        parameter = {"name": name, "in": "query", "schema": given}
        if "description" in whole:
            parameter["description"] = whole["description"]
        found.append(parameter)
    return found


def _responses(
    route: Route, operation: Operation, schemas: Schemas, *, has_parameters: bool
) -> dict[str, Any]:
    done: dict[str, Any] = {"description": operation.done.phrase}
    if operation.answer is not None:
        done["content"] = {operation.media_type: {"schema": schemas[operation.answer, "serialization"]}}
    else:
        done["content"] = {operation.media_type: {"schema": {"type": "string"}}}
    found = {_code(operation.done): done}
    if operation.etag:
        done["headers"] = {"ETag": {"schema": {"type": "string"}, "required": True}}
        found[_code(HTTPStatus.NOT_MODIFIED)] = {"description": HTTPStatus.NOT_MODIFIED.phrase}
    for status, answer in operation.other_answers.items():
        schema = schemas[answer, "serialization"]
        found[_code(status)] = {"description": status.phrase, "content": {JSON: {"schema": schema}}}
    problem = {PROBLEM_JSON: {"schema": schemas[ProblemDetails, "serialization"]}}
    refusals = operation.all_refusals(guarded=route.role is not None, has_parameters=has_parameters)
    for status in refusals:
        found[_code(status)] = {"description": status.phrase, "content": problem}
    return found


def _code(status: HTTPStatus) -> str:
    return str(int(status))
