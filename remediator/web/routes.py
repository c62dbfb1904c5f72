"""Every route, in one place: method, path, handler, the role that it takes and what it takes and gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import hdrs, web

from remediator.settings import Role
from remediator.web import (
    api_docs,
    approvals,
    audit,
    decisions,
    episodes,
    events,
    health,
    holds,
    leases,
    metrics,
    notices,
    policies,
    reports,
    runs,
    slack,
    webhook,
)
from remediator.web import operations as api
from remediator.web.auth import LOGIN_PAGE
from remediator.web.delivery import DeliveryInput, TakenIn
from remediator.web.inputs import (
    AcknowledgeInput,
    CancelInput,
    CommentInput,
    HoldInput,
    ResumeInput,
    RunByHandInput,
    VoteInput,
)
from remediator.web.operations import Operation
from remediator.web.pages import commands, login
from remediator.web.pages import policies as policy_pages
from remediator.web.pages import runs as run_pages
from remediator.web.pages.audit import show_audit, show_audit_row
from remediator.web.pages.now import show_now
from remediator.web.pages.static import STATIC_FILES, static_file, static_path
from remediator.web.pages.why import show_why
from remediator.web.paging import Query, TimedQuery
from remediator.web.schemas import (
    AuditOutput,
    EpisodeAnswer,
    EpisodeOutput,
    HoldAnswer,
    HoldOutput,
    LeaseOutput,
    LiveOutput,
    Page,
    PoliciesOutput,
    PolicyAnswer,
    ReadyOutput,
    RunAnswer,
    RunDetailOutput,
    RunOutput,
)
from remediator.web.shadow_output import DecisionDetailOutput, ObservedDecisionOutput

GET, POST, DELETE = hdrs.METH_GET, hdrs.METH_POST, hdrs.METH_DELETE
_API = "/api/v1"
# At most what fits into the store's integers.
_ID = "{id:[0-9]{1,18}}"
_RUN = f"{_API}/runs/{_ID}"
_POLICY = f"{_API}/policies/{{name}}"
_WEBHOOK = "/webhook/alertmanager"

RequestHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `role` None means that anybody may; without an operation it is not documented as API.

    A `page` is for people at a browser: its faults are shown as pages.
    """

    method: str
    path: str
    handler: RequestHandler
    role: Role | None
    operation: Operation | None = None
    page: bool = False


_DELIVERY = Operation(
    body=DeliveryInput,
    answer=TakenIn,
    refusals=(HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
)
_VOTE = Operation(body=VoteInput, answer=RunAnswer, refusals=(HTTPStatus.CONFLICT, HTTPStatus.GONE))
_CONFLICT = (HTTPStatus.CONFLICT,)

ROUTES = (
    # A slash too many must not become a redirect: Alertmanager would take that for delivered.
    Route(POST, _WEBHOOK, webhook.receive, Role.WEBHOOK, _DELIVERY),
    Route(POST, f"{_WEBHOOK}/", webhook.receive, Role.WEBHOOK),
    Route(POST, f"{_WEBHOOK}/{{source}}", webhook.receive, Role.WEBHOOK, _DELIVERY),
    Route(POST, f"{_WEBHOOK}/{{source}}/", webhook.receive, Role.WEBHOOK),
    # Signed by Slack, which has no token.
    Route(POST, "/slack/actions", slack.take_action, None),
    Route(GET, "/health/live", health.live, None, Operation(answer=LiveOutput)),
    Route(
        GET,
        "/health/ready",
        health.ready,
        None,
        Operation(answer=ReadyOutput, other_answers={HTTPStatus.SERVICE_UNAVAILABLE: ReadyOutput}),
    ),
    Route(GET, LOGIN_PAGE, login.show_login, None, page=True),
    Route(POST, LOGIN_PAGE, login.log_in, None, page=True),
    Route(POST, "/logout", login.log_out, None, page=True),
    Route(GET, "/metrics", metrics.show_metrics, None, Operation(media_type=api.TEXT)),
    Route(GET, "/api/openapi.json", api_docs.show_openapi, Role.VIEWER),
    Route(GET, "/api/docs", api_docs.show_docs, Role.VIEWER),
    Route(
        GET,
        f"{_API}/decisions",
        decisions.list_decisions,
        Role.VIEWER,
        Operation(query=decisions.DecisionsQuery, answer=Page[ObservedDecisionOutput]),
    ),
    Route(
        GET,
        f"{_API}/decisions/{_ID}",
        decisions.show_decision,
        Role.VIEWER,
        Operation(query=Query, answer=DecisionDetailOutput),
    ),
    Route(
        GET,
        f"{_API}/episodes",
        episodes.list_episodes,
        Role.VIEWER,
        Operation(query=episodes.EpisodesQuery, answer=Page[EpisodeOutput]),
    ),
    Route(
        POST,
        f"{_API}/episodes/{_ID}/acknowledge",
        episodes.acknowledge_episode,
        Role.OPERATOR,
        Operation(body=AcknowledgeInput, answer=EpisodeAnswer, refusals=_CONFLICT),
    ),
    Route(
        GET,
        f"{_API}/runs",
        runs.list_runs,
        Role.VIEWER,
        Operation(query=runs.RunsQuery, answer=Page[RunOutput]),
    ),
    Route(GET, _RUN, runs.show_run, Role.VIEWER, Operation(query=Query, answer=RunDetailOutput)),
    Route(
        GET,
        f"{_RUN}/report",
        reports.show_report,
        Role.VIEWER,
        Operation(query=Query, answer=reports.ReportOutput),
    ),
    Route(POST, f"{_RUN}/approve", approvals.approve_run, Role.APPROVER, _VOTE),
    Route(POST, f"{_RUN}/deny", approvals.deny_run, Role.APPROVER, _VOTE),
    Route(
        POST,
        f"{_RUN}/cancel",
        runs.cancel_run,
        Role.OPERATOR,
        Operation(body=CancelInput, answer=RunAnswer, refusals=_CONFLICT),
    ),
    Route(
        POST,
        f"{_RUN}/resume",
        runs.resume_run,
        Role.OPERATOR,
        Operation(body=ResumeInput, answer=RunAnswer, refusals=_CONFLICT),
    ),
    Route(
        POST,
        f"{_RUN}/revert",
        runs.revert_run,
        Role.OPERATOR,
        Operation(body=CommentInput, answer=RunAnswer, refusals=_CONFLICT),
    ),
    Route(
        GET,
        f"{_API}/policies",
        policies.list_policies,
        Role.VIEWER,
        Operation(
            query=policies.PoliciesQuery,
            headers={"If-None-Match": "An ETag that is known: 304 while nothing changed."},
            answer=PoliciesOutput,
            etag=True,
        ),
    ),
    Route(
        POST,
        f"{_POLICY}/run",
        policies.run_policy,
        Role.OPERATOR,
        Operation(body=RunByHandInput, answer=RunAnswer, refusals=_CONFLICT),
    ),
    Route(
        POST,
        f"{_POLICY}/close-breaker",
        policies.close_breaker,
        Role.OPERATOR,
        Operation(body=CommentInput, answer=PolicyAnswer, refusals=_CONFLICT),
    ),
    Route(
        GET,
        f"{_API}/audit",
        audit.list_audit,
        Role.VIEWER,
        Operation(query=audit.AuditQuery, answer=Page[AuditOutput]),
    ),
    Route(
        GET,
        f"{_API}/audit.csv",
        audit.export_csv,
        Role.VIEWER,
        Operation(query=audit.ExportQuery, media_type=api.CSV),
    ),
    Route(
        GET,
        f"{_API}/audit.jsonl",
        audit.export_jsonl,
        Role.VIEWER,
        Operation(query=audit.ExportQuery, media_type=api.JSON_LINES),
    ),
    Route(
        GET,
        f"{_API}/events",
        events.stream_events,
        Role.VIEWER,
        Operation(
            query=events.EventsQuery,
            headers={"Last-Event-ID": "The id of the last event that is known."},
            answer=events.EventOutput,
            media_type=api.EVENT_STREAM,
        ),
    ),
    Route(
        GET,
        f"{_API}/notices",
        notices.list_notices,
        Role.VIEWER,
        Operation(query=notices.NoticesQuery, answer=Page[notices.NoticeOutput]),
    ),
    Route(
        GET,
        f"{_API}/channels",
        notices.list_channels,
        Role.VIEWER,
        Operation(query=TimedQuery, answer=Page[notices.ChannelOutput]),
    ),
    Route(
        GET,
        f"{_API}/leases",
        leases.list_leases,
        Role.VIEWER,
        Operation(query=leases.LeasesQuery, answer=Page[LeaseOutput]),
    ),
    Route(
        GET,
        f"{_API}/holds",
        holds.list_holds,
        Role.OPERATOR,
        Operation(query=holds.HoldsQuery, answer=Page[HoldOutput]),
    ),
    Route(
        POST,
        f"{_API}/holds",
        holds.add_hold,
        Role.OPERATOR,
        Operation(body=HoldInput, answer=HoldAnswer, done=HTTPStatus.CREATED, refusals=_CONFLICT),
    ),
    Route(
        DELETE,
        f"{_API}/holds/{_ID}",
        holds.remove_hold,
        Role.OPERATOR,
        Operation(answer=HoldAnswer, refusals=_CONFLICT),
    ),
    Route(GET, "/", show_now, Role.VIEWER, page=True),
    Route(GET, "/audit", show_audit, Role.VIEWER, page=True),
    Route(GET, f"/audit/{_ID}", show_audit_row, Role.VIEWER, page=True),
    Route(GET, "/why", show_why, Role.VIEWER, page=True),
    Route(GET, "/policies", policy_pages.list_policies, Role.VIEWER, page=True),
    Route(GET, "/policies/{name}", policy_pages.show_policy, Role.VIEWER, page=True),
    Route(POST, "/policies/{name}/plan", policy_pages.show_plan, Role.OPERATOR, page=True),
    Route(POST, "/policies/{name}/run", policy_pages.run_policy, Role.OPERATOR, page=True),
    Route(POST, "/policies/{name}/close-breaker", policy_pages.close_breaker, Role.OPERATOR, page=True),
    Route(GET, "/runs", run_pages.list_runs, Role.VIEWER, page=True),
    Route(GET, f"/runs/{_ID}", run_pages.show_run, Role.VIEWER, page=True),
    Route(GET, f"/runs/{_ID}/plot", run_pages.show_plot, Role.VIEWER, page=True),
    Route(GET, f"/runs/{_ID}/report", run_pages.show_report, Role.VIEWER, page=True),
    Route(POST, f"/runs/{_ID}/approve", commands.approve, Role.APPROVER, page=True),
    Route(POST, f"/runs/{_ID}/deny", commands.deny, Role.APPROVER, page=True),
    Route(POST, f"/runs/{_ID}/cancel", commands.cancel, Role.OPERATOR, page=True),
    Route(POST, f"/runs/{_ID}/resume", commands.resume, Role.OPERATOR, page=True),
    Route(POST, f"/runs/{_ID}/revert", commands.revert, Role.OPERATOR, page=True),
    Route(POST, f"/episodes/{_ID}/acknowledge", commands.acknowledge, Role.OPERATOR, page=True),
    Route(POST, "/holds", commands.hold, Role.OPERATOR, page=True),
    Route(POST, f"/holds/{_ID}/remove", commands.remove_hold, Role.OPERATOR, page=True),
    *(Route(GET, static_path(name), static_file(name), None) for name in STATIC_FILES),
)
