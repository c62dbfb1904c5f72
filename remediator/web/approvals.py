"""Approvals: one person's verdict on one plan. Whether they are among those asked is the engine's to say."""

from __future__ import annotations

from aiohttp import web

from remediator.web.answers import run_answer
from remediator.web.inputs import VoteInput, read_input
from remediator.web.keys import ACTOR, SERVICES
from remediator.web.runs import record_id


async def approve_run(request: web.Request) -> web.StreamResponse:
    """Approve the plan with the given hash."""
    return await _vote(request, approve=True)


async def deny_run(request: web.Request) -> web.StreamResponse:
    """Deny the plan with the given hash."""
    return await _vote(request, approve=False)


async def _vote(request: web.Request, *, approve: bool) -> web.StreamResponse:
    given = await read_input(request, VoteInput)
    result = await request.app[SERVICES].approvals.vote(
        record_id(request),
        plan_hash=given.plan_hash,
        actor=request[ACTOR],
        approve=approve,
        comment=given.comment,
    )
    return run_answer(result)
