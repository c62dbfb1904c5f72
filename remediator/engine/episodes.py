"""Episodes: opening, repeating and closing them, by what receipts and polls say. Pure but for the Tx."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from remediator.alerts import Alert, AlertStatus
from remediator.engine.actors import ENGINE
from remediator.engine.aftermath import reverts_on, served_all_closed
from remediator.engine.escalation_rows import end_escalations
from remediator.engine.journal import cancel_waiting, note_episode, note_run
from remediator.engine.shadow_records import note_resolved
from remediator.labels import ALERTNAME
from remediator.policy.model import RevertOn
from remediator.runs.audit import AuditAction
from remediator.runs.episodes import Episode, Handling
from remediator.runs.reasons import CloseReason, Reason
from remediator.runs.records import Run, TimerKind
from remediator.runs.states import LeaseState, RunState
from remediator.store.base import Reads, Tx

# A firing receipt that overtakes the resolved one of the same alert arrives within seconds:
# Alertmanager peers and retries are apart by at most its peer timeout (15 s) and some retries.
LATE_WINDOW = timedelta(seconds=60)


def handle_alert(
    tx: Tx, source: str, alert: Alert, now: datetime, *, confirmed: bool, delivery_id: int
) -> tuple[Handling, Episode | None]:
    """Apply one alert of a delivery to its episode. `confirmed` ones (from a poll) are never late."""
    handling, episode = foresee_alert(tx, source, alert, now, confirmed=confirmed)
    if episode is None:
        return handling, None
    if handling is Handling.CLOSED:
        closed = close_episode(
            tx, episode, CloseReason.RESOLVED, now, ended_at=alert.ended_at, delivery_id=delivery_id
        )
        return handling, closed
    if handling is Handling.REPEATED:
        return handling, tx.save(episode, "annotations", "last_seen_at", "missed_polls")
    return handling, open_episode(tx, episode, now, delivery_id=delivery_id)


def foresee_alert(
    reads: Reads, source: str, alert: Alert, now: datetime, *, confirmed: bool
) -> tuple[Handling, Episode | None]:
    """Say what an alert does to its episode, and how the episode then is; one that it opens has no id yet.

    One that it closes is returned as it is before.
    """
    episode = reads.open_episode(source, alert.fingerprint)
    handling = handling_of(reads, source, alert, now, is_open=episode is not None, confirmed=confirmed)
    if episode is not None and handling is Handling.REPEATED:
        episode = replace(episode, annotations=alert.annotations, last_seen_at=now, missed_polls=0)
    if handling is not Handling.OPENED:
        return handling, episode
    opened = Episode(
        source=source,
        fingerprint=alert.fingerprint,
        alertname=alert.labels.get(ALERTNAME, ""),
        labels=alert.labels,
        annotations=alert.annotations,
        generator_url=alert.generator_url,
        starts_at=alert.starts_at,
        opened_at=now,
        last_seen_at=now,
    )
    return Handling.OPENED, opened


class Ended(Protocol):
    """An episode that is over."""

    @property
    def closed_at(self) -> datetime | None:
        """When it was closed, by this server's clock."""
        ...

    @property
    def ended_at(self) -> datetime | None:
        """When the alert ended, by its sender's clock."""
        ...


class PastEpisodes(Protocol):
    """What has to be known of an identity's past to tell a late receipt from a new episode."""

    def last_closed_episode(self, source: str, fingerprint: str) -> Ended | None:
        """Return the episode of an identity that closed last."""
        ...

    def last_late_receipt(self, source: str, fingerprint: str, since: datetime) -> object | None:
        """Return what was handled as `late` for an identity at `since` or after, if anything."""
        ...


def handling_of(
    past: PastEpisodes, source: str, alert: Alert, now: datetime, *, is_open: bool, confirmed: bool
) -> Handling:
    """Say what an alert does to the episode of its identity: the one rule, live and in backtests."""
    if alert.status is AlertStatus.RESOLVED:
        return Handling.CLOSED if is_open else Handling.NOT_OPEN
    if is_open:
        return Handling.REPEATED
    late = not confirmed and _is_late(past, source, alert, now)
    return Handling.LATE if late else Handling.OPENED


def _is_late(past: PastEpisodes, source: str, alert: Alert, now: datetime) -> bool:
    closed = past.last_closed_episode(source, alert.fingerprint)
    if closed is None or closed.closed_at is None or now - closed.closed_at > LATE_WINDOW:
        return False
    if alert.starts_at > (closed.ended_at or closed.closed_at):
        return False
    return past.last_late_receipt(source, alert.fingerprint, closed.closed_at) is None


def open_episode(
    tx: Tx, opened: Episode, now: datetime, *, may_relapse: bool = True, delivery_id: int | None = None
) -> Episode:
    """Open an episode, by a delivery if one did.

    One soon after a run that succeeded is a relapse, where it may be one at all.
    """
    before = tx.last_closed_episode(opened.source, opened.fingerprint)
    episode = tx.add(opened)
    came_by = _came_by(delivery_id)
    note_episode(tx, episode, AuditAction.EPISODE_OPENED, now, fingerprint=episode.fingerprint, **came_by)
    if before is not None and may_relapse:
        _note_relapse(tx, before, now)
    return episode


def _note_relapse(tx: Tx, before: Episode, now: datetime) -> None:
    for run in tx.runs_serving(before.id):
        verify = run.plan.verify if run.plan else None
        if run.state is not RunState.SUCCEEDED or verify is None or run.finished_at is None:
            continue
        if now - run.finished_at <= verify.watch and run.relapsed_at is None:
            tx.save(replace(run, relapsed_at=now))
            seconds = round((now - run.finished_at).total_seconds(), 3)
            note_run(tx, run, AuditAction.RUN_RELAPSED, now, seconds_after_success=seconds)


def _came_by(delivery_id: int | None) -> dict[str, Any]:
    return {} if delivery_id is None else {"delivery_id": delivery_id}


def close_episode(
    tx: Tx,
    episode: Episode,
    reason: CloseReason,
    now: datetime,
    *,
    ended_at: datetime | None = None,
    delivery_id: int | None = None,
) -> Episode:
    """Close an episode, and let what depends on it follow: admissions, waiting runs, leases."""
    closed = tx.save(
        replace(episode, closed_at=now, ended_at=ended_at or now, close_reason=reason, last_seen_at=now)
    )
    seconds = round((now - episode.opened_at).total_seconds(), 3)
    came_by = _came_by(delivery_id)
    note_episode(tx, closed, AuditAction.EPISODE_CLOSED, now, reason=reason, seconds_open=seconds, **came_by)
    for admission in tx.admissions_of_episode(episode.id):
        if not admission.done:
            tx.save(replace(admission, done=True))
            tx.clear_timer(TimerKind.DECIDE, admission.id)
            tx.wake_line(admission, now)  # it may have been its turn
    end_escalations(tx, closed, now)
    note_resolved(tx, closed, now)
    for run in tx.runs_serving(episode.id):
        if served_all_closed(tx, run.id):
            _all_resolved(tx, run, now)
    return closed


def _all_resolved(tx: Tx, run: Run, now: datetime) -> None:
    if run.state.waiting:
        detail = "the alert resolved before anything was done"
        if run.tried or run.started_at is not None:
            detail = "the alert resolved before the next option"
        cancel_waiting(tx, run, now, Reason.RESOLVED, detail, actor=ENGINE)
    if run.state.terminal and run.lease in (LeaseState.OPEN, LeaseState.OVERDUE):
        if reverts_on(run, RevertOn.RESOLVED):
            tx.set_timer(TimerKind.LEASE, run.id, now)
