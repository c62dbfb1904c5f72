"""Secrets by reference: `env:NAME` and `file:/run/secrets/x`, resolved at the moment of use.

A reference may be stored, logged and shown; what it resolves to may not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from remediator.errors import RemediatorError
from remediator.secret_forms import SHORTEST_PIECE, secret_forms, without_pieces

# Values shorter than this are not redacted: replacing every "1" would hide the output itself.
_SHORTEST_REDACTED = 4


class SecretUnavailableError(RemediatorError):
    """A reference points at nothing: an unset variable or an unreadable file."""


def is_secret_ref(value: Any) -> bool:
    """Tell whether `value` is written as a reference."""
    return isinstance(value, str) and (value.startswith(("env:", "file:/")))


def _validate(value: str) -> str:
    if not is_secret_ref(value) or value == "env:":
        raise ValueError("is a secret written in plain text; write a reference, env:NAME or file:/path")
    return value


SecretRef = Annotated[str, AfterValidator(_validate)]
"""A string field that holds a reference, never the secret itself."""


def resolve_secret(reference: str) -> str:
    """Return what `reference` points at; a file's trailing newline is not part of it.

    Raises:
        SecretUnavailableError: naming the variable or file, never a value.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name)
        if not value:
            raise SecretUnavailableError(f"environment variable {name} is not set; set it and restart")
        return value
    try:
        return Path(name).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnavailableError(f"secret file {name} cannot be read: {error}") from None


class Redactor:
    """Replaces every known secret in text by its reference, also one that was encoded or cut on its way.

    It knows the references of the configuration and looks their values up at each
    use, so that a rotated secret is hidden as well.
    """

    def __init__(self, references: frozenset[str]) -> None:
        self._references = sorted(references)
        self._worked_out: dict[str, tuple[str, tuple[str, ...]]] = {}

    def text(self, text: str) -> str:
        """Return `text` with secrets replaced by `[env:NAME]`."""
        return _hidden(text, self._known())

    def json(self, value: Any) -> Any:
        """Return a JSON value with secrets replaced in every string and key, at any depth."""
        known = self._known()

        def clean(node: Any) -> Any:
            if isinstance(node, str):
                return _hidden(node, known)
            if isinstance(node, dict):
                return {clean(key): clean(child) for key, child in node.items()}
            if isinstance(node, list | tuple):
                return [clean(child) for child in node]
            return node

        return clean(value) if known else value

    def _known(self) -> list[tuple[str, str]]:
        """Return each form of each secret with its reference."""
        known: list[tuple[str, str]] = []
        for reference in self._references:
            try:
                value = resolve_secret(reference)
            except SecretUnavailableError:
                continue
            if len(value) < _SHORTEST_REDACTED:
                continue
            before, forms = self._worked_out.get(reference, ("", ()))
            if before != value:
                forms = tuple(secret_forms(value))
                self._worked_out[reference] = (value, forms)
            known += [(form, reference) for form in forms]
        # Longest first, so that a secret that contains another is replaced whole.
        return sorted(known, key=lambda pair: -len(pair[0]))


def _hidden(text: str, known: list[tuple[str, str]]) -> str:
    for form, reference in known:
        if form in text:
            text = text.replace(form, f"[{reference}]")
    for form, reference in known:
        if len(form) > SHORTEST_PIECE:
            text = without_pieces(text, form, f"[{reference}]")
    return text
