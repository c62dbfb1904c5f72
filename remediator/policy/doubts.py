"""What is wrong with a policy's guards as a whole: one that can never pass, or that never blocks.

Only the guards themselves know; the loader is handed a function that asks them, as it is handed
their parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from remediator.errors import Severity
from remediator.policy.matchers import Matcher

if TYPE_CHECKING:
    from remediator.policy.loaded import LoadedGuard


@dataclass(frozen=True, slots=True)
class Doubt:
    """A doubt about one guard: an error when it can never pass, otherwise a warning."""

    guard: LoadedGuard
    key: str
    """The parameter that it is about; empty for the guard as a whole."""
    what: str
    fix: str
    severity: Severity


Examine = Callable[[Sequence["LoadedGuard"], Sequence[Matcher]], Iterable[Doubt]]
"""Looks at a policy's guards, and at the matchers that all its alerts satisfy (none: no alert starts it)."""
