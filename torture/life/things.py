"""Things that can be set and acted on, and what was really done to them; edges that fail as a seed says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from remediator.actions.base import FailureReason, Outcome, ambiguous, failed
from remediator.clock import Clock
from remediator.runs.answers import AlertsQuery, Answer, Sample

AS_IT_WAS = 1
THINGS = ("a", "b", "c")
HOLDS = Answer(samples=(Sample(labels={}, value=1.0),))
_TAKES_SECONDS = (0.0, 0.0, 0.2, 3.0, 20.0)
_HANGS = timedelta(hours=1)
_HANGING, _NOT_SENT, _REFUSED, _LOST_BEFORE, _LOST_AFTER, _RAISES = 0.03, 0.1, 0.14, 0.2, 0.28, 0.3


class BrokenPipe(Exception):  # noqa: N818  (what a third party's library might raise)
    """What an action does not catch."""


@dataclass
class Things:
    """What there is, and what happened to it."""

    clock: Clock
    random: Random
    values: dict[str, int] = field(default_factory=lambda: dict.fromkeys(THINGS, AS_IT_WAS))
    effects: Counter[str] = field(default_factory=Counter)
    """By the step's key: how often it had its effect."""
    violations: list[str] = field(default_factory=list)
    calm: bool = False
    """From now on everything works, at once."""
    _touching: dict[str, str] = field(default_factory=dict)

    async def touch(self, thing: str, key: str) -> Outcome | None:
        """Take a while, and fail maybe; None when the effect may now be had. Raises what nobody expects.

        Two runs must never be here for one thing at a time.
        """
        if thing in self._touching:
            self.violations.append(f"{key} and {self._touching[thing]} act on {thing} at once")
        self._touching[thing] = key
        try:
            return await self._maybe()
        finally:
            self._touching.pop(thing, None)

    async def _maybe(self) -> Outcome | None:
        if self.calm:
            return None
        await self.clock.sleep(timedelta(seconds=self.random.choice(_TAKES_SECONDS)))
        fate = self.random.random()
        if fate < _HANGING:
            await self.clock.sleep(_HANGS)
        if fate < _NOT_SENT:
            return failed(FailureReason.NOT_SENT, "no connection")
        if fate < _REFUSED:
            return failed(FailureReason.REFUSED, "it said no")
        if fate < _LOST_BEFORE:
            return ambiguous(FailureReason.LOST, "the reply was lost")
        return None

    async def answer(self) -> Outcome | None:
        """After the effect: lose the answer, maybe."""
        if self.calm:
            return None
        fate = self.random.random()
        if fate < _LOST_AFTER - _LOST_BEFORE:
            return ambiguous(FailureReason.LOST, "the reply was lost")
        if fate < _RAISES - _LOST_BEFORE:
            raise BrokenPipe
        await asyncio.sleep(0)
        return None


@dataclass
class Surveys:
    """Prometheus and Alertmanager: what they say, if they can be asked."""

    ok: Answer = HOLDS
    suppressed: bool | None = False
    active: list[str] = field(default_factory=list)

    async def query(self, expr: str) -> Answer:  # noqa: ARG002  (a protocol's)
        """Answer any query alike."""
        await asyncio.sleep(0)
        return self.ok

    async def scraped_after(self, expr: str, moment: datetime) -> bool:  # noqa: ARG002
        """Samples are always fresh."""
        return True

    async def alerts_active(self, query: AlertsQuery) -> Answer:
        """Say which alerts are active."""
        if self.suppressed is None:
            return Answer(error="Alertmanager can't be asked")
        wanted = {"".join(text.split()) for matchers in query.any_of for text in matchers}
        found = [name for name in self.active if f'alertname="{name}"' in wanted]
        return Answer(samples=tuple(Sample(labels={}, value=1.0) for _ in found))


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """The part of `Surveys` that is asked for alerts."""

    surveys: Surveys

    async def active(self, query: AlertsQuery) -> Answer:
        """Say which alerts are active."""
        return await self.surveys.alerts_active(query)

    async def suppressed(self, source: str, fingerprint: str) -> bool | None:  # noqa: ARG002
        """Say whether an alert is silenced; None when nobody knows."""
        return self.surveys.suppressed


LOOKS: Mapping[str, Answer] = {
    "holds": HOLDS,
    "does not hold": Answer(),
    "can't be asked": Answer(error="Prometheus is down"),
}
