"""News: what was audited and is worth telling is queued, in the same transaction, for whom it concerns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remediator.engine.aftermath import served_all_closed
from remediator.engine.at_once import origin_of
from remediator.engine.context import Engine
from remediator.engine.news_content import content_of
from remediator.engine.outbox import AFTER_REMEDIES, notices_of_run, post
from remediator.engine.scopes import episode_context
from remediator.policy.model import Policy
from remediator.policy.telling import Notify
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.episodes import Admission, Episode
from remediator.runs.machine import RunEvent
from remediator.runs.news import Audience, Language, NewsKind, Notice
from remediator.runs.reasons import Reason
from remediator.runs.records import Lease, Run, TimerKind
from remediator.runs.states import RUN_ENDED, LeaseState, RunState, StepPhase
from remediator.store.base import Reads, Tx

# Told to everybody inside, whatever `on` says: only a person can take these further.
ALWAYS = frozenset(
    {NewsKind.NEEDS_HUMAN, NewsKind.EXPIRED, NewsKind.REVERT_FAILED, NewsKind.LEASE_ENDING, NewsKind.UPDATE}
)
_BY_STATE: Mapping[str, NewsKind] = {
    RunState.AWAITING_APPROVAL: NewsKind.AWAITING_APPROVAL,
    RunState.SUCCEEDED: NewsKind.SUCCEEDED,
    RunState.FAILED: NewsKind.FAILED,
    RunState.INEFFECTIVE: NewsKind.FAILED,
    RunState.DENIED: NewsKind.FAILED,
    RunState.CANCELLED: NewsKind.FAILED,
    RunState.NEEDS_HUMAN: NewsKind.NEEDS_HUMAN,
    RunState.EXPIRED: NewsKind.EXPIRED,
    RunState.REVERTED: NewsKind.REVERTED,
    RunState.REVERT_FAILED: NewsKind.REVERT_FAILED,
}
# Ends that are no failure: the alert is over, or another plan takes its place.
_NO_FAILURE = (Reason.RESOLVED, Reason.PLAN_CHANGED)
_STANDING = (LeaseState.OPEN, LeaseState.OVERDUE)


@dataclass(frozen=True, slots=True)
class _About:
    """Who and what a piece of news is about."""

    document: Policy
    run: Run | None
    origin: Run | None
    episode: Episode | None
    context: Mapping[str, Any]
    target: str


class News:
    """Follows the audit rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._documents: dict[str, Policy] = {}
        self._tellers: Mapping[str, Callable[[Tx, AuditRow, dict[str, Any]], None]] = {
            AuditAction.RUN_STATE: self._run_state,
            AuditAction.STEP_RESULT: self._step_result,
            AuditAction.LEASE_CLOSED: self._lease_closed,
            AuditAction.LEASE_ENDING: self._lease_ending,
            AuditAction.RUN_RELAPSED: self._relapsed,
            AuditAction.EPISODE_CLOSED: self._episode_closed,
            AuditAction.ESCALATION_TOLD: self._escalated,
        }

    def follow(self, tx: Tx, row: AuditRow) -> None:
        """Queue what a row has to tell."""
        teller = self._tellers.get(row.action)
        if teller is not None:
            teller(tx, row, json.loads(row.detail))

    def update(self, tx: Tx, run_id: int) -> None:
        """Tell again how a run stands to those who asked for it, and set when to do so next."""
        now = self._engine.clock.now()
        run = tx.get(Run, run_id)
        if run is None or _over(tx, run):
            tx.clear_timer(TimerKind.NEWS_UPDATE, run_id)
            return
        about = self._about(tx, run)
        due: list[datetime] = []
        for notify in about.document.notify:
            if notify.every is None:
                continue
            last_at = _last_told(tx, run, notify)
            if last_at + notify.every <= now:
                self._post(tx, about, NewsKind.UPDATE, notify, now)
                last_at = now
            due.append(last_at + notify.every)
        if due:
            tx.set_timer(TimerKind.NEWS_UPDATE, run_id, min(due), AFTER_REMEDIES)
        else:
            tx.clear_timer(TimerKind.NEWS_UPDATE, run_id)

    def _run_state(self, tx: Tx, row: AuditRow, detail: dict[str, Any]) -> None:
        kind = _BY_STATE.get(detail["to"])
        if detail["event"] == RunEvent.START:
            kind = NewsKind.STARTED
        if detail["to"] == RunState.CANCELLED and detail["reason"] in _NO_FAILURE:
            kind = None
        if kind is not None:
            self._tell_run(tx, row, kind)

    def _step_result(self, tx: Tx, row: AuditRow, detail: dict[str, Any]) -> None:
        """A temporary change is in effect once its step has succeeded; it is told once for a run."""
        if detail.get("phase") != StepPhase.ACT or detail.get("status") != "succeeded" or row.run_id is None:
            return
        if _degraded(tx, row.run_id):
            if not notices_of_run(tx, row.run_id, kind=str(NewsKind.DEGRADED)):
                self._tell_run(tx, row, NewsKind.DEGRADED)

    def _lease_closed(self, tx: Tx, _: AuditRow, detail: dict[str, Any]) -> None:
        lease = tx.get(Lease, detail["lease_id"])
        run = tx.get(Run, lease.run_id) if lease is not None else None
        if run is None or _degraded(tx, run.id):
            return
        degraded = notices_of_run(tx, run.id, kind=str(NewsKind.DEGRADED))
        told = notices_of_run(tx, run.id, kind=str(NewsKind.RESTORED))
        if degraded and not told and detail["state"] == LeaseState.UNDONE:
            self._tell(tx, self._about(tx, run), NewsKind.RESTORED)

    def _lease_ending(self, tx: Tx, row: AuditRow, _: dict[str, Any]) -> None:
        self._tell_run(tx, row, NewsKind.LEASE_ENDING)

    def _relapsed(self, tx: Tx, row: AuditRow, _: dict[str, Any]) -> None:
        self._tell_run(tx, row, NewsKind.RELAPSED)

    def _episode_closed(self, tx: Tx, row: AuditRow, _: dict[str, Any]) -> None:
        """What was told of as begun is told of as over, once all that a run serves is closed."""
        for run in tx.runs_serving(row.episode_id or 0):
            if served_all_closed(tx, run.id) and notices_of_run(tx, run.id):
                self._tell(tx, self._about(tx, run), NewsKind.RESOLVED)

    def _escalated(self, tx: Tx, row: AuditRow, detail: dict[str, Any]) -> None:
        about = self._about_escalation(tx, row)
        if about is None:
            return
        told = {"to": detail["to"], "cause": detail["cause"], "again": detail["again"]}
        extra = {"escalation": told, "decision": self._decision(tx, row)}
        contact = self._engine.settings.contacts.get(detail["to"])
        if contact is not None:
            recipient = Notify(channel=contact.channel, language=contact.language)
            self._post(
                tx, about, NewsKind.ESCALATED, recipient, self._engine.clock.now(), detail["to"], extra=extra
            )
        self._tell(tx, about, NewsKind.ESCALATED, extra=extra)

    def _tell_run(self, tx: Tx, row: AuditRow, kind: NewsKind) -> None:
        run = tx.get(Run, row.run_id) if row.run_id is not None else None
        if run is None or (kind is NewsKind.REVERTED and run.revert_trigger == RUN_ENDED):
            return  # what belongs to a run is expected to end with it
        self._tell(tx, self._about(tx, run), kind)

    def _tell(self, tx: Tx, about: _About, kind: NewsKind, *, extra: Mapping[str, Any] | None = None) -> None:
        if not self._engine.settings.channels:
            return  # whatever names a channel is skipped, as an option of an absent section is; `check` tells
        now = self._engine.clock.now()
        begun = False
        for notify in _recipients(about.document, kind):
            self._post(tx, about, kind, notify, now, extra=extra)
            begun = True
        origin = about.origin
        if begun and origin is not None and any(notify.every for notify in about.document.notify):
            if not _over(tx, origin):
                first = min(notify.every for notify in about.document.notify if notify.every)
                tx.set_timer(TimerKind.NEWS_UPDATE, origin.id, now + first, AFTER_REMEDIES)

    def _post(
        self,
        tx: Tx,
        about: _About,
        kind: NewsKind,
        notify: Notify,
        now: datetime,
        contact: str | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        every = {"every_seconds": notify.every.total_seconds() if notify.every else None}
        content = content_of(
            tx,
            self._engine.settings,
            about.document,
            now,
            run=about.run,
            origin=about.origin,
            episode=about.episode,
            context=about.context,
            target=about.target,
            language=Language(notify.language),
            extra={**every, **(extra or {})},
        )
        notice = Notice(
            channel=notify.channel,
            contact=contact,
            kind=kind,
            audience=Audience(notify.audience),
            language=Language(notify.language),
            policy=about.document.policy,
            target=about.target or None,
            episode_id=about.episode.id if about.episode else None,
            run_id=about.origin.id if about.origin else None,
            content=content,
            created_at=now,
        )
        post(tx, notice, now)

    def _about(self, reads: Reads, run: Run) -> _About:
        origin = origin_of(reads, run)
        episode = reads.get(Episode, origin.episode_id) if origin.episode_id is not None else None
        return _About(self._document(run), run, origin, episode, origin.context or {}, run.target)

    def _about_escalation(self, reads: Reads, row: AuditRow) -> _About | None:
        run = reads.get(Run, row.run_id) if row.run_id is not None else None
        if run is not None:
            return self._about(reads, run)
        prepared = self._engine.policies.get(row.policy or "")
        episode = reads.get(Episode, row.episode_id or 0)
        if prepared is None or episode is None:
            return None
        context = episode_context(episode)
        return _About(prepared.policy.document, None, None, episode, context, row.target or "")

    def _decision(self, reads: Reads, row: AuditRow) -> str | None:
        admission: Admission | None = reads.admission(row.episode_id or 0, row.policy or "")
        if admission is None:
            return None
        return f"{admission.outcome}, {admission.reason}" if admission.reason else str(admission.outcome)

    def _document(self, run: Run) -> Policy:
        """Return the policy as the run was decided with; read once for each version."""
        known = self._documents.get(run.policy_hash)
        if known is None:
            known = self._documents[run.policy_hash] = Policy.model_validate(run.document)
        return known


class NewsUpdates:
    """Handles the timer of periodic updates."""

    def __init__(self, engine: Engine, news: News) -> None:
        self._engine = engine
        self._news = news

    async def tell(self, run_id: int) -> None:
        """Tell again how a run stands."""
        await self._engine.store.write(lambda tx: self._news.update(tx, run_id))


def _recipients(document: Policy, kind: NewsKind) -> Iterator[Notify]:
    for notify in document.notify:
        internal = Audience(notify.audience) is Audience.INTERNAL
        if str(kind) in notify.told or (kind in ALWAYS and internal):
            yield notify


def _degraded(reads: Reads, run_id: int) -> bool:
    """Tell whether a temporary change of a run stands, other than what belongs to the run itself."""
    return any(lease.state in _STANDING and not lease.ends_with_run for lease in reads.leases_of_run(run_id))


def _over(reads: Reads, run: Run) -> bool:
    """Tell whether there is nothing more to update on: the run has ended, and so has what it serves."""
    if not run.state.terminal:
        return False
    episodes = reads.episodes_of_run(run.id)
    return not any(episode.open for episode in episodes)


def _last_told(reads: Reads, run: Run, notify: Notify) -> datetime:
    """Return when a recipient last heard of a run."""
    equal = {"channel": notify.channel, "audience": notify.audience, "language": notify.language}
    told = notices_of_run(reads, run.id, **equal)
    return told[0].created_at if told else run.created_at - timedelta(days=1)
