"""Schedules: a due time becomes an episode, which is decided as any other.

The row of the schedule moves on in the same transaction, so that each due time is started once or
not at all, whatever crashes. A check that finds nothing to do leaves nothing but that row: a policy
may look every minute for years.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from remediator.engine.actors import ENGINE
from remediator.engine.admission import admit_one
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.context import Engine
from remediator.engine.due_times import Due, due_times
from remediator.engine.episodes import close_episode, open_episode
from remediator.engine.facts import FactGatherer
from remediator.engine.planning import choose_option
from remediator.engine.scopes import episode_context, scope_of
from remediator.labels import ALERTNAME, SCHEDULE_SOURCE
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.episodes import Episode
from remediator.runs.reasons import CloseReason
from remediator.runs.records import TimerKind
from remediator.runs.schedules import Schedule, ScheduleResult
from remediator.runs.states import LeaseState, RunState
from remediator.store.base import Reads, Tx

# Left only by a person: until then nothing new is started beside it.
_FOR_PEOPLE = frozenset({RunState.NEEDS_HUMAN, RunState.EXPIRED})
_STANDING = (LeaseState.OPEN, LeaseState.OVERDUE)


class Schedules:
    """Handles the timer of a schedule: starts what is due, closes what is over."""

    def __init__(self, engine: Engine, facts: FactGatherer) -> None:
        self._engine = engine
        self._facts = facts

    async def look(self, schedule_id: int) -> None:
        """Look at one schedule."""
        engine = self._engine
        row = await engine.store.read(lambda reads: reads.get(Schedule, schedule_id))
        prepared = engine.policies.get(row.policy) if row is not None else None
        due = self._due(row, prepared)
        fine = False
        if row is not None and prepared is not None and due is not None and due.fresh:
            fine = await self._nothing_to_do(row, prepared, due)
        await engine.store.write(lambda tx: self._conclude(tx, schedule_id, row, prepared, due, fine=fine))

    def _due(self, row: Schedule | None, prepared: PreparedPolicy | None) -> Due | None:
        written = prepared.policy.document.schedule if prepared is not None else None
        calendar = self._engine.calendar
        if row is None or row.next_due_at is None or written is None or calendar is None:
            return None
        return due_times(calendar, written, row.next_due_at, self._engine.clock.now())

    async def _nothing_to_do(self, row: Schedule, prepared: PreparedPolicy, due: Due) -> bool:
        """Look whether any option is asked for. What can't be found out is not fine."""
        if not conditional(prepared):
            return False
        scope = scope_of(episode_context(_episode(row, due, due.at)), prepared.policy)
        facts = await self._facts.gather(prepared, scope)
        choice = choose_option(prepared, replace(scope, facts=facts.values, facts_detail=facts.details))
        return choice.option is None and not choice.unknown

    def _conclude(
        self,
        tx: Tx,
        schedule_id: int,
        before: Schedule | None,
        prepared: PreparedPolicy | None,
        due: Due | None,
        *,
        fine: bool,
    ) -> None:
        now = self._engine.clock.now()
        row = tx.get(Schedule, schedule_id)
        if row is None or before is None:
            tx.clear_timer(TimerKind.SCHEDULE, schedule_id)
            return
        if row != before or self._engine.policies.get(row.policy) is not prepared:
            tx.set_timer(TimerKind.SCHEDULE, row.id, now)  # planned anew meanwhile
            return
        episode = tx.open_episode(SCHEDULE_SOURCE, row.policy)
        if episode is not None and _over(tx, episode, served=row.next_due_at is not None):
            close_episode(tx, episode, CloseReason.SCHEDULE_OVER, now)
            episode = None
        if due is not None and prepared is not None:
            row = self._move_on(tx, row, prepared, due, episode, now, fine=fine)
        if row.next_due_at is None:
            tx.clear_timer(TimerKind.SCHEDULE, row.id)
        else:
            tx.set_timer(TimerKind.SCHEDULE, row.id, row.next_due_at)

    def _move_on(
        self,
        tx: Tx,
        row: Schedule,
        prepared: PreparedPolicy,
        due: Due,
        episode: Episode | None,
        now: datetime,
        *,
        fine: bool,
    ) -> Schedule:
        result = self._take(tx, row, prepared, due, episode, now, fine=fine)
        if due.missed:
            detail = {"count": due.missed, "first": _iso(due.first), "last": _iso(due.at)}
            _note(tx, row, AuditAction.SCHEDULE_MISSED, now, {**detail, "started_late": due.fresh})
        if result is ScheduleResult.NOTHING_TO_DO and row.result is not result:
            _note(tx, row, AuditAction.SCHEDULE_NOTHING_TO_DO, now, {"due_at": _iso(due.at)})
        since = row.result_since if result is row.result else due.at
        moved = replace(row, next_due_at=due.next_at, last_due_at=due.at, result=result, result_since=since)
        return tx.save(moved)

    def _take(
        self,
        tx: Tx,
        row: Schedule,
        prepared: PreparedPolicy,
        due: Due,
        episode: Episode | None,
        now: datetime,
        *,
        fine: bool,
    ) -> ScheduleResult:
        if not due.fresh:
            return ScheduleResult.MISSED
        if fine:
            if episode is not None:
                close_episode(tx, episode, CloseReason.SCHEDULE_OVER, now)
            return ScheduleResult.NOTHING_TO_DO
        if episode is not None:
            tx.save(replace(episode, last_seen_at=now))
            return ScheduleResult.OPEN_STILL
        opened = open_episode(tx, _episode(row, due, now), now, may_relapse=conditional(prepared))
        admit_one(tx, self._engine, opened, prepared, now)
        return ScheduleResult.OPENED


def conditional(prepared: PreparedPolicy) -> bool:
    """Tell whether a policy may find nothing to do: each of its options has a condition."""
    return bool(prepared.options) and all(option.when is not None for option in prepared.options)


def _over(reads: Reads, episode: Episode, *, served: bool) -> bool:
    """Tell whether all that an episode started has come to its end; unserved, nothing more starts."""
    if served and not all(admission.done for admission in reads.admissions_of_episode(episode.id)):
        return False
    return all(
        run.state.terminal and run.state not in _FOR_PEOPLE and run.lease not in _STANDING
        for run in reads.runs_serving(episode.id)
    )


def _episode(row: Schedule, due: Due, now: datetime) -> Episode:
    """What stands where an alert would: labels that templates may read, and that no alert can have sent."""
    return Episode(
        source=SCHEDULE_SOURCE,
        fingerprint=row.policy,
        alertname=row.policy,
        labels={ALERTNAME: row.policy, "schedule": row.cron},
        annotations={},
        generator_url="",
        starts_at=due.at,
        opened_at=now,
        last_seen_at=now,
    )


def _note(tx: Tx, row: Schedule, action: AuditAction, now: datetime, detail: dict[str, object]) -> None:
    tx.audit(AuditEntry(at=now, actor=ENGINE, action=action, policy=row.policy, detail=detail))


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
