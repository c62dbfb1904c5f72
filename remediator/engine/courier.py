"""Carries notices out: each channel by itself and in order, so that a slow one holds up no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from remediator.clients.errors import ClientError
from remediator.engine.context import Engine
from remediator.engine.outbox import AFTER_REMEDIES, finish, next_of, note
from remediator.notices.slack_message import AskedPlan, asking_message
from remediator.notices.wording import Wording, WordingError, Wordings
from remediator.runs.audit import AuditAction
from remediator.runs.news import Audience, Channel, NewsKind, Notice, NoticeState
from remediator.runs.records import TimerKind
from remediator.store.base import Reads, Tx

MOST_ATTEMPTS = 8
"""A notice that was tried so often is given up, so that one that nobody takes does not stop the rest."""
RETRIED_FOR = timedelta(hours=1)
"""News that is older than this, and still not delivered, is given up: it is no news any more."""
_FIRST_BACKOFF = timedelta(seconds=5)
_LONGEST_BACKOFF = timedelta(minutes=5)


class SendsNotices(Protocol):
    """Sends one message to one URL, which is given by reference."""

    async def send(self, reference: str, title: str, body: str) -> None:
        """Send, within a deadline.

        Raises:
            ClientError: when it was not taken, or nobody knows; without anything secret.
        """
        ...


class AsksByButtons(Protocol):
    """Sends a message with buttons to Slack's webhook, which is given by reference."""

    async def ask(self, reference: str, message: Mapping[str, Any]) -> None:
        """Send, within a deadline.

        Raises:
            ClientError: when it was not taken, or nobody knows; without anything secret.
        """
        ...


class SendsNothing:
    """Stands where nothing may leave: in simulations."""

    async def send(self, reference: str, title: str, body: str) -> None:
        """Take it."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    wording: Wording | None
    delivered: tuple[str, ...]
    error: str
    final: bool = False
    """Trying again would not help."""


class Courier:
    """Handles the timer of a channel: one notice at a time, the oldest first."""

    def __init__(self, engine: Engine, sender: SendsNotices, buttons: AsksByButtons | None = None) -> None:
        self._engine = engine
        self._sender = sender
        self._buttons = buttons
        self._wordings = Wordings()

    async def carry(self, channel_id: int) -> None:
        """Send the channel's oldest notice, and set when the next is due."""
        store = self._engine.store
        found = await store.read(lambda reads: self._next(reads, channel_id))
        if found is None:
            await store.write(lambda tx: self._rest(tx, channel_id))
            return
        attempt = await self._try(found)
        await store.write(lambda tx: self._conclude(tx, channel_id, found, attempt))

    def _next(self, reads: Reads, channel_id: int) -> Notice | None:
        channel = reads.get(Channel, channel_id)
        if channel is None or (channel.retry_at is not None and channel.retry_at > self._engine.clock.now()):
            return None
        waiting = next_of(reads, channel.name)
        return waiting[0] if waiting else None

    async def _try(self, notice: Notice) -> _Attempt:
        try:
            wording = self._wordings.put(notice)
        except WordingError as error:
            return _Attempt(None, notice.delivered, str(error), final=True)
        references = self._engine.settings.channels.get(notice.channel)
        if references is None:
            return _Attempt(wording, notice.delivered, f"no channel is called {notice.channel!r}", final=True)
        webhook = self._webhook_of(notice)
        return await self._send(notice, wording, references if webhook is None else (webhook,))

    async def _send(self, notice: Notice, wording: Wording, references: Sequence[str]) -> _Attempt:
        redactor = self._engine.redactor
        title, body = redactor.text(wording.title), redactor.text(wording.body)
        delivered, errors = list(notice.delivered), []
        for reference in references:
            if reference in delivered:
                continue
            try:
                await self._deliver(notice, Wording(title, body), reference)
            except ClientError as error:
                errors.append(f"{reference}: {redactor.text(error.detail)}")
            else:
                delivered.append(reference)
        return _Attempt(Wording(title, body), tuple(delivered), "; ".join(errors))

    def _webhook_of(self, notice: Notice) -> str | None:
        """Return where a request for approval goes with buttons, in place of the channel's URLs."""
        slack = self._engine.settings.slack
        asks = notice.kind is NewsKind.AWAITING_APPROVAL and notice.audience is Audience.INTERNAL
        return slack.webhooks.get(notice.channel) if slack is not None and asks and self._buttons else None

    async def _deliver(self, notice: Notice, wording: Wording, reference: str) -> None:
        if self._buttons is not None and reference == self._webhook_of(notice):
            plan = AskedPlan(notice.content["run"]["id"], notice.content["plan_hash"])
            await self._buttons.ask(reference, asking_message(wording, plan, notice.language))
        else:
            await self._sender.send(reference, wording.title, wording.body)

    def _conclude(self, tx: Tx, channel_id: int, before: Notice, attempt: _Attempt) -> None:
        now = self._engine.clock.now()
        channel, notice = tx.get(Channel, channel_id), tx.get(Notice, before.id)
        if channel is None or notice is None or notice.attempts != before.attempts:
            return  # somebody was faster
        notice = replace(notice, attempts=notice.attempts + 1, delivered=attempt.delivered)
        if attempt.wording is not None:
            notice = replace(notice, title=attempt.wording.title, body=attempt.wording.body)
        if not attempt.error:
            finish(tx, notice, NoticeState.SENT, now, error="")
            note(tx, notice, AuditAction.NOTICE_SENT, now, attempts=notice.attempts)
            channel = _well(channel, now)
        elif attempt.final:
            self._give_up(tx, notice, now, attempt.error)
        else:
            channel = self._failed(tx, channel, notice, attempt.error, now)
        tx.save(channel)
        self._set_timer(tx, channel, now)

    def _failed(self, tx: Tx, channel: Channel, notice: Notice, error: str, now: datetime) -> Channel:
        channel = _worse(channel, error, now)
        if notice.attempts >= MOST_ATTEMPTS or now - notice.created_at >= RETRIED_FOR:
            self._give_up(tx, notice, now, error)
        else:
            tx.save(replace(notice, error=error))
            retry = channel.retry_at.isoformat().replace("+00:00", "Z") if channel.retry_at else None
            detail = {"attempts": notice.attempts, "error": error, "retry_at": retry}
            note(tx, notice, AuditAction.NOTICE_DELAYED, now, **detail)
        # What is too old by now has waited in vain behind it.
        for stale in next_of(tx, channel.name, count=500):
            if stale.id != notice.id and now - stale.created_at >= RETRIED_FOR:
                self._give_up(tx, stale, now, "the channel did not take anything for too long")
        return channel

    def _give_up(self, tx: Tx, notice: Notice, now: datetime, error: str) -> None:
        finish(tx, notice, NoticeState.FAILED, now, error=error)
        note(tx, notice, AuditAction.NOTICE_FAILED, now, attempts=notice.attempts, error=error)

    def _rest(self, tx: Tx, channel_id: int) -> None:
        channel = tx.get(Channel, channel_id)
        if channel is None:
            tx.clear_timer(TimerKind.NOTICES, channel_id)
        else:
            self._set_timer(tx, channel, self._engine.clock.now())

    def _set_timer(self, tx: Tx, channel: Channel, now: datetime) -> None:
        """One notice a turn: a long queue of one channel is no long task."""
        if not next_of(tx, channel.name):
            tx.clear_timer(TimerKind.NOTICES, channel.id)
            return
        due_at = now if channel.retry_at is None else max(now, channel.retry_at)
        tx.set_timer(TimerKind.NOTICES, channel.id, due_at, AFTER_REMEDIES)


def _well(channel: Channel, now: datetime) -> Channel:
    well = replace(channel, failures=0, failing_since=None, retry_at=None, last_error="")
    return replace(well, last_sent_at=now, last_tried_at=now)


def _worse(channel: Channel, error: str, now: datetime) -> Channel:
    failures = channel.failures + 1
    backoff = min(_FIRST_BACKOFF * 2 ** min(failures - 1, 10), _LONGEST_BACKOFF)
    since = channel.failing_since or now
    failing = replace(channel, failures=failures, failing_since=since, retry_at=now + backoff)
    return replace(failing, last_error=error, last_tried_at=now)
