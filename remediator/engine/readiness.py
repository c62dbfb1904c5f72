"""Why the server is not ready, and what else its readers should know."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Unready(StrEnum):
    """Every reason against being ready that there is."""

    AUDIT_CHAIN = "audit_chain"
    DRAINING = "draining"
    STORE = "store"
    WORKERS = "workers"


class Readiness:
    """Named reasons against being ready, and named notes that do not count against it."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._notes: dict[str, str] = {}

    def set(self, name: Unready, why: str | None) -> None:
        """Set or (None) clear a reason against being ready."""
        _put(self._reasons, name, why)

    def note(self, name: str, what: str | None) -> None:
        """Set or (None) clear a note."""
        _put(self._notes, name, what)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why it is not ready; empty when it is."""
        return dict(self._reasons)

    @property
    def notes(self) -> Mapping[str, str]:
        """What is shown beside."""
        return dict(self._notes)


def _put(into: dict[str, str], name: str, text: str | None) -> None:
    if text is None:
        into.pop(name, None)
    else:
        into[name] = text
