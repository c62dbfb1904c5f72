from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remediator.actions.base import Call, FailureReason, OutcomeStatus, ProbeAnswer
from remediator.actions.compose_restart import ComposeRestart, ComposeRestartParams
from remediator.actions.compose_scale import ComposeScale, ComposeScaleParams
from remediator.actions.compose_services import ComposeServices
from remediator.clients.compose import ComposeClient
from remediator.clients.docker import DockerEngine
from remediator.clients.process import ProcessRunner
from remediator.settings import Compose
from remediator.settings_section import Bounds
from tests.real.engine import IMAGE, Engine, need

FILE = f"""
version: "2.4"
services:
  agente-api:
    image: {IMAGE}
    network_mode: host
    command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
  redis:
    image: {IMAGE}
    network_mode: host
    command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
"""

pytestmark = pytest.mark.real


@pytest.fixture
def settings(tmp_path: Path) -> Compose:
    need(None if shutil.which("docker-compose") else "not installed: docker-compose")
    file = tmp_path / "docker-compose.yml"
    file.write_text(FILE)
    bounds = {"agente-api": Bounds(min=1, max=3), "redis": None}
    return Compose(file=file, command=("docker-compose",), project="hotel", services=bounds)


@pytest.fixture
def client(settings: Compose, engine: Engine, processes: ProcessRunner) -> Iterator[ComposeClient]:
    yield ComposeClient(settings, processes, engine.docker_host)
    names = engine.podman("ps", "-a", "--format", "{{.Names}}").split()
    if names:
        engine.remove(*names)


@pytest.fixture
def services(settings: Compose, client: ComposeClient, docker_engine: DockerEngine) -> ComposeServices:
    return ComposeServices(settings, client, docker_engine)


async def test_scales_up_and_back(
    services: ComposeServices, client: ComposeClient, engine: Engine, call: Call
) -> None:
    action, params = ComposeScale(services), ComposeScaleParams(service="agente-api", at_least=2)
    await client.scale("agente-api", 1, call.timeout, call.key)
    first = engine.podman("ps", "-q")
    captured = await action.capture(params, call)
    assert captured == {"scale": 1}
    assert await action.probe(params, call, captured) is ProbeAnswer.NOT_DONE
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.detail
    assert outcome.applied == {"scale": 2}
    running = engine.podman("ps", "-q").split()
    assert len(running) == 2
    assert first.strip() in running
    assert await action.probe(params, call, captured) is ProbeAnswer.DONE
    assert (await action.act(params, call)).status is OutcomeStatus.ALREADY
    undone = await action.undo(params, call, captured, outcome.applied)
    assert undone.ok, undone.detail
    assert len(engine.podman("ps", "-q").split()) == 1


async def test_stopped_containers_do_not_count(
    services: ComposeServices, client: ComposeClient, engine: Engine, call: Call
) -> None:
    await client.scale("agente-api", 2, call.timeout, call.key)
    engine.podman("stop", "-t", "1", engine.podman("ps", "-q").split()[0])
    outcome = await ComposeScale(services).act(ComposeScaleParams(service="agente-api", at_least=2), call)
    assert outcome.result == {"before": 1, "after": 2}
    assert len(engine.podman("ps", "-q").split()) == 2


async def test_restarts(services: ComposeServices, client: ComposeClient, call: Call, long_ago: Call) -> None:
    action, params = ComposeRestart(services), ComposeRestartParams(service="redis")
    assert await action.probe(params, call, {}) is ProbeAnswer.UNKNOWN
    await client.scale("redis", 1, call.timeout, call.key)
    assert await action.probe(params, long_ago, {}) is ProbeAnswer.DONE
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.detail
    assert await action.probe(params, call, {}) is ProbeAnswer.DONE


async def test_what_compose_says_is_told(settings: Compose, processes: ProcessRunner, call: Call) -> None:
    settings.file.write_text("services: [")
    broken = ComposeServices(settings, ComposeClient(settings, processes, None), None)
    outcome = await ComposeRestart(broken).act(ComposeRestartParams(service="redis"), call)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.UNEXPECTED)
    assert "compose restart ended with 1" in outcome.detail


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"service": "agente-api", "at_least": 3}, None),
        ({"service": "agente-api", "at_least": 4}, "not within 1 to 3"),
        ({"service": "agente-api", "to": 0, "allow_decrease": True}, "not within 1 to 3"),
        ({"service": "redis", "at_least": 2}, "no min and max"),
        ({"service": "mysql", "at_least": 2}, "has no 'mysql'"),
    ],
)
def test_scaling_keeps_to_the_inventory(settings: Compose, params: dict[str, Any], says: str | None) -> None:
    action = ComposeScale(ComposeServices(settings, None, None))
    said = action.refuse(ComposeScaleParams.model_validate(params))
    assert (said is None) if says is None else (says in str(said))
