"""Samples in memory, as scraped and as recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Labels = Mapping[str, str]
NAME = "__name__"
# As Prometheus: an instant look sees samples this old at most.
LOOKBACK_SECONDS = 300.0
# The longest range of the shipped rules, and a little.
_KEPT_SECONDS = 3900.0


@dataclass(frozen=True, slots=True)
class Point:
    """One sample: a value at a time, in seconds since the epoch."""

    at_seconds: float
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """One time series as far as it is kept, oldest first."""

    labels: Labels
    points: tuple[Point, ...]


class SeriesStore:
    """All series. A series that a scrape or rule no longer gives is stale: it is not seen any more."""

    def __init__(self) -> None:
        self._points: dict[frozenset[tuple[str, str]], deque[Point]] = {}
        self._stale: set[frozenset[tuple[str, str]]] = set()
        self._by_origin: dict[str, set[frozenset[tuple[str, str]]]] = {}

    def put(self, origin: str, samples: Sequence[tuple[Labels, float]], at_seconds: float) -> None:
        """Add what one scrape or rule (`origin`) gave; what it gave before and not now becomes stale."""
        keys = set()
        for labels, value in samples:
            key = frozenset(labels.items())
            keys.add(key)
            points = self._points.setdefault(key, deque())
            points.append(Point(at_seconds, value))
            while points[0].at_seconds < at_seconds - _KEPT_SECONDS:
                points.popleft()
        before = self._by_origin.get(origin, set())
        self._stale = (self._stale | before) - keys
        self._by_origin[origin] = before | keys

    def named(self, name: str | None) -> Iterator[Series]:
        """Yield the series that are not stale, by name; None is all."""
        for key, points in self._points.items():
            if key in self._stale:
                continue
            labels = dict(key)
            if name is None or labels.get(NAME) == name:
                yield Series(labels, tuple(points))
