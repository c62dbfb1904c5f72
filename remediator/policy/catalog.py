"""What the loader is told about guards and actions, so that a policy never imports one.

The composition root hands over its own catalogs of guards and actions; an action satisfies
`ActionInfo` as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Protocol, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from remediator.policy.calendar import Calendar
from remediator.policy.doubts import Examine

Path = tuple[str | int, ...]
"""Keys and positions that lead into JSON data."""

M = TypeVar("M")

INVENTORY_KEYWORD = "x-inventory"
"""In a JSON Schema, the section whose entries a value names."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Marks a parameter that names an entry of a section of remediator.yaml.

    Used as `Annotated[str, Inventory("services")]`. Such a parameter must be written
    literally in the policy: a label can never choose what is touched. `lock` is the prefix of
    the resource that is locked (`docker` gives `docker:qloapps`); None locks nothing.

    Sections: `services`, `docker` (its containers), `docker.exec`, `docker.networks`,
    `docker.probes` and `docker.update` (by container), `docker.recreate` (its containers, where recreating
    is allowed), `compose` (its services), `fly` (its apps), `network.tcp`, `network.dns`, `commands`,
    `files`, `nginx`, `channels`, `contacts`, `sources`.
    """

    section: str
    lock: str | None = None

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Mark the JSON Schema as well: this value is no template."""
        schema = {"description": f"Name under `{self.section}`.", **handler(core_schema)}
        literal = {"not": {"pattern": r"\{[{%]"}} if schema.get("type") == "string" else {}
        return {**schema, **literal, INVENTORY_KEYWORD: self.section}


class ActionInfo(Protocol):
    """What a policy is checked against: the declared properties of an action."""

    params: ClassVar[type[BaseModel]]
    fact: ClassVar[str]
    """What its typed fact is, in words; empty when it is no use under `diagnose`."""
    read_only: ClassVar[bool]
    reversible: ClassVar[bool]
    lasting: ClassVar[bool]
    tells: ClassVar[bool]

    def read_only_for(self, params: Any) -> bool:
        """Whether this use only looks."""
        ...

    def reversible_for(self, params: Any) -> bool:
        """Whether this use captures what it changes and can undo it."""
        ...

    def refuse(self, params: Any) -> str | None:
        """Check literal parameters against the inventory's bounds: what is wrong, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Catalog:
    """The guards and actions that policies may name.

    `guards` gives each guard's parameters model by its name.
    """

    guards: Mapping[str, type[BaseModel]]
    actions: Mapping[str, ActionInfo]
    calendar: Calendar | None = None
    """Reads cron expressions; without it, they are not looked into."""
    examine: Examine | None = None
    """Finds guards that can never pass; without it, they are not looked at together."""


def marked_values(model: type[BaseModel], data: Any, mark: type[M]) -> Iterator[tuple[Path, M, Any]]:
    """Yield each value of `data` whose field in `model` carries a mark of this type, with its path.

    Looks into nested models, lists, mappings and unions; data need not be valid.
    """
    if not isinstance(data, Mapping):
        return
    kind: type = mark  # a type variable is not known to be hashable
    for keys, annotation in _fields_with(model, kind):
        for key in keys & data.keys():
            yield from _marked(annotation, data[key], mark, (key,))


# What follows from a model alone is worked out once: thousands of policies use the same few models.
@cache
def annotated_fields(model: type[BaseModel]) -> tuple[tuple[frozenset[str], Any], ...]:
    """Return the keys that each field is given by, and its annotation with all its marks."""
    return tuple(
        (
            frozenset((info.alias or name, name)),
            Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation,
        )
        for name, info in model.model_fields.items()
    )


@cache
def _fields_with(model: type[BaseModel], mark: type) -> tuple[tuple[frozenset[str], Any], ...]:
    """Return those fields in which a mark of this type may stand."""
    return tuple(
        (keys, annotation)
        for keys, annotation in annotated_fields(model)
        if _carries(annotation, mark, frozenset({model}))
    )


def _carries(annotation: Any, mark: type, within: frozenset[type]) -> bool:
    if get_origin(annotation) is Annotated and any(isinstance(one, mark) for one in annotation.__metadata__):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        # Of a model that holds itself this can't be said without looking at the data.
        return annotation in within or any(
            _carries(inner, mark, within | {annotation}) for _, inner in annotated_fields(annotation)
        )
    return any(_carries(inner, mark, within) for inner in get_args(annotation))


def _marked(annotation: Any, value: Any, mark: type[M], path: Path) -> Iterator[tuple[Path, M, Any]]:
    if get_origin(annotation) is Annotated:
        for found in annotation.__metadata__:
            if isinstance(found, mark):
                yield path, found, value
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for inner, found, child in marked_values(annotation, value, mark):
            yield (*path, *inner), found, child
    for part, child, steps in parts_of(annotation, value):
        yield from _marked(part, child, mark, (*path, *steps))


def parts_of(annotation: Any, value: Any) -> Iterator[tuple[Any, Any, Path]]:
    """Yield what an annotation says of a value, or of the parts of it: annotation, part, and its path."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield arguments[0], value, ()
    elif origin in (Union, UnionType):
        yield from ((argument, value, ()) for argument in arguments)
    elif isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, Mapping):
        yield from ((arguments[1], child, (key,)) for key, child in value.items())
    elif isinstance(origin, type) and issubclass(origin, Sequence) and isinstance(value, list | tuple):
        yield from ((arguments[0], child, (at,)) for at, child in enumerate(value))
