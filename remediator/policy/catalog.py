"""What the loader is told about guards and actions, so that a policy never imports one.

The composition root hands over its own catalogs of guards and actions; an action satisfies
`ActionInfo` as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Inventory:
    """Marks a parameter that names an entry of a section of remediator.yaml.

    Used as `Annotated[str, Inventory("services")]`. Such a parameter must be written
    literally in the policy: a label can never choose what is touched. `lock` is the prefix of
    the resource that is locked (`docker` gives `docker:qloapps`); None locks nothing.

    Sections: `services`, `docker` (its containers), `docker.exec`, `compose` (its services),
    `fly` (its apps), `commands`, `files`, `channels`, `contacts`, `sources`.
    """

    section: str
    lock: str | None = None


class ActionInfo(Protocol):
    """What a policy is checked against: the declared properties of an action."""

    params: ClassVar[type[BaseModel]]
    fact: ClassVar[str]
    """What its typed fact is, in words; empty when it is no use under `diagnose`."""
    read_only: ClassVar[bool]
    lasting: ClassVar[bool]

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
