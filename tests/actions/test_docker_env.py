from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions.base import Call, FailureReason, OutcomeStatus, ProbeAnswer
from remediator.actions.containers import Containers
from remediator.actions.docker_env import DockerEnv, DockerEnvParams
from remediator.clients.docker import DockerEngine
from remediator.clock import SystemClock
from remediator.settings_docker import Docker
from tests.real.engine import Engine

NAME = "agente-api"
OLD = "agente-api.remediator-old"
# Dies at once when it is told to: an application that can't live with what it is given.
SERVE = ("sh", "-c", "test \"$PMS_TYPE\" = broken && exit 1; trap 'exit 0' TERM; while :; do sleep 0.1; done")

pytestmark = pytest.mark.real


@pytest.fixture
def agente(engine: Engine) -> Iterator[str]:
    yield engine.run(NAME, SERVE, {"PMS_TYPE": "qloapps", "KEPT": "yes"}, "team=hotel")
    engine.remove(NAME, OLD)


@pytest.fixture
def containers(engine: Engine, docker_engine: DockerEngine) -> Containers:
    bounds = {NAME: {"PMS_TYPE": None, "NEW": None, "PMS_API_KEY": {"values": ["env:CANARY_KEY"]}}}
    settings = Docker.model_validate(
        {"host": engine.docker_host, "containers": [NAME], "recreate": True, "env": bounds}
    )
    return Containers(settings, docker_engine, None)


@pytest.fixture
def action(containers: Containers) -> DockerEnv:
    return DockerEnv(containers, SystemClock())


def params(**values: Any) -> DockerEnvParams:
    return DockerEnvParams.model_validate({"container": NAME, "set": values})


async def environment(containers: Containers) -> dict[str, str]:
    state = await containers.engine.inspect(NAME, timedelta(seconds=10))
    assert state.running
    assert state.raw["Config"]["Labels"]["team"] == "hotel"
    return dict(state.env)


def names(engine: Engine) -> list[str]:
    return sorted(engine.podman("ps", "-a", "--format", "{{.Names}}").split())


async def test_recreates_and_goes_back(
    action: DockerEnv, containers: Containers, call: Call, engine: Engine, agente: str
) -> None:
    wanted = params(PMS_TYPE="mock", NEW="1")
    captured = await action.capture(wanted, call)
    assert captured == {"env:PMS_TYPE": {"back": "qloapps"}, "env:NEW": {"back": None}}
    assert await action.probe(wanted, call, captured) is ProbeAnswer.NOT_DONE
    outcome = await action.act(wanted, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.detail
    now = await environment(containers)
    assert (now["PMS_TYPE"], now["NEW"], now["KEPT"]) == ("mock", "1", "yes")
    assert names(engine) == [NAME]
    assert await action.probe(wanted, call, captured) is ProbeAnswer.DONE
    assert (await action.act(wanted, call)).status is OutcomeStatus.ALREADY
    undone = await action.undo(wanted, call, captured, outcome.applied)
    assert undone.status is OutcomeStatus.SUCCEEDED, undone.detail
    now = await environment(containers)
    assert now["PMS_TYPE"] == "qloapps"
    assert "NEW" not in now
    assert (await action.undo(wanted, call, captured, outcome.applied)).status is OutcomeStatus.ALREADY


async def test_a_new_one_that_dies_is_replaced_by_the_old(
    action: DockerEnv, containers: Containers, call: Call, engine: Engine, agente: str
) -> None:
    outcome = await action.act(params(PMS_TYPE="broken"), call)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.UNEXPECTED)
    assert "the old container was put back" in outcome.detail
    assert names(engine) == [NAME]
    state = await containers.engine.inspect(NAME, timedelta(seconds=10))
    assert (state.id, state.running) == (agente, True)


async def test_what_someone_else_changed_is_left(
    action: DockerEnv, containers: Containers, call: Call, engine: Engine, agente: str
) -> None:
    captured = await action.capture(params(PMS_TYPE="mock"), call)
    outcome = await action.act(params(PMS_TYPE="mock"), call)
    engine.remove(NAME)
    engine.run(NAME, SERVE, {"PMS_TYPE": "by-hand"}, "team=hotel")
    undone = await action.undo(params(PMS_TYPE="mock"), call, captured, outcome.applied)
    assert undone.reason is FailureReason.CHANGED_SINCE
    assert (await environment(containers))["PMS_TYPE"] == "by-hand"


@pytest.mark.parametrize("cut_off_after", ["rename", "stop", "create", "start"])
async def test_goes_on_from_wherever_it_was_cut_off(
    action: DockerEnv, containers: Containers, call: Call, engine: Engine, agente: str, cut_off_after: str
) -> None:
    engine.podman("rename", NAME, OLD)
    if cut_off_after != "rename":
        engine.podman("stop", "-t", "1", OLD)
    if cut_off_after in ("create", "start"):
        make = "create" if cut_off_after == "create" else "run"
        detach = () if make == "create" else ("-d",)
        marks = ("--label", f"remediator.replaces={agente}", "--label", "team=hotel", "--network=host")
        env = ("--env", "PMS_TYPE=mock", "--env", "KEPT=yes")
        engine.podman(make, *detach, "--name", NAME, *marks, *env, "test/busybox", *SERVE)
    assert await action.probe(params(PMS_TYPE="mock"), call, {}) is ProbeAnswer.UNKNOWN
    outcome = await action.act(params(PMS_TYPE="mock"), call)
    assert outcome.ok, outcome.detail
    assert (await environment(containers))["PMS_TYPE"] == "mock"
    assert names(engine) == [NAME]


async def test_someone_else_s_container_is_not_removed(
    action: DockerEnv, call: Call, engine: Engine, agente: str
) -> None:
    engine.podman("rename", NAME, OLD)
    engine.run(NAME, SERVE)
    outcome = await action.act(params(PMS_TYPE="mock"), call)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.REFUSED)
    assert names(engine) == [NAME, OLD]


async def test_secrets_are_set_by_reference_and_not_told(
    action: DockerEnv,
    containers: Containers,
    call: Call,
    engine: Engine,
    agente: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CANARY_KEY", "s3cret-canary")
    wanted = params(PMS_API_KEY={"to": "env:CANARY_KEY", "back": "env:CANARY_KEY"})
    captured = await action.capture(wanted, call)
    outcome = await action.act(wanted, call)
    assert (await environment(containers))["PMS_API_KEY"] == "s3cret-canary"
    assert "s3cret" not in repr((captured, outcome))


@pytest.mark.parametrize(
    ("values", "can"),
    [
        ({"PMS_TYPE": "mock"}, True),
        ({"PMS_API_KEY": "env:CANARY_KEY"}, False),
        ({"PMS_API_KEY": {"to": "env:CANARY_KEY", "back": "env:CANARY_KEY"}}, True),
        ({"DB_PASSWORD": "env:X"}, False),
        ({"PMS_TYPE": "env:X"}, False),
    ],
)
def test_what_can_be_undone(action: DockerEnv, values: dict[str, Any], can: bool) -> None:
    assert action.reversible_for(params(**values)) is can


@pytest.mark.parametrize(
    ("changes", "values", "says"),
    [
        ({}, {"PMS_TYPE": "mock"}, None),
        ({}, {"LD_PRELOAD": "x"}, "does not list LD_PRELOAD"),
        ({}, {"PMS_TYPE": "env:ADMIN_TOKEN"}, "not listed"),
        ({"recreate": False}, {"PMS_TYPE": "mock"}, "docker.recreate"),
        ({"env": {}}, {"ANYTHING": "x"}, None),
        ({"env": {}}, {"ANYTHING": "env:ADMIN_TOKEN"}, "not listed"),
        ({"containers": ()}, {"PMS_TYPE": "mock"}, "has no 'agente-api'"),
    ],
)
def test_keeps_to_the_inventory(
    containers: Containers, changes: dict[str, Any], values: dict[str, Any], says: str | None
) -> None:
    assert containers.settings is not None
    changed = Containers(containers.settings.model_copy(update=changes), containers.engine, None)
    said = DockerEnv(changed, SystemClock()).refuse(params(**values))
    assert (said is None) if says is None else (says in str(said))


async def test_running_out_of_time_puts_the_old_one_back(
    action: DockerEnv, containers: Containers, call: Call, engine: Engine, agente: str
) -> None:
    engine.remove(NAME)
    # It takes its time to stop, and so the attempt's is over when it has.
    slow = ("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    old = engine.run(NAME, slow, {"PMS_TYPE": "qloapps"}, "team=hotel")
    outcome = await action.act(params(PMS_TYPE="mock"), replace(call, timeout=timedelta(seconds=1)))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.UNEXPECTED)
    state = await containers.engine.inspect(NAME, timedelta(seconds=30))
    assert state.id == old
