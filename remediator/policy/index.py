"""Finds candidate policies by alertname. (interface; implementation follows)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from remediator.labels import Labels
from remediator.policy.matchers import Matcher


class MatcherIndex:
    """Buckets of policy names; candidates come by priority, then name."""

    def __init__(self, policies: Mapping[str, tuple[int, tuple[Matcher, ...]]]) -> None:
        raise NotImplementedError

    def candidates(self, labels: Labels) -> Iterator[str]:
        """Yield names of policies whose equality matcher may hold, by priority, then name."""
        raise NotImplementedError
