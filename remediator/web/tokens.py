"""The tokens that may log in now, by their digests. They can be replaced while the server runs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from remediator.engine.actors import Actor
from remediator.settings import Token


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a token. `mark` changes with the token, so that what it opened ends with it."""

    actor: Actor
    mark: str


class Tokens:
    """Who may log in."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._digests: tuple[tuple[str, Holder], ...] = ()
        self._named: dict[str, Holder] = {}
        self.renew(tokens)

    def renew(self, tokens: Iterable[Token]) -> None:
        """Let these log in from now on, and nobody else."""
        digests = []
        self._named = {}
        for token in tokens:
            actor = Actor(token.name, frozenset(token.roles), frozenset(token.groups))
            holder = self._named[token.name] = Holder(actor, _mark(token.sha256 or ""))
            if token.sha256 is not None:
                digests.append((token.sha256, holder))
        self._digests = tuple(digests)

    def holder_of(self, secret: bytes) -> Holder | None:
        """Return who holds the token `secret`, or None."""
        digest = hashlib.sha256(secret).hexdigest()
        found = None
        # Every digest is compared, so that the time taken says nothing about which one fits.
        for known, holder in self._digests:
            if hmac.compare_digest(known, digest):
                found = holder
        return found

    def named(self, name: str) -> Holder | None:
        """Return the holder of that name, or None."""
        return self._named.get(name)


def _mark(digest: str) -> str:
    # Cookies show it, so it is not the digest itself.
    return hashlib.sha256(f"remediator session {digest}".encode()).hexdigest()[:16]
