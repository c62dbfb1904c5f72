"""What a step locks. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from remediator.actions.base import Action, Inventory
from remediator.policy.catalog import marked_values


def resources_of(action: Action[Any], params: BaseModel) -> frozenset[str]:
    """Return the lock keys of one use (`docker:qloapps`); none when it only looks."""
    if action.read_only_for(params):
        return frozenset()
    written = params.model_dump(mode="json", by_alias=True)
    return frozenset(
        f"{mark.lock}:{name}"
        for _, mark, name in marked_values(type(params), written, Inventory)
        if mark.lock is not None and name is not None
    )
