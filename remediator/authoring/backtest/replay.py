"""The replay: one pass over what came in, with one or two policy sets side by side."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from remediator.alerts import AlertStatus
from remediator.authoring.backtest.arrivals import Arrival, Delivered, Ending, Recording
from remediator.authoring.backtest.difference import Difference, about, steps_json
from remediator.authoring.backtest.dormancy import alerts_key
from remediator.authoring.backtest.episodes import EpisodeBook, Identity, OpenEpisode, Recall
from remediator.authoring.backtest.firing import FiringAlerts
from remediator.authoring.backtest.world import World
from remediator.runs.answers import AlertsQuery
from remediator.runs.episodes import Handling
from remediator.runs.reasons import CloseReason
from remediator.runs.records import Hold

_PROGRESS_EVERY = 2000


@dataclass(slots=True)
class Counts:
    """What was replayed."""

    deliveries: int = 0
    receipts: int = 0
    opened: int = 0
    repeated: int = 0
    closed: int = 0
    late: int = 0
    not_open: int = 0
    presumed_resolved: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What a recording says besides receipts: who held what, and what was before."""

    holds: Sequence[Hold] = ()
    breaker_closings: Mapping[str, Sequence[datetime]] = field(default_factory=dict)
    until: datetime | None = None


class Replay:
    """Replays a recording. The first world is the one reported; a second is what it is compared with."""

    def __init__(
        self,
        worlds: Sequence[World],
        book: EpisodeBook,
        firing: FiringAlerts,
        *,
        stale_after: Mapping[str, timedelta],
        samples: int,
        recall: Recall | None = None,
    ) -> None:
        self._worlds = worlds
        self._book = book
        self._firing = firing
        self._stale_after = stale_after
        self._samples = samples
        self._recall = recall
        self._endings: list[tuple[datetime, int, Identity, Ending | None]] = []
        self._sampled: dict[int, dict[str, Any] | None] = {}
        self.counts = Counts()
        self.difference = Difference(samples) if len(worlds) > 1 else None

    def run(self, recording: Recording, period: Period, progress: Callable[[float | None], None]) -> None:
        """Replay all of it."""
        self._expect(period)
        for number, delivered in enumerate(recording.deliveries()):
            self._deliver(delivered)
            if number % _PROGRESS_EVERY == 0:
                progress(recording.progress())
        end = period.until or self.counts.last_at
        if end is not None:
            self._run_until(max(end, self.counts.last_at or end))
        for episode in self._book:
            self._conclude(episode, end)

    @property
    def examples(self) -> list[dict[str, Any]]:
        """The first episodes that concern a policy, with every decision."""
        return [example for _, example in sorted(self._sampled.items()) if example is not None]

    def _expect(self, period: Period) -> None:
        changes = {hold.created_at for hold in period.holds}
        changes |= {hold.removed_at for hold in period.holds if hold.removed_at is not None}
        changes |= {hold.expires_at for hold in period.holds if hold.expires_at is not None}
        for world in self._worlds:
            for at in sorted(changes):
                world.at(at, _holding(world, period.holds))
            for policy, closings in sorted(period.breaker_closings.items()):
                for at in closings:
                    world.at(at, _looking(world, policy))

    def _deliver(self, delivered: Delivered) -> None:
        counts = self.counts
        now = delivered.at
        self._run_until(now)
        counts.deliveries += 1
        counts.first_at = counts.first_at or now
        counts.last_at = now
        for arrival in delivered.arrivals:
            counts.receipts += 1
            self._handle(delivered, arrival, now)
        for world in self._worlds:
            world.run_until(now)

    def _handle(self, delivered: Delivered, arrival: Arrival, now: datetime) -> None:
        alert, source = arrival.alert, delivered.source
        known = self._book.find(source, alert.fingerprint)
        if known is not None and alert.status is AlertStatus.FIRING:
            # The same as `handling_of` says, without asking: this is most of what comes in.
            self.counts.repeated += 1
            known.last_seen_at = now
            if known.renew(alert):
                for place, world in enumerate(self._worlds):
                    world.renewed(known, place, now)
            return
        handling = self._book.handle(source, alert, now, known, confirmed=delivered.confirmed)
        if handling is Handling.OPENED:
            self._open(source, arrival, now)
        elif handling is Handling.CLOSED and known is not None:
            self._close(known, now, alert.ended_at)
        elif handling is Handling.LATE:
            self.counts.late += 1
        else:
            self.counts.not_open += 1

    def _open(self, source: str, arrival: Arrival, now: datetime) -> None:
        self.counts.opened += 1
        episode = self._book.open(source, arrival.alert, now)
        episode.recorded_id = arrival.episode_id
        episode.recall = self._recall
        self._turned(self._firing.opened(episode), now)
        for place, world in enumerate(self._worlds):
            world.opened(episode, place, now)
        if len(self._sampled) < self._samples and any(episode.subjects):
            self._sampled[episode.id] = None
        if arrival.ending is not None:
            self._push(arrival.ending.at, episode, arrival.ending)
        elif self._recall is None:
            self._push(now + self._stale(source), episode, None)

    def _close(self, episode: OpenEpisode, now: datetime, ended_at: datetime | None) -> None:
        self.counts.closed += 1
        self._book.close(episode, now, ended_at)
        self._turned(self._firing.closed(episode), now)
        for place, world in enumerate(self._worlds):
            world.closed(episode, place, now)
        self._conclude(episode, now)

    def _conclude(self, episode: OpenEpisode, now: datetime | None) -> None:
        for place, world in enumerate(self._worlds):
            if now is not None:
                world.tally.closed(episode.subjects[place], now)
        if self.difference is not None:
            self.difference.compare(episode, episode.subjects[1], episode.subjects[0])
        self._sample(episode)
        self._part(episode)

    def _part(self, episode: OpenEpisode) -> None:
        """Undo what ties an episode, its admissions and their runs into rings: memory is free at once."""
        for admissions in episode.subjects:
            for admission in admissions or ():
                if admission.run is not None and admission.run.finished_at is not None:
                    admission.run = None
        episode.subjects = [()] * len(self._worlds)

    def _sample(self, episode: OpenEpisode) -> None:
        if episode.id in self._sampled:
            self._sampled[episode.id] = about(episode) | {
                "policies": [
                    {
                        "policy": admission.policy,
                        "target": admission.target,
                        "decisions": steps_json(admission),
                    }
                    for admission in episode.subjects[0]
                ]
            }

    def _turned(self, queries: Iterable[AlertsQuery], now: datetime) -> None:
        for query in queries:
            for world in self._worlds:
                world.turned(alerts_key(query), now)

    # --- what ends by itself -------------------------------------------------------------

    def _run_until(self, moment: datetime) -> None:
        while self._endings and self._endings[0][0] <= moment:
            at, number, identity, ending = heapq.heappop(self._endings)
            episode = self._book.find(*identity)
            if episode is None or episode.id != number:
                continue
            if ending is None and episode.last_seen_at + self._stale(episode.source) > at:
                self._push(episode.last_seen_at + self._stale(episode.source), episode, None)
                continue
            for world in self._worlds:
                world.run_until(at)
            if ending is None or ending.reason is CloseReason.PRESUMED_RESOLVED:
                self.counts.presumed_resolved += 1
            self._close(episode, at, None)
            for world in self._worlds:
                world.run_until(at)
        for world in self._worlds:
            world.run_until(moment)

    def _push(self, at: datetime, episode: OpenEpisode, ending: Ending | None) -> None:
        heapq.heappush(self._endings, (at, episode.id, episode.identity, ending))

    def _stale(self, source: str) -> timedelta:
        return self._stale_after.get(source) or next(iter(self._stale_after.values()))


def _holding(world: World, holds: Sequence[Hold]) -> Callable[[datetime], None]:
    def change(now: datetime) -> None:
        # A guard takes a hold with an end for one that was ended, but that is yet to come.
        standing = (replace(hold, removed_at=None) for hold in holds if _stands(hold, now))
        world.hold(tuple(standing), now)

    return change


def _stands(hold: Hold, now: datetime) -> bool:
    ends = [end for end in (hold.removed_at, hold.expires_at) if end is not None]
    return hold.created_at <= now and all(now < end for end in ends)


def _looking(world: World, policy: str) -> Callable[[datetime], None]:
    return lambda now: world.look_at_all(policy, now)
