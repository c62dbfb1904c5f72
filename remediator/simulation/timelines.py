"""Values that change at certain times, and a note of what was asked without a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timeline(Generic[T]):
    """Values with the times from which they are good, earliest first."""

    points: Sequence[tuple[datetime, T]]

    def at(self, moment: datetime) -> T | None:
        """Return the value at a moment; None before the first."""
        return next((value for since, value in reversed(self.points) if since <= moment), None)


class Unscripted:
    """What the engine asked that no script answers, each once, in the order it was first asked."""

    def __init__(self) -> None:
        self._asked: dict[str, None] = {}

    def note(self, what: str) -> str:
        """Note a question; return what the asker is told."""
        self._asked.setdefault(what)
        return f"nothing is scripted for {what}"

    @property
    def asked(self) -> tuple[str, ...]:
        """Everything noted."""
        return tuple(self._asked)
