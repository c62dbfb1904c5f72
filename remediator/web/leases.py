"""Leases: temporary changes. Those that stand are what runs degraded now."""

from __future__ import annotations

from aiohttp import web

from remediator.runs.records import Lease
from remediator.runs.states import LeaseState
from remediator.web.json_response import json_response
from remediator.web.keys import SERVICES
from remediator.web.paging import RecordId, Text, TimedQuery, cut_page, page_filter, read_query
from remediator.web.schemas import LeaseOutput, Page

STANDING = (LeaseState.OPEN, LeaseState.OVERDUE)


class LeasesQuery(TimedQuery):
    """Which leases; those that stand unless states are named."""

    policy: Text | None = None
    resource: Text | None = None
    attribute: Text | None = None
    run_id: RecordId | None = None
    state: tuple[LeaseState, ...] = STANDING


async def list_leases(request: web.Request) -> web.StreamResponse:
    """List leases, newest first."""
    query = read_query(request, LeasesQuery)
    equal = {
        "policy": query.policy,
        "resource": query.resource,
        "attribute": query.attribute,
        "run_id": query.run_id,
    }
    where = page_filter(query, equal, {"state": query.state})
    found = await request.app[SERVICES].store.read(lambda reads: reads.select(Lease, where))
    shown, cursor = cut_page(found, query, [lease.id for lease in found])
    items = [LeaseOutput.model_validate(lease) for lease in shown]
    return json_response(Page[LeaseOutput](items=items, next_cursor=cursor))
