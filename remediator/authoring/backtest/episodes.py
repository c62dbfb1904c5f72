"""Episodes in memory: opened, repeated and closed by the receiver's own rule, and forgotten when over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.alerts import Alert
from remediator.authoring.backtest.recorded import RecordedEpisode
from remediator.engine.episodes import LATE_WINDOW, handling_of
from remediator.engine.scopes import episode_context
from remediator.labels import ALERTNAME, Labels
from remediator.runs.episodes import Episode, Handling

Identity = tuple[str, str]
"""Source and fingerprint."""
Recall = Callable[[int], RecordedEpisode]
"""Returns what was recorded of an episode, by its id."""


class OpenEpisode:
    """An alert from firing to resolved, and what each policy set has to do with it."""

    __slots__ = (
        "_context",
        "_recorded",
        "alert",
        "alertname",
        "closed_at",
        "id",
        "labels",
        "last_seen_at",
        "opened_at",
        "recall",
        "recorded_id",
        "source",
        "starts_at",
        "subjects",
    )

    def __init__(self, number: int, source: str, alert: Alert, now: datetime, worlds: int) -> None:
        self.id = number
        self.source = source
        self.alert = alert
        self.alertname = alert.labels.get(ALERTNAME, "")
        self.labels: Labels = alert.labels
        self.starts_at = alert.starts_at
        self.opened_at = now
        self.last_seen_at = now
        self.closed_at: datetime | None = None
        self.recorded_id: int | None = None
        self.recall: Recall | None = None
        self.subjects: list[Any] = [None] * worlds
        """Per policy set, what its world keeps of this episode."""
        self._context: dict[str, Any] | None = None
        self._recorded: RecordedEpisode | None = None

    @property
    def recorded(self) -> RecordedEpisode | None:
        """What was recorded of it, read when it is asked for first."""
        if self.recall is not None and self.recorded_id is not None:
            self._recorded = self.recall(self.recorded_id)
            self.recall = None
        return self._recorded

    @property
    def identity(self) -> Identity:
        """What tells it from other alerts."""
        return (self.source, self.alert.fingerprint)

    @property
    def open(self) -> bool:
        """Whether the alert still fires."""
        return self.closed_at is None

    @property
    def context(self) -> Mapping[str, Any]:
        """What templates and expressions see of it."""
        if self._context is None:
            self._context = episode_context(self._record())
        return self._context

    def renew(self, alert: Alert) -> bool:
        """Take over what a repeated receipt says; tell whether that changed what templates see."""
        if alert.annotations == self.alert.annotations:
            return False
        # Labels stay as they were when it opened: equal fingerprints mean equal labels.
        self.alert = alert
        self._context = None
        return True

    def _record(self) -> Episode:
        return Episode(
            id=self.recorded_id or self.id,
            source=self.source,
            fingerprint=self.alert.fingerprint,
            alertname=self.alertname,
            labels=self.labels,
            annotations=self.alert.annotations,
            generator_url=self.alert.generator_url,
            starts_at=self.starts_at,
            opened_at=self.opened_at,
            last_seen_at=self.opened_at,
        )


@dataclass(slots=True)
class _Closed:
    closed_at: datetime
    ended_at: datetime
    late_at: datetime | None = None


class EpisodeBook:
    """All open episodes, and those that closed so lately that a receipt may be late for them."""

    def __init__(self, worlds: int) -> None:
        self._worlds = worlds
        self._open: dict[Identity, OpenEpisode] = {}
        self._closed: dict[Identity, _Closed] = {}
        self._forget: deque[tuple[datetime, Identity]] = deque()
        self._opened = 0

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[OpenEpisode]:
        return iter(self._open.values())

    def find(self, source: str, fingerprint: str) -> OpenEpisode | None:
        """Return the open episode of an identity."""
        return self._open.get((source, fingerprint))

    def handle(
        self, source: str, alert: Alert, now: datetime, known: OpenEpisode | None, *, confirmed: bool
    ) -> Handling:
        """Say what an alert does to the episode of its identity, of which `known` is open."""
        self._forget_before(now)
        handling = handling_of(self, source, alert, now, is_open=known is not None, confirmed=confirmed)
        if handling is Handling.LATE:
            self._closed[source, alert.fingerprint].late_at = now
        return handling

    def open(self, source: str, alert: Alert, now: datetime) -> OpenEpisode:
        """Open an episode."""
        self._opened += 1
        episode = OpenEpisode(self._opened, source, alert, now, self._worlds)
        self._open[episode.identity] = episode
        return episode

    def close(self, episode: OpenEpisode, now: datetime, ended_at: datetime | None) -> None:
        """Close an episode; what it served outlives it no longer than anybody can ask."""
        identity = episode.identity
        del self._open[identity]
        episode.closed_at = now
        self._closed[identity] = _Closed(now, ended_at or now)
        self._forget.append((now, identity))

    def last_closed_episode(self, source: str, fingerprint: str) -> _Closed | None:
        """Return how the identity's last episode ended, while a receipt may be late for it."""
        return self._closed.get((source, fingerprint))

    def last_late_receipt(self, source: str, fingerprint: str, since: datetime) -> object | None:
        """Return when a receipt was late for it, if one was since then."""
        late_at = self._closed[source, fingerprint].late_at
        return late_at if late_at is not None and late_at >= since else None

    def _forget_before(self, now: datetime) -> None:
        while self._forget and now - self._forget[0][0] > LATE_WINDOW:
            closed_at, identity = self._forget.popleft()
            last = self._closed.get(identity)
            if last is not None and last.closed_at == closed_at:
                del self._closed[identity]
