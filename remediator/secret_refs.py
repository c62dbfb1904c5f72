"""Secrets by reference: `env:NAME` and `file:/run/secrets/x`, resolved at the moment of use.

A reference may be stored, logged and shown; what it resolves to may not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import re2
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
        self._last = _Known(())

    def text(self, text: str) -> str:
        """Return `text` with secrets replaced by `[env:NAME]`."""
        return self._known().hidden(text)

    def json(self, value: Any) -> Any:
        """Return a JSON value with secrets replaced in every string and key, at any depth."""
        known = self._known()

        def clean(node: Any) -> Any:
            if isinstance(node, str):
                return known.hidden(node)
            if isinstance(node, dict):
                return {clean(key): clean(child) for key, child in node.items()}
            if isinstance(node, list | tuple):
                return [clean(child) for child in node]
            return node

        return clean(value) if known.secrets else value

    def _known(self) -> _Known:
        """Look every secret up, and work out anew what to look for where one has changed."""
        secrets: list[tuple[str, str]] = []
        for reference in self._references:
            try:
                value = resolve_secret(reference)
            except SecretUnavailableError:
                continue
            if len(value) >= _SHORTEST_REDACTED:
                secrets.append((value, reference))
        if self._last.secrets != tuple(secrets):
            self._last = _Known(tuple(secrets))
        return self._last


class _Known:
    """Secrets with their references, and what to look for in a text."""

    def __init__(self, secrets: tuple[tuple[str, str], ...]) -> None:
        self.secrets = secrets
        forms = {form: reference for value, reference in secrets for form in secret_forms(value)}
        # Longest first, so that a secret that contains another is replaced whole.
        self._forms = sorted(forms.items(), key=lambda pair: -len(pair[0]))
        # One look tells of nearly every text that nothing of any secret is in it.
        pieces = {piece for form in forms for piece in (form[:SHORTEST_PIECE], form[-SHORTEST_PIECE:])}
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are: not all need be text
        found = b"|".join(re2.escape(_bytes(piece)) for piece in sorted(pieces))
        self._pieces: Any = re2.compile(found, options)

    def hidden(self, text: str) -> str:
        """Return `text` without any of them."""
        if not self.secrets or not self._pieces.search(_bytes(text)):
            return text
        for form, reference in self._forms:
            if form in text:
                text = text.replace(form, f"[{reference}]")
        for form, reference in self._forms:
            if len(form) > SHORTEST_PIECE:
                text = without_pieces(text, form, f"[{reference}]")
        return text


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
