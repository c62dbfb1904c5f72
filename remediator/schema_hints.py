"""What a JSON Schema can say of rules that pydantic's validators hold, so that an editor sees them too."""

from __future__ import annotations

from typing import Any


def exactly_one_of(*keys: str) -> dict[str, Any]:
    """Return the schema of a mapping in which exactly one of `keys` is given, with a value."""
    return {"oneOf": [given(key) for key in keys]}


def given(key: str) -> dict[str, Any]:
    """Return the schema of a mapping in which `key` is given; null or an empty list is not."""
    return {"required": [key], "properties": {key: {"not": {"enum": [None, []]}}}}
