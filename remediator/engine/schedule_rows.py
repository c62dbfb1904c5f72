"""Keeps the rows of schedules in step with the policies that serve."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from remediator.engine.context import Engine
from remediator.policy.model import Schedule as Written
from remediator.runs.records import TimerKind
from remediator.runs.schedules import Schedule
from remediator.settings import Mode
from remediator.store.base import Tx


def plan_schedules(tx: Tx, engine: Engine, now: datetime) -> None:
    """Set when each scheduled policy is due next. What was due while the server was down stays due."""
    calendar = engine.calendar
    if calendar is None:
        return
    serving = _serving(engine)
    for row in tx.schedules():
        if row.policy not in serving and row.next_due_at is not None:
            tx.save(replace(row, next_due_at=None, result=None))
            tx.set_timer(TimerKind.SCHEDULE, row.id, now)  # to close what it opened
    for policy, written in serving.items():
        known = tx.schedule_of(policy)
        if known is not None and _same(known, written):
            tx.set_timer(TimerKind.SCHEDULE, known.id, now)
            continue
        row = Schedule(
            id=known.id if known else 0,
            policy=policy,
            cron=written.cron,
            timezone=written.timezone,
            next_due_at=calendar.next_after(written.cron, written.timezone, now),
        )
        row = tx.save(row) if known else tx.add(row)
        tx.set_timer(TimerKind.SCHEDULE, row.id, now)


def _serving(engine: Engine) -> dict[str, Written]:
    documents = [policy.document for policy in engine.policies.current.policies.values()]
    return {
        document.policy: document.schedule
        for document in documents
        if document.schedule is not None and document.mode is not Mode.OFF
    }


def _same(row: Schedule, written: Written) -> bool:
    same = (row.cron, row.timezone) == (written.cron, written.timezone)
    return same and row.next_due_at is not None
