"""Decisions: what was decided of each policy and alert, guard by guard."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web

from remediator.runs.episodes import DecisionRecord
from remediator.runs.reasons import Outcome, Reason
from remediator.store.base import Reads
from remediator.web.alertnames import episodes_named
from remediator.web.json_response import json_response
from remediator.web.keys import SERVICES
from remediator.web.paging import Query, RecordId, Text, TimedQuery, cut_page, page_filter, read_query
from remediator.web.problems import ProblemError
from remediator.web.runs import record_id
from remediator.web.schemas import Page
from remediator.web.shadow_output import (
    DecisionDetailOutput,
    ObservedDecisionOutput,
    decision_detail,
    with_shadow,
)


class DecisionsQuery(TimedQuery):
    """Which decisions."""

    policy: Text | None = None
    target: Text | None = None
    outcome: tuple[Outcome, ...] | None = None
    reason: Reason | None = None
    alertname: Text | None = None
    episode_id: RecordId | None = None
    run_id: RecordId | None = None


async def list_decisions(request: web.Request) -> web.StreamResponse:
    """List decisions, newest first."""
    query = read_query(request, DecisionsQuery)
    equal = {
        "policy": query.policy,
        "target": query.target,
        "reason": query.reason,
        "run_id": query.run_id,
        "episode_id": query.episode_id,
    }

    def read(reads: Reads) -> Page[ObservedDecisionOutput]:
        one_of: dict[str, Sequence[Any]] = {"outcome": query.outcome} if query.outcome else {}
        if query.alertname is not None:
            one_of["episode_id"] = episodes_named(reads, query.alertname)
        found = reads.select(DecisionRecord, page_filter(query, equal, one_of))
        shown, cursor = cut_page(found, query, [decision.id for decision in found])
        return Page[ObservedDecisionOutput](items=with_shadow(reads, shown), next_cursor=cursor)

    return json_response(await request.app[SERVICES].store.read(read))


async def show_decision(request: web.Request) -> web.StreamResponse:
    """Show one decision; in shadow, with the plan that would have run and what was seen after it."""
    read_query(request, Query)
    decision_id = record_id(request)

    def read(reads: Reads) -> DecisionDetailOutput | None:
        decision = reads.get(DecisionRecord, decision_id)
        return None if decision is None else decision_detail(reads, decision)

    detail = await request.app[SERVICES].store.read(read)
    if detail is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no decision {decision_id}")
    return json_response(detail)
