"""Asks Alertmanager what fires: opens what was missed, closes what vanished, sees what is silenced."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.alerts import Alert, AlertStatus, Payload
from remediator.clients.alertmanager import ActiveAlert, AlertmanagerClient, AlertmanagerError
from remediator.clock import Clock
from remediator.engine.dispatch import Wakes
from remediator.engine.episodes import close_episode
from remediator.engine.intake import Intake
from remediator.runs.episodes import Episode
from remediator.runs.reasons import CloseReason
from remediator.store.base import Store, Tx

_LOG = logging.getLogger("remediator.poll")

# Absent this many polls in a row: a restarted Alertmanager is empty for a while, so one is not enough.
_POLLS_UNTIL_VANISHED = 3


class PollAlertmanager:
    """Polls one source."""

    def __init__(
        self,
        source: str,
        every: timedelta,
        client: AlertmanagerClient,
        intake: Intake,
        store: Store,
        clock: Clock,
        waker: Wakes,
    ) -> None:
        self._source = source
        self._every = every
        self._client = client
        self._intake = intake
        self._store = store
        self._clock = clock
        self._waker = waker

    @property
    def name(self) -> str:
        """Its name, in logs."""
        return f"poll {self._source}"

    @property
    def every(self) -> timedelta:
        """How often."""
        return self._every

    async def run(self) -> None:
        """Ask once. A poll that fails changes nothing."""
        try:
            firing = await self._client.alerts(active=True, silenced=False, inhibited=False)
            known = await self._client.alerts(active=True, silenced=True, inhibited=True)
        except AlertmanagerError as error:
            _LOG.warning("source %s could not be polled: %s", self._source, error)
            return
        await self._open_missed(firing)
        await self._close_vanished(known)

    async def _open_missed(self, firing: list[ActiveAlert]) -> None:
        open_now = await self._store.read(lambda reads: reads.open_episodes(self._source))
        seen = {episode.fingerprint for episode in open_now}
        missed = [alert for alert in firing if alert.fingerprint not in seen]
        if not missed:
            return
        payload = Payload(
            receiver="",
            group_key="",
            truncated_alerts=0,
            alerts=tuple(_alert(alert) for alert in missed),
            bad=(),
        )
        await self._intake.accept(self._source, payload, origin="poll")

    async def _close_vanished(self, known: list[ActiveAlert]) -> None:
        suppressed = {alert.fingerprint: alert.suppressed for alert in known}
        now = self._clock.now()

        def work(tx: Tx) -> None:
            for episode in tx.open_episodes(self._source):
                _see(tx, episode, suppressed, now)

        await self._store.write(work)
        self._waker.wake()


def _see(tx: Tx, episode: Episode, suppressed: dict[str, bool], now: datetime) -> None:
    if episode.fingerprint not in suppressed:
        missed = episode.missed_polls + 1
        if missed >= _POLLS_UNTIL_VANISHED:
            close_episode(tx, episode, CloseReason.VANISHED, now)
        else:
            tx.save(replace(episode, missed_polls=missed))
        return
    seen = replace(episode, missed_polls=0, suppressed=suppressed[episode.fingerprint], last_seen_at=now)
    if (episode.missed_polls, episode.suppressed) != (seen.missed_polls, seen.suppressed):
        tx.save(seen)


def _alert(alert: ActiveAlert) -> Alert:
    return Alert(
        status=AlertStatus.FIRING,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        starts_at=alert.starts_at,
        generator_url=alert.generator_url,
        fingerprint=alert.fingerprint,
    )
