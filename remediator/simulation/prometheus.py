"""A Prometheus that answers from a script: from series where it can compute the answer, else per query."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from remediator.clock import Clock
from remediator.demo.stand_in.evaluate import Evaluator, UnsupportedError, Value
from remediator.demo.stand_in.series import NAME, Series, SeriesStore
from remediator.labels import Labels
from remediator.runs.answers import Answer, Sample
from remediator.simulation.timelines import Timeline, Unscripted

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class ScriptedSeries:
    """One series: its labels with `__name__`, and its values; None where it has no sample."""

    labels: Labels
    values: Timeline[float | None]


class _UnscriptedNameError(Exception):
    """A metric that the script does not know."""


class ScriptedPrometheus:
    """Answers instant queries.

    A query with an answer of its own gets that. Any other is computed from the series, as far as no
    range is looked at. A metric that no series has is not "no data": it is an error, for a mistyped
    name must not look like a quiet system.
    """

    def __init__(
        self,
        clock: Clock,
        series: Sequence[ScriptedSeries],
        answers: Mapping[str, Timeline[Answer]],
        unscripted: Unscripted,
    ) -> None:
        self._clock = clock
        self._series = series
        self._answers = {_plain(query): answer for query, answer in answers.items()}
        self._names = {one.labels[NAME] for one in series}
        self._unscripted = unscripted

    async def query(self, expr: str) -> Answer:
        """Answer an instant query; errors are in the answer."""
        now = self._clock.now()
        scripted = self._answers.get(_plain(expr))
        if scripted is not None:
            return scripted.at(now) or Answer(error=self._unscripted.note(f"the query {expr} at this time"))
        if "[" in _STRINGS.sub("", expr):
            return Answer(error=self._unscripted.note(f"the query {expr}: it looks at a range"))
        try:
            return _answer(Evaluator(self._present(now), now.timestamp()).query(expr))
        except _UnscriptedNameError as error:
            return Answer(error=self._unscripted.note(f"the series {error} of the query {expr}"))
        except (UnsupportedError, ValueError) as error:
            return Answer(error=self._unscripted.note(f"the query {expr}: {error}"))

    async def scraped_after(self, expr: str, moment: datetime) -> bool:  # noqa: ARG002  (a protocol's)
        """Every sample is as old as the question: what is asked at `moment` itself proves nothing."""
        return self._clock.now() > moment

    def _present(self, now: datetime) -> _Present:
        store = _Present(self._names)
        values = [(one.labels, one.values.at(now)) for one in self._series]
        store.put(
            "script",
            [(labels, value) for labels, value in values if value is not None],
            now.timestamp(),
        )
        return store


class _Present(SeriesStore):
    """The series at one moment."""

    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self._names = names

    def named(self, name: str | None) -> Iterator[Series]:
        """Yield the series of a name.

        Raises:
            _UnscriptedNameError: when the script knows none.
        """
        if name is not None and name not in self._names:
            raise _UnscriptedNameError(name)
        return super().named(name)


def _answer(value: Value) -> Answer:
    if isinstance(value, float):
        return Answer(samples=(Sample({}, value),), scalar=True)
    return Answer(samples=tuple(Sample(one.labels, one.value) for one in value))


def _plain(query: str) -> str:
    return " ".join(query.split())
