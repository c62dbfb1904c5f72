"""Holds: pausing automation, and letting it go on."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from remediator.runs.records import Hold, HoldScope
from remediator.store.base import Reads
from remediator.web.answers import hold_answer
from remediator.web.inputs import HoldInput, read_input
from remediator.web.json_response import json_response
from remediator.web.keys import ACTOR, SERVICES
from remediator.web.paging import PageQuery, Text, cut_page, read_query
from remediator.web.runs import record_id
from remediator.web.schemas import HoldOutput, Page


class HoldsQuery(PageQuery):
    """Which of the holds that stand."""

    scope: HoldScope | None = None
    value: Text | None = None


async def list_holds(request: web.Request) -> web.StreamResponse:
    """List the holds that stand, newest first. Earlier ones are in the audit log."""
    query = read_query(request, HoldsQuery)
    services = request.app[SERVICES]
    now = services.clock.now()

    def read(reads: Reads) -> list[Hold]:
        return sorted(reads.active_holds(now), key=lambda hold: hold.id, reverse=True)

    found = [
        hold
        for hold in await services.store.read(read)
        if query.scope in (None, hold.scope)
        and query.value in (None, hold.value)
        and (query.before_id is None or hold.id < query.before_id)
    ]
    shown, cursor = cut_page(found, query, [hold.id for hold in found])
    items = [HoldOutput.model_validate(hold) for hold in shown]
    return json_response(Page[HoldOutput](items=items, next_cursor=cursor))


async def add_hold(request: web.Request) -> web.StreamResponse:
    """Pause everything, a policy or a target."""
    given = await read_input(request, HoldInput)
    result = await request.app[SERVICES].holds.add(
        scope=given.scope,
        value=given.value,
        reason=given.reason,
        duration=given.for_,
        actor=request[ACTOR],
    )
    return hold_answer(result, done=HTTPStatus.CREATED)


async def remove_hold(request: web.Request) -> web.StreamResponse:
    """Let automation go on."""
    return hold_answer(await request.app[SERVICES].holds.remove(record_id(request), actor=request[ACTOR]))
