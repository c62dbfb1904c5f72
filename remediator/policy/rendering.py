"""Renders the templates in a `with:`: each string by itself, never read again.

A string that holds a template gives a string, which the parameter's model then reads as its
type; so `"{{ facts.count }}"` may stand for a number. Keys are never templates.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from remediator.policy.catalog import Path, marked_values
from remediator.policy.expressions import Scope, Template, compile_template, is_template
from remediator.policy.promql import PromQL, PromQLField, compile_promql

UNTIL_RUN = frozenset({"steps"})
"""What is known only right before a step runs."""


def render_params(
    model: type[BaseModel], params: Mapping[str, Any], scope: Scope, *, defer: Collection[str] = UNTIL_RUN
) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """Render an action's parameters; fields that hold PromQL get their values escaped.

    Returns the rendered parameters and the paths of strings that read a root in `defer` and so
    are left as they are.

    Raises:
        RenderError: naming the label or fact that is missing.
        ExpressionError: for a template that no loader has checked.
    """
    return _Rendering(scope, defer, model, params).walk(dict(params))


def render_value(
    value: Any, scope: Scope, *, defer: Collection[str] = UNTIL_RUN
) -> tuple[Any, tuple[Path, ...]]:
    """Render any JSON value that holds no PromQL; see `render_params`."""
    return _Rendering(scope, defer).walk(value)


def render_deferred(
    params: Mapping[str, Any], paths: Collection[Path], scope: Scope, model: type[BaseModel] | None = None
) -> dict[str, Any]:
    """Render the strings that were left; nothing else, for a value once rendered is data.

    Raises:
        RenderError: naming the result that is missing.
    """
    rendering = _Rendering(scope, (), model, params)
    wanted = frozenset(tuple(path) for path in paths)
    result: dict[str, Any] = _map_strings(
        dict(params), lambda path, text: rendering.text(path, text) if path in wanted else text
    )
    return result


class _Rendering:
    """One pass over one value; without a model, it holds no PromQL."""

    def __init__(
        self,
        scope: Scope,
        defer: Collection[str],
        model: type[BaseModel] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self._scope = scope
        self._defer = defer
        self._model = model
        self._params = params or {}
        self._left: list[Path] = []

    def walk(self, value: Any) -> tuple[Any, tuple[Path, ...]]:
        rendered = _map_strings(value, self.text)
        return rendered, tuple(self._left)

    def text(self, path: Path, text: str) -> str:
        if not is_template(text):
            return text
        compiled: Template | PromQL = (
            compile_promql(text) if path in self._queries else compile_template(text)
        )
        if any(root in self._defer for root, _ in compiled.reads):
            self._left.append(path)
            return text
        return compiled.render(self._scope)

    @cached_property
    def _queries(self) -> frozenset[Path]:
        # Most values hold no template, and then nobody asks.
        if self._model is None:
            return frozenset()
        return frozenset(path for path, _, _ in marked_values(self._model, self._params, PromQLField))


def _map_strings(value: Any, change: Callable[[Path, str], str], path: Path = ()) -> Any:
    if isinstance(value, str):
        return change(path, value)
    if isinstance(value, Mapping):
        return {key: _map_strings(child, change, (*path, key)) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_map_strings(child, change, (*path, at)) for at, child in enumerate(value)]
    return value
