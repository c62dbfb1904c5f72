from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from pydantic import ValidationError

from remediator.actions.base import Call, FailureReason, OutcomeStatus
from remediator.actions.containers import Containers
from remediator.actions.from_container import FromContainer
from remediator.actions.http_probe import HttpProbe, HttpProbeParams, status_in
from remediator.actions.net_dns import NetDns, NetDnsParams
from remediator.actions.net_tcp import NetTcp, NetTcpParams
from remediator.clients.docker import DockerEngine
from remediator.clients.docker_exec import ExecResult
from remediator.clients.http import ServiceClient
from remediator.settings import Service
from remediator.settings_docker import Docker
from remediator.settings_network import Network
from tests.real.engine import Engine

SERVE = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
PROBES: dict[str, Any] = {
    "tcp": ["nc", "-w", "{seconds}", "{host}", "{port}"],
    "dns": ["nslookup", "{host}"],
    "http": ["wget", "-q", "-S", "-O", "/dev/null", "{url}"],
}
ENTRIES: dict[str, Any] = {
    "agente": PROBES,
    "bare": {"tcp": ["no-such-program", "{host}"], "kill_with": []},
    "mute": {"http": ["true"]},
    "slow": {"tcp": ["sleep", "60"]},
    "down": PROBES,
}

pytestmark = pytest.mark.real


@pytest.fixture
def inside(engine: Engine, docker_engine: DockerEngine) -> Iterator[FromContainer]:
    engine.run("agente", SERVE)
    containers = {name: {"container": "agente"} for name in ENTRIES} | {"down": {"container": "not-there"}}
    settings = Docker.model_validate(
        {"host": engine.docker_host, "containers": containers, "probes": ENTRIES}
    )
    yield FromContainer(Containers(settings, docker_engine, None))
    engine.remove("agente")


@pytest.fixture
async def server() -> AsyncIterator[BaseTestServer]:
    async def health(request: web.Request) -> web.Response:
        assert "Authorization" not in request.headers
        return web.Response(status=int(request.query.get("status", "200")))

    app = web.Application()
    app.add_routes([web.get("/health", health)])
    async with TestServer(app, host="127.0.0.1") as running:
        yield running


def tcp_params(container: str) -> NetTcpParams:
    return NetTcpParams.model_validate({"endpoint": "db", "from": container})


async def test_connects_from_inside(
    inside: FromContainer, server: BaseTestServer, unused_tcp_port: int, call: Call
) -> None:
    for port, fact in ((server.port, True), (unused_tcp_port, False)):
        network = Network.model_validate({"tcp": {"db": {"host": "127.0.0.1", "port": port}}})
        action = NetTcp(network, inside)
        assert action.refuse(tcp_params("agente")) is None
        outcome = await action.act(tcp_params("agente"), call)
        assert (outcome.fact, outcome.ok) == (fact, fact)


@pytest.mark.parametrize(
    ("container", "reason", "fact"),
    [
        ("bare", FailureReason.UNEXPECTED, None),
        ("down", FailureReason.REFUSED, None),
        ("slow", FailureReason.TIMED_OUT, False),
        ("mute", FailureReason.REFUSED, None),
    ],
)
async def test_what_could_not_be_asked_is_no_answer(
    inside: FromContainer, call: Call, container: str, reason: FailureReason, fact: bool | None
) -> None:
    network = Network.model_validate({"tcp": {"db": {"host": "127.0.0.1", "port": 9}}})
    brief = replace(call, timeout=timedelta(seconds=2))
    outcome = await NetTcp(network, inside).act(tcp_params(container), brief)
    assert (outcome.status, outcome.reason, outcome.fact) == (OutcomeStatus.FAILED, reason, fact)


async def test_resolves_from_inside(inside: FromContainer, engine: Engine, call: Call) -> None:
    network = Network.model_validate({"dns": {"pms": {"host": "pms.invalid"}}})
    params = NetDnsParams.model_validate({"name": "pms", "from": "agente"})
    outcome = await NetDns(network, inside).act(params, call)
    assert (outcome.fact, outcome.ok) == (False, False)


@pytest.mark.parametrize(
    ("status", "expect", "fact", "rejected"),
    [
        (200, {}, True, None),
        (404, {}, False, None),
        (401, {"status": [401, 403]}, True, "credentials"),
        (429, {}, False, "rate"),
    ],
)
async def test_asks_a_service_from_inside_without_credentials(
    inside: FromContainer,
    server: BaseTestServer,
    call: Call,
    status: int,
    expect: dict[str, Any],
    fact: bool,
    rejected: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-canary")
    services = {
        "pms": Service.model_validate({"url": str(server.make_url("")), "auth": {"bearer": "env:TOKEN"}})
    }
    client = ServiceClient(services)
    params = {"service": "pms", "path": f"/health?status={status}", "from": "agente"}
    parsed = HttpProbeParams.model_validate(params | ({"expect": expect} if expect else {}))
    action = HttpProbe(services, client, inside)
    assert action.refuse(parsed) is None
    outcome = await action.act(parsed, call)
    assert (outcome.fact, outcome.result["rejected"]) == (fact, rejected)
    assert outcome.result["status"] == status
    assert "s3cret" not in f"{outcome}"
    mute = HttpProbeParams.model_validate(params | {"from": "mute"})
    outcome = await action.act(mute, call)
    assert (outcome.fact, outcome.detail) == (
        None,
        "the command of docker.probes.mute.http wrote no status code",
    )


async def test_a_service_that_is_away_is_false(
    inside: FromContainer, unused_tcp_port: int, call: Call
) -> None:
    services = {"pms": Service.model_validate({"url": f"http://127.0.0.1:{unused_tcp_port}"})}
    params = HttpProbeParams.model_validate({"service": "pms", "path": "/", "from": "agente"})
    outcome = await HttpProbe(services, ServiceClient(services), inside).act(params, call)
    assert (outcome.reason, outcome.fact) == (FailureReason.UNEXPECTED, False)


@pytest.mark.parametrize(
    ("stdout", "stderr", "status"),
    [
        ("200", "", 200),
        ("000", "", None),
        ("", "  HTTP/1.1 301 Moved\n  HTTP/1.1 200 OK\n", 200),
        ("", "wget: server returned error: HTTP/1.1 404 Not Found", 404),
        ("", "HTTP/2 503 \r\n", 503),
        ("1234 results", "", None),
        ("", "", None),
    ],
)
def test_finds_the_status_that_a_command_wrote(stdout: str, stderr: str, status: int | None) -> None:
    assert status_in(ExecResult(exit_code=0, stdout=stdout, stderr=stderr)) == status


@pytest.mark.parametrize(
    "more",
    [
        {"expect": {"json": {"a": 1}}},
        {"expect": {"latency_below": "1s"}},
        {"headers": ["date"]},
        {"method": "HEAD"},
    ],
)
def test_more_than_a_status_is_not_asked_from_inside(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="only a status"):
        HttpProbeParams.model_validate({"service": "pms", "path": "/", "from": "agente", **more})


def test_a_container_without_such_a_command_is_refused(inside: FromContainer) -> None:
    assert inside.refuse(None, "tcp") is None
    assert inside.refuse("agente", "tcp") is None
    assert "docker.probes.mute.tcp" in str(inside.refuse("mute", "tcp"))
    assert "docker.probes.other in" in str(inside.refuse("other", "tcp"))
