"""Sandboxed Jinja2 for `when` and for templates.

An expression reads `labels`, `annotations`, `facts`, `facts_detail`, `steps`, `episode` and `policy`,
one named entry at a time. If an entry that it reads is missing (a fact: or is none), the
expression is unknown and counts as false as a whole, also under `not` and `or`. Only `is none`,
`is defined` (not of facts) and `default()`, written right at the name, may look. What such a look
rules out is known beside it: `facts.x is none or facts.x > 3` holds when x is none.

A template may use the same expressions in `{{ }}` and in `{% if %}`; what is missing is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import Template as CompiledTemplate
from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser

from remediator.errors import RemediatorError
from remediator.policy.reads import Read, needed, reads, refusal
from remediator.policy.sandbox import MAX_LENGTH_CHARS, Root, Sandbox, ValueTooLongError

ROOTS = ("labels", "annotations", "facts", "facts_detail", "steps", "episode", "policy", "run", "decision")

# What evaluating a checked expression over JSON data can raise.
_EVALUATION_ERRORS = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    ValueTooLongError,
)
_SANDBOX = Sandbox()
_ROOTS_OF = "roots"


class ExpressionError(RemediatorError):
    """An expression or template can't be compiled: what and, where known, the line within it."""


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
    """Results of earlier steps by the step's name."""
    episode: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    """What has become of it so far; known to escalations only."""
    decision: Mapping[str, Any] = field(default_factory=dict)
    """What was decided last; known to escalations only."""
    worked_out: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was rendered of it already: guards and plans ask for the same at every look."""

    def roots(self) -> dict[str, Root]:
        """Return each name that an expression may start from."""
        known: dict[str, Root] | None = self.worked_out.get(_ROOTS_OF)
        if known is None:
            known = self.worked_out[_ROOTS_OF] = {name: Root(name, getattr(self, name)) for name in ROOTS}
        return known


@dataclass(frozen=True, slots=True)
class Truth:
    """Whether an expression holds, and which missing entries made it unknown (then it does not)."""

    holds: bool
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled `when`. `reads` are the (root, name) pairs it reads: ("facts", "pms_up")."""

    source: str
    reads: frozenset[Read]
    _needed: frozenset[Read] = field(repr=False)
    _compiled: TemplateExpression = field(repr=False, compare=False)

    def evaluate(self, scope: Scope) -> Truth:
        """Evaluate. What is missing, or an error at evaluation, makes it unknown, and is named."""
        roots = scope.roots()
        entries = {name: root.entries for name, root in roots.items()}
        absent = [
            f"{root}.{name}"
            for root, name in sorted(self._needed)
            if name not in entries[root] or (root == "facts" and entries[root][name] is None)
        ]
        if absent:
            return Truth(holds=False, unknown=tuple(absent))
        try:
            return Truth(holds=bool(self._compiled(**roots)))
        except _EVALUATION_ERRORS as error:
            return Truth(holds=False, unknown=(str(error),))


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template."""

    source: str
    reads: frozenset[Read]
    _compiled: CompiledTemplate = field(repr=False, compare=False)

    def render(self, scope: Scope) -> str:
        """Render to a string, once for each scope.

        Raises:
            RenderError: naming the label or fact that is missing.
        """
        known: str | None = scope.worked_out.get(self._compiled)
        if known is None:
            known = scope.worked_out[self._compiled] = self._render(scope)
        return known

    def _render(self, scope: Scope) -> str:
        try:
            text = self._compiled.render(scope.roots())
        except _EVALUATION_ERRORS as error:
            raise RenderError(f"{self.source[:200]!r} can't be rendered: {error}") from None
        if len(text) > MAX_LENGTH_CHARS:
            raise RenderError(f"{self.source[:200]!r} gives more than {MAX_LENGTH_CHARS} characters")
        return text


def parse_expression(source: str) -> nodes.Expr:
    """Return an expression's tree, checked for what is not allowed.

    Raises:
        ExpressionError: with what is wrong and what to write instead.
    """
    try:
        parser = Parser(_SANDBOX, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise ExpressionError(f"can't be read from {parser.stream.current.value!r} on; remove or join it")
        _check(tree)
    except (TemplateSyntaxError, RecursionError) as error:
        raise ExpressionError(_syntax(error)) from None
    return tree


# Compiling is a pure function of a policy's text (never of an alert's), so remembering is safe.
@lru_cache(maxsize=4096)
def compile_expression(source: str) -> Expression:
    """Compile an expression.

    Raises:
        ExpressionError: with what is wrong and what to write instead.
    """
    if is_template(source):
        raise ExpressionError("is an expression, not a template; write it without {{ }}")
    try:
        tree = parse_expression(source)
        # Compiling folds constants into the tree, so what it reads is looked at before.
        read, wanted = reads(tree), needed(tree)
        # A template that does nothing but set `result`, as Jinja's own compile_expression does.
        body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), tree, lineno=1)]
        compiled = _SANDBOX.from_string(nodes.Template(body, lineno=1))
    except (TemplateSyntaxError, RecursionError) as error:
        raise ExpressionError(_syntax(error)) from None
    return Expression(source, read, wanted, TemplateExpression(compiled, undefined_to_none=False))


@lru_cache(maxsize=4096)
def compile_template(source: str) -> Template:
    """Compile a template.

    Raises:
        ExpressionError: with what is wrong and what to write instead.
    """
    try:
        tree = _SANDBOX.parse(source)
        _check(tree)
        read = reads(tree)
        compiled = _SANDBOX.from_string(tree)
    except (TemplateSyntaxError, RecursionError) as error:
        raise ExpressionError(_syntax(error)) from None
    return Template(source, read, compiled)


def split_template(source: str) -> tuple[str | Template, ...]:
    """Compile a template into its plain text and one template for each `{{ }}`, in order.

    Raises:
        ExpressionError: also for `{% %}`, which does not split.
    """
    parts: list[str | Template] = []
    try:
        tree = _SANDBOX.parse(source)
        _check(tree)
        for output in tree.body:
            if not isinstance(output, nodes.Output):
                raise ExpressionError("{% %} is not allowed here; use {{ }} only")
            for node in output.nodes:
                if isinstance(node, nodes.TemplateData):
                    parts.append(node.data)
                    continue
                read = reads(node)
                body: list[nodes.Node] = [nodes.Output([node], lineno=1)]
                compiled = _SANDBOX.from_string(nodes.Template(body, lineno=1))
                parts.append(Template(source, read, compiled))
    except (TemplateSyntaxError, RecursionError) as error:
        raise ExpressionError(_syntax(error)) from None
    return tuple(parts)


def is_template(source: str) -> bool:
    """Tell whether a string holds anything to render."""
    return "{{" in source or "{%" in source


def _check(tree: nodes.Node) -> None:
    refused = refusal(tree, ROOTS, filters=frozenset(_SANDBOX.filters), tests=frozenset(_SANDBOX.tests))
    if refused:
        raise ExpressionError(refused)


def _syntax(error: TemplateSyntaxError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply; simplify it"
    where = f" (its line {error.lineno})" if error.lineno > 1 else ""
    return f"can't be read: {error.message}{where}; see Jinja2's expressions"
