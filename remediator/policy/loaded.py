"""A policy as loaded: the document with everything in it compiled once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel

from remediator.errors import Problem
from remediator.labels import Labels
from remediator.policy.expressions import Expression, Template
from remediator.policy.index import MatcherIndex
from remediator.policy.matchers import Matcher
from remediator.policy.model import Option, Policy
from remediator.policy.promql import PromQL


@dataclass(frozen=True, slots=True)
class LoadedGuard:
    """A guard of a policy: its catalog name, its typed parameters, its place among the guards."""

    name: str
    params: BaseModel
    index: int

    @property
    def key(self) -> str:
        """Name it uniquely within its policy, for state that is kept per guard."""
        return f"{self.index}:{self.name}"


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy ready to decide with. `hash` is the sha256 of the canonical document."""

    document: Policy
    hash: str
    file: str
    matchers: tuple[Matcher, ...]
    target: Template
    guards: tuple[LoadedGuard, ...]
    expressions: Mapping[str, Expression]
    """Every expression of the document, by its source text."""
    templates: Mapping[str, Template]
    """Every string under a `with:` or a guard that holds a template, by its source text."""
    unavailable: Mapping[str, str]
    """Options that name an entry of an absent inventory section: option name to that section."""
    queries: Mapping[str, PromQL] = field(default_factory=dict)
    """Every PromQL of the document, by its source text."""

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.document.policy

    def option(self, name: str) -> Option:
        """Return the option called `name`."""
        return next(option for option in self.document.options if option.name == name)

    def matches(self, labels: Labels) -> bool:
        """Tell whether all matchers hold; a policy that starts on a schedule matches no alert."""
        return bool(self.matchers) and all(matcher.matches(labels) for matcher in self.matchers)


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All policies that serve at one moment, indexed by alertname."""

    policies: Mapping[str, LoadedPolicy]
    index: MatcherIndex
    warnings: tuple[Problem, ...]
    loaded_at: datetime

    def matching(self, labels: Labels) -> Iterator[LoadedPolicy]:
        """Yield the policies whose matchers all hold, by priority, then name."""
        for name in self.index.candidates(labels):
            policy = self.policies[name]
            if policy.matches(labels):
                yield policy
