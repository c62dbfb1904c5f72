"""Cuts the parts that break a schema out of a document, so that the rest can be checked as well."""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError

from remediator.policy.model import Policy
from remediator.yaml_source import NodePath, YamlSource

_ROUNDS = 4
# Stand in for a name or a target that was cut or forgotten; such a policy is never served.
_STAND_INS = {"policy": "unnamed", "target": "unnamed"}


def without_faults(source: YamlSource) -> Policy | None:
    """Return what is left of a policy once faulty parts are cut; None when too little is.

    Entries of lists stay in their places, so that the positions of the rest hold.
    """
    data: Any = copy.deepcopy(source.data)
    for _ in range(_ROUNDS):
        try:
            return Policy.model_validate({**_STAND_INS, **data})
        except ValidationError as error:
            cut = [source.deepest(fault["loc"]) for fault in error.errors() if fault["type"] != "missing"]
            if not sum(_cut(data, path) for path in cut):
                return None
    return None


def _cut(data: Any, path: NodePath) -> bool:
    """Remove the key at the end of `path`, or the nearest key above a list's entry."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    if not path:
        return False
    for part in path[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError):
            return False
    return isinstance(data, dict) and data.pop(path[-1], path) is not path
