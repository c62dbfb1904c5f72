"""Alertmanager's matchers. (interface; implementation follows)"""

from __future__ import annotations

from dataclasses import dataclass

from remediator.errors import RemediatorError
from remediator.labels import Labels


class MatcherError(RemediatorError):
    """Not a matcher."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One matcher: `name op value`, op one of = != =~ !~."""

    name: str
    op: str
    value: str

    def matches(self, labels: Labels) -> bool:
        """Tell whether it holds; a missing label equals empty."""
        raise NotImplementedError


def parse_matcher(text: str) -> Matcher:
    """Read one matcher; raises MatcherError."""
    raise NotImplementedError
