"""Leases: a temporary change remembers the first original, and one policy at a time makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from remediator.actions.base import Action, Outcome, OutcomeStatus
from remediator.engine.journal import note_run
from remediator.errors import RemediatorError
from remediator.policy.model import Revert
from remediator.runs.audit import AuditAction
from remediator.runs.records import Lease, Run, StepRecord
from remediator.runs.states import LeaseState
from remediator.store.base import Reads, Tx

STANDING = (LeaseState.OPEN, LeaseState.OVERDUE)


class LeaseHeldError(RemediatorError):
    """Another policy's temporary change stands on the same attribute."""


def open_leases(
    tx: Tx,
    run: Run,
    step: StepRecord,
    action: Action[Any],
    params: BaseModel,
    captured: Mapping[str, Any],
    now: datetime,
) -> None:
    """Open or renew a lease for everything that a step is about to change for a time.

    The same policy acting again renews and captures nothing: the first original stays.

    Raises:
        LeaseHeldError: when another policy holds one of them.
    """
    plan = run.plan
    if not leases_with(run, action):
        return
    revert = plan.revert if plan is not None else None
    length = action.stands_for(params) or (revert or Revert()).after
    pairs = action.attributes(params)
    if plan is not None and plan.revert_steps and not pairs:
        pairs = _whole_option(run, step)
    for resource, attribute in pairs:
        standing = tx.open_lease(resource, attribute)
        if standing is None:
            original = captured.get(attribute)
            lease = _lease(run, step, (resource, attribute), original, now + length, now)
            _open(tx, run, replace(lease, ends_with_run=action.ends_with_run))
        elif standing.policy != run.policy:
            raise LeaseHeldError(
                f"{resource}/{attribute} is changed temporarily by {standing.policy} (run {standing.run_id})"
            )
        elif standing.run_id != run.id:
            _renew(tx, run, standing, now + length, now)


def leases_with(run: Run, action: Action[Any]) -> bool:
    """Tell whether what an action changes in a run is temporary: by its option's revert, or by itself."""
    return action.ends_with_run or (run.plan is not None and run.plan.revert is not None)


def _whole_option(run: Run, step: StepRecord) -> tuple[tuple[str, str], ...]:
    """What a step with a revert of its own changes when its action can't name it: the option, once."""
    return ((f"target:{run.target}", f"option:{run.option}"),) if step.position == 0 else ()


def _lease(
    run: Run,
    step: StepRecord,
    pair: tuple[str, str],
    original: Any,
    expires_at: datetime,
    now: datetime,
) -> Lease:
    return Lease(
        resource=pair[0],
        attribute=pair[1],
        policy=run.policy,
        run_id=run.id,
        option=step.option,
        position=step.position,
        action=step.action,
        params=step.params,
        original=original,
        applied=None,
        state=LeaseState.OPEN,
        opened_at=now,
        expires_at=expires_at,
    )


def _open(tx: Tx, run: Run, lease: Lease) -> None:
    added = tx.add(lease)
    facts = {**lease_facts(added), "ends_with_run": added.ends_with_run, "original": added.original}
    note_run(tx, run, AuditAction.LEASE_OPENED, added.opened_at, **facts)


def _renew(tx: Tx, run: Run, lease: Lease, expires_at: datetime, now: datetime) -> None:
    """Prolong a standing lease; its first run also waits for this run's episodes."""
    tx.save(replace(lease, expires_at=max(expires_at, lease.expires_at), renewed_at=now, warned_at=None))
    for episode in tx.episodes_of_run(run.id):
        tx.join(lease.run_id, episode.id, now)
    note_run(tx, run, AuditAction.LEASE_RENEWED, now, **lease_facts(lease), held_by_run=lease.run_id)


def settle_leases(
    tx: Tx,
    run: Run,
    step: StepRecord,
    action: Action[Any],
    params: BaseModel,
    outcome: Outcome,
    now: datetime,
) -> None:
    """After the step: keep what it left behind, or close what it turned out not to change."""
    for resource, attribute in action.attributes(params):
        lease = tx.open_lease(resource, attribute)
        if lease is None or lease.policy != run.policy:
            continue
        opened_here = (lease.run_id, lease.option, lease.position) == (run.id, step.option, step.position)
        # On a later attempt it may be so already because the first one's effect was not seen.
        if outcome.status is OutcomeStatus.ALREADY and opened_here and step.attempt == 1:
            close_lease(tx, run, lease, LeaseState.UNDONE, now, why="it was so already")
        elif outcome.status is OutcomeStatus.SUCCEEDED:
            tx.save(replace(lease, applied=(step.applied or {}).get(attribute)))


def holds_all(reads: Reads, policy: str, pairs: tuple[tuple[str, str], ...]) -> bool:
    """Tell whether a policy's leases stand on every one of `pairs`: then there is nothing to capture."""
    standing = [reads.open_lease(resource, attribute) for resource, attribute in pairs]
    return bool(pairs) and all(lease is not None and lease.policy == policy for lease in standing)


def close_lease(tx: Tx, run: Run, lease: Lease, state: LeaseState, now: datetime, *, why: str) -> Lease:
    """End a lease, or mark it overdue or kept."""
    closed_at = None if state is LeaseState.OVERDUE else now
    saved = tx.save(replace(lease, state=state, closed_at=closed_at))
    note_run(tx, run, AuditAction.LEASE_CLOSED, now, **lease_facts(saved), why=why)
    return saved


def lease_facts(lease: Lease) -> dict[str, Any]:
    """Return what audit rows say of a lease."""
    return {
        "lease_id": lease.id,
        "resource": lease.resource,
        "attribute": lease.attribute,
        "state": lease.state,
        "expires_at": lease.expires_at.isoformat().replace("+00:00", "Z"),
    }
