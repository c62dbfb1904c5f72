"""What a policy did over some days, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from remediator.runs.states import RunState

GOOD = frozenset({RunState.SUCCEEDED})
BAD = frozenset({RunState.FAILED, RunState.INEFFECTIVE, RunState.NEEDS_HUMAN})
"""What counts as a run that did not help. What people denied or cancelled counts as neither."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """How often a guard blocked for a reason. The guard is empty where something else did."""

    guard: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Day:
    """Runs that were created on one day (UTC), by how they ended."""

    day: date
    good: int
    bad: int
    other: int

    @property
    def runs(self) -> int:
        """All of them."""
        return self.good + self.bad + self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyNumbers:
    """A policy over `days`, without a gap, oldest first."""

    days: Sequence[Day]
    blocked: Sequence[Blocked]
    """Most frequent first."""
    recoveries: Sequence[timedelta]
    """From each alert's opening to its run's success."""

    @property
    def runs(self) -> int:
        """How many runs there were, reverts not counted."""
        return sum(day.runs for day in self.days)

    @property
    def success_rate(self) -> float | None:
        """Return the share of runs that helped among those that helped or did not, 0 to 1."""
        good, bad = sum(day.good for day in self.days), sum(day.bad for day in self.days)
        return good / (good + bad) if good + bad else None

    @property
    def median_recovery(self) -> timedelta | None:
        """Return the median time from an alert's opening to its run's success."""
        seconds = [recovery.total_seconds() for recovery in self.recoveries]
        return timedelta(seconds=median(seconds)) if seconds else None


def days_of(states: Mapping[tuple[date, RunState], int], first: date, last: date) -> list[Day]:
    """Return every day from `first` to `last`, with the runs counted by day and state."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [
        Day(
            day,
            good=sum(count for (at, state), count in states.items() if at == day and state in GOOD),
            bad=sum(count for (at, state), count in states.items() if at == day and state in BAD),
            other=sum(
                count for (at, state), count in states.items() if at == day and state not in GOOD | BAD
            ),
        )
        for day in days
    ]
