"""What a page follows: the server-sent events after the newest row of the audit log that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remediator.runs.audit import AuditAction


@dataclass(frozen=True, slots=True)
class Live:
    """From where on, and which events. Browsers have to name each kind that they listen to."""

    after: int
    events: Sequence[str]


def live_after(sequence: int) -> Live:
    """Return that everything counts as news after a sequence."""
    return Live(sequence, tuple(AuditAction))
