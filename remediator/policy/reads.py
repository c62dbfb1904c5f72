"""What a Jinja2 expression reads, what it needs, and what it may not do: walks over its tree."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from jinja2 import nodes

from remediator.policy.sandbox import ALLOWED_NODES

Read = tuple[str, str]
"""A root and the name of the entry that is read: ("labels", "service")."""

_MAX_DEPTH = 40
_NOTHING: frozenset[Read] = frozenset()
_ABSENT_TESTS = ("none", "undefined")
_HINTS = {
    nodes.Call: "functions can't be called; use a filter, like labels.x | lower",
    nodes.Pow: "** is not allowed; write the number",
    nodes.For: "loops are not allowed; use the join filter",
}


def path_of(node: nodes.Node) -> Read | None:
    """Return the entry that `node` itself is a path into: labels.x, or facts_detail.x.json.status."""
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        if isinstance(node.node, nodes.Name):
            if isinstance(node, nodes.Getattr):
                return node.node.name, node.attr
            constant = node.arg.value if isinstance(node.arg, nodes.Const) else None
            # steps[0] and steps.0 are the step called "0".
            return (node.node.name, str(constant)) if isinstance(constant, str | int) else None
        node = node.node
    return None


def reads(tree: nodes.Node) -> frozenset[Read]:
    """Return every entry that is read anywhere."""
    here = path_of(tree)
    found = {here} if here else set()
    for child in tree.iter_child_nodes():
        found |= reads(child)
    return frozenset(found)


def needed(node: nodes.Node, known: frozenset[Read] = _NOTHING) -> frozenset[Read]:
    """Return the entries that must be there; `known` are those that a test beside has looked at."""
    here = path_of(node)
    if here:
        return (frozenset({here}) - known) | _of_children(node, known)
    if _looks(node):
        # The name itself is only looked at; arguments (a default's value) are read.
        assert isinstance(node, nodes.Test | nodes.Filter)  # noqa: S101  (tells the type checker)  # nosec B101
        return frozenset[Read]().union(*(needed(argument, known) for argument in (*node.args, *node.kwargs)))
    if isinstance(node, nodes.And):
        return needed(node.left, known) | needed(node.right, known | _there_if(node.left, holds=True))
    if isinstance(node, nodes.Or):
        return needed(node.left, known) | needed(node.right, known | _there_if(node.left, holds=False))
    if isinstance(node, nodes.CondExpr):
        found = needed(node.test, known) | needed(node.expr1, known | _there_if(node.test, holds=True))
        if node.expr2 is not None:
            found |= needed(node.expr2, known | _there_if(node.test, holds=False))
        return found
    return _of_children(node, known)


def _of_children(node: nodes.Node, known: frozenset[Read]) -> frozenset[Read]:
    return frozenset[Read]().union(*(needed(child, known) for child in node.iter_child_nodes()))


def _looks(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Test):
        return node.name in (*_ABSENT_TESTS, "defined") and path_of(node.node) is not None
    if isinstance(node, nodes.Filter):
        return node.name in ("default", "d") and node.node is not None and path_of(node.node) is not None
    return False


def _there_if(node: nodes.Node, *, holds: bool) -> frozenset[Read]:
    """Return the entries that are surely there if `node` is true (`holds`) or false."""
    if isinstance(node, nodes.Not):
        return _there_if(node.node, holds=not holds)
    if isinstance(node, nodes.Test) and _looks(node):
        path = path_of(node.node)
        return frozenset({path}) if path and holds == (node.name == "defined") else _NOTHING
    if isinstance(node, nodes.And if holds else nodes.Or):
        assert isinstance(node, nodes.And | nodes.Or)  # noqa: S101  # nosec B101
        return _there_if(node.left, holds=holds) | _there_if(node.right, holds=holds)
    return _NOTHING


def refusal(
    node: nodes.Node,
    roots: Collection[str],
    *,
    filters: Collection[str],
    tests: Collection[str],
    depth: int = 0,
) -> str | None:
    """Return why an expression is not allowed and what to write instead, or None when it is."""
    own = _own_refusal(node, roots, filters, tests)
    if own:
        return own
    if depth > _MAX_DEPTH:
        return "is nested too deeply; simplify it"
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Name) and path_of(node) is not None:
            refused = _unknown("name", child.name, roots)
        else:
            refused = refusal(child, roots, filters=filters, tests=tests, depth=depth + 1)
        if refused:
            return refused
    return None


def _own_refusal(
    node: nodes.Node, roots: Collection[str], filters: Collection[str], tests: Collection[str]
) -> str | None:
    if not isinstance(node, ALLOWED_NODES):
        return _HINTS.get(type(node), f"{type(node).__name__.lower()} is not allowed here; remove it")
    if isinstance(node, nodes.Name):
        name = node.name
        return _unknown("name", name, roots) or (
            f"reads {name} as a whole or by a computed name; write one entry of it, like {name}.NAME"
        )
    if isinstance(node, nodes.Filter):
        return _unknown("filter", node.name, filters)
    if isinstance(node, nodes.Test):
        path = path_of(node.node)
        if path and path[0] == "facts" and node.name in ("defined", "undefined"):
            return f"a fact is always defined; write facts.{path[1]} is none, or is not none"
        return _unknown("test", node.name, tests)
    return None


def _unknown(kind: str, name: str, known: Collection[str]) -> str | None:
    if name in known:
        return None
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
    return f"has an unknown {kind} {name}; {hint}"
