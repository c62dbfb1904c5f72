"""Whether an expression can hold at all, by trying every kind of value that it could tell apart.

An expression that only compares entries with constants can't tell apart two values between the same
constants. So trying one value of each kind, in every combination, is a proof. What reads entries in
any other way (a filter, arithmetic, another entry) is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product
from math import prod
from typing import Any

from jinja2 import nodes

from remediator.policy.expressions import Expression, Scope, parse_expression
from remediator.policy.matcher_logic import by_name, values_of
from remediator.policy.matchers import Matcher

_MOST_COMBINATIONS = 5000
# Nothing is there at all, or the entry is there and this part of it is not.
_ABSENT = object()
_WITHOUT = object()
_Path = tuple[str, ...]
# Roots whose values are always text.
_TEXTS = ("labels", "annotations")


def never_holds(expression: Expression, matchers: Sequence[Matcher] = ()) -> bool:
    """Tell whether no labels that `matchers` take, and no facts, can make the expression hold.

    False also when it can't be decided.
    """
    constants: dict[_Path, list[Any]] = {}
    if not _simple(parse_expression(expression.source), constants) or _nested(constants):
        return False
    kinds = {path: list(_kinds(path, values, matchers)) for path, values in constants.items()}
    if prod(len(values) for values in kinds.values()) > _MOST_COMBINATIONS:
        return False
    combinations = islice(product(*kinds.values()), _MOST_COMBINATIONS)
    return not any(
        expression.evaluate(_scope(dict(zip(kinds, values, strict=True)))).holds for values in combinations
    )


def _simple(node: nodes.Node, constants: dict[_Path, list[Any]]) -> bool:
    """Collect the entries that are read with the constants they are compared with; False for all else."""
    path = _path(node)
    if path is not None:
        constants.setdefault(path, [])
        return True
    if isinstance(node, nodes.Const):
        return True
    if isinstance(node, nodes.Not):
        return _simple(node.node, constants)
    if isinstance(node, nodes.And | nodes.Or):
        return _simple(node.left, constants) and _simple(node.right, constants)
    if isinstance(node, nodes.Test):
        return node.name in ("none", "defined", "undefined") and _simple(node.node, constants)
    if isinstance(node, nodes.Compare) and len(node.ops) == 1:
        return _simple_comparison(node, constants)
    return False


def _simple_comparison(node: nodes.Compare, constants: dict[_Path, list[Any]]) -> bool:
    sides = (node.expr, node.ops[0].expr)
    if all(isinstance(side, nodes.Const) for side in sides):
        return True
    path, other = (sides[0], sides[1]) if _path(sides[0]) else (sides[1], sides[0])
    read, compared = _path(path), _constants(other)
    # `x in labels.y` looks into a text; `labels.y in [...]` compares with each.
    inside = node.ops[0].op in ("in", "notin")
    listed = isinstance(other, nodes.List | nodes.Tuple)
    if read is None or compared is None or inside != listed or (inside and path is not node.expr):
        return False
    constants.setdefault(read, []).extend(compared)
    return True


def _constants(node: nodes.Node) -> list[Any] | None:
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const):
        return [-node.node.value] if isinstance(node.node.value, int | float) else None
    if isinstance(node, nodes.Const):
        return [node.value]
    if isinstance(node, nodes.List | nodes.Tuple) and all(isinstance(c, nodes.Const) for c in node.items):
        return [child.value for child in node.items if isinstance(child, nodes.Const)]
    return None


def _path(node: nodes.Node) -> _Path | None:
    parts: list[str] = []
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node, nodes.Getattr):
            parts.insert(0, node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            parts.insert(0, node.arg.value)
        else:
            return None
        node = node.node
    return (node.name, *parts) if isinstance(node, nodes.Name) and parts else None


def _nested(paths: Mapping[_Path, Any]) -> bool:
    return any(one != other and other[: len(one)] == one for one in paths for other in paths)


def _kinds(path: _Path, constants: Sequence[Any], matchers: Sequence[Matcher]) -> Iterator[Any]:
    """Yield one value of each kind that comparing with the constants could tell apart."""
    texts = sorted({value for value in constants if isinstance(value, str)})
    if path[0] == "labels":
        yield from _label_kinds(path[1], texts, matchers)
        return
    # The usual ones first, for the first combination that holds is the answer.
    if path[0] not in _TEXTS:
        yield from (True, False)
    # Between two texts there is the first with the smallest character after it.
    yield from dict.fromkeys(["", *texts, *(f"{text}\x00" for text in texts), "\U0010ffff"])
    yield from (_ABSENT, _WITHOUT)
    if path[0] in _TEXTS:
        return
    numbers = sorted({float(value) for value in constants if isinstance(value, int | float)} | {0.0, 1.0})
    yield numbers[0] - 1
    for at, number in enumerate(numbers):
        yield number
        yield (number + numbers[at + 1]) / 2 if at + 1 < len(numbers) else number + 1
    yield from (None, [], ["x"], {}, {"x": 1})


def _label_kinds(name: str, texts: Sequence[str], matchers: Sequence[Matcher]) -> Iterator[Any]:
    """Yield values that the matchers of this label take; what can't be decided counts as taken."""
    own = by_name(matchers).get(name, [])
    listed = next((values for values in map(values_of, own) if values is not None), None)
    if listed is not None:
        taken = [value for value in listed if all(matcher.matches({name: value}) for matcher in own)]
        yield from (_ABSENT, *taken) if "" in taken else taken
        return
    if all(matcher.matches({}) for matcher in own):
        yield _ABSENT
    yield from (text for text in ("", *texts) if all(matcher.matches({name: text}) for matcher in own))
    yield from (f"{text}\x00" for text in ("", *texts))
    yield "\U0010ffff"


def _scope(values: Mapping[_Path, Any]) -> Scope:
    roots: dict[str, dict[str, Any]] = {}
    for (root, *parts, last), value in values.items():
        if value is _ABSENT:
            continue
        entries = roots.setdefault(root, {})
        for part in parts:
            entries = entries.setdefault(part, {})
        if value is not _WITHOUT:
            entries[last] = value
    return Scope(**roots)
