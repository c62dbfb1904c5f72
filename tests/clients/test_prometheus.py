"""The Prometheus client: what its API says becomes an answer, and trouble becomes an answer too."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from math import inf, isnan
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from remediator.clients.prometheus import PrometheusClient
from remediator.runs.answers import Answer, Sample
from remediator.settings import Auth, Basic, Prometheus
from tests.clients.scripted_api import scripted_api

AT = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)
QUERY = "/api/v1/query"
NOBODY = "http://127.0.0.1:1"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def client(session: aiohttp.ClientSession, url: str = NOBODY, **more: Any) -> PrometheusClient:
    return PrometheusClient(session, Prometheus.model_validate({"url": url, **more}))


def success(kind: str, result: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def series(value: str, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [AT.timestamp(), value]}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (success("vector", []), Answer()),
        (success("vector", [series("0", job="a")]), Answer((Sample({"job": "a"}, 0.0, AT),))),
        (success("vector", [series("+Inf")]), Answer((Sample({}, inf, AT),))),
        (success("scalar", [AT.timestamp(), "1.5"]), Answer((Sample({}, 1.5, AT),), scalar=True)),
        (
            success("string", [AT.timestamp(), "x"]),
            Answer(error="the query gives a string; write one that gives a vector or a scalar"),
        ),
        (
            success("matrix", [{"metric": {}, "values": [[1, "2"]]}]),
            Answer(error="the query gives a matrix; write one that gives a vector or a scalar"),
        ),
        (
            success("vector", [{"metric": {}, "histogram": [1, {}]}]),
            Answer(error="the query gives histograms; write one that gives numbers"),
        ),
    ],
)
async def test_each_kind_of_result(session: aiohttp.ClientSession, body: Any, answer: Answer) -> None:
    async with scripted_api(QUERY, payload=body) as api:
        assert await client(session, api.url).query("x") == answer


async def test_a_sample_that_is_not_a_number_is_still_a_sample(session: aiohttp.ClientSession) -> None:
    async with scripted_api(QUERY, payload=success("vector", [series("NaN")])) as api:
        answer = await client(session, api.url).query("x")
    assert isnan(answer.samples[0].value)
    assert answer.holds


@pytest.mark.parametrize(
    ("status", "reply", "error"),
    [
        (
            400,
            {"payload": {"status": "error", "errorType": "bad_data", "error": "parse error"}},
            "Prometheus answered 400: parse error",
        ),
        (
            503,
            {"payload": {"status": "error", "errorType": "timeout", "error": "query timed out"}},
            "Prometheus answered 503: query timed out",
        ),
        (502, {"body": "<html>bad gateway"}, "Prometheus answered 502 with something that is not JSON"),
        (200, {"body": ""}, "Prometheus answered 200 with something that is not JSON"),
        (200, {"body": "[" * 100_000}, "Prometheus answered 200 with something that is not JSON"),
        (200, {"payload": []}, "Prometheus answered 200 with something that can't be read"),
        (
            200,
            {"payload": {"status": "success"}},
            "Prometheus answered 200 with something that can't be read",
        ),
        (
            200,
            {"payload": success("vector", [{"metric": {}, "value": [1, None]}])},
            "Prometheus answered 200 with something that can't be read",
        ),
        (
            200,
            {"payload": success("vector", [{"metric": {"a": 1}, "value": [1, "1"]}])},
            "Prometheus answered 200 with something that can't be read",
        ),
        (
            302,
            {"body": "", "location": QUERY},
            "Prometheus answered 302 with something",
        ),
    ],
)
async def test_what_is_no_answer_says_why(
    session: aiohttp.ClientSession, status: int, reply: dict[str, Any], error: str
) -> None:
    async with scripted_api(QUERY, status=status, **reply) as api:
        answer = await client(session, api.url).query("x")
    assert answer.samples == ()
    assert (answer.error or "").startswith(error)


async def test_what_is_asked_and_as_whom(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROM_PASSWORD", "s3cret-value")
    auth = Auth(basic=Basic(username="remediator", password="env:PROM_PASSWORD"))
    async with scripted_api(f"/prefix{QUERY}", payload=success("vector", [])) as api:
        asked = client(session, f"{api.url}/prefix/", timeout="3s", auth=auth.model_dump())
        assert await asked.query('up{job="a&b"}', at=AT) == Answer()
    (request,) = api.requests
    assert parse_qs(request.body) == {
        "query": ['up{job="a&b"}'],
        "timeout": ["3s"],
        "time": ["1767614400.250"],
    }
    assert request.headers["Authorization"] == "Basic " + b64encode(b"remediator:s3cret-value").decode()


async def test_a_secret_that_is_not_there_is_an_answer(session: aiohttp.ClientSession) -> None:
    asked = client(session, auth={"bearer": "env:NOT_SET_ANYWHERE"})
    assert "NOT_SET_ANYWHERE is not set" in ((await asked.query("x")).error or "")


async def test_a_secret_that_cannot_be_sent_is_not_shown(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROM_TOKEN", "first-line\nsecond-line")
    async with scripted_api(QUERY, payload=success("vector", [])) as api:
        answer = await client(session, api.url, auth={"bearer": "env:PROM_TOKEN"}).query("x")
    assert answer.error == "Prometheus can't be reached: ValueError"


async def test_nobody_there(session: aiohttp.ClientSession) -> None:
    answer = await client(session).query("x")
    assert answer.error == "Prometheus can't be reached: ClientConnectorError"


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b'{"status": ')
    await asyncio.Event().wait()
    return response


async def flood(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b" " * 65536)
    return response


@pytest.mark.parametrize(
    ("handler", "patience", "error"),
    [
        (drip, "100ms", "Prometheus did not answer within 0.1s"),
        (flood, "10s", "Prometheus answered more than 4 MiB"),
    ],
)
async def test_a_server_that_keeps_one_waiting_or_reading(
    session: aiohttp.ClientSession, handler: Any, patience: str, error: str
) -> None:
    app = web.Application()
    app.add_routes([web.post("/api/v1/query", handler)])
    async with TestServer(app) as server:
        answer = await client(session, str(server.make_url("/")), timeout=patience).query("x")
    assert answer.error == error


RANGE = "/api/v1/query_range"


async def test_a_range_gives_series(session: aiohttp.ClientSession) -> None:
    result = [{"metric": {"job": "a"}, "values": [[1767614400, "1"], [1767614415.5, "NaN"]]}]
    async with scripted_api(RANGE, payload=success("matrix", result)) as api:
        answer = await client(session, api.url).query_range("up", AT, AT, timedelta(seconds=15))
    assert answer.error is None
    (series,) = answer.series
    assert series.labels == {"job": "a"}
    assert series.points[0] == (datetime(2026, 1, 5, 12, 0, tzinfo=UTC), 1.0)
    assert isnan(series.points[1][1])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"status": "error", "error": "too many points"}, "too many points"),
        (
            {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}}]}},
            "can't be read",
        ),
    ],
)
async def test_a_range_that_fails_says_why(session: aiohttp.ClientSession, body: Any, said: str) -> None:
    async with scripted_api(RANGE, payload=body) as api:
        answer = await client(session, api.url).query_range("up", AT, AT, timedelta(seconds=15))
    assert answer.series == ()
    assert said in str(answer.error)


async def test_a_range_from_nobody(session: aiohttp.ClientSession) -> None:
    answer = await client(session).query_range("up", AT, AT, timedelta(seconds=15))
    assert "can't be reached" in str(answer.error)
