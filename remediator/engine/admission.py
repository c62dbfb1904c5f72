"""The first pass: which policies an open episode concerns, decided from payload, store and clock alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.context import Deciding, Engine
from remediator.engine.decide import Question, decide
from remediator.engine.escalation_rows import open_escalation
from remediator.engine.journal import note_run
from remediator.engine.recording import keep_policy, record_decision
from remediator.engine.schedule_rows import plan_schedules
from remediator.engine.scopes import Facts, episode_context, scope_of
from remediator.engine.turns import decide_at
from remediator.guards.base import LookPhase
from remediator.labels import SCHEDULE_SOURCE, is_drill
from remediator.policy.expressions import RenderError, Scope
from remediator.runs.answers import Answer, Query
from remediator.runs.audit import AuditAction
from remediator.runs.episodes import Admission, Episode
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import Run, TimerKind
from remediator.runs.verdicts import Decision
from remediator.runs.waiting import IN_LINE, ONE_LINE, severity_of
from remediator.settings import Mode
from remediator.store.base import Reads, Tx

# A look is as late as the tick that notices it, and as a busy loop.
_TICK_SLACK = timedelta(seconds=2)
# So many of a line look again within a `recheck`; those behind them take longer.
_LOOKED_AT = 100
_LONGEST_LINE = 10_000


def admit(tx: Tx, engine: Engine, episode: Episode, now: datetime, *, fresh: bool) -> tuple[int, int]:
    """Decide the first pass for every matching policy that has none yet: (planned, blocked).

    `fresh` says that the episode was opened just now; only then is `no_match` worth a row.
    """
    planned = blocked = 0
    known = set() if fresh else {admission.policy for admission in tx.admissions_of_episode(episode.id)}
    matching = list(engine.policies.matching(episode.labels))
    for prepared in matching:
        if prepared.policy.name in known:
            continue
        if admit_one(tx, engine, episode, prepared, now).outcome is Outcome.BLOCKED:
            blocked += 1
        else:
            planned += 1
    if fresh and not matching:
        decision = Decision(outcome=Outcome.NO_MATCH, detail="no policy matches these labels")
        record_decision(tx, decision, LookPhase.ADMISSION, now, episode=episode)
    return planned, blocked


def look_again(tx: Tx, engine: Engine, now: datetime) -> None:
    """Let newly loaded policies see what fires already: new ones match, known ones decide anew."""
    plan_schedules(tx, engine, now)
    for episode in tx.open_episodes():
        if episode.source != SCHEDULE_SOURCE:  # its policy's own, whatever the matchers of others say
            admit(tx, engine, episode, now, fresh=False)
        for admission in tx.admissions_of_episode(episode.id):
            removed = admission.done and admission.reason is Reason.POLICY_REMOVED
            if removed and engine.policies.get(admission.policy) is not None:
                admission = tx.save(replace(admission, done=False))  # noqa: PLW2901  it is back
            if not admission.done:
                decide_at(tx, admission, now)


def admit_one(tx: Tx, engine: Engine, episode: Episode, prepared: PreparedPolicy, now: datetime) -> Decision:
    """Decide the first pass of one policy for one episode."""
    policy = prepared.policy
    question = question_for(
        tx, engine, prepared, episode, LookPhase.ADMISSION, now, suppressed=episode.suppressed
    )
    decision = decide(question)
    admission = tx.add(
        Admission(
            episode_id=episode.id,
            policy=policy.name,
            policy_hash=policy.hash,
            priority=policy.document.priority,
            target=decision.target,
            created_at=now,
            outcome=decision.outcome,
            reason=decision.reason,
            held_since=decision.held_since,
            severity=severity_of(episode.labels),
        )
    )
    open_escalation(tx, admission, policy.document.escalate, episode)
    keep_policy(tx, prepared, now)
    record_decision(
        tx,
        decision,
        LookPhase.ADMISSION,
        now,
        episode=episode,
        prepared=prepared,
        run_id=decision.join_run_id,
    )
    settle(tx, admission, decision, now, policy.document.recheck)
    return decision


def question_for(
    reads: Reads,
    deciding: Deciding,
    prepared: PreparedPolicy,
    episode: Episode,
    phase: LookPhase,
    now: datetime,
    *,
    admission: Admission | None = None,
    answers: Mapping[Query, Answer] | None = None,
    facts: Facts | None = None,
    suppressed: bool | None = False,
    run: Run | None = None,
) -> Question:
    """Gather what the store knows into a question."""
    scope = scope_of(run.context if run else episode_context(episode), prepared.policy, facts)
    drill = is_drill(episode.labels)
    ceiling = Mode.SHADOW if drill else deciding.settings.mode
    shadow = Mode.SHADOW in (ceiling, prepared.policy.document.mode)
    target = _target(prepared, scope)
    return Question(
        prepared=prepared,
        capabilities=deciding.capabilities,
        ceiling=ceiling,
        phase=phase,
        now=now,
        scope=scope,
        history=reads.history(
            now=now,
            since=now - prepared.window,
            elsewhere_since=now - prepared.elsewhere_window,
            others_since=now - prepared.others_window,
            policy=prepared.policy.name,
            shadow=shadow,
            target=target,
        ),
        answers=answers,
        facts=facts,
        admission_id=admission.id if admission else None,
        suppressed=suppressed,
        tried=run.tried if run else (),
        run_id=run.id if run else None,
        # What is real does not wait for an exercise to be over.
        joinable_run_id=None if run or drill else _joinable(reads, prepared, target, admission),
        held_since=unbroken(prepared, admission, now) if admission else {},
        due_from=None if run else _due_from(reads, prepared, episode, admission),
    )


class Looked(Protocol):
    """What was seen when an admission was looked at last."""

    @property
    def looked_at(self) -> datetime | None:
        """When that was."""
        ...

    @property
    def held_since(self) -> Mapping[str, datetime]:
        """Per guard: since when its condition was met."""
        ...


def unbroken(prepared: PreparedPolicy, admission: Looked, now: datetime) -> Mapping[str, datetime]:
    """Return since when holds are met, without those that nobody looked at for too long to be sure."""
    if admission.looked_at is None or not admission.held_since:
        return {}
    gap = now - admission.looked_at
    every = {use.key: use.guard.looks_every(use.params) for use in prepared.uses}
    kept = {}
    for key, since in admission.held_since.items():
        between = every.get(key)
        if between is not None and gap <= 2 * between + _TICK_SLACK:
            kept[key] = since
    return kept


def _due_from(
    reads: Reads, prepared: PreparedPolicy, episode: Episode, admission: Admission | None
) -> datetime | None:
    document = prepared.policy.document
    if admission is not None and admission.runs and document.again and admission.run_id is not None:
        last = reads.get(Run, admission.run_id)
        if last is not None and last.finished_at is not None:
            return last.finished_at + document.again.after
    return episode.opened_at + document.settle


def _target(prepared: PreparedPolicy, scope: Scope) -> str | None:
    """Return what would be acted on; None where it can't be rendered, which the decision then says."""
    try:
        return prepared.policy.target.render(scope)
    except RenderError:
        return None


def _joinable(
    reads: Reads, prepared: PreparedPolicy, target: str | None, admission: Admission | None
) -> int | None:
    if target is None:
        return None
    name = prepared.policy.name
    run = reads.live_run(name, target)
    if run is not None:
        return run.id
    leased = reads.leased_run(name, target)
    if leased is None or (admission is not None and admission.runs and leased.id == admission.run_id):
        return None
    if any(not child.state.terminal for child in reads.child_runs(leased.id)):
        return None  # its change is being undone right now: this is no run to join
    return leased.id


def settle(tx: Tx, admission: Admission, decision: Decision, now: datetime, recheck: timedelta) -> None:
    """Set when an admission is looked at again, or that it is done."""
    if decision.outcome is Outcome.JOINED and decision.join_run_id is not None:
        join_run(tx, admission, decision.join_run_id, now)
        return
    if decision.outcome is Outcome.PLANNED:
        decide_at(tx, admission, now)
    elif decision.next_look_at is not None:
        decide_at(tx, admission, now + _patience(tx, admission, decision.next_look_at - now, recheck))
    else:
        tx.clear_timer(TimerKind.DECIDE, admission.id)


def _patience(reads: Reads, admission: Admission, named: timedelta, recheck: timedelta) -> timedelta:
    """Return how long to wait: longer far back in a line, whose first is looked at when its guard says.

    Whoever is before goes first, and wakes the next; that all look at once would only keep everybody busy.
    """
    if admission.reason not in IN_LINE and admission.reason not in ONE_LINE:
        return named
    ahead = reads.ahead_of(admission, _LONGEST_LINE)
    return named if ahead == 0 else max(named, recheck) * (1 + ahead // _LOOKED_AT)


def join_run(tx: Tx, admission: Admission, run_id: int, now: datetime) -> None:
    """Link an episode to a run that serves its target already; nothing more is decided for it."""
    run = tx.get(Run, run_id)
    if run is None:
        return
    tx.save(replace(admission, outcome=Outcome.JOINED, reason=None, run_id=run_id, done=True))
    tx.clear_timer(TimerKind.DECIDE, admission.id)
    if tx.join(run_id, admission.episode_id, now):
        note_run(tx, run, AuditAction.RUN_JOINED, now, joined_episode=admission.episode_id)
