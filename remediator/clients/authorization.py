"""How requests say who they are: the secret is looked up for each one, so that it may be rotated."""

from __future__ import annotations

import base64

from remediator.secret_refs import Redactor, resolve_secret
from remediator.settings import Auth


def authorization(auth: Auth | None) -> dict[str, str]:
    """Return the header for a request, none without `auth`.

    Raises:
        SecretUnavailableError: when the secret can't be looked up.
    """
    if auth is None:
        return {}
    if auth.bearer is not None:
        return {"Authorization": f"Bearer {resolve_secret(auth.bearer)}"}
    if auth.basic is not None:
        pair = f"{auth.basic.username}:{resolve_secret(auth.basic.password)}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def hidden_credentials(auth: Auth | None) -> Redactor:
    """Return what hides the secrets of `auth` in answers that repeat them."""
    references = {auth.bearer, auth.basic.password if auth.basic else None} if auth else set()
    return Redactor(frozenset(reference for reference in references if reference is not None))
