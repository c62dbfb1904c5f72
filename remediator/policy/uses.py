"""Checks one use of an action: its name, its parameters, what they name and what they render."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from remediator.policy.catalog import ActionInfo, Inventory, marked_values
from remediator.policy.checking import Checking, Known
from remediator.policy.expressions import is_template
from remediator.policy.model import ActionUse
from remediator.policy.plain_secrets import forms_in, is_plain_secret
from remediator.policy.promql import PromQLField, check_promql
from remediator.validation_problems import problems_from_validation, suggestion
from remediator.yaml_source import NodePath


@dataclass(frozen=True, slots=True)
class CheckedUse:
    """What is known of a use: `params` is None while templates stand for values of other types."""

    info: ActionInfo
    params: BaseModel | None
    absent: str | None
    """The inventory section that it needs and that is not there."""

    @property
    def changes_nothing(self) -> bool:
        """Whether this use only looks or tells, so that there is nothing to verify."""
        return self.read_only or self.info.tells

    @property
    def read_only(self) -> bool:
        """Whether it surely only looks."""
        return self.info.read_only or (self.params is not None and self.info.read_only_for(self.params))

    @property
    def undoable(self) -> bool:
        """Whether it can be undone from what it captures."""
        return self.info.reversible if self.params is None else self.info.reversible_for(self.params)


def check_use(checking: Checking, path: NodePath, use: ActionUse, known: Known) -> CheckedUse | None:
    """Check the use at `path`; None when its action is unknown."""
    info = checking.catalog.actions.get(use.uses)
    if info is None:
        fix = suggestion(use.uses, tuple(checking.catalog.actions), "actions")
        checking.broken((*path, "uses"), f"no action is called {use.uses!r}", fix)
        return None
    within: NodePath = (*path, "with")
    before = len(checking.problems)
    params = _typed(checking, within, info.params, use.with_)
    checking.loose(within, info.params, use.with_)
    absent = check_names(checking, within, info.params, use.with_)
    check_strings(checking, within, info.params, use.with_, known)
    check_secrets(checking, within, use.with_)
    literal = not any(is_template(text) for _, text in strings(use.with_))
    if params is not None and literal and absent is None and len(checking.problems) == before:
        refused = info.refuse(params)
        if refused is not None:
            checking.error(within, refused, "keep to what remediator.yaml allows")
    return CheckedUse(info, params, absent)


def _typed(
    checking: Checking, path: NodePath, model: type[BaseModel], params: Mapping[str, Any]
) -> BaseModel | None:
    try:
        return model.model_validate(params)
    except ValidationError as error:
        # A template's text is not yet the value that the parameter wants.
        later = [
            fault["loc"]
            for fault in error.errors(include_url=False)
            if isinstance(fault["input"], str) and is_template(fault["input"])
        ]
        found = problems_from_validation(checking.source, error, model, prefix=path, leave_out=later)
        checking.problems += found
        return None


def check_names(
    checking: Checking, path: NodePath, model: type[BaseModel], params: Mapping[str, Any]
) -> str | None:
    """Check parameters that name inventory entries; return a section that is absent as a whole."""
    absent = None
    seen = set()
    for inner, mark, name in marked_values(model, params, Inventory):
        if not isinstance(name, str) or (inner, mark.section) in seen:
            continue
        seen.add((inner, mark.section))
        if is_template(name):
            what = f"names an entry of {mark.section} by a template"
            checking.error(
                (*path, *inner), what, "write the name itself: no label may choose what is touched"
            )
        else:
            absent = checking.entry((*path, *inner), mark.section, name) or absent
    return absent


def check_strings(
    checking: Checking, path: NodePath, model: type[BaseModel], params: Mapping[str, Any], known: Known
) -> None:
    """Compile every template and query in parameters."""
    queries = {inner for inner, _, _ in marked_values(model, params, PromQLField)}
    names = {inner for inner, _, _ in marked_values(model, params, Inventory)}
    for inner, text in strings(params):
        if inner in queries:
            # A query without templates has been refused, if need be, by its parameter's own type.
            if is_template(text) or check_promql(text) is None:
                checking.query((*path, *inner), text, known)
        elif is_template(text) and inner not in names:
            checking.template((*path, *inner), text, known)


def check_secrets(checking: Checking, path: NodePath, params: Mapping[str, Any]) -> None:
    """Refuse literal text where a secret would stand, unless its form has given it away already."""
    for inner, text in strings(params):
        if is_plain_secret(inner, text) and not any(forms_in(text)):
            checking.secret((*path, *inner))


def strings(value: Any, path: NodePath = ()) -> Iterator[tuple[NodePath, str]]:
    """Yield every string in JSON data with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from strings(child, (*path, key))
    elif isinstance(value, list | tuple):
        for at, child in enumerate(value):
            yield from strings(child, (*path, at))
