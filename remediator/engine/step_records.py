"""What steps write down, and how their outcomes are read: small pure pieces and single writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.actions.base import FailureReason, Outcome, OutcomeStatus, ProbeAnswer, failed
from remediator.runs.plan import PlannedStep
from remediator.runs.reasons import Reason
from remediator.runs.records import HoldScope, Run, StepRecord
from remediator.runs.states import RunKind, StepPhase, StepState
from remediator.store.base import Tx


def fail_option(tx: Tx, run: Run, record: StepRecord, text: str) -> None:
    """Note, with the step's own result, that the option failed: a restart then goes on from there."""
    if run.kind is RunKind.REMEDIATION:
        detail = f"step {record.position} ({record.action}): {text}"
        tx.save(replace(run, option_result=Reason.STEP_FAILED, detail=detail))


def after_probe(answer: ProbeAnswer, outcome: Outcome, *, idempotent: bool) -> Outcome:
    """Turn an ambiguous outcome into what the probe says; what may be repeated counts as not done."""
    if answer is ProbeAnswer.DONE:
        return replace(
            outcome, status=OutcomeStatus.SUCCEEDED, detail=f"{outcome.detail}; a look shows it done"
        )
    if answer is ProbeAnswer.NOT_DONE:
        return failed(FailureReason.NOT_SENT, f"{outcome.detail}; a look shows it not done")
    if idempotent:
        return failed(outcome.reason or FailureReason.LOST, f"{outcome.detail}; it may safely be repeated")
    return outcome


def state_of(outcome: Outcome) -> StepState:
    """Return the state that an outcome leaves its step in."""
    if outcome.ok:
        return StepState.SUCCEEDED
    return StepState.AMBIGUOUS if outcome.status is OutcomeStatus.AMBIGUOUS else StepState.FAILED


def stop_of(tx: Tx, run: Run, now: datetime) -> Reason | None:
    """A cancel, or a hold that covers the run. Undoing a stopped option is not stopped by the hold."""
    if run.kind is RunKind.REVERT:
        return run.stop
    if run.stop is not None:
        return run.stop
    for hold in tx.active_holds(now):
        if hold.scope is HoldScope.ALL or hold.value in (run.policy, run.target):
            return Reason.STOPPED_BY_HOLD
    return None


def about_step(record: StepRecord, planned: PlannedStep | None = None) -> dict[str, Any]:
    """Return what audit rows say of a step."""
    about: dict[str, Any] = {
        "step_id": record.id,
        "action": record.action,
        "option": record.option,
        "phase": record.phase,
        "position": record.position,
        "attempt": record.attempt,
    }
    if planned is not None:
        about["params"] = planned.params
    return about


def step_results(run: Run, steps: Sequence[StepRecord]) -> dict[str, Any]:
    """What `steps` shows in templates: results of the option's finished steps, by position and by name."""
    planned = run.plan.steps if run.plan else ()
    results: dict[str, Any] = {}
    for record in steps:
        if record.option != run.option or record.outcome is None or record.phase is not StepPhase.ACT:
            continue
        result = record.outcome.get("result", {})
        results[str(record.position)] = result
        name = planned[record.position].step.name if record.position < len(planned) else None
        if name is not None:
            results[name] = result
    return results
