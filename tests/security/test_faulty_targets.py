"""Whatever is asked and fails, in any way: that is told in time, and never as done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from remediator.actions.base import Call, OutcomeStatus
from remediator.actions.containers import Containers
from remediator.actions.docker_inspect import DockerInspect, DockerInspectParams
from remediator.actions.docker_restart import DockerRestart, DockerRestartParams
from remediator.clients.alertmanager import AlertmanagerClient, AlertmanagerError
from remediator.clients.docker import DockerEngine
from remediator.clients.errors import ClientError
from remediator.clients.errors import Fault as Failing
from remediator.clients.http import ServiceClient
from remediator.clients.prometheus import PrometheusClient
from remediator.clock import SystemClock
from remediator.settings import Prometheus, Service, Source
from remediator.settings_docker import Docker
from tests.security import faulty as faults
from tests.security.faulty import Fault, faulty, says

_SHORT = timedelta(seconds=1)
# Connecting has to be over by then, or nothing counts as sent.
_TO_CONNECT = timedelta(seconds=4)
_PATIENCE_SECONDS = 60
_DEEP = b'{"status":"success","data":' + b"[" * 100_000
_FAULTS: dict[str, Fault] = {
    "hangs": faults.hangs,
    "hangs halfway": faults.hangs_halfway,
    "trickles": faults.trickles,
    "floods": faults.floods,
    "floods headers": faults.floods_headers,
    "half-closes": faults.half_closes,
    "cuts off": faults.cuts_off,
    "resets": faults.resets,
    "is no HTTP": faults.is_no_http,
    "500": says("500 Internal Server Error", b"<html>oops</html>"),
    "502 in JSON": says("502 Bad Gateway", b'{"status":"error","error":"upstream"}'),
    "wrong JSON": says("200 OK", b"{not json"),
    "null": says("200 OK", b"null"),
    "another shape": says("200 OK", b'{"status":"success","data":{"result":{"a":5}}}'),
    "a list": says("200 OK", b'[{"a":1}, 5, null]'),
    "too deep": says("200 OK", _DEEP),
    "not text": says("200 OK", b"\xff\xfe\x00"),
    "packed": says("200 OK", b"\x1f\x8b\x08\x00garbage", "Content-Encoding: gzip"),
}
# Whether a request was acted on is known to nobody then.
_NOBODY_KNOWS = ("hangs", "half-closes", "resets", "is no HTTP", "floods headers")
_INSPECTED = {
    "Id": "c" * 64,
    "Name": "/db",
    "State": {"Status": "running", "Running": True, "StartedAt": "2026-01-01T00:00:00Z"},
    "Config": {"Env": [], "Image": "busybox", "Labels": {}},
    "HostConfig": {},
    "ApiVersion": "1.41",
    "MinAPIVersion": "1.12",
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
def call() -> Call:
    return Call(key="run-1/act/option/0", timeout=_SHORT, started_at=SystemClock().now())


@pytest.mark.parametrize("name", _FAULTS)
async def test_prometheus_answers_with_an_error(name: str, session: aiohttp.ClientSession) -> None:
    async with faulty(_FAULTS[name]) as port, asyncio.timeout(_PATIENCE_SECONDS):
        settings = Prometheus.model_validate({"url": f"http://127.0.0.1:{port}", "timeout": "1s"})
        answer = await PrometheusClient(session, settings).query("up")
    assert answer.samples == ()
    assert (answer.error or "").startswith("Prometheus ")


@pytest.mark.parametrize("name", _FAULTS)
async def test_alertmanager_fails_as_itself(
    name: str, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remediator.clients.alertmanager._TIMEOUT", _SHORT)
    async with faulty(_FAULTS[name]) as port, asyncio.timeout(_PATIENCE_SECONDS):
        client = AlertmanagerClient(session, Source.model_validate({"url": f"http://127.0.0.1:{port}"}))
        with pytest.raises(AlertmanagerError, match="Alertmanager"):
            await client.alerts(active=True, silenced=False, inhibited=False)


@pytest.mark.parametrize("name", _NOBODY_KNOWS)
async def test_a_services_request_may_have_happened(name: str) -> None:
    async with faulty(_FAULTS[name]) as port, asyncio.timeout(_PATIENCE_SECONDS):
        client = ServiceClient({"x": Service.model_validate({"url": f"http://127.0.0.1:{port}"})})
        with pytest.raises(ClientError) as failed:
            await client.request("x", "POST", "/do", within=_TO_CONNECT)
        await client.close()
    assert failed.value.fault in (Failing.TIMED_OUT, Failing.LOST)


def _containers(port: int) -> Containers:
    settings = Docker(host=f"tcp://127.0.0.1:{port}", containers=("db",))
    return Containers(settings, DockerEngine(settings.host), None)


@pytest.mark.parametrize("name", sorted(_FAULTS.keys() - {"floods"}))  # the engine is root on its host
async def test_an_engine_that_fails_is_no_fact(name: str, call: Call) -> None:
    async with faulty(_FAULTS[name]) as port, asyncio.timeout(_PATIENCE_SECONDS):
        containers = _containers(port)
        looked = await DockerInspect(containers).act(DockerInspectParams(container="db"), call)
        containers.engine.close()
    assert looked.fact is None
    assert not looked.ok


@pytest.mark.parametrize("name", [*_NOBODY_KNOWS, "500"])
async def test_a_restart_that_got_no_answer_is_not_done(name: str, call: Call) -> None:
    well = says("200 OK", json.dumps(_INSPECTED).encode())
    async with faulty(_FAULTS[name], fine=well) as port, asyncio.timeout(_PATIENCE_SECONDS):
        containers = _containers(port)
        params = DockerRestartParams(container="db", timeout=timedelta(0))
        patient = replace(call, timeout=_TO_CONNECT)
        done = await DockerRestart(containers, SystemClock()).act(params, patient)
        containers.engine.close()
    assert done.status is (OutcomeStatus.FAILED if name == "500" else OutcomeStatus.AMBIGUOUS)
