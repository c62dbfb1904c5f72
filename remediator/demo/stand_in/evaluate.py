"""As much of PromQL as the shipped rules and policies use."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import promql_parser as promql
import re2

from remediator.demo.stand_in.functions import OVER_TIME, increase, line, quantile
from remediator.demo.stand_in.series import LOOKBACK_SECONDS, NAME, Labels, Point, Series, SeriesStore

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_OF_RANGES = frozenset({"rate", "increase", "deriv", "predict_linear", *OVER_TIME})
_ROUNDINGS: Mapping[str, Callable[[float, float], float]] = {
    "round": lambda value, nearest: round(value / nearest) * nearest,
    "clamp_min": max,
}
_AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "count": len,
    "avg": lambda values: sum(values) / len(values),
}


class UnsupportedError(Exception):
    """A query uses more of PromQL than the stand-in knows."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an instant vector. `at_seconds` is when the sample behind it was taken."""

    labels: Labels
    value: float
    at_seconds: float

    def with_value(self, value: float) -> Element:
        """Return it with another value, and so without its name."""
        return Element(_nameless(self.labels), value, self.at_seconds)


Vector = list[Element]
Value = Vector | float


class Evaluator:
    """Evaluates queries over a store at one moment."""

    def __init__(self, store: SeriesStore, now_seconds: float) -> None:
        self._store = store
        self._now = now_seconds

    def query(self, text: str) -> Value:
        """Evaluate an instant query: a vector, or a scalar.

        Raises:
            ValueError: when it is not PromQL.
            UnsupportedError: when it is more of PromQL than is known here.
        """
        return self._value(promql.parse(text))

    def _value(self, node: Any) -> Value:
        match node:
            case promql.ParenExpr():
                return self._value(node.expr)
            case promql.NumberLiteral():
                return float(node.val)
            case promql.VectorSelector():
                return self._select(node)
            case promql.Call():
                return self._call(node)
            case promql.AggregateExpr():
                return self._aggregate(node)
            case promql.BinaryExpr():
                return self._binary(node)
            case _:
                raise UnsupportedError(f"{type(node).__name__} is not known to the stand-in")

    def _select(self, node: Any) -> Vector:
        found = []
        for series in self._matching(node):
            points = self._within(series, LOOKBACK_SECONDS)
            if points:
                found.append(Element(series.labels, points[-1].value, points[-1].at_seconds))
        return found

    def _within(self, series: Series, length_seconds: float) -> list[Point]:
        oldest = self._now - length_seconds
        return [point for point in series.points if oldest < point.at_seconds <= self._now]

    def _matching(self, node: Any) -> list[Series]:
        if node.offset is not None or node.at is not None or node.matchers.or_matchers:
            raise UnsupportedError("offset, @ and `or` in selectors are not known to the stand-in")
        return [
            series
            for series in self._store.named(node.name)
            if all(_matches(matcher, series.labels) for matcher in node.matchers.matchers)
        ]

    def _call(self, node: Any) -> Value:
        name, arguments = node.func.name, node.args
        if name == "time":
            return self._now
        if name == "vector":
            return [Element({}, _scalar(self._value(arguments[0])), self._now)]
        if name == "timestamp":
            return [found.with_value(found.at_seconds) for found in _vector(self._value(arguments[0]))]
        if name in _OF_RANGES:
            return self._over_range(name, arguments)
        if name == "histogram_quantile":
            return self._quantiles(_scalar(self._value(arguments[0])), _vector(self._value(arguments[1])))
        if name in ("round", "clamp_min"):
            limit = _scalar(self._value(arguments[1])) if len(arguments) > 1 else 1.0
            change = _ROUNDINGS[name]
            return [
                found.with_value(change(found.value, limit)) for found in _vector(self._value(arguments[0]))
            ]
        raise UnsupportedError(f"{name}() is not known to the stand-in")

    def _over_range(self, name: str, arguments: Sequence[Any]) -> Vector:
        matrix = arguments[0]
        length_seconds = matrix.range.total_seconds()
        found = []
        for series in self._matching(matrix.vector_selector):
            points = self._within(series, length_seconds)
            if len(points) >= (1 if name in OVER_TIME else 2):
                value = self._of_range(name, points, length_seconds, arguments)
                found.append(Element(_nameless(series.labels), value, self._now))
        return found

    def _of_range(
        self, name: str, points: Sequence[Point], length_seconds: float, arguments: Sequence[Any]
    ) -> float:
        match name:
            case "rate" | "increase":
                rate = increase(points) / (points[-1].at_seconds - points[0].at_seconds)
                return rate if name == "rate" else rate * length_seconds
            case "deriv":
                return line(points, self._now)[0]
            case "predict_linear":
                slope, height = line(points, self._now)
                return height + slope * _scalar(self._value(arguments[1]))
            case _:
                return OVER_TIME[name]([point.value for point in points])

    def _quantiles(self, share: float, elements: Vector) -> Vector:
        histograms: dict[frozenset[tuple[str, str]], dict[float, float]] = {}
        for element in elements:
            if "le" in element.labels:
                rest = frozenset(item for item in _key(element) if item[0] != "le")
                histograms.setdefault(rest, {})[float(element.labels["le"])] = element.value
        found = ((rest, quantile(share, buckets)) for rest, buckets in histograms.items())
        return [Element(dict(rest), value, self._now) for rest, value in found if value is not None]

    def _aggregate(self, node: Any) -> Vector:
        elements = _vector(self._value(node.expr))
        name, modifier = str(node.op), node.modifier
        if name == "topk":
            wanted = int(_scalar(self._value(node.param)))
            return sorted(elements, key=lambda element: -element.value)[:wanted]
        if name not in _AGGREGATIONS or (modifier and modifier.type != promql.AggModifierType.By):
            raise UnsupportedError(f"{name} like this is not known to the stand-in")
        kept = tuple(modifier.labels) if modifier else ()
        groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
        for element in elements:
            key = tuple((label, element.labels[label]) for label in kept if label in element.labels)
            groups.setdefault(key, []).append(element.value)
        aggregate = _AGGREGATIONS[name]
        return [Element(dict(key), aggregate(values), self._now) for key, values in groups.items()]

    def _binary(self, node: Any) -> Value:
        name, left, right = str(node.op), self._value(node.lhs), self._value(node.rhs)
        if node.modifier is not None and (node.modifier.matching or node.modifier.group_labels):
            raise UnsupportedError("on, ignoring and group_… are not known to the stand-in")
        if name in ("or", "and", "unless"):
            return _combine(name, _vector(left), _vector(right))
        keep_bool = node.modifier is not None and node.modifier.return_bool
        if isinstance(left, float) and isinstance(right, float):
            return _compute(name, left, right)
        if isinstance(right, float):
            return _over(_vector(left), name, lambda _: right, keep_bool=keep_bool)
        if isinstance(left, float):
            return _over(right, name, lambda _: left, keep_bool=keep_bool, swapped=True)
        by_labels = {_key(element): element.value for element in right}
        return _over(left, name, lambda element: by_labels.get(_key(element)), keep_bool=keep_bool)


def _over(
    elements: Vector,
    name: str,
    other: Callable[[Element], float | None],
    *,
    keep_bool: bool,
    swapped: bool = False,
) -> Vector:
    found = []
    for element in elements:
        operand = other(element)
        if operand is None:
            continue
        pair = (operand, element.value) if swapped else (element.value, operand)
        if name in _COMPARISONS and not keep_bool:
            found += [element] if _COMPARISONS[name](*pair) else []
        else:
            found.append(element.with_value(_compute(name, *pair)))
    return found


def _compute(name: str, left: float, right: float) -> float:
    if name in _COMPARISONS:
        return float(_COMPARISONS[name](left, right))
    match name:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right if right else float("nan") if not left else float("inf")
        case _:
            raise UnsupportedError(f"{name} is not known to the stand-in")


def _combine(name: str, left: Vector, right: Vector) -> Vector:
    left_keys, right_keys = {_key(one) for one in left}, {_key(one) for one in right}
    if name == "or":
        return [*left, *(one for one in right if _key(one) not in left_keys)]
    return [one for one in left if (_key(one) in right_keys) == (name == "and")]


def _matches(matcher: Any, labels: Labels) -> bool:
    value = labels.get(matcher.name, "")
    if matcher.op == promql.MatchOp.Equal:
        return value == str(matcher.value)
    if matcher.op == promql.MatchOp.NotEqual:
        return value != str(matcher.value)
    found: bool = re2.fullmatch(matcher.value, value) is not None
    return found is bool(matcher.op == promql.MatchOp.Re)


def _nameless(labels: Labels) -> Labels:
    return {name: value for name, value in labels.items() if name != NAME}


def _key(element: Element) -> frozenset[tuple[str, str]]:
    return frozenset(_nameless(element.labels).items())


def _vector(value: Value) -> Vector:
    if isinstance(value, float):
        raise UnsupportedError("a scalar stands where the stand-in needs a vector")
    return value


def _scalar(value: Value) -> float:
    if not isinstance(value, float):
        raise UnsupportedError("a vector stands where the stand-in needs a number")
    return value
