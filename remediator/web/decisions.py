"""Decisions: what was decided of each policy and alert, guard by guard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from remediator.runs.episodes import DecisionRecord
from remediator.runs.reasons import Outcome, Reason
from remediator.store.base import Reads
from remediator.web.alertnames import episodes_named
from remediator.web.json_response import json_response
from remediator.web.keys import SERVICES
from remediator.web.paging import RecordId, Text, TimedQuery, cut_page, page_filter, read_query
from remediator.web.schemas import DecisionOutput, Page


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

    def read(reads: Reads) -> list[DecisionRecord]:
        one_of: dict[str, Sequence[Any]] = {"outcome": query.outcome} if query.outcome else {}
        if query.alertname is not None:
            one_of["episode_id"] = episodes_named(reads, query.alertname)
        return reads.select(DecisionRecord, page_filter(query, equal, one_of))

    found = await request.app[SERVICES].store.read(read)
    shown, cursor = cut_page(found, query, [decision.id for decision in found])
    items = [DecisionOutput.model_validate(decision) for decision in shown]
    return json_response(Page[DecisionOutput](items=items, next_cursor=cursor))
