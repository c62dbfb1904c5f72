"""What a benchmark measured, as rows of one table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One measured figure. `reached` is None where no least is set."""

    row: str
    """The benchmark's name and the figure's, such as `ingest: redelivery, 64 connections`."""
    value: str
    least: str = ""
    aim: str = ""
    reached: bool | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing: the median and how far they lie apart."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    def __format__(self, spec: str) -> str:
        """Write it as `median (least to greatest)`."""
        low, high = min(self.values), max(self.values)
        return f"{self.median:{spec}} ({low:{spec}} to {high:{spec}})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Divide what was measured next to each other: what slows the machine slows both."""
    return Spread(tuple(mine / yours for mine, yours in zip(ours, theirs, strict=True)))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of all lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def table(results: Sequence[Result]) -> str:
    """Write results as a Markdown table; what is below its least is marked."""
    lines = ["| measure | measured | at least | aim |", "|---|---|---|---|"]
    for one in results:
        value = f"**{one.value}: not reached**" if one.reached is False else one.value
        lines.append(f"| {one.row} | {value} | {one.least} | {one.aim} |")
    return "\n".join(lines) + "\n"
