"""The outbox: notices are rows, queued in the transaction of what they tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.clock import Clock
from remediator.engine.actors import ENGINE
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.news import Channel, NewsKind, Notice, NoticeState
from remediator.runs.records import Run, TimerKind
from remediator.store.base import Filter, Order, Reads, Store, Tx

# Telling people comes after whatever remedies.
AFTER_REMEDIES = 2**30


def post(tx: Tx, notice: Notice, now: datetime) -> Notice:
    """Queue a notice for its channel; one whose key was queued before is returned as it is."""
    if notice.key is not None:
        known = tx.select(Notice, Filter(equal={"key": notice.key}, limit=1))
        if known:
            return known[0]
    queued = tx.add(notice)
    note(tx, queued, AuditAction.NOTICE_QUEUED, now, audience=notice.audience, language=notice.language)
    channel = channel_called(tx, notice.channel) or tx.add(Channel(name=notice.channel, last_tried_at=now))
    due_at = now if channel.retry_at is None else max(now, channel.retry_at)
    tx.set_timer(TimerKind.NOTICES, channel.id, due_at, AFTER_REMEDIES)
    return queued


class MessageQueue:
    """Takes messages that a policy's step sends."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def queue(self, channel: str, title: str, text: str, *, key: str, run_id: int | None) -> int:
        """Queue a message once for each key, durably, and return its notice's id."""

        def work(tx: Tx) -> int:
            now = self._clock.now()
            run = tx.get(Run, run_id) if run_id is not None else None
            notice = Notice(
                key=key,
                channel=channel,
                kind=NewsKind.MESSAGE,
                policy=run.policy if run else None,
                target=run.target if run else None,
                episode_id=run.episode_id if run else None,
                run_id=run.id if run else None,
                content={"title": title, "text": text},
                created_at=now,
            )
            return post(tx, notice, now).id

        return await self._store.write(work)


def channel_called(reads: Reads, name: str) -> Channel | None:
    """Return how a channel has fared; None when nothing was queued for it yet."""
    found = reads.select(Channel, Filter(equal={"name": name}, limit=1))
    return found[0] if found else None


def next_of(reads: Reads, channel: str, *, count: int = 1) -> list[Notice]:
    """Return the oldest notices that wait for a channel, in order."""
    equal = {"channel": channel, "state": str(NoticeState.PENDING)}
    return reads.select(Notice, Filter(equal=equal, limit=count, order=Order.OLDEST))


def notices_of_run(reads: Reads, run_id: int, **equal: Any) -> list[Notice]:
    """Return what was told of a run, newest first."""
    return reads.select(Notice, Filter(equal={"run_id": run_id, **equal}, limit=500))


def finish(tx: Tx, notice: Notice, state: NoticeState, now: datetime, **changed: Any) -> Notice:
    """Note how a notice ended."""
    return tx.save(replace(notice, state=state, finished_at=now, **changed))


def note(tx: Tx, notice: Notice, action: AuditAction, now: datetime, /, **detail: Any) -> None:
    """Append an audit row about a notice."""
    tx.audit(
        AuditEntry(
            at=now,
            actor=ENGINE,
            action=action,
            policy=notice.policy,
            target=notice.target,
            episode_id=notice.episode_id,
            run_id=notice.run_id,
            detail={
                "notice_id": notice.id,
                "channel": notice.channel,
                "contact": notice.contact,
                "kind": notice.kind,
                **detail,
            },
        )
    )
