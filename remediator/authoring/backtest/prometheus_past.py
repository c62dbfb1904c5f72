"""Answers of a Prometheus as of a time: read in stretches, remembered as far as they change."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import aiohttp

from remediator.clients.errors import ClientError, Fault
from remediator.clients.prometheus_history import PrometheusHistory, RangeSeries
from remediator.runs.answers import Answer, PromQLQuery, Sample
from remediator.settings import Prometheus

T = TypeVar("T")

_STEPS_AT_ONCE = 500
_STRETCHES_KEPT = 1000
# More than a guard looks at: that there are any, and whether there are several.
_SAMPLES_KEPT = 2
_GIVE_UP_AFTER = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Every scrape leaves one. Where there is none, Prometheus does not reach back so far.
_ANYTHING = "count(up)"


class AsksPrometheus:
    """Asks Prometheus from code that waits for each answer. See `asking`."""

    def __init__(self, runner: asyncio.Runner, history: PrometheusHistory) -> None:
        self._runner = runner
        self._history = history

    def range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> list[RangeSeries]:
        """Answer a range query; raises ClientError."""
        return self._wait(self._history.range(expr, start, end, step))

    def is_scalar(self, expr: str, at: datetime) -> bool:
        """Tell whether a query gives a scalar; raises ClientError."""
        return self._wait(self._history.is_scalar(expr, at))

    def external_labels(self) -> Mapping[str, str] | None:
        """Return the labels that it adds to what it sends; None when it does not tell."""
        return self._wait(self._history.external_labels())

    def _wait(self, answer: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(answer)


@contextmanager
def asking(settings: Prometheus) -> Iterator[AsksPrometheus]:
    """Yield something that asks a Prometheus, until the block ends."""

    async def begin() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    with asyncio.Runner() as runner:
        session = runner.run(begin())
        try:
            yield AsksPrometheus(runner, PrometheusHistory(session, settings))
        finally:
            runner.run(session.close())


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Answers by the time from which each is good; without any, Prometheus does not know."""

    times: list[datetime]
    answers: list[Answer]
    ends_at: datetime


class PrometheusPast:
    """Answers from Prometheus's history, to the step. Memory is bounded: stretches are forgotten."""

    def __init__(self, prometheus: AsksPrometheus, step: timedelta) -> None:
        self._prometheus = prometheus
        self._step = step
        self._length = step * _STEPS_AT_ONCE
        self._stretches: OrderedDict[tuple[str, int], _Stretch] = OrderedDict()
        self._scalars: dict[str, bool] = {}
        self._failures = 0
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why it could not be asked, if that is so."""
        return self._trouble

    def answer(self, query: PromQLQuery, at: datetime) -> tuple[Answer, datetime | None] | None:
        """Return the answer, and before when it is the same; None when it can't be known."""
        if self._failures >= _GIVE_UP_AFTER:
            return None
        number = (at - _EPOCH) // self._length
        try:
            known = self._stretch(_ANYTHING, number)
            if not known.times or _at(known, at)[0] == Answer():
                return None
            return _at(self._stretch(query.expr, number), at)
        except ClientError as error:
            self._failures += 1
            self._trouble = error.detail
            return None

    def _stretch(self, expr: str, number: int) -> _Stretch:
        key = (expr, number)
        known = self._stretches.get(key)
        if known is not None:
            self._stretches.move_to_end(key)
            return known
        read = self._read(expr, _EPOCH + number * self._length)
        self._stretches[key] = read
        if len(self._stretches) > _STRETCHES_KEPT:
            self._stretches.popitem(last=False)
        return read

    def _read(self, expr: str, start: datetime) -> _Stretch:
        ends_at = start + self._length
        try:
            if expr not in self._scalars:
                self._scalars[expr] = self._prometheus.is_scalar(expr, start)
            series = self._prometheus.range(expr, start, ends_at - self._step, self._step)
        except ClientError as error:
            if error.fault is not Fault.REFUSED:
                raise
            return _Stretch([start], [Answer(error=error.detail)], ends_at)
        times, answers = self._changes(series, start, scalar=self._scalars[expr])
        return _Stretch(times, answers, ends_at)

    def _changes(
        self, series: list[RangeSeries], start: datetime, *, scalar: bool
    ) -> tuple[list[datetime], list[Answer]]:
        found: dict[int, list[Sample]] = {}
        for one in series:
            for at, value in one.points:
                samples = found.setdefault(round((at - start) / self._step), [])
                if len(samples) < _SAMPLES_KEPT:
                    samples.append(Sample(labels=one.labels, value=value))
        times: list[datetime] = []
        answers: list[Answer] = []
        for place in range(_STEPS_AT_ONCE):
            answer = Answer(samples=tuple(found.get(place, ())), scalar=scalar and place in found)
            if not answers or answer != answers[-1]:
                times.append(start + place * self._step)
                answers.append(answer)
        return times, answers


def _at(stretch: _Stretch, at: datetime) -> tuple[Answer, datetime | None]:
    place = bisect_right(stretch.times, at)
    until = stretch.times[place] if place < len(stretch.times) else stretch.ends_at
    return stretch.answers[place - 1], until
