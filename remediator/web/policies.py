"""Policies: those that serve, why newer files do not, and starting one by hand."""

from __future__ import annotations

from aiohttp import web

from remediator.policy.loaded import LoadedPolicy
from remediator.settings import Mode
from remediator.web.answers import policy_answer, run_answer
from remediator.web.inputs import CommentInput, RunByHandInput, read_input
from remediator.web.json_response import json_response_unless_known
from remediator.web.keys import ACTOR, SERVICES
from remediator.web.paging import PageQuery, Text, encode_cursor, read_query
from remediator.web.schemas import PoliciesOutput, PolicyOutput, ProblemOutput


class PoliciesQuery(PageQuery):
    """Which policies."""

    policy: Text | None = None


async def list_policies(request: web.Request) -> web.StreamResponse:
    """List the policies that serve, by priority and name."""
    query = read_query(request, PoliciesQuery)
    services = request.app[SERVICES]
    serving = services.policies.current
    found = sorted(
        (policy for policy in serving.policies.values() if query.policy in (None, policy.name)),
        key=lambda policy: (policy.document.priority, policy.name),
    )
    # Policies have no ids: the cursor is a place in the list.
    begin = query.before_id or 0
    end = begin + query.limit
    return json_response_unless_known(
        request,
        PoliciesOutput(
            items=[_output(policy, services.settings.mode) for policy in found[begin:end]],
            next_cursor=encode_cursor(end) if end < len(found) else None,
            loaded_at=serving.loaded_at,
            refused=[ProblemOutput.model_validate(problem) for problem in services.policies.refused],
            warnings=[ProblemOutput.model_validate(problem) for problem in serving.warnings],
        ),
    )


async def run_policy(request: web.Request) -> web.StreamResponse:
    """Start a policy as if an alert with the given labels fired."""
    given = await read_input(request, RunByHandInput)
    result = await request.app[SERVICES].by_hand.run(
        request.match_info["name"],
        labels=given.labels,
        comment=given.comment,
        override=given.override,
        actor=request[ACTOR],
        plan_hash=given.plan_hash,
    )
    return run_answer(result)


async def close_breaker(request: web.Request) -> web.StreamResponse:
    """Close a policy's failure breaker."""
    given = await read_input(request, CommentInput)
    name = request.match_info["name"]
    result = await request.app[SERVICES].control.close_breaker(
        name, actor=request[ACTOR], comment=given.comment
    )
    return policy_answer(result, name)


def _output(policy: LoadedPolicy, ceiling: Mode) -> PolicyOutput:
    document = policy.document
    return PolicyOutput(
        policy=policy.name,
        hash=policy.hash,
        file=policy.file,
        description=document.description,
        priority=document.priority,
        match=list(document.match),
        target=document.target,
        mode=document.mode,
        effective_mode=Mode.SHADOW
        if (document.mode, ceiling) == (Mode.ENFORCE, Mode.SHADOW)
        else document.mode,
        unavailable=policy.unavailable,
        document=document,
    )
