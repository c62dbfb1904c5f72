"""Sandboxed Jinja2 for `when` and for templates. (interface; implementation follows)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from remediator.errors import RemediatorError


class ExpressionError(RemediatorError):
    """An expression or template can't be compiled: what and, where known, the column within it."""


class RenderError(RemediatorError):
    """A template can't be rendered now: names what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What expressions and templates see. Everything in it is data."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    facts_detail: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, Any] = field(default_factory=dict)
    episode: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Truth:
    """Whether an expression holds, and which `none` facts made it unknown (then it does not)."""

    holds: bool
    unknown: tuple[str, ...] = ()


class Expression:
    """A compiled `when`."""

    source: str
    reads: frozenset[tuple[str, str]]
    """(root, name) pairs it reads: ("facts", "pms_up")."""

    def evaluate(self, scope: Scope) -> Truth:
        """Evaluate. An error at evaluation counts as unknown, named."""
        raise NotImplementedError


class Template:
    """A compiled template."""

    source: str
    reads: frozenset[tuple[str, str]]

    def render(self, scope: Scope) -> str:
        """Render to a string.

        Raises:
            RenderError: naming the label or fact that is missing.
        """
        raise NotImplementedError


def compile_expression(source: str) -> Expression:
    """Compile; raises ExpressionError."""
    raise NotImplementedError


def compile_template(source: str) -> Template:
    """Compile; raises ExpressionError."""
    raise NotImplementedError


def is_template(source: str) -> bool:
    """Tell whether a string holds anything to render."""
    return "{{" in source or "{%" in source
