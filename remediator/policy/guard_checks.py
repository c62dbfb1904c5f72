"""Checks a policy's guards: each by itself, and all together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from remediator.errors import Severity
from remediator.policy.catalog import marked_values
from remediator.policy.checking import Checking, Known
from remediator.policy.document_checks import check_approvers
from remediator.policy.expressions import is_template
from remediator.policy.loaded import LoadedGuard
from remediator.policy.matchers import Matcher
from remediator.policy.model import Approval, Policy
from remediator.policy.promql import PromQLField
from remediator.policy.uses import check_names, check_secrets, check_strings, strings
from remediator.validation_problems import problems_from_validation, suggestion
from remediator.yaml_source import NodePath


def check_guards(
    checking: Checking, document: Policy, matchers: Sequence[Matcher]
) -> tuple[LoadedGuard, ...]:
    """Check every guard; return those that are sound. `matchers` hold for the policy's alerts."""
    found = [_guard(checking, at, use) for at, use in enumerate(document.guards)]
    guards = tuple(guard for guard in found if guard is not None)
    for guard in guards:
        if isinstance(guard.params, Approval):
            check_approvers(checking, ("guards", guard.index, guard.name), guard.params)
    asks = any("approval" in use for use in document.guards)
    for guard in guards:
        if getattr(guard.params, "otherwise", None) == "approval" and not asks:
            path: NodePath = ("guards", guard.index, guard.name, "otherwise")
            fix = "add an approval guard that says from whom"
            checking.error(path, "asks for approval outside the window, but names no approvers", fix)
    _doubt(checking, guards, matchers)
    return guards


def _doubt(checking: Checking, guards: Sequence[LoadedGuard], matchers: Sequence[Matcher]) -> None:
    examine = checking.catalog.examine
    for doubt in examine(guards, matchers) if examine is not None else ():
        path: NodePath = ("guards", doubt.guard.index, doubt.guard.name)
        place: NodePath = (*path, doubt.key) if doubt.key else path
        note = checking.error if doubt.severity is Severity.ERROR else checking.warning
        note(place, doubt.what, doubt.fix, at_key=not doubt.key)


def _guard(checking: Checking, at: int, use: Mapping[str, Any]) -> LoadedGuard | None:
    ((name, value),) = use.items()
    path: NodePath = ("guards", at, name)
    model = checking.catalog.guards.get(name)
    if model is None:
        what, fix = f"no guard is called {name!r}", suggestion(name, tuple(checking.catalog.guards), "guards")
        checking.problems.append(checking.source.problem(path, what, fix, at_key=True))
        checking.incomplete = True
        return None
    data = {} if value is None else value
    if isinstance(data, dict):
        check_names(checking, path, model, data)
        check_strings(checking, path, model, data, Known())
        check_secrets(checking, path, data)
        _refuse_templates(checking, path, model, data)
    try:
        guard = LoadedGuard(name, model.model_validate(data), at)
    except ValidationError as error:
        templates = [
            fault["loc"]
            for fault in error.errors(include_url=False)
            if isinstance(fault["input"], str) and is_template(fault["input"])
        ]
        checking.problems += problems_from_validation(
            checking.source, error, model, prefix=path, leave_out=templates
        )
        checking.incomplete = True
        guard = None
    checking.loose(path, model, data)
    return guard


def _refuse_templates(
    checking: Checking, path: NodePath, model: type[BaseModel], data: Mapping[str, Any]
) -> None:
    queries = {inner for inner, _, _ in marked_values(model, data, PromQLField)}
    for inner, text in strings(data):
        if is_template(text) and inner not in queries:
            fix = "write the value itself; of a guard, only a query holds templates"
            checking.error((*path, *inner), "holds a template where none is rendered", fix)
