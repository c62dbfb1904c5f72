"""Names set to values, as `fly.secrets` and `docker.env` take them, and the bounds on both. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from remediator.actions.base import ActionParams
from remediator.secret_refs import is_secret_ref, resolve_secret
from remediator.settings_section import SecretValues


def _as_text(value: Any) -> Any:
    """Numbers and truth values are written without quotes as often as with."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text), Field(max_length=32_768)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class SetValue(ActionParams):
    """What a name is set to, and what it returns to."""

    to: Text = Field(description="A value, or a reference (env:NAME) that remediator.yaml lists for it.")
    back: Text | None = Field(default=None, description="What an undo sets; needed where it can't be read.")


def _wrap(value: Any) -> Any:
    return value if isinstance(value, Mapping | SetValue) else {"to": value}


SetValues = Annotated[dict[VariableName, Annotated[SetValue, BeforeValidator(_wrap)]], Field(min_length=1)]
"""Name: value, or name: {to: value, back: value}."""


def refuse_values(
    values: Mapping[str, SetValue], bounds: Mapping[str, SecretValues | None] | None, where: str
) -> str | None:
    """Say which value is out of its bounds, or None. `bounds` None allows every name.

    A reference counts only where the inventory lists it for that very name: otherwise a label
    that reads `env:SOMETHING` could have any secret of this server handed over.
    """
    for name, value in values.items():
        if bounds is not None and name not in bounds:
            return f"{where} in remediator.yaml does not list {name}"
        limit = (bounds or {}).get(name)
        for text in (value.to, value.back):
            fault = None if text is None else _fault(text, limit)
            if fault is not None:
                return f"{name}: {fault} by {where}.{name} in remediator.yaml"
    return None


def _fault(text: str, limit: SecretValues | None) -> str | None:
    if is_secret_ref(text):
        listed = limit is not None and text in (limit.values or ())
        return None if listed else f"the reference {text[:80]!r} is not listed under values"
    if limit is None:
        return None
    if limit.values is not None and text not in limit.values:
        return f"{text[:80]!r} is not one of the values allowed"
    if limit.min is None and limit.max is None:
        return None
    if not text.isascii() or not text.isdecimal():
        return f"{text[:80]!r} is not the whole number asked for"
    number = int(text[:20])
    if (limit.min is not None and number < limit.min) or (limit.max is not None and number > limit.max):
        return f"{number} is out of the range allowed"
    return None


def resolved(text: str) -> str:
    """Return a value, looked up when it is a reference.

    Raises:
        SecretUnavailableError: when the reference points at nothing.
    """
    return resolve_secret(text) if is_secret_ref(text) else text
