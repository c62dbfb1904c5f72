"""What is measured, what it should be, and what a run measured: the rows of docs/performance.md's table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which way a figure gets better; also how its bound is written."""

    MORE = "≥"
    LESS = "≤"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure that is asked for. `least` is None where it is only for comparison."""

    number: int
    """Groups the rows of the table; 0 for what others are compared with."""
    measure: str
    """Says in the table what is measured; no two rows say the same."""
    least: float | None = None
    aim: float | None = None
    better: Better = Better.MORE
    form: str = ".2f"
    unit: str = ""

    def write(self, *numbers: float) -> str:
        """Write a number with its unit, or several as `median (least to greatest)`."""
        first, *others = (format(number, self.form) for number in numbers)
        return f"{first} ({' to '.join(others)}){self.unit}" if others else f"{first}{self.unit}"

    def bound(self, number: float | None) -> str:
        """Write what is wanted, such as `≥ 0.60`; nothing where nothing is."""
        return "" if number is None else f"{self.better} {self.write(number)}"


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing: the median and how far they lie apart."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured for a row; `besides` tells the figures behind a ratio."""

    row: Row
    measured: Spread
    besides: str = ""

    @property
    def text(self) -> str:
        """The median with the spread, or alone what was measured once."""
        values = self.measured.values
        around = (min(values), max(values)) if len(values) > 1 else ()
        return self.row.write(self.measured.median, *around)

    @property
    def reached(self) -> bool:
        """Whether the median is as good as it should at least be."""
        least = self.row.least
        if least is None:
            return True
        median = self.measured.median
        return median >= least if self.row.better is Better.MORE else median <= least


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Divide what was measured next to each other: what slows the machine slows both."""
    return Spread(tuple(mine / yours for mine, yours in zip(ours, theirs, strict=True)))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of all lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
