"""Nobody is led elsewhere: a redirect is an answer, and where it leads nothing is heard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from remediator.clients.alertmanager import AlertmanagerClient, AlertmanagerError
from remediator.clients.apprise_sender import AppriseSender
from remediator.clients.errors import ClientError
from remediator.clients.http import ServiceClient
from remediator.clients.prometheus import PrometheusClient
from remediator.clients.prometheus_history import PrometheusHistory
from remediator.clients.slack import SlackWebhooks
from remediator.runs.audit import AuditAction
from remediator.settings import Prometheus, Service, Source
from remediator.settings_telemetry import Traces
from remediator.telemetry.tracing import TraceAudit
from tests.telemetry.rows import row

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
_SECRET = "cnry-of-redirects"
_SHORT = timedelta(seconds=20)


@dataclass
class Places:
    """A server that redirects everything, and what came to it and to where it leads."""

    url: str = ""
    status: int = 302
    here: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@pytest.fixture(params=[301, 302, 303, 307, 308])
async def places(request: pytest.FixtureRequest) -> AsyncIterator[Places]:
    made = Places(status=request.param)

    async def hear(asked: web.Request) -> web.Response:
        made.elsewhere.append(f"{asked.method} {asked.path_qs}")
        return web.json_response([])

    async def lead_on(asked: web.Request) -> web.Response:
        made.here.append(f"{asked.method} {asked.path}")
        return web.Response(status=made.status, headers={"Location": str(other.make_url("/elsewhere"))})

    def serving(handler: Callable[[web.Request], Awaitable[web.Response]]) -> TestServer:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        return TestServer(app)

    async with serving(hear) as other, serving(lead_on) as first:
        made.url = str(first.make_url("")).rstrip("/")
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", _SECRET)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_services_redirect_is_its_answer(places: Places, method: str) -> None:
    auth = {"bearer": "env:SECRET"}
    client = ServiceClient({"x": Service.model_validate({"url": places.url, "auth": auth})})
    reply = await client.request("x", method, "/do", within=_SHORT, body={"a": 1})
    await client.close()
    assert reply.status == places.status
    assert (places.here, places.elsewhere) == ([f"{method} /do"], [])


async def test_prometheus_is_asked_nowhere_else(places: Places, session: aiohttp.ClientSession) -> None:
    settings = Prometheus.model_validate({"url": places.url, "auth": {"bearer": "env:SECRET"}})
    now = datetime(2026, 1, 1, tzinfo=UTC)
    client = PrometheusClient(session, settings)
    assert (await client.query("up")).error
    assert (await client.query_range("up", now - _SHORT, now, _SHORT)).error
    with suppress(ClientError):
        await PrometheusHistory(session, settings).range("up", now - _SHORT, now, _SHORT)
    assert len(places.here) >= 2
    assert places.elsewhere == []


async def test_nor_is_alertmanager(places: Places, session: aiohttp.ClientSession) -> None:
    source = Source.model_validate({"url": places.url, "auth": {"bearer": "env:SECRET"}})
    client = AlertmanagerClient(session, source)
    with pytest.raises(AlertmanagerError):
        await client.alerts(active=True, silenced=False, inhibited=False)
    with pytest.raises(AlertmanagerError):
        await client.end_silence("some-id")
    assert len(places.here) == 2
    assert places.elsewhere == []


async def test_slack_gets_no_message_elsewhere(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", f"{places.url}/services/{_SECRET}")
    with pytest.raises(ClientError) as told:
        await SlackWebhooks().ask("env:SECRET", {"text": "x"})
    assert _SECRET not in told.value.detail
    assert (len(places.here), places.elsewhere) == (1, [])


async def test_a_channel_that_leads_elsewhere_has_not_taken_it(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Followed, a POST would become a GET without its message, and count as sent."""
    monkeypatch.setenv("SECRET", places.url.replace("http://", "json://") + f"/{_SECRET}")
    with pytest.raises(ClientError):
        await AppriseSender().send("env:SECRET", "title", "body")
    assert (len(places.here), places.elsewhere) == (1, [])


async def test_traces_and_their_key_go_nowhere_else(places: Places) -> None:
    settings = Traces.model_validate({"endpoint": f"{places.url}/v1", "headers": {"X-Key": "env:SECRET"}})
    traces = TraceAudit(settings, version="0", origin="a" * 64, every=timedelta(milliseconds=50))
    traces.on_commit([row(AuditAction.EPISODE_OPENED, episode_id=1, detail={"delivery_id": 1})])
    await traces.close()
    assert places.here
    assert places.elsewhere == []
