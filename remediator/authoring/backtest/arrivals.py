"""What came in, as a backtest reads it: deliveries in the order of their time, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from remediator.alerts import Alert
from remediator.runs.reasons import CloseReason

_FAULTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Ending:
    """How an episode ended that no receipt closed: it vanished, or nothing more was heard of it."""

    at: datetime
    reason: CloseReason


@dataclass(slots=True)
class Arrival:
    """One alert of a delivery. `episode_id` and `ending` are known of recorded receipts only."""

    alert: Alert
    episode_id: int | None = None
    ending: Ending | None = None


@dataclass(slots=True)
class Delivered:
    """What came in at one moment: decided on together, as one transaction does."""

    at: datetime
    source: str
    arrivals: list[Arrival]
    confirmed: bool = False
    """Found by a poll: never taken for late."""


@dataclass(slots=True)
class Faults:
    """What of the input could not be used: all of it counted, some of it named."""

    skipped: int = 0
    named: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Count one, and name it while there is room."""
        self.skipped += 1
        if len(self.named) < _FAULTS_SHOWN:
            self.named.append(what)


class Recording(Protocol):
    """Where recorded alerts come from."""

    @property
    def faults(self) -> Faults:
        """What could not be used, so far."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """How it differs from what Alertmanager delivered, and why."""
        ...

    def deliveries(self) -> Iterator[Delivered]:
        """Yield everything of the period, oldest first; never all of it at once.

        Raises:
            RemediatorError: when it can't be read any further.
        """
        ...

    def progress(self) -> float | None:
        """Return the share that was read so far; None when nobody knows."""
        ...


Json = dict[str, Any]
