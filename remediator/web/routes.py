"""Every route, in one place: method, path, handler and the role that it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from remediator.settings import Role
from remediator.web import (
    approvals,
    audit,
    decisions,
    episodes,
    health,
    holds,
    leases,
    metrics,
    policies,
    runs,
    webhook,
)

GET, POST, DELETE = hdrs.METH_GET, hdrs.METH_POST, hdrs.METH_DELETE
_API = "/api/v1"
# At most what fits into the store's integers.
_ID = "{id:[0-9]{1,18}}"
_RUN = f"{_API}/runs/{_ID}"
_WEBHOOK = "/webhook/alertmanager"

RequestHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `role` None means that anybody may."""

    method: str
    path: str
    handler: RequestHandler
    role: Role | None


ROUTES = (
    # A slash too many must not become a redirect: Alertmanager would take that for delivered.
    Route(POST, _WEBHOOK, webhook.receive, Role.WEBHOOK),
    Route(POST, f"{_WEBHOOK}/", webhook.receive, Role.WEBHOOK),
    Route(POST, f"{_WEBHOOK}/{{source}}", webhook.receive, Role.WEBHOOK),
    Route(POST, f"{_WEBHOOK}/{{source}}/", webhook.receive, Role.WEBHOOK),
    Route(GET, "/health/live", health.live, None),
    Route(GET, "/health/ready", health.ready, None),
    Route(GET, "/metrics", metrics.show_metrics, None),
    Route(GET, f"{_API}/decisions", decisions.list_decisions, Role.VIEWER),
    Route(GET, f"{_API}/decisions/{_ID}", decisions.show_decision, Role.VIEWER),
    Route(GET, f"{_API}/episodes", episodes.list_episodes, Role.VIEWER),
    Route(POST, f"{_API}/episodes/{_ID}/acknowledge", episodes.acknowledge_episode, Role.OPERATOR),
    Route(GET, f"{_API}/runs", runs.list_runs, Role.VIEWER),
    Route(GET, _RUN, runs.show_run, Role.VIEWER),
    Route(POST, f"{_RUN}/approve", approvals.approve_run, Role.APPROVER),
    Route(POST, f"{_RUN}/deny", approvals.deny_run, Role.APPROVER),
    Route(POST, f"{_RUN}/cancel", runs.cancel_run, Role.OPERATOR),
    Route(POST, f"{_RUN}/resume", runs.resume_run, Role.OPERATOR),
    Route(POST, f"{_RUN}/revert", runs.revert_run, Role.OPERATOR),
    Route(GET, f"{_API}/policies", policies.list_policies, Role.VIEWER),
    Route(POST, f"{_API}/policies/{{name}}/run", policies.run_policy, Role.OPERATOR),
    Route(POST, f"{_API}/policies/{{name}}/close-breaker", policies.close_breaker, Role.OPERATOR),
    Route(GET, f"{_API}/audit", audit.list_audit, Role.VIEWER),
    Route(GET, f"{_API}/leases", leases.list_leases, Role.VIEWER),
    Route(GET, f"{_API}/holds", holds.list_holds, Role.OPERATOR),
    Route(POST, f"{_API}/holds", holds.add_hold, Role.OPERATOR),
    Route(DELETE, f"{_API}/holds/{_ID}", holds.remove_hold, Role.OPERATOR),
)
