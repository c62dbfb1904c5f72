"""prometheus.query: when a result is a fact, and what is kept of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest

from remediator.actions.base import Call, FailureReason, OutcomeStatus
from remediator.actions.prometheus_query import PrometheusQuery, PrometheusQueryParams
from remediator.policy.catalog import marked_values
from remediator.policy.promql import PromQLField
from remediator.runs.answers import Answer, Sample

CALL = Call(key="fact/x", timeout=timedelta(seconds=5), started_at=datetime(2026, 1, 5, tzinfo=UTC))
PARAMS = PrometheusQueryParams(query="up")


class Answering:
    """Gives one answer to everything."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def query(self, expr: str) -> Answer:
        return self._answer


def series(*values: float) -> Answer:
    return Answer(samples=tuple(Sample({"n": str(at)}, value) for at, value in enumerate(values)))


@pytest.mark.parametrize(
    ("answer", "fact", "detail"),
    [
        (series(3.0), 3.0, ""),
        (series(0.0), 0.0, ""),
        (Answer((Sample({}, 2.0),), scalar=True), 2.0, ""),
        (series(), None, "the query gave no series; a fact needs exactly one"),
        (series(1.0, 2.0), None, "the query gave 2 series; a fact needs exactly one"),
        (series(nan), None, "the query gave nan, which is no number to decide with"),
        (series(inf), None, "the query gave inf, which is no number to decide with"),
    ],
)
async def test_one_series_is_a_fact(answer: Answer, fact: float | None, detail: str) -> None:
    outcome = await PrometheusQuery(Answering(answer)).act(PARAMS, CALL)
    assert (outcome.status, outcome.fact, outcome.detail) == (OutcomeStatus.SUCCEEDED, fact, detail)
    assert outcome.result["count"] == len(answer.samples)
    json.dumps(dict(outcome.result), allow_nan=False)


async def test_the_result_is_the_first_series_with_their_labels() -> None:
    outcome = await PrometheusQuery(Answering(series(*range(100)))).act(PARAMS, CALL)
    assert outcome.result["count"] == 100
    assert len(outcome.result["samples"]) == 20
    assert outcome.result["samples"][0] == {"labels": {"n": "0"}, "value": 0}


async def test_what_cannot_be_asked_fails() -> None:
    outcome = await PrometheusQuery(Answering(Answer(error="it is down"))).act(PARAMS, CALL)
    assert (outcome.ok, outcome.reason, outcome.fact) == (False, FailureReason.UNEXPECTED, None)
    assert outcome.detail == "it is down"
    outcome = await PrometheusQuery(None).act(PARAMS, CALL)
    assert (outcome.ok, outcome.reason) == (False, FailureReason.REFUSED)


def test_the_loader_knows_that_it_holds_promql() -> None:
    marked = marked_values(PrometheusQueryParams, {"query": "up"}, PromQLField)
    assert [path for path, _, _ in marked] == [("query",)]
