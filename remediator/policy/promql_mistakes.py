"""Known mistakes that a valid query can hold: Prometheus answers, and the answer means something else.

Each is said as what the query does, and after the semicolon what to write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser as promql

_RATES = ("rate", "irate", "increase", "delta", "idelta")
_PER_SECOND = ("rate", "irate")
_COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
_KEEPS_SIZE = ("sum", "avg", "max", "min")


def promql_warnings(text: str) -> list[str]:
    """Name the mistakes in a valid query."""
    found: list[str] = []
    for node in nodes_of(promql.parse(text)):
        if isinstance(node, promql.Call) and node.func.name == "histogram_quantile":
            found += _quantile(node.args[1])
        elif isinstance(node, promql.BinaryExpr) and str(node.op) == "/":
            found += _ratio(node)
        elif isinstance(node, promql.BinaryExpr) and str(node.op) in _COMPARISONS:
            found += _comparison(bare(node.lhs), bare(node.rhs)) + _comparison(bare(node.rhs), bare(node.lhs))
    return list(dict.fromkeys(found))


def nodes_of(tree: Any) -> Iterator[Any]:
    """Yield a tree's nodes."""
    found: list[Any] = []
    promql.walk(tree, found.append)
    yield from found


def bare(node: Any) -> Any:
    """Return what stands in the parentheses."""
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    return node


def _quantile(buckets: Any) -> list[str]:
    rated = {str(inner) for node in nodes_of(buckets) if _is_rate(node) for inner in _selectors(node)}
    found = [_unrated(node.name) for node in _selectors(buckets) if str(node) not in rated and _plain(node)]
    node = bare(buckets)
    if isinstance(node, promql.AggregateExpr) and any(_is_bucket(one) for one in _selectors(node)):
        if not _keeps(node, "le"):
            found.append(
                f"histogram_quantile gives nothing here: {node.op} drops the label le, which tells the "
                f"buckets apart; write {node.op} by (le) (…)"
            )
    return found


def _unrated(name: str) -> str:
    if name.endswith("_bucket"):
        return (
            f"histogram_quantile over {name} without rate looks at all time since the start, not at now; "
            f"write histogram_quantile(…, sum by (le) (rate({name}[5m])))"
        )
    return (
        f"histogram_quantile over {name} gives nothing unless that is a native histogram: a classic one's "
        f"buckets are in {name}_bucket; write histogram_quantile(…, sum by (le) (rate({name}_bucket[5m])))"
    )


def _ratio(node: Any) -> list[str]:
    left, right = bare(node.lhs), bare(node.rhs)
    if node.modifier is not None and node.modifier.matching is not None:
        return []
    both = (left, right)
    if all(_is_rate(side) for side in both) or (
        all(isinstance(side, promql.VectorSelector) for side in both) and _same_or_counters(left, right)
    ):
        return [
            "divides each series by the one with the same labels: without aggregation success ÷ total is 1 "
            "with half the calls failing, where the outcome is a label; write sum(rate(…)) / sum(rate(…))"
        ]
    whole = next((side for side in both if isinstance(side, promql.AggregateExpr)), None)
    part = next((side for side in both if _is_rate(side) or isinstance(side, promql.VectorSelector)), None)
    if whole is not None and part is not None and whole.modifier is None:
        return [
            f"gives nothing when {_name(part)} has labels: {whole.op}(…) has none to match them with; "
            "aggregate both sides alike, like sum(…) / sum(…)"
        ]
    return []


def _same_or_counters(left: Any, right: Any) -> bool:
    names = [side.name or "" for side in (left, right)]
    return bool(names[0]) and (names[0] == names[1] or all(name.endswith("_total") for name in names))


def _comparison(side: Any, other: Any) -> list[str]:
    if isinstance(side, promql.VectorSelector) and (side.name or "").endswith("_total"):
        return [
            f"{side.name} is a counter and only grows, so it tells nothing of now; "
            f"compare rate({side.name}[5m]) or increase({side.name}[5m])"
        ]
    rate = bare(side.expr) if isinstance(side, promql.AggregateExpr) and str(side.op) in _KEEPS_SIZE else side
    share = other.val if isinstance(other, promql.NumberLiteral) else 0
    # Seconds a second, as of a CPU, are a share.
    if not _is_rate(rate, _PER_SECOND) or not 0 < share < 1 or "_seconds" in _name(rate):
        return []
    return [
        f"compares events per second: {share:g} is one every {1 / share:.3g} s, not {share * 100:g} %; "
        "for a share divide by all, like sum(rate(errors_total[5m])) / sum(rate(all_total[5m]))"
    ]


def _is_rate(node: Any, functions: tuple[str, ...] = _RATES) -> bool:
    return isinstance(node, promql.Call) and node.func.name in functions


def _selectors(tree: Any) -> Iterator[Any]:
    return (node for node in nodes_of(tree) if isinstance(node, promql.VectorSelector))


def _is_bucket(selector: Any) -> bool:
    return (selector.name or "").endswith("_bucket")


def _plain(selector: Any) -> bool:
    # A name with a colon is a recording rule's, which may hold rates.
    return bool(selector.name) and ":" not in selector.name


def _keeps(aggregate: Any, label: str) -> bool:
    modifier = aggregate.modifier
    if modifier is None:
        return False
    by = str(modifier.type).lower().endswith("by")
    return (label in modifier.labels) is by


def _name(node: Any) -> str:
    return next((selector.name or "it" for selector in _selectors(node)), "it")
