"""Questions about the live world, and what came back: plain values, whoever asks and answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isnan

from remediator.labels import Labels


@dataclass(frozen=True, slots=True)
class PromQLQuery:
    """An instant query, rendered."""

    expr: str


@dataclass(frozen=True, slots=True)
class AlertsQuery:
    """Which alerts are active now that fit any of these matcher lists (inner lists: all must hold)."""

    any_of: tuple[tuple[str, ...], ...]


Query = PromQLQuery | AlertsQuery


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer: for alerts, the alert's labels and the value 1.

    `at` is when it was evaluated, which for PromQL is not when it was scraped.
    """

    labels: Labels
    value: float
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One series over a time."""

    labels: Labels
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True)
class RangeAnswer:
    """What came back for a time: series, or why there are none to look at."""

    series: tuple[Series, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: samples, or why there are none to look at. `scalar` answers hold unless 0."""

    samples: tuple[Sample, ...] = ()
    scalar: bool = False
    error: str | None = None

    @property
    def holds(self) -> bool:
        """Whether a PromQL condition holds: not empty (a scalar: not 0). An error holds never.

        A series whose value is NaN is a series, and so holds; a scalar that is NaN does not, for
        it says that there was nothing to compute with.
        """
        if self.error is not None:
            return False
        if self.scalar:
            return any(sample.value != 0 and not isnan(sample.value) for sample in self.samples)
        return bool(self.samples)
