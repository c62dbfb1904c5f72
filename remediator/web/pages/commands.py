"""What people do on pages: the API's commands, by forms, each leading back to what came of it."""

from __future__ import annotations

from aiohttp import web

from remediator.web.answers import raise_refusal
from remediator.web.inputs import (
    AcknowledgeInput,
    CancelInput,
    CommentInput,
    HoldInput,
    ResumeInput,
    VoteInput,
)
from remediator.web.keys import ACTOR, SERVICES
from remediator.web.pages.forms import form_fields, read_form
from remediator.web.pages.frame import see_other
from remediator.web.runs import record_id

_NOW = "/"


async def approve(request: web.Request) -> web.StreamResponse:
    """Approve the plan that the page showed."""
    return await _vote(request, approve=True)


async def deny(request: web.Request) -> web.StreamResponse:
    """Deny the plan that the page showed."""
    return await _vote(request, approve=False)


async def _vote(request: web.Request, *, approve: bool) -> web.StreamResponse:
    given = await read_form(request, VoteInput)
    run_id = record_id(request)
    raise_refusal(
        await request.app[SERVICES].approvals.vote(
            run_id, plan_hash=given.plan_hash, actor=request[ACTOR], approve=approve, comment=given.comment
        )
    )
    return see_other(_page_of(run_id))


async def cancel(request: web.Request) -> web.StreamResponse:
    """Stop a run."""
    given = await read_form(request, CancelInput)
    run_id = record_id(request)
    control = request.app[SERVICES].control
    raise_refusal(await control.cancel(run_id, actor=request[ACTOR], comment=given.comment, kill=given.kill))
    return see_other(_page_of(run_id))


async def resume(request: web.Request) -> web.StreamResponse:
    """Let a run go on, or ask again."""
    given = await read_form(request, ResumeInput)
    run_id = record_id(request)
    control = request.app[SERVICES].control
    raise_refusal(
        await control.resume(
            run_id, actor=request[ACTOR], comment=given.comment, treat_step_as=given.treat_step_as
        )
    )
    return see_other(_page_of(run_id))


async def revert(request: web.Request) -> web.StreamResponse:
    """Undo a run's temporary changes; leads to the run that does."""
    given = await read_form(request, CommentInput)
    run_id = record_id(request)
    result = await request.app[SERVICES].control.revert(run_id, actor=request[ACTOR], comment=given.comment)
    raise_refusal(result)
    return see_other(_page_of(result.run.id if result.run is not None else run_id))


async def acknowledge(request: web.Request) -> web.StreamResponse:
    """Say that somebody has it; leads back to the page Now."""
    given = await read_form(request, AcknowledgeInput)
    control = request.app[SERVICES].control
    raise_refusal(
        await control.acknowledge(
            record_id(request), actor=request[ACTOR], comment=given.comment, duration=given.for_
        )
    )
    return see_other(_NOW)


async def hold(request: web.Request) -> web.StreamResponse:
    """Pause automation."""
    given = await read_form(request, HoldInput)
    raise_refusal(
        await request.app[SERVICES].holds.add(
            scope=given.scope,
            value=given.value,
            reason=given.reason,
            duration=given.for_,
            actor=request[ACTOR],
        )
    )
    return see_other(_NOW)


async def remove_hold(request: web.Request) -> web.StreamResponse:
    """Let automation go on."""
    await form_fields(request)
    raise_refusal(await request.app[SERVICES].holds.remove(record_id(request), actor=request[ACTOR]))
    return see_other(_NOW)


def _page_of(run_id: int) -> str:
    return f"/runs/{run_id}"
