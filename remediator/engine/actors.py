"""Who does something: a person or system behind a token."""

from __future__ import annotations

from dataclasses import dataclass

from remediator.settings import Role

ENGINE = "remediator"
"""The actor of everything that remediator does by itself."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The holder of a token."""

    name: str
    roles: frozenset[Role]
    groups: frozenset[str]

    def is_among(self, names: tuple[str, ...]) -> bool:
        """Tell whether any of `names` is this actor's name or one of its groups."""
        return self.name in names or not self.groups.isdisjoint(names)

    def has(self, role: Role) -> bool:
        """Tell whether this actor has a role; an admin has all of them."""
        return role in self.roles or Role.ADMIN in self.roles
