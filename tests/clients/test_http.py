from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer, unused_port

from remediator.clients.errors import ClientError, Fault
from remediator.clients.http import ServiceClient
from remediator.secret_refs import SecretUnavailableError
from remediator.settings import Service

LONG = timedelta(seconds=10)
SHORT = timedelta(milliseconds=300)


async def echo(request: web.Request) -> web.Response:
    body = await request.text()
    shown = {"path": request.raw_path, "headers": dict(request.headers), "body": body}
    return web.json_response(shown, headers={"Set-Cookie": "seen=1"})


async def away(_: web.Request) -> web.Response:
    raise web.HTTPFound("/echo")


async def slow(_: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def large(_: web.Request) -> web.Response:
    return web.Response(body=b"x" * 3_000_000)


async def zipped(_: web.Request) -> web.Response:
    answer = web.Response(text="{}")
    answer.enable_compression(web.ContentCoding.gzip)
    return answer


@pytest.fixture
async def server() -> AsyncIterator[BaseTestServer]:
    app = web.Application()
    app.add_routes(
        [
            web.route("*", "/base/echo", echo),
            web.get("/base/away", away),
            web.get("/base/slow", slow),
            web.post("/base/cut", cut),
            web.get("/base/large", large),
            web.get("/base/zipped", zipped),
        ]
    )
    async with TestServer(app) as running:
        yield running


@pytest.fixture
async def client(server: BaseTestServer) -> AsyncIterator[ServiceClient]:
    url = str(server.make_url("/base"))
    entries = {
        "plain": {"url": url},
        "bearer": {"url": url, "auth": {"bearer": "env:CANARY_TOKEN"}},
        "basic": {"url": url, "auth": {"basic": {"username": "ana", "password": "env:CANARY_TOKEN"}}},
        "closed": {"url": f"http://127.0.0.1:{unused_port()}"},
        "nowhere": {"url": "http://no-such-host.invalid"},
    }
    made = ServiceClient({name: Service.model_validate(entry) for name, entry in entries.items()})
    yield made
    await made.close()


async def test_sends_below_the_inventory_s_address(client: ServiceClient) -> None:
    reply = await client.request("plain", "POST", "/echo?a=%20b", within=LONG, body={"x": 1})
    shown = reply.json()
    assert shown["path"] == "/base/echo?a=%20b"
    assert shown["body"] == '{"x": 1}'
    assert shown["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("service", "header"),
    [
        ("bearer", "Bearer s3cret-canary"),
        ("basic", "Basic " + base64.b64encode(b"ana:s3cret-canary").decode()),
    ],
)
async def test_credentials_are_looked_up_at_each_request(
    client: ServiceClient, service: str, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SecretUnavailableError):
        await client.request(service, "GET", "/echo", within=LONG)
    monkeypatch.setenv("CANARY_TOKEN", "s3cret-canary")
    reply = await client.request(service, "GET", "/echo", within=LONG)
    assert reply.json()["headers"]["Authorization"] == header


async def test_a_secret_that_no_header_can_hold_is_not_shown(
    client: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "s3cret\r\ncanary")
    with pytest.raises(ClientError) as caught:
        await client.request("bearer", "GET", "/echo", within=LONG)
    assert caught.value.fault is Fault.REFUSED
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_redirects_are_not_followed(client: ServiceClient) -> None:
    assert (await client.request("plain", "GET", "/away", within=LONG)).status == 302


async def test_cookies_are_not_kept(client: ServiceClient) -> None:
    for _ in range(2):
        reply = await client.request("plain", "GET", "/echo", within=LONG)
    assert "Cookie" not in reply.json()["headers"]


async def test_bodies_are_capped(client: ServiceClient) -> None:
    reply = await client.request("plain", "GET", "/large", within=LONG)
    assert reply.truncated
    assert len(reply.body) == 1024 * 1024
    assert reply.json() is None


async def test_bodies_are_not_unpacked(client: ServiceClient) -> None:
    reply = await client.request("plain", "GET", "/zipped", within=LONG)
    assert reply.body.startswith(b"\x1f\x8b")


@pytest.mark.parametrize(
    ("service", "method", "path", "fault"),
    [
        ("closed", "POST", "/x", Fault.NOT_SENT),
        ("nowhere", "POST", "/x", Fault.NOT_SENT),
        ("plain", "GET", "/slow", Fault.TIMED_OUT),
        ("plain", "POST", "/cut", Fault.LOST),
        ("plain", "POST", "/../x", Fault.REFUSED),
    ],
)
async def test_faults_say_what_may_have_happened(
    client: ServiceClient, service: str, method: str, path: str, fault: Fault
) -> None:
    within = SHORT if fault is Fault.TIMED_OUT else LONG
    with pytest.raises(ClientError) as caught:
        await client.request(service, method, path, within=within)
    assert caught.value.fault is fault
