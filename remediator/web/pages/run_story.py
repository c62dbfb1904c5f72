"""The story of one run: everything that the records hold of it, in one look."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remediator.engine.actors import Actor
from remediator.engine.approvals import refusal_of
from remediator.reports.timeline import told_of
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.episodes import DecisionRecord, Episode
from remediator.runs.records import ApprovalRequest, ApprovalState, Lease, Run, StepRecord, Vote
from remediator.runs.states import RunKind, RunState, StepPhase, StepState
from remediator.store.base import Filter, Order, Reads
from remediator.web.leases import STANDING
from remediator.web.runs import links_of

_MOST_ROWS = 500
_MOST_DECISIONS = 50
_MOST_APPROVALS = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A plan that was put before people, and what they said."""

    request: ApprovalRequest
    votes: Sequence[Vote]


@dataclass(frozen=True, slots=True)
class OptionTried:
    """One option of the policy, and what became of it in this run."""

    name: str
    actions: Sequence[str]
    fate: str


@dataclass(frozen=True, slots=True)
class Told:
    """One row of the audit log, in words."""

    row: AuditRow
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    """One run with all that belongs to it."""

    run: Run
    reverts: Sequence[Run]
    episodes: Sequence[Episode]
    decisions: Sequence[DecisionRecord]
    options: Sequence[OptionTried]
    steps: Sequence[StepRecord]
    asked: Sequence[Asked]
    refused: str | None
    """Why the one who looks may not decide, while the run waits for people."""
    leases: Sequence[Lease]
    verifications: Sequence[Mapping[str, Any]]
    timeline: Sequence[Told]
    links: Sequence[Mapping[str, str]]
    head: int

    @property
    def waiting(self) -> Asked | None:
        """The request that waits for an answer."""
        last = self.asked[-1] if self.asked else None
        is_open = last is not None and last.request.state is ApprovalState.PENDING
        return last if is_open and self.run.state is RunState.AWAITING_APPROVAL else None

    @property
    def cancellable(self) -> bool:
        """Whether there is something left to stop."""
        return not self.run.state.terminal or self.run.state is RunState.NEEDS_HUMAN

    @property
    def resumable(self) -> bool:
        """Whether a person can let it go on."""
        if self.run.state is RunState.NEEDS_HUMAN:
            return self.run.plan is not None and self.run.kind is not RunKind.REVERT
        return self.run.state is RunState.EXPIRED and bool(self.asked)

    @property
    def unclear(self) -> StepRecord | None:
        """The step of which nobody knows whether it was done."""
        latest = {step.position: step for step in self.steps if step.phase is StepPhase.ACT}
        return next((step for step in latest.values() if step.state is StepState.AMBIGUOUS), None)

    @property
    def revertible(self) -> bool:
        """Whether changes of it stand that can be undone now."""
        return self.run.state.terminal and any(lease.state in STANDING for lease in self.leases)

    @property
    def step_running(self) -> bool:
        """Whether a step is under way, which a cancel may end."""
        return any(step.state is StepState.INTENT for step in self.steps)

    @property
    def document(self) -> Mapping[str, Any]:
        """The policy as it was decided with."""
        return self.run.document or {}


def gather(reads: Reads, run_id: int, actor: Actor) -> RunStory | None:
    """Gather a run's story, for the one who looks; None when there is no such run."""
    run = reads.get(Run, run_id)
    if run is None:
        return None
    decisions = Filter(equal={"run_id": run_id}, limit=_MOST_DECISIONS)
    asked = _asked(reads, run_id)
    rows = reads.audit_rows(Filter(equal={"run_id": run_id}, order=Order.OLDEST, limit=_MOST_ROWS))
    head = reads.audit_head()
    return RunStory(
        run=run,
        reverts=reads.child_runs(run_id),
        episodes=reads.episodes_of_run(run_id),
        decisions=reads.select(DecisionRecord, decisions),
        options=_options(run),
        steps=reads.steps_of_run(run_id),
        asked=asked,
        refused=_refused(run, asked, actor),
        leases=reads.leases_of_run(run_id),
        verifications=[
            {"at": row.at, **json.loads(row.detail)} for row in rows if row.action == AuditAction.VERIFICATION
        ],
        timeline=[Told(row, told_of(row)) for row in rows],
        links=links_of(run),
        head=head.sequence if head is not None else 0,
    )


def took(step: StepRecord) -> timedelta | None:
    """Return how long a step took; None while it is under way."""
    return None if step.finished_at is None else step.finished_at - step.started_at


def verified_until(run: Run) -> datetime | None:
    """Return until when a verification may take, while it does."""
    return run.verify_until if run.state is RunState.VERIFYING else None


def _asked(reads: Reads, run_id: int) -> list[Asked]:
    where = Filter(equal={"run_id": run_id}, order=Order.OLDEST, limit=_MOST_APPROVALS)
    return [Asked(request, reads.votes(request.id)) for request in reads.select(ApprovalRequest, where)]


def _refused(run: Run, asked: Sequence[Asked], actor: Actor) -> str | None:
    if not asked:
        return None
    last = asked[-1]
    mine = next((vote for vote in last.votes if vote.actor == actor.name), None)
    if mine is not None:
        return f"you have {mine.verdict} this plan"
    return refusal_of(run, last.request, actor)


def _options(run: Run) -> list[OptionTried]:
    found = []
    for option in (run.document or {}).get("options", ()):
        name = option["name"]
        if name == run.option:
            fate = "chosen"
        elif name in run.tried:
            fate = "tried"
        else:
            fate = "not tried"
        found.append(OptionTried(name, [step["uses"] for step in option["steps"]], fate))
    return found
