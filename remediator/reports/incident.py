"""Everything that the records hold of one incident, gathered in one look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remediator.policy.model import Policy
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.episodes import Episode
from remediator.runs.news import Notice
from remediator.runs.records import ApprovalRequest, Lease, Run, StepRecord, Vote
from remediator.runs.states import RunState
from remediator.store.base import Filter, Order, Reads

_MOST_ROWS = 5000
_MOST = 500
# What the report itself leaves behind is no part of what it tells.
_ITS_OWN = (AuditAction.REPORT_WRITTEN, AuditAction.REPORT_FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One run with all that belongs to it."""

    run: Run
    policy: Policy
    reverts: tuple[Run, ...]
    episodes: tuple[Episode, ...]
    steps: tuple[StepRecord, ...]
    leases: tuple[Lease, ...]
    approvals: tuple[tuple[ApprovalRequest, tuple[Vote, ...]], ...]
    notices: tuple[Notice, ...]
    rows: tuple[AuditRow, ...]
    links: tuple[Mapping[str, str], ...] = ()

    @property
    def context(self) -> Mapping[str, Any]:
        """Labels, annotations and episode, as they were when decided."""
        return self.run.context or {"labels": {}, "annotations": {}, "episode": {}}

    @property
    def opened_at(self) -> datetime:
        """When remediator heard of it."""
        return min((episode.opened_at for episode in self.episodes), default=self.run.created_at)

    @property
    def started_at(self) -> datetime:
        """When the alert began to fire, by its sender's clock."""
        return min((episode.starts_at for episode in self.episodes), default=self.run.created_at)

    @property
    def acted_at(self) -> datetime | None:
        """When the first step was taken."""
        return min((step.started_at for step in self.steps), default=None)

    @property
    def recovered_at(self) -> datetime | None:
        """When it was known to work again: verified, or else when the last alert ended."""
        if self.run.state is RunState.SUCCEEDED:
            return self.run.finished_at
        return self.closed_at

    @property
    def closed_at(self) -> datetime | None:
        """When the last of its alerts was over; None while one fires, and for a run by hand."""
        closed = [episode.closed_at for episode in self.episodes]
        if not closed or None in closed:
            return None
        return max(moment for moment in closed if moment is not None)

    @property
    def last_at(self) -> datetime:
        """The latest moment that the records know of."""
        known = [self.opened_at, *(datetime.fromisoformat(row.at) for row in self.rows)]
        return max(known)

    @property
    def over_at(self) -> datetime | None:
        """When nothing of it was left: alerts over, the run and its reverts ended."""
        ends = [self.run.finished_at, *(revert.finished_at for revert in self.reverts)]
        if None in ends or (self.episodes and self.closed_at is None):
            return None
        return max(moment for moment in (*ends, self.closed_at) if moment is not None)


@dataclass(frozen=True, slots=True)
class Window:
    """The time that metrics are asked for, and the moments within it."""

    start: datetime
    opened_at: datetime
    ended_at: datetime
    end: datetime


def window_of(incident: Incident) -> Window:
    """Return the incident's window, with as much before it and after it as shows what was normal."""
    ended_at = incident.over_at or incident.last_at
    length = ended_at - incident.opened_at
    margin = min(max(length, timedelta(minutes=15)), timedelta(hours=1))
    return Window(incident.opened_at - margin, incident.opened_at, ended_at, ended_at + margin)


def gather(reads: Reads, run_id: int) -> Incident | None:
    """Gather an incident by any of its runs; of a revert, the run whose changes it undoes."""
    run = reads.get(Run, run_id)
    while run is not None and run.parent_run_id is not None:
        run = reads.get(Run, run.parent_run_id)
    if run is None:
        return None
    reverts = tuple(reads.child_runs(run.id))
    episodes = tuple(reads.episodes_of_run(run.id))
    requests = reads.select(
        ApprovalRequest, Filter(equal={"run_id": run.id}, order=Order.OLDEST, limit=_MOST)
    )
    notices = reads.select(Notice, Filter(equal={"run_id": run.id}, order=Order.OLDEST, limit=_MOST))
    steps = [step for one in (run, *reverts) for step in reads.steps_of_run(one.id)]
    return Incident(
        run=run,
        policy=Policy.model_validate(run.document),
        reverts=reverts,
        episodes=episodes,
        steps=tuple(steps),
        leases=tuple(reads.leases_of_run(run.id)),
        approvals=tuple((request, tuple(reads.votes(request.id))) for request in requests),
        notices=tuple(notices),
        rows=_rows(reads, (run, *reverts), episodes),
    )


def _rows(reads: Reads, runs: tuple[Run, ...], episodes: tuple[Episode, ...]) -> tuple[AuditRow, ...]:
    found: dict[int, AuditRow] = {}
    of_runs = [{"run_id": run.id} for run in runs]
    for equal in (*of_runs, *({"episode_id": episode.id} for episode in episodes)):
        where = Filter(equal=equal, order=Order.OLDEST, limit=_MOST_ROWS)
        found |= {row.sequence: row for row in reads.audit_rows(where)}
    run_ids = {run.id for run in runs}
    return tuple(
        row
        for _, row in sorted(found.items())
        if row.action not in _ITS_OWN and (row.run_id is None or row.run_id in run_ids)
    )
