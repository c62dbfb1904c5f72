"""Answers to what guards ask: recorded, from Prometheus's history, from the replay itself, or assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from remediator.authoring.backtest.episodes import OpenEpisode
from remediator.authoring.backtest.firing import FiringAlerts
from remediator.authoring.backtest.recorded import shown_words
from remediator.runs.answers import AlertsQuery, Answer, PromQLQuery, Query, Sample

_QUERIES_NAMED = 100
# Where a guard wants a number it counts instances or targets, and enough of them is the likely case.
_HOLDS = Answer(samples=(Sample(labels={}, value=1e6),))
_DOES_NOT_HOLD = Answer()


class AnswerKind(StrEnum):
    """Where an answer comes from."""

    RECORDED = "recorded"
    PROMETHEUS = "prometheus"
    REPLAYED = "replayed"
    ASSUMED = "assumed"


class AnswersThePast(Protocol):
    """Answers queries as of a time."""

    def answer(self, query: PromQLQuery, at: datetime) -> tuple[Answer, datetime | None] | None:
        """Return the answer, and before when it is the same; None when it can't be known."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why it could not be asked, if that is so."""
        ...


class Answering:
    """Answers queries, each from the best source that knows, and counts which that was."""

    def __init__(self, firing: FiringAlerts, past: AnswersThePast | None, *, promql_holds: bool) -> None:
        self._firing = firing
        self._past = past
        self._assumed = _HOLDS if promql_holds else _DOES_NOT_HOLD
        self._counts: Counter[AnswerKind] = Counter()
        self._queries: dict[str, Counter[AnswerKind]] = {}

    def answers(
        self, queries: tuple[Query, ...], episode: OpenEpisode, now: datetime
    ) -> tuple[Mapping[Query, Answer], datetime | None]:
        """Return all answers, and before when all of them are the same; None when they stay."""
        found: dict[Query, Answer] = {}
        until: datetime | None = None
        for query in queries:
            found[query], good_until = self._answer(query, episode, now)
            if good_until is not None and (until is None or good_until < until):
                until = good_until
        return found, until

    @property
    def counts(self) -> Mapping[AnswerKind, int]:
        """How many answers came from where."""
        return self._counts

    @property
    def queries(self) -> Mapping[str, Mapping[AnswerKind, int]]:
        """The queries, and where their answers came from; the first many of them."""
        return self._queries

    @property
    def trouble(self) -> str | None:
        """Why Prometheus could not be asked, if that is so."""
        return self._past.trouble if self._past is not None else None

    def _answer(self, query: Query, episode: OpenEpisode, now: datetime) -> tuple[Answer, datetime | None]:
        if episode.recorded is not None:
            recorded = episode.recorded.answer(query, now)
            if recorded is not None:
                return self._note(query, AnswerKind.RECORDED, recorded)
        if isinstance(query, AlertsQuery):
            return self._note(query, AnswerKind.REPLAYED, (self._firing.answer(query), None))
        if self._past is not None:
            past = self._past.answer(query, now)
            if past is not None:
                return self._note(query, AnswerKind.PROMETHEUS, past)
        return self._note(query, AnswerKind.ASSUMED, (self._assumed, None))

    def _note(
        self, query: Query, kind: AnswerKind, answer: tuple[Answer, datetime | None]
    ) -> tuple[Answer, datetime | None]:
        self._counts[kind] += 1
        words = shown_words(query)
        known = self._queries.get(words)
        if known is None:
            if len(self._queries) >= _QUERIES_NAMED:
                return answer
            known = self._queries[words] = Counter()
        known[kind] += 1
        return answer
