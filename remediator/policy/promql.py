"""PromQL in policies: checked at load, and rendered so that a label's value stays a value.

A query may hold `{{ }}` only inside a double-quoted label value of an `=` or `!=` matcher. What
is rendered there is escaped, so that no label can change what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

import promql_parser as promql
from pydantic import AfterValidator, Field

from remediator.errors import RemediatorError
from remediator.policy.expressions import ExpressionError, Scope, Template, is_template, split_template
from remediator.policy.promql_mistakes import nodes_of, promql_warnings
from remediator.policy.reads import Read

MAX_LENGTH_CHARS = 4000
# What an escaped value has to survive: it comes back whole only from a double-quoted string.
_PROBE = "remediator\"\\\n`'"
_EQUALITY = (promql.MatchOp.Equal, promql.MatchOp.NotEqual)


class PromQLError(RemediatorError):
    """Not a query that can be asked, or a template where none may stand."""


@dataclass(frozen=True, slots=True)
class PromQL:
    """A checked query. `reads` are the entries that its templates read."""

    source: str
    reads: frozenset[Read]
    warnings: tuple[str, ...]
    _parts: tuple[str | Template, ...] = field(repr=False)

    def render(self, scope: Scope) -> str:
        """Return the query to ask.

        Raises:
            RenderError: naming the label or fact that is missing.
        """
        return "".join(part if isinstance(part, str) else _escape(part.render(scope)) for part in self._parts)


# A pure function of a policy's text, so remembering is safe.
@lru_cache(maxsize=4096)
def compile_promql(source: str) -> PromQL:
    """Check a query and its templates.

    Raises:
        PromQLError: with what is wrong and what to do.
    """
    if not is_template(source):
        fault = check_promql(source)
        if fault:
            raise PromQLError(fault)
        return PromQL(source, frozenset(), tuple(promql_warnings(source)), (source,))
    try:
        parts = split_template(source)
    except ExpressionError as error:
        raise PromQLError(str(error)) from None
    sample = _with_values(parts, "value")
    fault = check_promql(sample)
    if fault:
        raise PromQLError(fault)
    _check_places(parts)
    read = frozenset[Read]().union(*(part.reads for part in parts if isinstance(part, Template)))
    return PromQL(source, read, tuple(promql_warnings(sample)), parts)


def check_promql(text: str) -> str | None:
    """Return what is wrong with a query that holds no template, or None.

    It must give an instant vector or a scalar.
    """
    if len(text) > MAX_LENGTH_CHARS:
        return f"is longer than {MAX_LENGTH_CHARS} characters; move it into a recording rule"
    try:
        tree = promql.parse(text)
    except ValueError as error:
        return f"is not PromQL: {error}"
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    if isinstance(tree, promql.MatrixSelector | promql.SubqueryExpr):
        return "is a range, which no instant query answers; put a function around it, like rate(…)"
    if isinstance(tree, promql.StringLiteral):
        return "is a string; write a query"
    return None


def _escape(value: str) -> str:
    text = value.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _with_values(parts: tuple[str | Template, ...], value: str) -> str:
    return "".join(part if isinstance(part, str) else value for part in parts)


def _check_places(parts: tuple[str | Template, ...]) -> None:
    """Refuse templates outside label values, by asking the parser where a hostile value ends up."""
    wanted = sum(isinstance(part, Template) for part in parts)
    try:
        tree = promql.parse(_with_values(parts, _escape(_PROBE)))
    except ValueError:
        found = 0
    else:
        found = sum(
            matcher.value.count(_PROBE)
            for node in nodes_of(tree)
            if isinstance(node, promql.VectorSelector)
            for matcher in _matchers(node)
            if matcher.op in _EQUALITY and matcher.name != "__name__"
        )
    if found != wanted:
        raise PromQLError(
            "has a template outside a label's value; {{ }} may stand only in the double-quoted value "
            'of = or !=, like up{job="{{ labels.job }}"}'
        )


def _matchers(selector: Any) -> list[Any]:
    matchers = selector.matchers
    return [*matchers.matchers, *(matcher for group in matchers.or_matchers for matcher in group)]


def _validate(text: str) -> str:
    # After rendering, a label's own `{{` is data in a valid query, not a template.
    if check_promql(text) is not None:
        try:
            compile_promql(text)
        except PromQLError as error:
            raise ValueError(str(error)) from None
    return text


@dataclass(frozen=True, slots=True)
class PromQLField:
    """Marks a parameter that holds PromQL, so that it is rendered with escapes."""


PromQLSource = Annotated[
    str, Field(min_length=1, max_length=MAX_LENGTH_CHARS), AfterValidator(_validate), PromQLField()
]
"""A parameter of a guard or an action that holds PromQL."""
