"""The receiver's own receipts, from its database, with what was known and done at the time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from remediator.alerts import Alert, AlertStatus
from remediator.authoring.backtest.arrivals import Arrival, Delivered, Ending, Faults
from remediator.authoring.backtest.from_file import Span
from remediator.authoring.backtest.recorded import (
    RecordedApproval,
    RecordedEpisode,
    RecordedLook,
    RecordedRun,
    answer_of,
)
from remediator.authoring.backtest.replay import Period
from remediator.runs.answers import Answer
from remediator.runs.history import Finish, Start
from remediator.runs.reasons import CloseReason
from remediator.store.sqlite.recordings import DecisionRow, ReceiptRow, Recordings, RunRow

_REMEMBERED = 10_000


class AuditRecording:
    """Replays the receipts of a database; works while a server runs on it."""

    def __init__(self, recordings: Recordings, span: Span) -> None:
        self._recordings = recordings
        self._span = span
        self._faults = Faults()
        self._first, self._last = recordings.bounds()
        if span.since is not None:
            self._first = recordings.first_receipt(span.since)
        self._at = self._first
        self._texts: OrderedDict[str, dict[str, str]] = OrderedDict()

    @property
    def faults(self) -> Faults:
        """Nothing: what the database holds was read before."""
        return self._faults

    @property
    def notes(self) -> tuple[str, ...]:
        """What the beginning of the period cuts off."""
        if self._span.since is None:
            return ()
        return (
            "Alerts that fired before the period count from their first receipt within it; runs that "
            "were under way when it began are left out, those that had started before count for cooldowns "
            "and rates.",
        )

    def progress(self) -> float | None:
        """Return the share of the receipts that was read."""
        whole = self._last - self._first
        return (self._at - self._first) / whole if whole > 0 else 1.0

    def period(self) -> Period:
        """Return what people paused and closed meanwhile."""
        return Period(
            holds=self._recordings.holds(self._span.since, self._span.until),
            breaker_closings=self._recordings.breaker_closings(),
            until=self._span.until,
        )

    def earlier(self, longest: timedelta) -> tuple[tuple[Start, ...], tuple[Finish, ...]]:
        """Return the runs that had started and ended before the period, as far back as guards look."""
        if self._span.since is None:
            return (), ()
        starts, finishes = self._recordings.earlier_runs(self._span.since - longest, self._span.since)
        return tuple(starts), tuple(finishes)

    def deliveries(self) -> Iterator[Delivered]:
        """Yield the deliveries of the span."""
        delivered: Delivered | None = None
        delivery_id = 0
        for row in self._recordings.receipts(self._span.since, self._span.until):
            self._at = row.id
            if delivered is None or row.delivery_id != delivery_id:
                if delivered is not None:
                    yield delivered
                delivery_id = row.delivery_id
                delivered = Delivered(row.received_at, row.source, [], confirmed=row.polled)
            delivered.arrivals.append(self._arrival(row))
        if delivered is not None:
            yield delivered

    def recall(self, episode_id: int) -> RecordedEpisode:
        """Return what was recorded of an episode."""
        looks = [look for row in self._recordings.decisions(episode_id) if (look := _look(row)) is not None]
        runs: dict[str, list[RecordedRun]] = {}
        for run in self._recordings.runs(episode_id):
            runs.setdefault(run.policy, []).append(_run(run))
        return RecordedEpisode(looks, runs)

    def _arrival(self, row: ReceiptRow) -> Arrival:
        alert = Alert.model_construct(
            status=AlertStatus(row.status),
            labels=self._parsed(row.labels),
            annotations=self._parsed(row.annotations),
            starts_at=datetime.fromisoformat(row.starts_at),
            ends_at=datetime.fromisoformat(row.ends_at) if row.ends_at else None,
            generator_url=row.generator_url,
            fingerprint=row.fingerprint,
        )
        ending = None
        if row.closed_at is not None and row.close_reason not in (None, CloseReason.RESOLVED):
            ending = Ending(row.closed_at, row.close_reason)
        return Arrival(alert, row.episode_id, ending)

    def _parsed(self, text: str) -> dict[str, str]:
        known = self._texts.get(text)
        if known is not None:
            self._texts.move_to_end(text)
            return known
        read: dict[str, str] = orjson.loads(text)
        self._texts[text] = read
        if len(self._texts) > _REMEMBERED:
            self._texts.popitem(last=False)
        return read


def _look(row: DecisionRow) -> RecordedLook | None:
    if row.policy is None:
        return None
    answers: dict[str, Answer] = {}
    suppressed: bool | None = False
    failures: list[str] = []
    for verdict in row.verdicts:
        inputs = verdict["inputs"]
        if verdict["guard"] == "silenced":
            suppressed = inputs.get("suppressed")
        elif "failed" in inputs:
            failures += inputs["failed"]
        elif verdict["kind"] != "pending":
            answers |= _answers(verdict, inputs)
    return RecordedLook(row.at, row.policy, row.facts, answers, tuple(failures), suppressed)


def _answers(verdict: Mapping[str, Any], inputs: Mapping[str, Any]) -> Mapping[str, Answer]:
    words = inputs.get("query", inputs.get("looked_for"))
    answer = answer_of(verdict) if words is not None else None
    return {} if answer is None else {words: answer}


def _run(row: RunRow) -> RecordedRun:
    return RecordedRun(
        state=row.state,
        option=row.option,
        started_at=row.started_at,
        finished_at=row.finished_at,
        approvals=tuple(RecordedApproval(*approval) for approval in row.approvals),
        reverted_at=row.reverted_at,
    )
