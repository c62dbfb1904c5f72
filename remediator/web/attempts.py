"""Bounds wrong tokens: from one address, and from all together, in bounded memory.

Over the bound even the right token is refused, or a guess could still be tried. Only where a token was used
rightly before is it taken on: a flood from the same address must not stop Alertmanager.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.clock import Clock

_MOST_ADDRESSES = 4096
_MOST_KNOWN = 4096
# All addresses together, as a multiple of what one may.
_TOGETHER = 20


@dataclass(slots=True)
class _Level:
    """How many failures count now; they fade evenly."""

    failures: float
    at: datetime


class Attempts:
    """Counts failures: `most` within `within` from one address, twenty times that from all."""

    def __init__(self, clock: Clock, *, most: int, within: timedelta) -> None:
        self._clock = clock
        self._most = most
        self._within = within
        # The first ones are those that nothing was heard of for longest.
        self._levels: OrderedDict[str, _Level] = OrderedDict()
        self._all = _Level(0.0, clock.now())
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, origin: str) -> timedelta:
        """Return how long an address has to wait before a token of it is looked at; zero when it has not."""
        level = self._levels.get(origin)
        alone = self._wait(level, self._most) if level is not None else timedelta(0)
        return max(alone, self._wait(self._all, self._most * _TOGETHER))

    def failed(self, origin: str) -> None:
        """Count a wrong token."""
        level = self._levels.setdefault(origin, _Level(0.0, self._clock.now()))
        self._levels.move_to_end(origin)
        self._raise(level, self._most)
        self._raise(self._all, self._most * _TOGETHER)
        if len(self._levels) > _MOST_ADDRESSES:
            self._levels.popitem(last=False)

    def succeeded(self, origin: str, name: str) -> None:
        """Remember where a token is used."""
        self._known[origin, name] = None
        self._known.move_to_end((origin, name))
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def is_known(self, origin: str, name: str) -> bool:
        """Tell whether a token was used rightly from an address."""
        return (origin, name) in self._known

    def _raise(self, level: _Level, most: int) -> None:
        level.failures = self._now(level, most) + 1
        level.at = self._clock.now()

    def _now(self, level: _Level, most: int) -> float:
        faded = (self._clock.now() - level.at) / self._within * most
        return max(0.0, level.failures - faded)

    def _wait(self, level: _Level, most: int) -> timedelta:
        over = self._now(level, most) - (most - 1)
        return max(timedelta(0), over / most * self._within) if over > 0 else timedelta(0)
