"""Holds: the kill switch. Once one is committed, no new step starts in what it covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from remediator.engine.actors import ENGINE, Actor
from remediator.engine.context import Engine
from remediator.engine.dispatch import Wakes
from remediator.engine.results import Result, Status
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.reasons import Reason
from remediator.runs.records import Hold, HoldScope, TimerKind
from remediator.store.base import Tx


class Holds:
    """Adds, removes and expires holds."""

    def __init__(self, engine: Engine, waker: Wakes) -> None:
        self._engine = engine
        self._waker = waker

    async def add(
        self, *, scope: HoldScope, value: str, reason: str, duration: timedelta | None, actor: Actor
    ) -> Result:
        """Pause automation. Without a duration it stays until removed."""
        invalid = self._invalid(scope, value, reason, duration)
        if invalid is not None:
            return Result(Status.INVALID, invalid)

        def work(tx: Tx) -> Hold:
            now = self._engine.clock.now()
            hold = tx.add(
                Hold(
                    scope=scope,
                    value=value if scope is not HoldScope.ALL else "",
                    reason=self._engine.redactor.text(reason),
                    created_by=actor.name,
                    created_at=now,
                    expires_at=now + duration if duration is not None else None,
                )
            )
            if hold.expires_at is not None:
                tx.set_timer(TimerKind.HOLD_EXPIRY, hold.id, hold.expires_at)
            self._note(tx, hold, AuditAction.HOLD_ADDED, actor.name)
            # Planned runs look again, and show as held at once.
            tx.wake_all(Reason.HELD, now)
            return hold

        hold = await self._engine.store.write(work)
        self._waker.wake()
        return Result(Status.DONE, f"held: {_what(hold)}", hold=hold)

    async def remove(self, hold_id: int, *, actor: Actor) -> Result:
        """Let automation go on."""

        def work(tx: Tx) -> Result:
            hold = tx.get(Hold, hold_id)
            now = self._engine.clock.now()
            if hold is None:
                return Result(Status.NOT_FOUND, f"there is no hold {hold_id}")
            if hold.removed_at is not None:
                return Result(Status.REPEATED, f"removed already, by {hold.removed_by}", hold=hold)
            removed = tx.save(replace(hold, removed_at=now, removed_by=actor.name))
            tx.clear_timer(TimerKind.HOLD_EXPIRY, hold_id)
            self._note(tx, removed, AuditAction.HOLD_REMOVED, actor.name)
            tx.wake_all(Reason.HELD, now)
            return Result(Status.DONE, f"no longer held: {_what(removed)}", hold=removed)

        result = await self._engine.store.write(work)
        self._waker.wake()
        return result

    async def expire(self, hold_id: int) -> None:
        """Handle the expiry timer of a hold."""

        def work(tx: Tx) -> None:
            now = self._engine.clock.now()
            hold = tx.get(Hold, hold_id)
            if hold is not None and hold.expires_at is not None and hold.expires_at > now:
                tx.set_timer(TimerKind.HOLD_EXPIRY, hold_id, hold.expires_at)
                return
            tx.clear_timer(TimerKind.HOLD_EXPIRY, hold_id)
            if hold is None or hold.removed_at is not None:
                return
            tx.save(replace(hold, removed_at=now, removed_by=ENGINE))
            self._note(tx, hold, AuditAction.HOLD_EXPIRED, ENGINE)
            tx.wake_all(Reason.HELD, now)

        await self._engine.store.write(work)

    def _invalid(self, scope: HoldScope, value: str, reason: str, duration: timedelta | None) -> str | None:
        if not reason.strip():
            return "a hold needs a reason: whoever finds it at night has to know why"
        if duration is not None and duration <= timedelta(0):
            return "a hold must last longer than no time"
        if scope is HoldScope.ALL:
            return None
        if not value:
            return f"a hold of a {scope} needs its name as value"
        if scope is HoldScope.POLICY and self._engine.policies.get(value) is None:
            return f"there is no policy {value!r}; see `remediator policies list`"
        return None

    def _note(self, tx: Tx, hold: Hold, action: AuditAction, actor: str) -> None:
        tx.audit(
            AuditEntry(
                at=self._engine.clock.now(),
                actor=actor,
                action=action,
                policy=hold.value if hold.scope is HoldScope.POLICY else None,
                target=hold.value if hold.scope is HoldScope.TARGET else None,
                detail={
                    "hold_id": hold.id,
                    "scope": hold.scope,
                    "value": hold.value,
                    "reason": hold.reason,
                    "expires_at": hold.expires_at.isoformat().replace("+00:00", "Z")
                    if hold.expires_at
                    else None,
                },
            )
        )


def _what(hold: Hold) -> str:
    return "everything" if hold.scope is HoldScope.ALL else f"{hold.scope} {hold.value}"
