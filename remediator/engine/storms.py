"""Storm mode: begins with the delivery that makes it a storm, ends when it has been calm for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.actors import ENGINE
from remediator.engine.context import Engine
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.reasons import Reason
from remediator.runs.records import TimerKind
from remediator.runs.storms import Storm
from remediator.settings_storm import StormLimits
from remediator.store.base import Tx

_LOOK_EVERY = timedelta(seconds=10)
# Before whatever else is due: it decides what else is done at all.
_FIRST = -(2**31)


def notice_storm(tx: Tx, limits: StormLimits, now: datetime) -> None:
    """Begin storm mode when so many alerts are new that it is one; call when an episode was opened."""
    if tx.storm() is not None or tx.opened_since(now - limits.within, limits.enter) < limits.enter:
        return
    storm = tx.add(Storm(began_at=now))
    tx.set_timer(TimerKind.STORM, storm.id, now + _LOOK_EVERY, _FIRST)
    detail = {
        "storm_id": storm.id,
        "new_alerts": f"{limits.enter} or more",
        "within_seconds": limits.within.total_seconds(),
        "acts_on": str(limits.acts_on),
        "priority": limits.priority,
    }
    tx.audit(AuditEntry(at=now, actor=ENGINE, action=AuditAction.STORM_BEGAN, detail=detail))


class StormWatch:
    """Handles the timer of a storm."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def look(self, storm_id: int) -> None:
        """Look whether it is calm, and has been for long enough: then whoever waited for it is decided."""
        await self._engine.store.write(lambda tx: self._look(tx, storm_id))

    def _look(self, tx: Tx, storm_id: int) -> None:
        limits, now = self._engine.settings.limits.storm, self._engine.clock.now()
        storm = tx.get(Storm, storm_id)
        if storm is None or storm.ended_at is not None:
            tx.clear_timer(TimerKind.STORM, storm_id)
            return
        calm = tx.opened_since(now - limits.within, limits.leave) < limits.leave
        since = (storm.calm_since or now) if calm else None
        if since is None or now - since < limits.calm_for:
            tx.save(replace(storm, calm_since=since))
            tx.set_timer(TimerKind.STORM, storm_id, now + _LOOK_EVERY, _FIRST)
            return
        tx.save(replace(storm, calm_since=since, ended_at=now))
        tx.clear_timer(TimerKind.STORM, storm_id)
        seconds = round((now - storm.began_at).total_seconds(), 3)
        detail = {"storm_id": storm_id, "seconds": seconds, "woken": tx.wake_all(Reason.STORM, now)}
        tx.audit(AuditEntry(at=now, actor=ENGINE, action=AuditAction.STORM_ENDED, detail=detail))
