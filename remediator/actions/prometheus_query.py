"""`prometheus.query`: ask Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, Field

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Outcome,
    OutcomeStatus,
    failed,
)
from remediator.policy.promql import PromQLSource
from remediator.runs.answers import Answer, Sample

# More is counted, but not kept with the run.
_SHOWN_SAMPLES = 20


class AnswersPromQL(Protocol):
    """What the question is put to."""

    async def query(self, expr: str) -> Answer:
        """Answer an instant query; errors are in the answer."""
        ...


class PrometheusQueryParams(ActionParams):
    """What to ask."""

    query: PromQLSource = Field(
        description='Instant query. A label\'s value may be a template: up{job="{{ labels.job }}"}.'
    )


class PrometheusQuery(BaseAction):
    """Asks once, now."""

    name = "prometheus.query"
    summary = "Ask Prometheus."
    params: ClassVar[type[BaseModel]] = PrometheusQueryParams
    result: ClassVar[Mapping[str, str]] = {
        "count": "number of series in the answer",
        "samples": f"the first {_SHOWN_SAMPLES} series, each with its `labels` and `value`; "
        "NaN and infinities as text",
    }
    fact = "number: the value of the one series or scalar; none when there is no series, or several"
    read_only = True
    idempotent = True

    def __init__(self, prometheus: AnswersPromQL | None) -> None:
        self._prometheus = prometheus

    async def act(self, params: PrometheusQueryParams, call: Call) -> Outcome:  # noqa: ARG002  (a protocol's)
        """Ask; no series is an answer too."""
        if self._prometheus is None:
            return failed(FailureReason.REFUSED, "remediator.yaml has no prometheus to ask")
        answer = await self._prometheus.query(params.query)
        if answer.error is not None:
            return failed(FailureReason.UNEXPECTED, answer.error)
        return Outcome(
            status=OutcomeStatus.SUCCEEDED,
            fact=_fact(answer),
            detail=_why_no_fact(answer),
            result={
                "count": len(answer.samples),
                "samples": [_shown(sample) for sample in answer.samples[:_SHOWN_SAMPLES]],
            },
        )


def _fact(answer: Answer) -> float | None:
    if len(answer.samples) != 1 or not isfinite(answer.samples[0].value):
        return None
    return answer.samples[0].value


def _why_no_fact(answer: Answer) -> str:
    if len(answer.samples) != 1:
        count = len(answer.samples) or "no"
        return f"the query gave {count} series; a fact needs exactly one"
    value = answer.samples[0].value
    return "" if isfinite(value) else f"the query gave {value}, which is no number to decide with"


def _shown(sample: Sample) -> dict[str, Any]:
    value = sample.value if isfinite(sample.value) else str(sample.value)
    return {"labels": dict(sample.labels), "value": value}
