"""Finds candidate policies by one label each, so that thousands of policies cost an alert nothing."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping

from remediator.labels import Labels
from remediator.policy.matchers import Matcher

_Key = tuple[int, str]
_Pair = tuple[str, str]


class MatcherIndex:
    """Buckets of policy names by a label's name and value; candidates come by priority, then name.

    A policy with equality matchers is looked at only for alerts with the rarest of the labels that
    they ask for. Every other policy is looked at for every alert.
    """

    def __init__(self, policies: Mapping[str, tuple[int, tuple[Matcher, ...]]]) -> None:
        pairs = {name: _equalities(matchers) for name, (_, matchers) in policies.items()}
        shared = Counter(pair for one in pairs.values() for pair in one)
        buckets: dict[_Pair, list[_Key]] = {}
        rest: list[_Key] = []
        for name, (priority, _) in policies.items():
            rarest = min(pairs[name], key=lambda pair: (shared[pair], pair), default=None)
            bucket = rest if rarest is None else buckets.setdefault(rarest, [])
            bucket.append((priority, name))
        self._buckets = {pair: tuple(sorted(keys)) for pair, keys in buckets.items()}
        self._names = tuple(sorted({name for name, _ in buckets}))
        self._rest = tuple(sorted(rest))

    def candidates(self, labels: Labels) -> Iterator[str]:
        """Yield names of policies whose rarest equality matcher holds, by priority, then name."""
        found = [self._rest] if self._rest else []
        for name in self._names:
            bucket = self._buckets.get((name, labels.get(name, "")))
            if bucket is not None:
                found.append(bucket)
        for _, policy in heapq.merge(*found):
            yield policy


def _equalities(matchers: tuple[Matcher, ...]) -> set[_Pair]:
    # A label that is not there equals the empty string: no alert can be found by that.
    return {(matcher.name, matcher.value) for matcher in matchers if matcher.op == "=" and matcher.value}
