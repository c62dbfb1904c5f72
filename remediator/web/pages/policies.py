"""The pages Policies: all of them with their state and numbers, and one of them with its document."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

import yaml
from aiohttp import web
from markupsafe import Markup
from pydantic import Field
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.data import YamlLexer

from remediator.errors import Problem
from remediator.plain_text import lines
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.outcomes import Outcomes, OutcomesError, read_outcomes
from remediator.runs.records import Run
from remediator.runs.verdicts import Decision, VerdictKind
from remediator.store.base import Filter, Reads
from remediator.web.answers import raise_refusal
from remediator.web.inputs import Comment, CommentInput, Input, Line
from remediator.web.keys import ACTOR, SERVICES
from remediator.web.pages.forms import read_form
from remediator.web.pages.frame import render, see_other
from remediator.web.pages.policy_state import DAYS, Standing, standing
from remediator.web.pages.reasons import REASONS, sentence
from remediator.web.paging import PageQuery, encode_cursor, read_query
from remediator.web.problems import ProblemError

_MOST_RUNS = 10
_MOST_LABELS_TEXT = 16_384


class PoliciesQuery(PageQuery):
    """A page of policies: each costs a look at its runs of 30 days."""

    limit: int = Field(default=20, ge=1, le=100)


class LabelsForm(Input):
    """The alert that a policy is to look at: a label a line."""

    labels: str = Field(default="", max_length=_MOST_LABELS_TEXT)


class RunForm(LabelsForm):
    """The plan that was shown, and that it is wanted."""

    plan_hash: Line
    comment: Comment = ""
    override: bool = False


async def list_policies(request: web.Request) -> web.StreamResponse:
    """Show the policies that serve, by priority and name."""
    query = read_query(request, PoliciesQuery)
    services = request.app[SERVICES]
    serving = services.policies.current
    found = sorted(serving.policies.values(), key=lambda policy: (policy.document.priority, policy.name))
    begin, now = query.before_id or 0, services.clock.now()
    end = begin + query.limit
    refused, ceiling = services.policies.refused, services.settings.mode

    def read(reads: Reads) -> list[Standing]:
        return [standing(reads, policy, now, ceiling, refused) for policy in found[begin:end]]

    return await render(
        request,
        "policies.html",
        standings=await services.store.read(read),
        count=len(found),
        refused=refused,
        loaded_at=serving.loaded_at,
        days=DAYS,
        more=f"/policies?cursor={encode_cursor(end)}" if end < len(found) else None,
    )


async def show_policy(request: web.Request) -> web.StreamResponse:
    """Show one policy: its state, numbers, last runs and document."""
    services = request.app[SERVICES]
    policy = _policy(request)
    now = services.clock.now()
    refused, ceiling = services.policies.refused, services.settings.mode

    def read(reads: Reads) -> tuple[Standing, list[Run]]:
        last = reads.select(Run, Filter(equal={"policy": policy.name}, limit=_MOST_RUNS))
        return standing(reads, policy, now, ceiling, refused), last

    stands, runs = await services.store.read(read)
    outcomes, unreadable = await asyncio.to_thread(_outcomes, services.settings.outcomes, policy.name)
    return await render(
        request,
        "policy.html",
        policy=policy,
        stands=stands,
        runs=runs,
        outcomes=outcomes,
        unreadable=unreadable,
        refused=_of_file(refused, policy),
        days=DAYS,
        reasons={str(reason): words for reason, words in REASONS.items()},
        document=_highlighted(policy),
        labels=_labels_to_begin_with(policy),
    )


def _outcomes(path: Path, policy: str) -> tuple[Outcomes, str]:
    """Return what is recorded of a policy, or in words why that can't be read."""
    try:
        return read_outcomes(path).get(policy, Outcomes()), ""
    except OutcomesError as error:
        return Outcomes(), str(error)


async def show_plan(request: web.Request) -> web.StreamResponse:
    """Show what a run by hand would do; nothing is started."""
    policy = _policy(request)
    form = await read_form(request, LabelsForm)
    decision = await request.app[SERVICES].by_hand.look(policy.name, labels=labels_of(form.labels))
    if decision is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no policy {policy.name}")
    return await render(
        request,
        "policy_plan.html",
        policy=policy,
        labels=form.labels,
        decision=decision,
        said=_what_would_be(decision),
        against=[verdict for verdict in decision.verdicts if verdict.kind is VerdictKind.DENY],
    )


async def run_policy(request: web.Request) -> web.StreamResponse:
    """Start the plan that was shown; leads to its run."""
    policy = _policy(request)
    form = await read_form(request, RunForm)
    result = await request.app[SERVICES].by_hand.run(
        policy.name,
        labels=labels_of(form.labels),
        comment=form.comment,
        override=form.override,
        actor=request[ACTOR],
        plan_hash=form.plan_hash,
    )
    raise_refusal(result)
    return see_other(f"/runs/{result.run.id}" if result.run is not None else _page_of(policy))


async def close_breaker(request: web.Request) -> web.StreamResponse:
    """Close a policy's failure breaker."""
    policy = _policy(request)
    form = await read_form(request, CommentInput)
    control = request.app[SERVICES].control
    raise_refusal(await control.close_breaker(policy.name, actor=request[ACTOR], comment=form.comment))
    return see_other(_page_of(policy))


def labels_of(text: str) -> Mapping[str, str]:
    """Read labels, one `name=value` a line.

    Raises:
        ProblemError: 422 naming the line that is none.
    """
    labels = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.strip().partition("=")
        if not line.strip():
            continue
        if not equals or not name.strip():
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"labels, line {number}: write it as name=value"
            )
        labels[name.strip()] = value.strip()
    return labels


def _policy(request: web.Request) -> LoadedPolicy:
    name = request.match_info["name"]
    policy = request.app[SERVICES].policies.current.policies.get(name)
    if policy is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no policy {name}; it may have been removed")
    return policy


def _page_of(policy: LoadedPolicy) -> str:
    return f"/policies/{quote(policy.name, safe='')}"


def _of_file(refused: tuple[Problem, ...], policy: LoadedPolicy) -> list[Problem]:
    return [problem for problem in refused if problem.file == policy.file]


def _labels_to_begin_with(policy: LoadedPolicy) -> str:
    """Return the labels that the policy's matchers name, as far as they do."""
    return "\n".join(f"{matcher.name}={matcher.value}" for matcher in policy.matchers if matcher.op == "=")


def _highlighted(policy: LoadedPolicy) -> Markup:
    """Return the document that serves as YAML with its parts marked by classes; all else is escaped."""
    document = policy.document.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = lines(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100))
    return Markup(highlight(text, YamlLexer(), HtmlFormatter(nowrap=True)))  # noqa: S704  (Pygments escapes)  # nosec B704


def _what_would_be(decision: Decision) -> str:
    if decision.plan is not None and decision.reason is None:
        return ""
    return sentence(decision.outcome, decision.reason)
