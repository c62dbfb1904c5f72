"""Functions over ranges and buckets: what they compute of plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from remediator.demo.stand_in.series import Point

OVER_TIME: Mapping[str, Callable[[Sequence[float]], float]] = {
    "avg_over_time": lambda values: sum(values) / len(values),
    "max_over_time": max,
    "min_over_time": min,
}


def increase(points: Sequence[Point]) -> float:
    """Return how far a counter came; a fall is a restart from zero."""
    total = 0.0
    for before, after in pairwise(points):
        total += after.value if after.value < before.value else after.value - before.value
    return total


def line(points: Sequence[Point], at_seconds: float) -> tuple[float, float]:
    """Return slope a second, and height at a time, of the line that fits the points best.

    At least two points are needed.
    """
    times = [point.at_seconds - at_seconds for point in points]
    mean_time = sum(times) / len(times)
    mean_value = sum(point.value for point in points) / len(points)
    spread = sum((time - mean_time) ** 2 for time in times)
    together = sum(
        (time - mean_time) * (point.value - mean_value) for time, point in zip(times, points, strict=True)
    )
    slope = together / spread if spread else 0.0
    return slope, mean_value - slope * mean_time


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """Return a quantile of a histogram: upper bound to cumulative count; None when it can't be told."""
    bounds = sorted(buckets)
    if len(bounds) < 2 or bounds[-1] != float("inf") or not buckets[bounds[-1]]:
        return None
    rank = share * buckets[bounds[-1]]
    bound = next(bound for bound in bounds if buckets[bound] >= rank)
    if bound == float("inf"):
        return bounds[-2]
    lower = max((other for other in bounds if other < bound), default=0.0)
    below = buckets.get(lower, 0.0)
    inside = buckets[bound] - below
    return lower + (bound - lower) * (rank - below) / inside if inside else bound
