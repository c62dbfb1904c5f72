"""Finds candidate policies by alertname, so that thousands of policies cost an alert nothing."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from remediator.labels import ALERTNAME, Labels
from remediator.policy.matchers import Matcher

_Key = tuple[int, str]


class MatcherIndex:
    """Buckets of policy names; candidates come by priority, then name.

    A policy with an equality matcher on alertname is looked at only for alerts of that name.
    Every other policy is looked at for every alert.
    """

    def __init__(self, policies: Mapping[str, tuple[int, tuple[Matcher, ...]]]) -> None:
        buckets: dict[str, list[_Key]] = {}
        rest: list[_Key] = []
        for name, (priority, matchers) in policies.items():
            alertname = next((m.value for m in matchers if m.name == ALERTNAME and m.op == "="), None)
            bucket = rest if alertname is None else buckets.setdefault(alertname, [])
            bucket.append((priority, name))
        self._buckets = {alertname: tuple(sorted(keys)) for alertname, keys in buckets.items()}
        self._rest = tuple(sorted(rest))

    def candidates(self, labels: Labels) -> Iterator[str]:
        """Yield names of policies whose equality matcher may hold, by priority, then name."""
        bucket = self._buckets.get(labels.get(ALERTNAME, ""), ())
        for _, name in heapq.merge(bucket, self._rest):
            yield name
