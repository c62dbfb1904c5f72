"""`promql`: a condition that Prometheus must confirm, for a while if need be."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from remediator.durations import Duration, format_duration
from remediator.guards.base import BaseGuard, GuardParams, Look, LookPhase, allow, deny, iso
from remediator.guards.live_answers import samples_json
from remediator.policy.expressions import Scope
from remediator.policy.promql import PromQLSource, compile_promql
from remediator.runs.answers import Answer, PromQLQuery, Query
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict

_LOOKS_PER_HOLD = 3
_LONGEST_SHOWN = 200
_LONGEST_BETWEEN_LOOKS = timedelta(seconds=10)


class PromQLParams(GuardParams):
    """What must hold, and for how long."""

    query: PromQLSource = Field(
        description="Holds when its result is not empty (a scalar: not 0). "
        'A label\'s value may be a template: up{job="{{ labels.job }}"}.'
    )
    hold: Duration = Field(
        default=timedelta(0),
        description="How long it must have held without a break, by looks at least every 10s.",
    )


class PromQLGuard(BaseGuard):
    """Denies while the query gives nothing, or has not given something for long enough."""

    name: ClassVar[str] = "promql"
    summary: ClassVar[str] = "A condition that Prometheus must confirm, for a while if need be."
    params: ClassVar[type[BaseModel]] = PromQLParams

    def queries(self, params: PromQLParams, scope: Scope) -> tuple[Query, ...]:
        """Its one query, rendered."""
        return (_query(params, scope),)

    def looks_every(self, params: PromQLParams) -> timedelta | None:
        """A third of the hold, and no less often than every 10 s."""
        return _between_looks(params) if params.hold else None

    def evaluate(self, params: PromQLParams, look: Look, key: str) -> Verdict:
        """Look whether it holds now, and since when."""
        query = _query(params, look.scope)
        answer = (look.answers or {})[query]
        inputs = {"query": query.expr, **samples_json(answer)}
        if not answer.holds:
            verdict = deny(self.name, key, Reason.PRECONDITION, _detail(answer, query), **inputs)
            return replace(verdict, met=False)
        since = look.held_since.get(key, look.now)
        if _long_enough(params, look, since):
            return replace(allow(self.name, key, _detail(answer, query), **inputs), met=True)
        return replace(self._pending(params, look, key, since, inputs), met=True)

    def _pending(
        self, params: PromQLParams, look: Look, key: str, since: datetime, inputs: dict[str, Any]
    ) -> Verdict:
        detail = f"holds since {iso(since)}, has to for {format_duration(params.hold)}"
        next_look = look.now + _between_looks(params)
        until = min(next_look, since + params.hold)
        return deny(self.name, key, Reason.HOLD_PENDING, detail, until=until, held_since=iso(since), **inputs)


def _between_looks(params: PromQLParams) -> timedelta:
    return min(params.hold / _LOOKS_PER_HOLD, _LONGEST_BETWEEN_LOOKS)


def _query(params: PromQLParams, scope: Scope) -> PromQLQuery:
    return PromQLQuery(compile_promql(params.query).render(scope))


def _long_enough(params: PromQLParams, look: Look, since: datetime) -> bool:
    # The last look before acting is one look: the hold was reached on entry. A person who starts
    # a run by hand has nobody looking beforehand, so for them it is one look as well.
    if look.phase in (LookPhase.ACTING, LookPhase.MANUAL):
        return True
    return look.now - since >= params.hold


def _detail(answer: Answer, query: PromQLQuery) -> str:
    return f"{_gave(answer)}: {query.expr[:_LONGEST_SHOWN]}"


def _gave(answer: Answer) -> str:
    if answer.scalar:
        return f"gave {answer.samples[0].value:g}" if answer.samples else "gave nothing"
    count = len(answer.samples)
    return "gave no series" if count == 0 else f"gave {count} series"
