"""Which of the replayed alerts fire, for guards that ask about other alerts."""

from __future__ import annotations

from functools import lru_cache

from remediator.authoring.backtest.episodes import EpisodeBook, OpenEpisode
from remediator.labels import Labels
from remediator.policy.matchers import Matcher, parse_matcher
from remediator.runs.answers import AlertsQuery, Answer, Sample

_NOTHING = Answer()


class FiringAlerts:
    """Keeps the answers to the questions that are asked, so that an alert costs no more than these are."""

    def __init__(self, book: EpisodeBook) -> None:
        self._book = book
        self._asked: dict[AlertsQuery, dict[int, Labels]] = {}
        self._matchers: dict[AlertsQuery, tuple[tuple[Matcher, ...], ...]] = {}

    def answer(self, query: AlertsQuery) -> Answer:
        """Return the firing alerts that fit."""
        fitting = self._asked.get(query)
        if fitting is None:
            self._matchers[query] = tuple(_matchers(one) for one in query.any_of)
            fitting = {episode.id: episode.labels for episode in self._book if self._fits(query, episode)}
            self._asked[query] = fitting
        if not fitting:
            return _NOTHING
        return Answer(samples=tuple(Sample(labels=labels, value=1.0) for labels in fitting.values()))

    def opened(self, episode: OpenEpisode) -> list[AlertsQuery]:
        """Take in an alert that fires; return the questions to which the answer is yes by now."""
        turned = []
        for query, fitting in self._asked.items():
            if self._fits(query, episode):
                if not fitting:
                    turned.append(query)
                fitting[episode.id] = episode.labels
        return turned

    def closed(self, episode: OpenEpisode) -> list[AlertsQuery]:
        """Take in that an alert is over; return the questions to which the answer is no by now."""
        return [
            query
            for query, fitting in self._asked.items()
            if fitting.pop(episode.id, None) is not None and not fitting
        ]

    def _fits(self, query: AlertsQuery, episode: OpenEpisode) -> bool:
        return any(
            all(matcher.matches(episode.labels) for matcher in matchers) for matchers in self._matchers[query]
        )


# A pure function of a policy's text, so remembering is safe.
@lru_cache(maxsize=4096)
def _matchers(texts: tuple[str, ...]) -> tuple[Matcher, ...]:
    return tuple(parse_matcher(text) for text in texts)
