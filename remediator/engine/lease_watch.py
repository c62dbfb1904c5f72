"""Watches leases: decides when a temporary change is undone, by resolve or by expiry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from remediator.engine.aftermath import (
    ended_with_run,
    lease_warning_at,
    next_lease_look,
    reverts_on,
    served_all_closed,
    undoing_failed,
)
from remediator.engine.context import Engine
from remediator.engine.facts import FactGatherer
from remediator.engine.failpoints import Failpoint
from remediator.engine.journal import note_run
from remediator.engine.leases import STANDING, close_lease, lease_facts
from remediator.engine.reverts import create_revert
from remediator.engine.scopes import scope_of
from remediator.engine.turns import drive_at
from remediator.policy.model import RevertOn
from remediator.runs.audit import AuditAction
from remediator.runs.records import Lease, Run, TimerKind
from remediator.runs.states import RUN_ENDED, LeaseState
from remediator.store.base import Reads, Tx


@dataclass(frozen=True, slots=True)
class _Standing:
    run: Run
    leases: tuple[Lease, ...]
    trigger: RevertOn | None
    expires_at: datetime
    warns: bool
    """Whether its end is near, and nobody was told."""


class LeaseWatch:
    """Handles the lease timer of a run."""

    def __init__(self, engine: Engine, facts: FactGatherer) -> None:
        self._engine = engine
        self._facts = facts

    async def look(self, run_id: int) -> None:
        """Undo the run's temporary changes if it is time, or set when to look again."""
        if await self._engine.store.write(lambda tx: self._undo_with_run(tx, run_id)):
            return
        now = self._engine.clock.now()
        standing = await self._engine.store.read(lambda reads: _standing(reads, run_id, now))
        looks = standing is not None and (standing.trigger is not None or standing.warns)
        ready = standing is not None and looks and await self._ready(standing.run)
        await self._engine.store.write(lambda tx: self._conclude(tx, run_id, ready=ready))

    def _undo_with_run(self, tx: Tx, run_id: int) -> bool:
        """Undo what belongs to a run that has ended; the end of that revert sets the timer for the rest."""
        run = tx.get(Run, run_id)
        if run is None or not run.state.terminal or not ended_with_run(tx.leases_of_run(run_id)):
            return False
        if any(not child.state.terminal for child in tx.child_runs(run_id)):
            tx.clear_timer(TimerKind.LEASE, run_id)
        else:
            self._revert(tx, run, RUN_ENDED)
        return True

    async def _ready(self, run: Run) -> bool:
        """Whether the revert's `when` holds on facts gathered afresh."""
        when = run.plan.revert.when if run.plan and run.plan.revert else None
        if when is None:
            return True
        prepared = self._engine.prepared_for(run)
        facts = await self._facts.gather(prepared, scope_of(run.context, prepared.policy))
        expression = prepared.policy.expressions[when]
        return expression.evaluate(scope_of(run.context, prepared.policy, facts)).holds

    def _conclude(self, tx: Tx, run_id: int, *, ready: bool) -> None:
        now = self._engine.clock.now()
        standing = _standing(tx, run_id, now)
        if standing is None:
            tx.clear_timer(TimerKind.LEASE, run_id)
            return
        if standing.warns and not ready:
            standing = self._warn(tx, standing, now)
        if standing.trigger is None:
            if standing.expires_at > now:
                # After the moment to warn, all that is left is the end.
                later = next_lease_look(standing.run, standing.leases)
                due_at = later if later > now else standing.expires_at
                tx.set_timer(TimerKind.LEASE, run_id, due_at, standing.run.priority)
            else:
                tx.clear_timer(TimerKind.LEASE, run_id)  # it does not end by itself; resolve sets it again
        elif ready and self._stable(standing, now):
            self._revert(tx, standing.run, standing.trigger)
        elif standing.trigger is RevertOn.EXPIRY and not ready:
            self._not_ready_at_expiry(tx, standing, now)
        else:
            self._later(tx, standing, now, ready=ready)

    def _warn(self, tx: Tx, standing: _Standing, now: datetime) -> _Standing:
        """Tell people that a lease ends soon, while it is not safe yet to go back."""
        warned = tuple(tx.save(replace(lease, warned_at=now)) for lease in standing.leases)
        leases = [lease_facts(lease) for lease in warned]
        why = f"it ends at {standing.expires_at:%H:%M} UTC, and `when` does not hold"
        note_run(tx, standing.run, AuditAction.LEASE_ENDING, now, leases=leases, why=why)
        return replace(standing, leases=warned, warns=False)

    def _stable(self, standing: _Standing, now: datetime) -> bool:
        """Whether `when` has held for `stable_for`; an expired lease does not wait for that."""
        revert = standing.run.plan.revert if standing.run.plan else None
        if revert is None or standing.trigger is RevertOn.EXPIRY or revert.when is None:
            return True
        since = standing.leases[0].ready_since or now
        return now - since >= revert.stable_for

    def _later(self, tx: Tx, standing: _Standing, now: datetime, *, ready: bool) -> None:
        for lease in standing.leases:
            tx.save(replace(lease, ready_since=(lease.ready_since or now) if ready else None))
        recheck_at = now + self._engine.prepared_for(standing.run).policy.document.recheck
        revert = standing.run.plan.revert if standing.run.plan else None
        if ready and revert is not None:
            # Often enough to notice a break, and no later than the moment that decides.
            since = standing.leases[0].ready_since or now
            recheck_at = min(recheck_at, max(since + revert.stable_for, now + revert.stable_for / 10))
        if standing.expires_at > now:
            recheck_at = min(recheck_at, standing.expires_at)
        tx.set_timer(TimerKind.LEASE, standing.run.id, recheck_at, standing.run.priority)

    def _revert(self, tx: Tx, run: Run, trigger: str) -> None:
        revert = create_revert(tx, self._engine, run, trigger)
        drive_at(tx, revert, self._engine.clock.now())
        tx.clear_timer(TimerKind.LEASE, run.id)
        self._engine.failpoints.hit(Failpoint.REVERT_CREATED)

    def _not_ready_at_expiry(self, tx: Tx, standing: _Standing, now: datetime) -> None:
        """The lease ran out and going back is not safe yet: what the policy says for that."""
        revert = standing.run.plan.revert if standing.run.plan else None
        choice = revert.if_not_ready if revert else "ask"
        if choice == "undo":
            self._revert(tx, standing.run, RevertOn.EXPIRY)
            return
        state = LeaseState.KEPT if choice == "keep" else LeaseState.OVERDUE
        for lease in standing.leases:
            if lease.state is not state:
                close_lease(tx, standing.run, lease, state, now, why="expired, and `when` does not hold")
        if standing.run.lease is not state:
            tx.save(replace(standing.run, lease=state))
        if choice == "keep":
            tx.clear_timer(TimerKind.LEASE, standing.run.id)
            return
        # Overdue: a person decides (`runs revert`), or `when` comes to hold and it is undone by itself.
        recheck = self._engine.prepared_for(standing.run).policy.document.recheck
        tx.set_timer(TimerKind.LEASE, standing.run.id, now + recheck, standing.run.priority)


def _standing(reads: Reads, run_id: int, now: datetime) -> _Standing | None:
    run = reads.get(Run, run_id)
    if run is None or not run.state.terminal:
        return None  # the end of the run sets the timer anew
    if any(not child.state.terminal for child in reads.child_runs(run_id)) or undoing_failed(reads, run_id):
        return None
    leases = tuple(
        lease for lease in reads.leases_of_run(run_id) if lease.state in STANDING and not lease.ends_with_run
    )
    if not leases:
        return None
    expires_at = min(lease.expires_at for lease in leases)
    trigger: RevertOn | None = None
    if expires_at <= now and reverts_on(run, RevertOn.EXPIRY):
        trigger = RevertOn.EXPIRY
    elif served_all_closed(reads, run_id) and reverts_on(run, RevertOn.RESOLVED):
        trigger = RevertOn.RESOLVED
    warn_at = lease_warning_at(run, leases)
    warns = warn_at is not None and warn_at <= now and trigger is not RevertOn.EXPIRY
    return _Standing(run, leases, trigger, expires_at, warns)
