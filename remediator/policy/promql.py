"""PromQL in policies: checked at load, and rendered so that a label's value stays a value.

A query may hold `{{ }}` only inside a double-quoted label value of an `=` or `!=` matcher. What
is rendered there is escaped, so that no label can change what is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

import promql_parser as promql
from pydantic import AfterValidator, Field

from remediator.errors import RemediatorError
from remediator.policy.expressions import ExpressionError, Scope, Template, is_template, split_template
from remediator.policy.reads import Read

MAX_LENGTH_CHARS = 4000
# What an escaped value has to survive: it comes back whole only from a double-quoted string.
_PROBE = "remediator\"\\\n`'"
_EQUALITY = (promql.MatchOp.Equal, promql.MatchOp.NotEqual)
_RATES = ("rate", "irate", "increase", "delta", "idelta")
_COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")


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


def promql_warnings(text: str) -> list[str]:
    """Name known mistakes that a valid query can hold: each says what it does and what to do."""
    found: list[str] = []
    for node in _nodes(promql.parse(text)):
        if isinstance(node, promql.Call) and node.func.name == "histogram_quantile":
            found += _quantile_warnings(node)
        elif isinstance(node, promql.BinaryExpr):
            found += _ratio_warnings(node) + _counter_warnings(node)
    return found


def _quantile_warnings(call: Any) -> list[str]:
    rated = {
        id_
        for node in _nodes(call.args[1])
        if isinstance(node, promql.Call) and node.func.name in _RATES
        for id_ in (str(inner) for inner in _nodes(node) if isinstance(inner, promql.VectorSelector))
    }
    return [
        f"histogram_quantile over {node.name} looks at all time since the start; write rate({node.name}[5m])"
        for node in _nodes(call.args[1])
        if isinstance(node, promql.VectorSelector)
        and (node.name or "").endswith("_bucket")
        and str(node) not in rated
    ]


def _ratio_warnings(node: Any) -> list[str]:
    sides = (_bare(node.lhs), _bare(node.rhs))
    if str(node.op) != "/" or not all(
        isinstance(side, promql.Call) and side.func.name in _RATES for side in sides
    ):
        return []
    return [
        "a ratio of rates without aggregation pairs only series with the same labels; "
        "write sum(rate(…)) / sum(rate(…))"
    ]


def _counter_warnings(node: Any) -> list[str]:
    if str(node.op) not in _COMPARISONS:
        return []
    return [
        f"{side.name} is a counter and only grows; compare rate({side.name}[5m]) or increase(…)"
        for side in (_bare(node.lhs), _bare(node.rhs))
        if isinstance(side, promql.VectorSelector) and (side.name or "").endswith("_total")
    ]


def _bare(node: Any) -> Any:
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    return node


def _nodes(tree: Any) -> Iterator[Any]:
    found: list[Any] = []
    promql.walk(tree, found.append)
    yield from found


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
            for node in _nodes(tree)
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
