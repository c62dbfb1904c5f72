"""Metrics of an incident: what its policy looks at, before, during and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, isfinite
from typing import Any, Protocol

import promql_parser as promql

from remediator.policy.expressions import RenderError
from remediator.policy.links import context_scope
from remediator.policy.promql import PromQLError, compile_promql
from remediator.reports.incident import Incident, Window
from remediator.runs.answers import RangeAnswer, Series

_MOST_QUERIES = 8
_MOST_SERIES = 6
_POINTS = 240
_SHORTEST_STEP = timedelta(seconds=5)
_PRECISION = timedelta(milliseconds=1)
"""Of Prometheus's times."""
_COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
_JOINS = ("and", "or", "unless")


class AsksRange(Protocol):
    """Answers PromQL over a time."""

    async def query_range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> RangeAnswer:
        """Answer a range query; errors are in the answer."""
        ...


class NoMetrics:
    """Stands where no Prometheus is configured, or none is asked."""

    async def query_range(
        self,
        expr: str,  # noqa: ARG002
        start: datetime,  # noqa: ARG002
        end: datetime,  # noqa: ARG002
        step: timedelta,  # noqa: ARG002
    ) -> RangeAnswer:
        """Answer that there is nobody to ask."""
        return RangeAnswer(error="no Prometheus was asked")


@dataclass(frozen=True, slots=True)
class Summary:
    """One series, summed up: its mean before, its lowest and highest during, its mean after."""

    labels: str
    before: float | None
    lowest: float | None
    highest: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What came back for one query."""

    query: str
    series: tuple[Series, ...]
    summaries: tuple[Summary, ...]
    error: str | None


async def measure(incident: Incident, window: Window, promql_over: AsksRange) -> tuple[Measured, ...]:
    """Ask for every query of the incident, one after another: nobody waits for a report."""
    start, step = _grid(window)
    found = []
    for query in queries_of(incident):
        answer = await promql_over.query_range(query, start, window.end, step)
        series = tuple(sorted(answer.series, key=lambda one: sorted(one.labels.items())))[:_MOST_SERIES]
        summaries = tuple(_summed_up(one, window) for one in series)
        found.append(Measured(query, series, summaries, answer.error))
    return tuple(found)


def _grid(window: Window) -> tuple[datetime, timedelta]:
    """Return where to begin and how far to step, so that the very beginning of the incident is looked at.

    However short it was, what was wrong then is among the points.
    """
    step = max((window.end - window.start) / _POINTS, _SHORTEST_STEP)
    step = ceil(step / _PRECISION) * _PRECISION
    opened_at = window.opened_at.replace(microsecond=window.opened_at.microsecond // 1000 * 1000)
    return opened_at - (opened_at - window.start) // step * step, step


def queries_of(incident: Incident) -> tuple[str, ...]:
    """Return what to ask: the report's own metrics, or whatever the policy asks Prometheus."""
    report = incident.policy.report
    texts = list(report.metrics) if report is not None and report.metrics else list(_asked(incident))
    scope = context_scope(incident.context)
    found: list[str] = []
    for text in texts:
        try:
            found += _plottable(compile_promql(text).render(scope))
        except (PromQLError, RenderError):
            continue  # it reads what only a step knew
    return tuple(dict.fromkeys(found))[:_MOST_QUERIES]


def _asked(incident: Incident) -> Iterator[str]:
    policy = incident.policy
    for guard in policy.guards:
        for value in guard.values():
            if isinstance(value, dict) and isinstance(value.get("query"), str):
                yield str(value["query"])
    for fact in policy.diagnose:
        if isinstance(fact.with_.get("query"), str):
            yield str(fact.with_["query"])
    for verify in (policy.verify, *(option.verify for option in policy.options)):
        for check in verify.all_ if verify is not None else ():
            if check.promql is not None:
                yield check.promql


def _plottable(query: str) -> list[str]:
    """Return the values behind a condition: `x == 0` is plotted as `x`, `a and b` as both."""
    return [str(node.prettify()) for node in _values(promql.parse(query))]


def _values(node: Any) -> Iterator[Any]:
    if isinstance(node, promql.ParenExpr):
        yield from _values(node.expr)
    elif isinstance(node, promql.BinaryExpr) and str(node.op) in _JOINS:
        yield from _values(node.lhs)
        yield from _values(node.rhs)
    elif isinstance(node, promql.BinaryExpr) and str(node.op) in _COMPARISONS:
        for side in (node.lhs, node.rhs):
            if not isinstance(side, promql.NumberLiteral):
                yield from _values(side)
    elif not isinstance(node, promql.NumberLiteral):
        yield node


def _summed_up(series: Series, window: Window) -> Summary:
    opened_at = window.opened_at - _PRECISION
    before = [value for at, value in series.points if at < opened_at]
    during = [value for at, value in series.points if opened_at <= at <= window.ended_at]
    after = [value for at, value in series.points if at > window.ended_at]
    # The metric's own name stands in the query already.
    shown = sorted((name, value) for name, value in series.labels.items() if name != "__name__")
    labels = ", ".join(f"{name}={value}" for name, value in shown)
    return Summary(labels, _mean(before), _least(during), _most(during), _mean(after))


def _finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if isfinite(value)]


def _mean(values: Sequence[float]) -> float | None:
    known = _finite(values)
    return sum(known) / len(known) if known else None


def _least(values: Sequence[float]) -> float | None:
    return min(_finite(values), default=None)


def _most(values: Sequence[float]) -> float | None:
    return max(_finite(values), default=None)
