from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer, unused_port
from pydantic import ValidationError

from remediator.actions.base import Call, FailureReason, OutcomeStatus
from remediator.actions.containers import Containers
from remediator.actions.from_container import FromContainer
from remediator.actions.http_probe import HttpProbe, HttpProbeParams
from remediator.actions.http_request import HttpRequest, HttpRequestParams
from remediator.clients.docker import DockerEngine
from remediator.clients.http import ServiceClient
from remediator.settings import Service


@pytest.fixture
def received() -> list[web.Request]:
    return []


@pytest.fixture
async def server(received: list[web.Request]) -> AsyncIterator[BaseTestServer]:
    async def health(_: web.Request) -> web.Response:
        return web.json_response({"pms": "up"})

    async def reset(request: web.Request) -> web.Response:
        await request.read()
        received.append(request)
        return web.json_response({"state": "closed"}, status=int(request.query.get("status", "200")))

    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def limited(request: web.Request) -> web.Response:
        headers = [("Retry-After", "7"), ("X-RateLimit-Remaining", "0"), ("Set-Cookie", "s3cret=canary")]
        return web.Response(status=int(request.query["status"]), headers=headers)

    app = web.Application()
    app.add_routes(
        [
            web.get("/limited", limited),
            web.get("/health", health),
            web.route("*", "/admin/reset", reset),
            web.post("/admin/cut", cut),
        ]
    )
    async with TestServer(app) as running:
        yield running


@pytest.fixture
def services(server: BaseTestServer) -> dict[str, Service]:
    url = str(server.make_url("/"))
    entries: dict[str, dict[str, Any]] = {
        "agente": {
            "url": url,
            "paths": ["POST /admin/*", "GET /health"],
            "idempotent": ["POST /admin/reset"],
        },
        "open": {"url": url},
        "closed": {"url": f"http://127.0.0.1:{unused_port()}"},
        "locked": {"url": url, "auth": {"bearer": "env:NOT_SET_AT_ALL"}},
    }
    return {name: Service.model_validate(entry) for name, entry in entries.items()}


@pytest.fixture
async def client(services: dict[str, Service]) -> AsyncIterator[ServiceClient]:
    made = ServiceClient(services)
    yield made
    await made.close()


@pytest.fixture
def probe(services: dict[str, Service], client: ServiceClient) -> HttpProbe:
    nowhere = DockerEngine("unix:///nowhere.sock")
    return HttpProbe(services, client, FromContainer(Containers(None, nowhere, None)))


@pytest.fixture
def request_action(services: dict[str, Service], client: ServiceClient) -> HttpRequest:
    return HttpRequest(services, client)


@pytest.mark.parametrize(
    ("params", "fact"),
    [
        ({"service": "open", "path": "/health"}, True),
        ({"service": "open", "path": "/health", "expect": {"json": {"pms": "up"}}}, True),
        ({"service": "open", "path": "/health", "expect": {"json": {"pms": "down"}}}, False),
        ({"service": "open", "path": "/health", "method": "HEAD"}, True),
        ({"service": "open", "path": "/none"}, False),
        ({"service": "open", "path": "/none", "expect": {"status": 404}}, True),
        ({"service": "closed", "path": "/"}, False),
        ({"service": "locked", "path": "/health"}, None),
    ],
)
async def test_probe_facts(probe: HttpProbe, call: Call, params: dict[str, Any], fact: bool | None) -> None:
    outcome = await probe.act(HttpProbeParams.model_validate(params), call)
    assert outcome.fact is fact
    assert outcome.ok is bool(fact)
    assert outcome.status is not OutcomeStatus.AMBIGUOUS


async def test_a_probe_shows_what_it_saw(probe: HttpProbe, call: Call) -> None:
    outcome = await probe.act(HttpProbeParams(service="open", path="/health"), call)
    assert outcome.result["status"] == 200
    assert outcome.result["json"] == {"pms": "up"}
    assert outcome.result["unmet"] == []


@pytest.mark.parametrize(
    ("service", "method", "path", "says"),
    [
        ("agente", "POST", "/admin/reset", None),
        ("agente", "GET", "/health", None),
        ("agente", "HEAD", "/health", None),
        ("agente", "DELETE", "/admin/reset", "does not allow DELETE /admin/reset"),
        ("agente", "GET", "/other", "does not allow GET /other"),
        ("agente", "POST", "/admin/../secrets", "leaves its folder"),
        ("agente", "POST", "//evil.example/admin", "one slash"),
        ("other", "GET", "/", "no service called 'other'"),
        ("open", "DELETE", "/x", None),
    ],
)
def test_requests_keep_to_the_inventory(
    request_action: HttpRequest, service: str, method: str, path: str, says: str | None
) -> None:
    params = HttpRequestParams.model_validate({"service": service, "method": method, "path": path})
    said = request_action.refuse(params)
    assert (said is None) if says is None else (says in str(said))


async def test_a_request_carries_its_key_and_body(
    request_action: HttpRequest, call: Call, received: list[web.Request]
) -> None:
    params = HttpRequestParams.model_validate(
        {"service": "open", "path": "/admin/reset", "json": {"x": 1}, "headers": {"X-Reason": "alert"}}
    )
    outcome = await request_action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.result["json"] == {"state": "closed"}
    [seen] = received
    assert seen.headers["Idempotency-Key"] == call.key
    assert seen.headers["X-Reason"] == "alert"
    assert await seen.json() == {"x": 1}


@pytest.mark.parametrize(
    ("params", "status", "reason"),
    [
        (
            {"service": "open", "path": "/admin/reset?status=500"},
            OutcomeStatus.FAILED,
            FailureReason.UNEXPECTED,
        ),
        (
            {"service": "open", "path": "/admin/reset?status=302"},
            OutcomeStatus.FAILED,
            FailureReason.UNEXPECTED,
        ),
        ({"service": "open", "path": "/admin/cut"}, OutcomeStatus.AMBIGUOUS, FailureReason.LOST),
        ({"service": "closed", "path": "/"}, OutcomeStatus.FAILED, FailureReason.NOT_SENT),
        ({"service": "locked", "path": "/"}, OutcomeStatus.FAILED, FailureReason.SECRET_UNAVAILABLE),
    ],
)
async def test_how_requests_fail(
    request_action: HttpRequest,
    call: Call,
    params: dict[str, Any],
    status: OutcomeStatus,
    reason: FailureReason,
) -> None:
    outcome = await request_action.act(HttpRequestParams.model_validate(params), call)
    assert (outcome.status, outcome.reason) == (status, reason)


@pytest.mark.parametrize(
    ("service", "method", "path", "repeatable", "looks"),
    [
        ("agente", "POST", "/admin/reset", True, False),
        ("agente", "POST", "/admin/other", False, False),
        ("open", "POST", "/admin/reset", False, False),
        ("open", "PUT", "/x", False, False),
        ("open", "GET", "/x", True, True),
        ("open", "HEAD", "/x", True, True),
    ],
)
def test_what_a_request_declares(
    request_action: HttpRequest, service: str, method: str, path: str, repeatable: bool, looks: bool
) -> None:
    params = HttpRequestParams.model_validate({"service": service, "method": method, "path": path})
    assert request_action.idempotent_for(params) is repeatable
    assert request_action.read_only_for(params) is looks
    lease = ((f"services:{service}", f"{method} {path}"),)
    assert request_action.attributes(params) == (() if looks else lease)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer x"},
        {"HOST": "evil.example"},
        {"Content-Length": "0"},
        {"Idempotency-Key": "x"},
        {"X-A": "a\r\nHost: evil"},
        {"X A": "a"},
        {"X-A": "é"},
    ],
)
def test_headers_that_are_not_a_policy_s_to_set(headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        HttpRequestParams(service="open", path="/", headers=headers)


async def test_what_looks_like_a_reference_in_a_body_is_only_text(
    request_action: HttpRequest, call: Call, received: list[web.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "s3cret-canary")
    params = HttpRequestParams.model_validate(
        {
            "service": "open",
            "path": "/admin/reset",
            "json": {"x": "env:CANARY_TOKEN"},
            "headers": {"X-Y": "env:CANARY_TOKEN"},
        }
    )
    await request_action.act(params, call)
    [seen] = received
    assert await seen.json() == {"x": "env:CANARY_TOKEN"}
    assert seen.headers["X-Y"] == "env:CANARY_TOKEN"


@pytest.mark.parametrize(
    ("status", "rejected"), [(401, "credentials"), (403, "credentials"), (429, "rate"), (500, None)]
)
async def test_says_why_it_was_turned_away(
    probe: HttpProbe, call: Call, status: int, rejected: str | None
) -> None:
    params = HttpProbeParams(
        service="open",
        path=f"/limited?status={status}",
        headers=("Retry-After", "x-ratelimit-remaining", "RateLimit"),
    )
    outcome = await probe.act(params, call)
    assert (outcome.fact, outcome.result["rejected"]) == (False, rejected)
    assert outcome.result["headers"] == {"retry-after": "7", "x-ratelimit-remaining": "0"}
    assert "canary" not in f"{outcome}"


@pytest.mark.parametrize(
    "name", ["Set-Cookie", "Authorization", "X-Api-Key", "", "retry-after\n", "x-ratelimit-A_B"]
)
def test_other_headers_are_not_shown(name: str) -> None:
    with pytest.raises(ValidationError):
        HttpProbeParams(service="open", path="/", headers=(name,))
