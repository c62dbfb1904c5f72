"""The Jinja2 that policies get: no attributes, no calls, no loops, a few filters, bounded results.

Names are looked up in mappings only, so nothing of Python can be reached, and a label called
`items` is a label. Nothing repeats or grows by itself: what is left is bounded by the length of
the source and of the values it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_LENGTH_CHARS = 64 * 1024
"""Longest value that is read or made."""

ALLOWED_NODES: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Keyword,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.Concat,
    nodes.List,
    nodes.Tuple,
)


class ValueTooLongError(Exception):
    """A value is longer than what is read or made here."""


class Missing(StrictUndefined):
    """A label, fact or field that is not there (a fact: or is none). Only default() and tests may look."""

    @property
    def _undefined_message(self) -> str:
        return f"{self._undefined_name or 'a value'} is missing"

    @property
    def path(self) -> str:
        """Name it as it is written."""
        return str(self._undefined_name)


class Root:
    """One of the names that expressions start from; reads entries of a mapping."""

    def __init__(self, name: str, entries: Mapping[str, Any]) -> None:
        self.name = name
        self.entries = entries

    def read(self, key: str) -> Any:
        """Return an entry, or Missing."""
        value = self.entries.get(key)
        if key not in self.entries or (value is None and self.name == "facts"):
            return Missing(name=f"{self.name}.{key}")
        return value


class Sandbox(ImmutableSandboxedEnvironment):
    """See the module."""

    intercepted_binops: ClassVar[frozenset[str]] = frozenset({"+", "*", "%"})  # type: ignore[misc]

    def __init__(self) -> None:
        super().__init__(undefined=Missing, autoescape=False, keep_trailing_newline=True, finalize=_finalize)
        self.globals = {}
        self.filters = dict(_FILTERS)
        self.tests = {name: test for name, test in self.tests.items() if name in _TESTS}
        self.tests["none"] = lambda value: value is None or isinstance(value, Undefined)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look up a key; attributes of objects are out of reach."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look up a key of a mapping, or an index of a list or string."""
        value: Any = None
        if isinstance(obj, Root):
            value = obj.read(str(argument))
        elif isinstance(obj, Mapping) and argument in obj:
            value = obj[argument]
        elif isinstance(obj, list | tuple | str) and isinstance(argument, int | slice):
            try:
                value = obj[argument]
            except IndexError:
                value = Missing(name=f"index {argument}")
        else:
            value = Missing(
                name=f"{obj.path}.{argument}" if isinstance(obj, Missing) else f"field {argument}"
            )
        return _bounded(value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Add numbers or strings; multiply and divide numbers only."""
        if _is_number(left) and _is_number(right):
            return super().call_binop(context, operator, left, right)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _bounded(left + right)
        # Let a missing value name itself.
        for side in (left, right):
            if isinstance(side, Undefined):
                bool(side)
        raise TypeError(f"{operator} needs numbers; use ~ to join text")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_LENGTH_CHARS:
        raise ValueTooLongError(f"a value is longer than {MAX_LENGTH_CHARS} characters")
    return value


def _finalize(value: Any) -> Any:
    """Write a value as JSON would: true, 3 rather than 3.0; only plain values can be written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, Mapping | list | tuple):
        raise TypeError("a value is none, a list or a mapping; write one plain value, or default(…)")
    return value


def _default(value: Any, default: Any = "", boolean: bool = False) -> Any:  # noqa: FBT001, FBT002  (Jinja's signature)
    absent = value is None or isinstance(value, Undefined)
    return default if absent or (boolean and not value) else value


def _number(kind: Callable[[Any], Any]) -> Callable[..., Any]:
    def convert(value: Any, *default: Any) -> Any:
        try:
            return kind(value) if not isinstance(value, str) else kind(float(value))
        except (ValueError, OverflowError):
            if default:
                return default[0]
            raise TypeError(f"{str(value)[:80]!r} is not a number; give a default, like int(0)") from None

    return convert


def _replace(value: Any, old: str, new: str) -> str:
    text = str(value)
    if len(text) + text.count(old) * len(new) > MAX_LENGTH_CHARS:
        raise ValueTooLongError(f"a value is longer than {MAX_LENGTH_CHARS} characters")
    return text.replace(old, new)


def _join(values: Sequence[Any], separator: str = "") -> Any:
    return _bounded(separator.join(str(value) for value in values))


def _first(values: Sequence[Any]) -> Any:
    return values[0] if len(values) else Missing(name="the first of an empty list")


def _last(values: Sequence[Any]) -> Any:
    return values[-1] if len(values) else Missing(name="the last of an empty list")


_FILTERS: Mapping[str, Callable[..., Any]] = {
    "default": _default,
    "d": _default,
    "lower": lambda value: str(value).lower(),
    "upper": lambda value: str(value).upper(),
    "trim": lambda value: str(value).strip(),
    "replace": _replace,
    "join": _join,
    "first": _first,
    "last": _last,
    "length": len,
    "string": str,
    "int": _number(int),
    "float": _number(float),
    "round": lambda value, digits=0: round(float(value), digits),
    "abs": abs,
}
_TESTS = frozenset(
    {
        *("defined", "undefined", "none", "string", "number", "boolean", "true", "false"),
        *("in", "eq", "ne", "lt", "le", "gt", "ge", "equalto", "==", "!=", "<", "<=", ">", ">="),
    }
)
