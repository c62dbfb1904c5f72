"""Queries whose answer needs no Prometheus: `1 > bool 2`, `vector(1) == 0`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as promql

_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
}


@dataclass(frozen=True, slots=True)
class _Constant:
    """A number, or an instant vector of one series without labels; `value` None is an empty vector."""

    value: float | None
    scalar: bool

    @property
    def holds(self) -> bool:
        """As everywhere: not empty, or for a scalar not 0."""
        return self.value is not None and not (self.scalar and self.value == 0)


def constantly(text: str) -> bool | None:
    """Tell whether a valid query holds always (True) or never (False); None when it depends."""
    constant = _constant(promql.parse(text))
    return None if constant is None else constant.holds


def _constant(node: Any) -> _Constant | None:
    if isinstance(node, promql.ParenExpr):
        return _constant(node.expr)
    if isinstance(node, promql.NumberLiteral):
        return _Constant(node.val, scalar=True)
    if isinstance(node, promql.UnaryExpr):
        inner = _constant(node.expr)
        return inner and _Constant(None if inner.value is None else -inner.value, inner.scalar)
    if isinstance(node, promql.Call) and node.func.name == "vector":
        inner = _constant(node.args[0])
        return inner and _Constant(inner.value, scalar=False)
    return _binary(node) if isinstance(node, promql.BinaryExpr) else None


def _binary(node: Any) -> _Constant | None:
    left, right = _constant(node.lhs), _constant(node.rhs)
    if left is None or right is None:
        return None
    scalar = left.scalar and right.scalar
    if left.value is None or right.value is None:
        return _Constant(None, scalar=False) if str(node.op) in (*_ARITHMETIC, *_COMPARISONS) else None
    if compare := _COMPARISONS.get(str(node.op)):
        holds = compare(left.value, right.value)
        if scalar or (node.modifier is not None and node.modifier.return_bool):
            return _Constant(float(holds), scalar)
        # A comparison keeps the vector's own value, the left one of two.
        kept = right.value if left.scalar else left.value
        return _Constant(kept if holds else None, scalar=False)
    operation = _ARITHMETIC.get(str(node.op))
    if operation is None:
        return None
    value = operation(left.value, right.value)
    return None if math.isnan(value) else _Constant(value, scalar)
