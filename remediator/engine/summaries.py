"""A storm of notices: a channel takes so many messages a minute, and what is more goes as one summary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from remediator.engine.context import Engine
from remediator.engine.outbox import AFTER_REMEDIES, finish, next_of, note, post
from remediator.notices.wording import WordingError, Wordings
from remediator.runs.audit import AuditAction
from remediator.runs.news import Audience, Channel, Language, NewsKind, Notice, NoticeState
from remediator.runs.records import TimerKind
from remediator.store.base import Filter, Reads, Tx

MOST_MESSAGES = 10
"""So many messages leave a channel within a minute at most: what people can read as they come."""
_WITHIN = timedelta(minutes=1)
_MOST_SUMMED_UP = 500
_MOST_LINES = 30
# In a summary these come first: somebody has to do something.
_FOR_PEOPLE = frozenset(
    {
        NewsKind.NEEDS_HUMAN,
        NewsKind.EXPIRED,
        NewsKind.REVERT_FAILED,
        NewsKind.LEASE_ENDING,
        NewsKind.AWAITING_APPROVAL,
        NewsKind.ESCALATED,
    }
)


class Carries(Protocol):
    """Carries out a channel's notices."""

    async def carry(self, channel_id: int) -> None:
        """Send the channel's oldest notice, and set when the next is due."""
        ...


@dataclass(frozen=True, slots=True)
class _Load:
    """What a channel has before it: when it has room again, and what is to go as summaries."""

    room_at: datetime | None
    groups: tuple[tuple[Notice, ...], ...] = ()


class Summaries:
    """Handles the timer of a channel before its courier does."""

    def __init__(self, engine: Engine, courier: Carries) -> None:
        self._engine = engine
        self._courier = courier
        self._wordings = Wordings()

    async def carry(self, channel_id: int) -> None:
        """Let the courier send what there is room for; sum up what there is not, or wait."""
        store, now = self._engine.store, self._engine.clock.now()
        load = await store.read(lambda reads: _load(reads, channel_id, now))
        if load.room_at is not None:
            due_at = load.room_at
            await store.write(lambda tx: tx.set_timer(TimerKind.NOTICES, channel_id, due_at, AFTER_REMEDIES))
            return
        if load.groups:
            await store.write(lambda tx: self._sum_up(tx, channel_id, now))
        await self._courier.carry(channel_id)

    def _sum_up(self, tx: Tx, channel_id: int, now: datetime) -> None:
        for group in _load(tx, channel_id, now).groups:
            first = group[0]
            lines = [self._line(notice) for notice in sorted(group, key=_urgency)[:_MOST_LINES]]
            content = {
                "count": len(group),
                "for_people": sum(notice.kind in _FOR_PEOPLE for notice in group),
                "lines": lines,
                "more": len(group) - len(lines),
                "url": self._engine.settings.server.public_url
                and str(self._engine.settings.server.public_url),
            }
            summary = post(
                tx,
                Notice(
                    channel=first.channel,
                    kind=NewsKind.SUMMARY,
                    audience=first.audience,
                    language=first.language,
                    content=content,
                    created_at=now,
                ),
                now,
            )
            for notice in group:
                finish(tx, notice, NoticeState.SUMMARISED, now)
                note(tx, notice, AuditAction.NOTICE_SUMMARISED, now, summary=summary.id)

    def _line(self, notice: Notice) -> dict[str, Any]:
        try:
            title = self._wordings.put(notice).title
        except WordingError:
            title = str(notice.kind)  # the courier would have given it up; a summary still counts it
        at = notice.created_at.isoformat().replace("+00:00", "Z")
        return {"at": at, "title": title, "url": notice.content.get("url")}


def _load(reads: Reads, channel_id: int, now: datetime) -> _Load:
    channel = reads.get(Channel, channel_id)
    if channel is None or (channel.retry_at is not None and channel.retry_at > now):
        return _Load(None)
    sent = {"channel": channel.name, "state": str(NoticeState.SENT)}
    newest = reads.select(Notice, Filter(equal=sent, limit=MOST_MESSAGES))
    recent = [one.finished_at for one in newest if one.finished_at and one.finished_at > now - _WITHIN]
    if len(recent) >= MOST_MESSAGES:
        return _Load(min(recent) + _WITHIN)
    # What was tried already may have reached some of the channel's URLs: it goes on by itself.
    waiting = [one for one in next_of(reads, channel.name, count=_MOST_SUMMED_UP) if not one.attempts]
    waiting = [one for one in waiting if one.kind is not NewsKind.SUMMARY]
    if len(waiting) <= MOST_MESSAGES - len(recent):
        return _Load(None)
    return _Load(None, _alike(waiting))


def _alike(waiting: Sequence[Notice]) -> tuple[tuple[Notice, ...], ...]:
    """Group by who reads it, and in which language; what is alone in its group goes as it is."""
    groups: dict[tuple[Audience, Language], list[Notice]] = defaultdict(list)
    for notice in waiting:
        groups[notice.audience, notice.language].append(notice)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _urgency(notice: Notice) -> tuple[bool, int]:
    return (notice.kind not in _FOR_PEOPLE, notice.id)
