"""When an admission or a run gets its turn: of several that are due the most important goes first."""

from __future__ import annotations

from datetime import datetime

from remediator.runs.episodes import Admission
from remediator.runs.records import Run, TimerKind
from remediator.runs.waiting import severity_of
from remediator.store.base import Tx


def decide_at(tx: Tx, admission: Admission, due_at: datetime) -> None:
    """Have an admission decided at a time."""
    tx.set_timer(TimerKind.DECIDE, admission.id, due_at, admission.priority, admission.severity)


def drive_at(tx: Tx, run: Run, due_at: datetime) -> None:
    """Have a run brought further at a time."""
    tx.set_timer(TimerKind.DRIVE, run.id, due_at, run.priority, severity_of(run.context["labels"]))
