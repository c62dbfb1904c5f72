"""Runs: what was and is being done, and what on-call says to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web

from remediator.policy.links import context_scope, rendered_links
from remediator.policy.telling import Link
from remediator.runs.episodes import DecisionRecord
from remediator.runs.records import Run
from remediator.runs.states import RunKind, RunState
from remediator.store.base import Filter, Reads
from remediator.web.alertnames import episodes_named
from remediator.web.answers import run_answer
from remediator.web.inputs import CancelInput, CommentInput, ResumeInput, read_input
from remediator.web.json_response import json_response
from remediator.web.keys import ACTOR, SERVICES
from remediator.web.paging import Query, RecordId, Text, TimedQuery, cut_page, page_filter, read_query
from remediator.web.problems import ProblemError
from remediator.web.schemas import (
    ApprovalOutput,
    DecisionOutput,
    EpisodeOutput,
    LeaseOutput,
    Page,
    RunDetailOutput,
    RunOutput,
    StepOutput,
    VoteOutput,
)

# A run blocked again and again after its approval has a decision each time; the newest tell.
_MOST_DECISIONS = 200


class RunsQuery(TimedQuery):
    """Which runs."""

    policy: Text | None = None
    target: Text | None = None
    state: tuple[RunState, ...] | None = None
    kind: RunKind | None = None
    actor: Text | None = None
    alertname: Text | None = None
    episode: RecordId | None = None


async def list_runs(request: web.Request) -> web.StreamResponse:
    """List runs, newest first."""
    query = read_query(request, RunsQuery)
    found = await request.app[SERVICES].store.read(lambda reads: find_runs(reads, query))
    shown, cursor = cut_page(found, query, [run.id for run in found])
    items = [RunOutput.model_validate(run) for run in shown]
    return json_response(Page[RunOutput](items=items, next_cursor=cursor))


def find_runs(reads: Reads, query: RunsQuery) -> list[Run]:
    """Return the runs of a page, and one more when others follow."""
    equal = {
        "policy": query.policy,
        "target": query.target,
        "kind": query.kind,
        "actor": query.actor,
        "episode_id": query.episode,
    }
    one_of: dict[str, Sequence[Any]] = {"state": query.state} if query.state else {}
    if query.alertname is not None:
        one_of["episode_id"] = episodes_named(reads, query.alertname)
    return reads.select(Run, page_filter(query, equal, one_of))


async def show_run(request: web.Request) -> web.StreamResponse:
    """Show one run with its plan, steps, decisions, episodes, approval, leases and reverts."""
    read_query(request, Query)
    run_id = record_id(request)
    detail = await request.app[SERVICES].store.read(lambda reads: _detail(reads, run_id))
    if detail is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no run {run_id}")
    return json_response(detail)


async def cancel_run(request: web.Request) -> web.StreamResponse:
    """Stop a run: no new step starts."""
    given = await read_input(request, CancelInput)
    control = request.app[SERVICES].control
    return run_answer(
        await control.cancel(record_id(request), actor=request[ACTOR], comment=given.comment, kill=given.kill)
    )


async def resume_run(request: web.Request) -> web.StreamResponse:
    """Let a run go on that needs a human, or ask again for an approval that expired."""
    given = await read_input(request, ResumeInput)
    control = request.app[SERVICES].control
    return run_answer(
        await control.resume(
            record_id(request),
            actor=request[ACTOR],
            comment=given.comment,
            treat_step_as=given.treat_step_as,
        )
    )


async def revert_run(request: web.Request) -> web.StreamResponse:
    """Undo now what a run changed for a time."""
    given = await read_input(request, CommentInput)
    control = request.app[SERVICES].control
    return run_answer(await control.revert(record_id(request), actor=request[ACTOR], comment=given.comment))


def record_id(request: web.Request) -> int:
    """Return the id in a request's path; the route's pattern lets only digits through."""
    return int(request.match_info["id"])


def _detail(reads: Reads, run_id: int) -> RunDetailOutput | None:
    run = reads.get(Run, run_id)
    if run is None:
        return None
    decisions = reads.select(DecisionRecord, Filter(equal={"run_id": run_id}, limit=_MOST_DECISIONS))
    return RunDetailOutput(
        **RunOutput.model_validate(run).model_dump(),
        policy_hash=run.policy_hash,
        resources=list(run.resources),
        facts=run.facts,
        context=run.context,
        plan=run.plan.model_dump(mode="json", by_alias=True) if run.plan else None,
        steps=[StepOutput.model_validate(step) for step in reads.steps_of_run(run_id)],
        decisions=[DecisionOutput.model_validate(decision) for decision in decisions],
        episodes=[EpisodeOutput.model_validate(episode) for episode in reads.episodes_of_run(run_id)],
        approval=_approval(reads, run_id),
        leases=[LeaseOutput.model_validate(lease) for lease in reads.leases_of_run(run_id)],
        reverts=[RunOutput.model_validate(child) for child in reads.child_runs(run_id)],
        links=links_of(run),
    )


def links_of(run: Run) -> list[Mapping[str, str]]:
    """Return the pages that the run's policy names, filled in."""
    links = [Link.model_validate(link) for link in (run.document or {}).get("links", ())]
    return [*rendered_links(links, context_scope(run.context))]


def _approval(reads: Reads, run_id: int) -> ApprovalOutput | None:
    request = reads.approval_of_run(run_id)
    if request is None:
        return None
    votes = [VoteOutput.model_validate(vote) for vote in reads.votes(request.id)]
    return ApprovalOutput.model_validate(request).model_copy(update={"votes": votes})
