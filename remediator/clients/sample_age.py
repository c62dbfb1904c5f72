"""How old the samples behind an answer are: what was scraped before a step proves nothing about it.

For every selector in an expression, the oldest sample that it picks now must have been scraped
after the moment. What a recording rule recorded carries the time of its evaluation, not that of
the scrape, so its own expression is looked at as well, as of that time.

Three kinds of selectors say nothing here. One that picks no sample: the expression holds without
it. One with `offset` or `@`: it asks for the past on purpose. And of a range, only the newest
sample of each series is looked at, for a range reaches back on purpose too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import promql_parser as promql

from remediator.runs.answers import Answer

RecordingRules = Mapping[str, Sequence[str]]

_OPERATORS = {
    str(promql.MatchOp.Equal): "=",
    str(promql.MatchOp.NotEqual): "!=",
    str(promql.MatchOp.Re): "=~",
    str(promql.MatchOp.NotRe): "!~",
}
# Rules recorded from rules recorded from rules; deeper than this nobody writes.
_DEEPEST = 8


class AsksAt(Protocol):
    """Answers PromQL as of a time, and knows the recording rules."""

    async def query(self, expr: str, at: datetime | None = None) -> Answer:
        """Answer an instant query."""
        ...

    async def recording_rules(self) -> RecordingRules | None:
        """Return expressions by the name they record; None when that can't be found out."""
        ...


@dataclass(frozen=True, slots=True)
class Selector:
    """What an expression picks: its text, and its metric's name when it names one."""

    text: str
    name: str | None


async def all_after(prometheus: AsksAt, expr: str, moment: datetime) -> bool:
    """Tell whether every sample that `expr` uses now was scraped after `moment`; False when unknown."""
    rules = await prometheus.recording_rules()
    if rules is None:
        return False
    return await _after(prometheus, rules, expr, moment, None, _DEEPEST)


async def _after(
    prometheus: AsksAt, rules: RecordingRules, expr: str, moment: datetime, at: datetime | None, depth: int
) -> bool:
    picked = selectors(expr)
    oldest = await asyncio.gather(*(prometheus.query(f"min(timestamp({one.text}))", at) for one in picked))
    for selector, answer in zip(picked, oldest, strict=True):
        if answer.error is not None:
            return False
        if not answer.samples:
            continue
        recorded_at = datetime.fromtimestamp(answer.samples[0].value, UTC)
        if recorded_at <= moment:
            return False
        for inner in rules.get(selector.name or "", ()):
            if depth == 0 or not await _after(prometheus, rules, inner, moment, recorded_at, depth - 1):
                return False
    return True


def selectors(expr: str) -> tuple[Selector, ...]:
    """Return the selectors of an expression that ask for the present, each once."""
    found: dict[Selector, None] = {}

    def note(node: Any) -> None:
        if isinstance(node, promql.VectorSelector) and not node.offset and node.at is None:
            found[_selector(node)] = None

    promql.walk(promql.parse(expr), note)
    return tuple(found)


def _selector(node: Any) -> Selector:
    matchers = [
        (matcher.name, _OPERATORS[str(matcher.op)], matcher.value) for matcher in node.matchers.matchers
    ]
    if node.name:
        matchers.insert(0, ("__name__", "=", node.name))
    named = [value for name, operator, value in matchers if (name, operator) == ("__name__", "=")]
    text = ",".join(f"{name}{operator}{_quoted(value)}" for name, operator, value in matchers)
    return Selector("{" + text + "}", named[0] if named else None)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
