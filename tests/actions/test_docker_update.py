from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from remediator.actions.base import Call, CaptureError, FailureReason, OutcomeStatus, ProbeAnswer
from remediator.actions.containers import Containers
from remediator.actions.docker_update import DockerUpdate, DockerUpdateParams
from remediator.clients.docker import DockerEngine
from remediator.settings_docker import Docker
from tests.real.engine import IMAGE, Engine
from tests.stand_ins.docker_api import DockerApi, docker_api

MB = 2**20
BOUNDS = {"memory_mb": {"min": 128, "max": 1024}, "cpus": {"min": 0.5, "max": 2}}


@pytest.fixture
async def api() -> AsyncIterator[DockerApi]:
    folder = Path(tempfile.mkdtemp(prefix="api-"))
    async with docker_api(folder) as serving:
        serving.add("redis", Memory=256 * MB, MemorySwap=512 * MB, NanoCpus=500_000_000)
        yield serving
    shutil.rmtree(folder)


def settings(host: str) -> Docker:
    return Docker.model_validate(
        {
            "host": host,
            "containers": ["redis", "free", "gone", "unbounded"],
            "update": {"redis": BOUNDS, "free": BOUNDS, "gone": {"memory_mb": BOUNDS["memory_mb"]}},
        }
    )


@pytest.fixture
async def action(api: DockerApi) -> AsyncIterator[DockerUpdate]:
    client = DockerEngine(api.docker_host)
    yield DockerUpdate(Containers(settings(api.docker_host), client, None))
    client.close()


def use(container: str = "redis", **values: Any) -> DockerUpdateParams:
    return DockerUpdateParams.model_validate({"container": container, **values})


async def test_raises_and_puts_back(action: DockerUpdate, api: DockerApi, call: Call) -> None:
    params = use(memory_mb=512, cpus=1)
    captured = await action.capture(params, call)
    assert captured == {"memory": 256, "cpus": 0.5}
    assert action.attributes(params) == (("docker:redis", "memory"), ("docker:redis", "cpus"))
    assert await action.probe(params, call, captured) is ProbeAnswer.NOT_DONE
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.result == {
        "before": {"memory": 256, "cpus": 0.5},
        "after": {"memory": 512, "cpus": 1},
        "updated": ["redis"],
    }
    assert api.host("redis")["Memory"] == 512 * MB
    assert api.host("redis")["MemorySwap"] == 768 * MB
    assert api.host("redis")["NanoCpus"] == 1_000_000_000
    assert await action.probe(params, call, captured) is ProbeAnswer.DONE
    assert (await action.act(params, call)).status is OutcomeStatus.ALREADY
    undone = await action.undo(params, call, captured, outcome.applied)
    assert undone.status is OutcomeStatus.SUCCEEDED
    assert (api.host("redis")["Memory"], api.host("redis")["NanoCpus"]) == (256 * MB, 500_000_000)
    assert (await action.undo(params, call, captured, outcome.applied)).status is OutcomeStatus.ALREADY


async def test_only_what_is_named_is_changed(action: DockerUpdate, api: DockerApi, call: Call) -> None:
    outcome = await action.act(use(memory_mb=512), call)
    assert outcome.applied == {"memory": 512}
    assert api.updates == [("redis", {"Memory": 512 * MB, "MemorySwap": 768 * MB})]


async def test_what_is_higher_stays_unless_it_may_be_lowered(
    action: DockerUpdate, api: DockerApi, call: Call
) -> None:
    outcome = await action.act(use(memory_mb=128), call)
    assert outcome.status is OutcomeStatus.ALREADY
    outcome = await action.act(use(memory_mb=128, cpus=1), call)
    assert outcome.applied == {"memory": 256, "cpus": 1}
    outcome = await action.act(use(memory_mb=128, allow_decrease=True), call)
    assert outcome.result["after"] == {"memory": 128}
    assert api.host("redis")["Memory"] == 128 * MB


async def test_without_a_limit_there_is_nothing_to_raise(
    action: DockerUpdate, api: DockerApi, call: Call
) -> None:
    api.add("free")
    assert (await action.act(use("free", memory_mb=512), call)).status is OutcomeStatus.ALREADY
    outcome = await action.act(use("free", memory_mb=512, allow_decrease=True), call)
    assert outcome.reason is FailureReason.REFUSED
    assert "could not be taken away again" in outcome.detail
    assert api.updates == []


async def test_a_change_by_somebody_else_stays(action: DockerUpdate, api: DockerApi, call: Call) -> None:
    params = use(memory_mb=512)
    captured = await action.capture(params, call)
    outcome = await action.act(params, call)
    api.host("redis")["Memory"] = 640 * MB
    undone = await action.undo(params, call, captured, outcome.applied)
    assert undone.reason is FailureReason.CHANGED_SINCE
    assert api.host("redis")["Memory"] == 640 * MB


@pytest.mark.parametrize(
    ("fails", "status", "probed"),
    [
        ("out of order", OutcomeStatus.FAILED, ProbeAnswer.NOT_DONE),
        ("after:out of order", OutcomeStatus.AMBIGUOUS, ProbeAnswer.DONE),
    ],
)
async def test_after_trouble_it_looks(
    action: DockerUpdate,
    api: DockerApi,
    call: Call,
    fails: str,
    status: OutcomeStatus,
    probed: ProbeAnswer,
) -> None:
    params = use(memory_mb=512)
    captured = await action.capture(params, call)
    api.update_fails = fails
    outcome = await action.act(params, call)
    assert outcome.status is status
    assert "out of order" in outcome.detail
    assert await action.probe(params, call, captured) is probed


@pytest.mark.parametrize(
    ("container", "values", "said"),
    [
        ("redis", {"memory_mb": 64}, "64 is not within 128 to 1024, which docker.update.redis.memory_mb"),
        ("redis", {"memory_mb": 2048}, "2048 is not within"),
        ("redis", {"cpus": 4}, "4 is not within 0.5 to 2, which docker.update.redis.cpus"),
        ("gone", {"cpus": 1}, "docker.update.gone.cpus in remediator.yaml is not there"),
        ("unbounded", {"memory_mb": 256}, "docker.update.unbounded in remediator.yaml is not there"),
        ("mysql", {"memory_mb": 256}, "docker.containers in remediator.yaml has no 'mysql'"),
    ],
)
def test_keeps_to_the_bounds(action: DockerUpdate, container: str, values: dict[str, Any], said: str) -> None:
    assert said in str(action.refuse(use(container, **values)))
    assert action.refuse(use(memory_mb=1024, cpus=0.5)) is None


@pytest.mark.parametrize(
    "values",
    [{}, {"memory_mb": "512; rm"}, {"memory_mb": -1}, {"cpus": 0}, {"cpus": "nan"}, {"cpus": "inf"}],
)
def test_hostile_or_empty_values(action: DockerUpdate, values: dict[str, Any]) -> None:
    try:
        params = use(**values)
    except ValidationError:
        return
    assert action.refuse(params) is not None


async def test_what_is_not_there(action: DockerUpdate, call: Call) -> None:
    assert (await action.act(use("gone", memory_mb=256), call)).reason is FailureReason.REFUSED
    with pytest.raises(CaptureError, match="No such container"):
        await action.capture(use("gone", memory_mb=256), call)


@pytest.mark.real
async def test_an_engine_that_can_not_do_it_changes_nothing(
    engine: Engine, docker_engine: DockerEngine, call: Call
) -> None:
    action = DockerUpdate(Containers(settings(engine.docker_host), docker_engine, None))
    engine.podman("create", "--name", "redis", "--memory=256m", IMAGE, "true")
    try:
        captured = await action.capture(use(memory_mb=512), call)
        outcome = await action.act(use(memory_mb=512), call)
        after = await action.capture(use(memory_mb=512), call)
    finally:
        engine.remove("redis")
    assert captured == {"memory": 256}
    if outcome.status is OutcomeStatus.SUCCEEDED:  # podman 5 can
        assert after == {"memory": 512}
    else:
        assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.REFUSED)
        assert after == captured
