"""The key that signs browsers' sessions: by reference, or generated and kept beside the database."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

from remediator.errors import RemediatorError
from remediator.private_file import write_private
from remediator.secret_refs import resolve_secret
from remediator.settings import Settings

_SHORTEST = 32


class SessionKeyError(RemediatorError):
    """The key can't be used: too short, or others can read its file."""


def session_key(settings: Settings) -> bytes:
    """Return the key, generating one at the first start.

    Raises:
        SessionKeyError: when it is shorter than 32 characters, or the generated file is open to others.
        SecretUnavailableError: when `server.login.key` points at nothing.
    """
    reference = settings.server.login.key
    if reference is not None:
        return _long_enough(resolve_secret(reference), f"server.login.key ({reference})")
    path = key_path(settings)
    if not path.exists():
        write_private(path, secrets.token_urlsafe(48))
    if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise SessionKeyError(
            f"others can read {path} and make themselves sessions; delete it, and a new one is made"
        )
    return _long_enough(path.read_text(encoding="ascii").strip(), str(path))


def key_path(settings: Settings) -> Path:
    """Return where the generated key is kept."""
    return settings.store.sqlite.parent / "session-key"


def _long_enough(key: str, where: str) -> bytes:
    if len(key) < _SHORTEST:
        raise SessionKeyError(f"{where} has {len(key)} characters; use {_SHORTEST} or more random ones")
    return key.encode()
