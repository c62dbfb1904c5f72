"""Who may do what: every route of the table against every kind of caller."""

from __future__ import annotations

import base64
from http import HTTPStatus

import pytest

from remediator.settings import Role
from remediator.web.routes import ROUTES, Route
from tests.web.site import TOKENS, WEBHOOK, Site, bearer, payload, token_of

GUARDED = [route for route in ROUTES if route.role is not None and not route.page]
PAGES = [route for route in ROUTES if route.page and route.role is not None]
# The contract, written out: the table has to say the same.
CONTRACT = {
    ("POST", "/webhook/alertmanager"): Role.WEBHOOK,
    ("POST", "/webhook/alertmanager/"): Role.WEBHOOK,
    ("POST", "/webhook/alertmanager/{source}"): Role.WEBHOOK,
    ("POST", "/webhook/alertmanager/{source}/"): Role.WEBHOOK,
    ("POST", "/slack/actions"): None,
    ("GET", "/health/live"): None,
    ("GET", "/health/ready"): None,
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("POST", "/logout"): None,
    ("GET", "/metrics"): None,
    ("GET", "/api/openapi.json"): Role.VIEWER,
    ("GET", "/api/docs"): Role.VIEWER,
    ("GET", "/api/v1/decisions"): Role.VIEWER,
    ("GET", "/api/v1/decisions/{id}"): Role.VIEWER,
    ("GET", "/api/v1/episodes"): Role.VIEWER,
    ("POST", "/api/v1/episodes/{id}/acknowledge"): Role.OPERATOR,
    ("GET", "/api/v1/runs"): Role.VIEWER,
    ("GET", "/api/v1/runs/{id}"): Role.VIEWER,
    ("POST", "/api/v1/runs/{id}/approve"): Role.APPROVER,
    ("POST", "/api/v1/runs/{id}/deny"): Role.APPROVER,
    ("POST", "/api/v1/runs/{id}/cancel"): Role.OPERATOR,
    ("POST", "/api/v1/runs/{id}/resume"): Role.OPERATOR,
    ("POST", "/api/v1/runs/{id}/revert"): Role.OPERATOR,
    ("GET", "/api/v1/policies"): Role.VIEWER,
    ("POST", "/api/v1/policies/{name}/run"): Role.OPERATOR,
    ("POST", "/api/v1/policies/{name}/close-breaker"): Role.OPERATOR,
    ("GET", "/api/v1/audit"): Role.VIEWER,
    ("GET", "/api/v1/audit.csv"): Role.VIEWER,
    ("GET", "/api/v1/audit.jsonl"): Role.VIEWER,
    ("GET", "/api/v1/events"): Role.VIEWER,
    ("GET", "/api/v1/leases"): Role.VIEWER,
    ("GET", "/api/v1/notices"): Role.VIEWER,
    ("GET", "/api/v1/runs/{id}/report"): Role.VIEWER,
    ("GET", "/api/v1/channels"): Role.VIEWER,
    ("GET", "/api/v1/holds"): Role.OPERATOR,
    ("POST", "/api/v1/holds"): Role.OPERATOR,
    ("DELETE", "/api/v1/holds/{id}"): Role.OPERATOR,
    ("GET", "/"): Role.VIEWER,
    ("GET", "/audit"): Role.VIEWER,
    ("GET", "/audit/{id}"): Role.VIEWER,
    ("GET", "/why"): Role.VIEWER,
    ("GET", "/policies"): Role.VIEWER,
    ("GET", "/policies/{name}"): Role.VIEWER,
    ("POST", "/policies/{name}/plan"): Role.OPERATOR,
    ("POST", "/policies/{name}/run"): Role.OPERATOR,
    ("POST", "/policies/{name}/close-breaker"): Role.OPERATOR,
    ("GET", "/runs"): Role.VIEWER,
    ("GET", "/runs/{id}"): Role.VIEWER,
    ("GET", "/runs/{id}/plot"): Role.VIEWER,
    ("GET", "/runs/{id}/report"): Role.VIEWER,
    ("POST", "/runs/{id}/approve"): Role.APPROVER,
    ("POST", "/runs/{id}/deny"): Role.APPROVER,
    ("POST", "/runs/{id}/cancel"): Role.OPERATOR,
    ("POST", "/runs/{id}/resume"): Role.OPERATOR,
    ("POST", "/runs/{id}/revert"): Role.OPERATOR,
    ("POST", "/episodes/{id}/acknowledge"): Role.OPERATOR,
    ("POST", "/holds"): Role.OPERATOR,
    ("POST", "/holds/{id}/remove"): Role.OPERATOR,
    **{("GET", f"/static/{name}"): None for name in ("icon.svg", "live.js", "page.css", "yaml.css")},
}


EVENTS = "/api/v1/events"


def plain(path: str) -> str:
    return path.replace("{id:[0-9]{1,18}}", "{id}")


def filled(path: str) -> str:
    if path == EVENTS:
        return f"{path}?after=x"  # or it would not end
    return plain(path).replace("{id}", "1").replace("{source}", "default").replace("{name}", "fix")


def test_the_table_is_the_contract() -> None:
    assert {(route.method, plain(route.path)): route.role for route in ROUTES} == CONTRACT


async def test_without_a_token_nothing_is_told(served: Site) -> None:
    for route in GUARDED:
        reply = await served.ask(route.method, filled(route.path), who=None, body=payload())
        assert reply.status == HTTPStatus.UNAUTHORIZED, route
        assert "Bearer" in reply.headers["WWW-Authenticate"]
        assert reply.headers["Content-Type"] == "application/problem+json"
    assert await served.audit() == []


async def test_each_role_opens_its_own_routes_and_no_other(served: Site) -> None:
    for route in (*GUARDED, *PAGES):
        for name, roles in TOKENS.items():
            reply = await served.ask(route.method, filled(route.path), who=name, body=b"not json")
            allowed = route.role in roles or Role.ADMIN in roles
            assert (reply.status == HTTPStatus.FORBIDDEN) is not allowed, (route, name)
            assert reply.status != HTTPStatus.UNAUTHORIZED
            assert reply.status != HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.role is None and route.method == "GET"],
    ids=lambda route: route.path,
)
async def test_probes_need_no_token(served: Site, route: Route) -> None:
    assert (await served.ask("GET", route.path, who=None)).status == HTTPStatus.OK


async def test_reading_changes_nothing(served: Site) -> None:
    await served.deliver(payload())
    before = await served.audit()
    for route in ROUTES:
        if route.method == "GET" and route.path != EVENTS:
            for method in ("GET", "HEAD"):
                assert (await served.ask(method, filled(route.path))).status == HTTPStatus.OK, route
    assert await served.audit() == before


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("user", ["", "vera", "somebody else"])
async def test_basic_takes_the_token_as_password(served: Site, user: str) -> None:
    reply = await served.ask("GET", "/api/v1/runs", who=None, headers=basic(user, token_of("vera")))
    assert reply.status == HTTPStatus.OK


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": token_of("vera")},
        {"Authorization": f"Token {token_of('vera')}"},
        {"Authorization": f"Bearer {token_of('vera')}x"},
        {"Authorization": f"Bearer {token_of('vera').upper()}"},
        {"Authorization": "Basic not-base64!"},
        {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"Authorization": "Bearer \u00e9\U0001f4a5"},
        basic("vera", ""),
        basic(token_of("vera"), "x"),
    ],
    ids=str,
)
async def test_what_is_no_token_of_ours_is_401(served: Site, headers: dict[str, str]) -> None:
    assert (
        await served.ask("GET", "/api/v1/runs", who=None, headers=headers)
    ).status == HTTPStatus.UNAUTHORIZED


async def test_two_tokens_at_once_are_none(served: Site) -> None:
    reader, writer = await served.connect()
    line = f"Authorization: Bearer {token_of('vera')}\r\n"
    writer.write(f"GET /api/v1/runs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{line}{line}\r\n".encode())
    assert b" 401 " in await reader.readline()
    writer.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_another_sites_page_can_change_nothing(served: Site, headers: dict[str, str]) -> None:
    hold = {"scope": "all", "reason": "x"}
    reply = await served.ask("POST", "/api/v1/holds", body=hold, headers=headers)
    assert reply.status == HTTPStatus.FORBIDDEN
    assert await served.audit() == []


async def test_a_page_of_this_server_can(served: Site) -> None:
    hold = {"scope": "all", "reason": "x"}
    reply = await served.ask("POST", "/api/v1/holds", body=hold, headers={"Origin": served.server.url})
    assert reply.status == HTTPStatus.CREATED


async def test_responses_do_not_say_what_serves_them(served: Site) -> None:
    for path in ("/health/live", "/api/v1/nothing"):
        assert (await served.ask("GET", path, headers=bearer("vera"))).headers["Server"] == "remediator"


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1/runs/x", "/api/v1/runs/1000000000000000000", "/api/v1/runs/"]
)
async def test_unknown_paths_are_404(served: Site, path: str) -> None:
    reply = await served.ask("GET", path)
    assert (reply.status, reply.json["title"]) == (HTTPStatus.NOT_FOUND, "Not Found")


async def test_a_wrong_method_is_405(served: Site) -> None:
    reply = await served.ask("GET", WEBHOOK)
    assert (reply.status, reply.headers["Allow"]) == (HTTPStatus.METHOD_NOT_ALLOWED, "POST")
