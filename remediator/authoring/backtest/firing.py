"""Which of the replayed alerts fire, for guards that ask about other alerts."""

from __future__ import annotations

from functools import lru_cache

from remediator.authoring.backtest.episodes import EpisodeBook, OpenEpisode
from remediator.labels import ALERTNAME, Labels
from remediator.policy.matchers import Matcher, parse_matcher
from remediator.runs.answers import AlertsQuery, Answer, Sample

_NOTHING = Answer()


class FiringAlerts:
    """Keeps the answers to the questions that are asked; an alert is held against those it may concern."""

    def __init__(self, book: EpisodeBook) -> None:
        self._book = book
        self._asked: dict[AlertsQuery, dict[int, Labels]] = {}
        self._matchers: dict[AlertsQuery, tuple[tuple[Matcher, ...], ...]] = {}
        self._answers: dict[AlertsQuery, Answer] = {}
        self._by_name: dict[str | None, list[AlertsQuery]] = {}

    def answer(self, query: AlertsQuery) -> Answer:
        """Return the firing alerts that fit."""
        fitting = self._asked.get(query)
        if fitting is None:
            fitting = self._ask(query)
        if not fitting:
            return _NOTHING
        known = self._answers.get(query)
        if known is None:
            samples = tuple(Sample(labels=labels, value=1.0) for labels in fitting.values())
            known = self._answers[query] = Answer(samples=samples)
        return known

    def opened(self, episode: OpenEpisode) -> list[AlertsQuery]:
        """Take in an alert that fires; return the questions to which the answer is yes by now."""
        turned = []
        for query in self._concerned(episode):
            fitting = self._asked[query]
            if self._fits(query, episode):
                if not fitting:
                    turned.append(query)
                fitting[episode.id] = episode.labels
                self._answers.pop(query, None)
        return turned

    def closed(self, episode: OpenEpisode) -> list[AlertsQuery]:
        """Take in that an alert is over; return the questions to which the answer is no by now."""
        turned = []
        for query in self._concerned(episode):
            fitting = self._asked[query]
            if fitting.pop(episode.id, None) is not None:
                self._answers.pop(query, None)
                if not fitting:
                    turned.append(query)
        return turned

    def _ask(self, query: AlertsQuery) -> dict[int, Labels]:
        matchers = self._matchers[query] = tuple(_matchers(one) for one in query.any_of)
        fitting = {episode.id: episode.labels for episode in self._book if self._fits(query, episode)}
        self._asked[query] = fitting
        for name in dict.fromkeys(_name(one) for one in matchers):
            self._by_name.setdefault(name, []).append(query)
        return fitting

    def _concerned(self, episode: OpenEpisode) -> list[AlertsQuery]:
        """Return the questions about its name, and those about any; each once."""
        named = self._by_name.get(episode.alertname, [])
        rest = self._by_name.get(None, [])
        return list(dict.fromkeys([*named, *rest])) if named and rest else named or rest

    def _fits(self, query: AlertsQuery, episode: OpenEpisode) -> bool:
        return any(
            all(matcher.matches(episode.labels) for matcher in matchers) for matchers in self._matchers[query]
        )


def _name(matchers: tuple[Matcher, ...]) -> str | None:
    """Return the only name of alerts that can fit; None when several can."""
    return next((one.value for one in matchers if one.name == ALERTNAME and one.op == "="), None)


# A pure function of a policy's text, so remembering is safe.
@lru_cache(maxsize=4096)
def _matchers(texts: tuple[str, ...]) -> tuple[Matcher, ...]:
    return tuple(parse_matcher(text) for text in texts)
