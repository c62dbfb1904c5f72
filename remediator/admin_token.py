"""The generated admin token: without any token configured, nobody could get in, and nobody may."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

from remediator.private_file import write_private
from remediator.settings import Role, Settings, Token


def with_admin_token(settings: Settings, tell: Callable[[str], None]) -> Settings:
    """Return settings that have a token; one is generated and told, once, where none is configured.

    Only its digest is kept, beside the database, readable by the owner alone.
    """
    if settings.tokens:
        return settings
    path = digest_path(settings)
    if path.exists():
        digest = path.read_text(encoding="ascii").strip()
    else:
        token = secrets.token_urlsafe(32)
        digest = hashlib.sha256(token.encode()).hexdigest()
        write_private(path, digest)
        tell(
            f"No tokens are configured. A token with all roles was made; it is shown only now:\n\n"
            f"    {token}\n\n"
            f"Its digest is in {path}; delete that file to get a new one."
        )
    admin = Token(name="admin", sha256=digest, roles=(Role.ADMIN,))
    return settings.model_copy(update={"tokens": (admin,)})


def digest_path(settings: Settings) -> Path:
    """Return where the digest of the generated token is kept."""
    return settings.store.sqlite.parent / "admin-token.sha256"
