"""What escalates at once: whatever only a person can take further."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remediator.engine.context import Engine
from remediator.engine.escalation import in_shadow
from remediator.engine.escalation_rows import acknowledged, escalation_of, tell_rung
from remediator.engine.journal import note_run
from remediator.engine.outbox import notices_of_run
from remediator.policy.model import Policy
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.episodes import Episode
from remediator.runs.news import EscalationCause, NewsKind
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import Run
from remediator.runs.states import LeaseState, RunKind, RunState
from remediator.store.base import Reads, Tx

_STATES: Mapping[str, EscalationCause] = {
    RunState.NEEDS_HUMAN: EscalationCause.NEEDS_HUMAN,
    RunState.EXPIRED: EscalationCause.EXPIRED,
    RunState.REVERT_FAILED: EscalationCause.REVERT_FAILED,
}


class EscalatesAtOnce:
    """Follows the audit rows; the first contact of the policy's `escalate` is told."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def follow(self, tx: Tx, row: AuditRow) -> None:
        """Escalate when the row asks for a person."""
        if row.action == AuditAction.DECISION:
            self._shadow_without_option(tx, row)
        elif row.run_id is not None and row.action in (
            AuditAction.RUN_STATE,
            AuditAction.LEASE_ENDING,
            AuditAction.LEASE_CLOSED,
        ):
            detail = json.loads(row.detail)
            cause = cause_of(row.action, detail)
            run = tx.get(Run, row.run_id) if cause is not None else None
            if run is not None and cause is not None and not _told_elsewhere(tx, run, row.action, detail):
                self._escalate(tx, run, cause, detail.get("text") or detail.get("why") or "")

    def _escalate(self, tx: Tx, run: Run, cause: EscalationCause, text: str) -> None:
        now = self._engine.clock.now()
        origin = origin_of(tx, run)
        if origin.episode_id is None:
            _tell_of_run_by_hand(tx, run, origin, cause, text, now)
            return
        escalation = escalation_of(tx, origin.admission_id) if origin.admission_id is not None else None
        episode = tx.get(Episode, origin.episode_id) if origin.episode_id is not None else None
        if escalation is None or episode is None or (episode.open and acknowledged(episode, now)):
            return
        # A run is real, whatever the mode is by now.
        tell_rung(tx, escalation, episode, 0, cause, now, shadow=False, run_id=run.id, text=text)

    def _shadow_without_option(self, tx: Tx, row: AuditRow) -> None:
        if row.episode_id is None or row.policy is None or Reason.NO_OPTION_APPLIES not in row.detail:
            return
        detail = json.loads(row.detail)
        if detail["outcome"] != Outcome.SHADOW or detail["reason"] != Reason.NO_OPTION_APPLIES:
            return
        episode = tx.get(Episode, row.episode_id)
        admission = tx.admission(row.episode_id, row.policy)
        escalation = escalation_of(tx, admission.id) if admission is not None else None
        if episode is not None and escalation is not None and not escalation.told:
            now: datetime = self._engine.clock.now()
            prepared = self._engine.policies.get(row.policy)
            mode = prepared.policy.document.mode if prepared is not None else None
            shadow = in_shadow(self._engine, episode, mode)
            cause = EscalationCause.NO_OPTION_APPLIES
            tell_rung(tx, escalation, episode, 0, cause, now, shadow=shadow, run_id=None, text=detail["text"])


def cause_of(action: str, detail: Mapping[str, Any]) -> EscalationCause | None:
    """Return why a row escalates at once, if it does."""
    if action == AuditAction.RUN_STATE:
        if detail["to"] == RunState.NEEDS_HUMAN and detail.get("reason") == Reason.NO_OPTION_APPLIES:
            return EscalationCause.NO_OPTION_APPLIES
        return _STATES.get(detail["to"])
    if action == AuditAction.LEASE_ENDING:
        return EscalationCause.LEASE_ENDING
    if action == AuditAction.LEASE_CLOSED and detail["state"] == LeaseState.OVERDUE:
        return EscalationCause.LEASE_OVERDUE
    return None


def origin_of(reads: Reads, run: Run) -> Run:
    """Return the run that began it all: of a revert, the run whose changes it undoes."""
    while run.parent_run_id is not None:
        parent = reads.get(Run, run.parent_run_id)
        if parent is None:
            break
        run = parent
    return run


def _tell_of_run_by_hand(
    tx: Tx, run: Run, origin: Run, cause: EscalationCause, text: str, now: datetime
) -> None:
    """Tell the first contact, once for each cause's row: no alert is behind it, so there are no clocks."""
    rungs = Policy.model_validate(origin.document).escalate
    if not rungs:
        return
    again = bool(notices_of_run(tx, origin.id, kind=str(NewsKind.ESCALATED)))
    note_run(
        tx,
        run,
        AuditAction.ESCALATION_TOLD,
        now,
        rung=0,
        to=rungs[0].to,
        cause=cause,
        again=again,
        seconds_open=round((now - origin.created_at).total_seconds(), 3),
        text=text,
    )


def _told_elsewhere(reads: Reads, run: Run, action: str, detail: Mapping[str, Any]) -> bool:
    """Of several overdue leases the first speaks for all; those of a failed revert, `revert_failed` tells."""
    if action != AuditAction.LEASE_CLOSED:
        return False
    overdue = [lease.id for lease in reads.leases_of_run(run.id) if lease.state is LeaseState.OVERDUE]
    return run.kind is RunKind.REVERT or detail["lease_id"] != min(overdue, default=None)
