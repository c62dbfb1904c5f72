from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.actions.base import Call, CaptureError, FailureReason, OutcomeStatus, ProbeAnswer
from remediator.actions.containers import Containers
from remediator.actions.docker_inspect import DockerInspect, DockerInspectParams
from remediator.actions.docker_logs import DockerLogs, DockerLogsParams
from remediator.actions.docker_restart import DockerRestart, DockerRestartParams
from remediator.actions.docker_start import DockerStart, DockerStartParams
from remediator.actions.docker_stop import DockerStop, DockerStopParams
from remediator.clients.docker import DockerEngine
from remediator.clock import SystemClock
from remediator.settings_docker import Container, Docker
from tests.real.engine import Engine

SERVE = ("sh", "-c", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done")
NOW = timedelta(0)

pytestmark = pytest.mark.real


@pytest.fixture
def containers(engine: Engine, docker_engine: DockerEngine) -> Containers:
    entries = {
        "qloapps": Container(),
        "pms": Container(container="qloapps"),
        "agente-api": Container(compose_service="agente-api"),
        "none": Container(compose_service="none"),
        "absent": Container(),
    }
    return Containers(Docker(host=engine.docker_host, containers=entries), docker_engine, None)


@pytest.fixture
def qloapps(engine: Engine) -> Iterator[str]:
    yield engine.run("qloapps", SERVE)
    engine.remove("qloapps")


@pytest.fixture
def replicas(engine: Engine) -> Iterator[tuple[str, ...]]:
    names = ("hotel_agente-api_1", "hotel_agente-api_2")
    for name in names:
        engine.run(
            name, SERVE, {}, "com.docker.compose.service=agente-api", "com.docker.compose.project=hotel"
        )
    yield names
    engine.remove(*names)


@pytest.fixture
def unreachable(tmp_path: Path) -> Iterator[Containers]:
    host = f"unix://{tmp_path}/none.sock"
    client = DockerEngine(host)
    yield Containers(Docker(host=host, containers=("qloapps",)), client, None)
    client.close()


@pytest.mark.usefixtures("qloapps")
@pytest.mark.parametrize("name", ["qloapps", "pms"])
async def test_restarts_one(containers: Containers, call: Call, name: str) -> None:
    action, params = DockerRestart(containers, SystemClock()), DockerRestartParams(container=name)
    assert await action.probe(params, call, {}) is ProbeAnswer.NOT_DONE
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.result == {"restarted": ["qloapps"]}
    assert await action.probe(params, call, {}) is ProbeAnswer.DONE


async def test_restarts_all_replicas(
    containers: Containers, engine: Engine, replicas: tuple[str, ...], call: Call
) -> None:
    action = DockerRestart(containers, SystemClock())
    params = DockerRestartParams(container="agente-api")
    engine.podman("restart", "-t", "1", replicas[0])
    assert await action.probe(params, call, {}) is ProbeAnswer.UNKNOWN
    outcome = await action.act(params, call)
    assert outcome.result == {"restarted": list(replicas)}
    assert await action.probe(params, call, {}) is ProbeAnswer.DONE


async def test_a_replica_that_stays_down_stops_a_rolling_restart(
    containers: Containers, call: Call, engine: Engine
) -> None:
    names = ("hotel_agente-api_1", "hotel_agente-api_2")
    once = ("sh", "-c", "test -e /ran && exit 1; touch /ran; exec sleep 600")
    for name in names:
        engine.run(name, once, {}, "com.docker.compose.service=agente-api")
    try:
        for name in names:
            engine.podman("exec", name, "sh", "-c", "until test -e /ran; do sleep 0.1; done")
        brief = replace(call, timeout=timedelta(seconds=3))
        params = DockerRestartParams(container="agente-api", timeout=NOW)
        outcome = await DockerRestart(containers, SystemClock()).act(params, brief)
        assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.UNEXPECTED)
        assert outcome.result == {"restarted": [names[0]]}
    finally:
        engine.remove(*names)


@pytest.mark.parametrize("name", ["absent", "none"])
async def test_what_is_not_there_is_refused(containers: Containers, call: Call, name: str) -> None:
    outcome = await DockerRestart(containers, SystemClock()).act(DockerRestartParams(container=name), call)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.REFUSED)


async def test_an_engine_that_is_away_was_sent_nothing(unreachable: Containers, call: Call) -> None:
    params = DockerRestartParams(container="qloapps")
    outcome = await DockerRestart(unreachable, SystemClock()).act(params, call)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.NOT_SENT)
    look = await DockerInspect(unreachable).act(DockerInspectParams(container="qloapps"), call)
    assert look.fact is None
    with pytest.raises(CaptureError):
        await DockerStop(unreachable).capture(DockerStopParams(container="qloapps"), call)


@pytest.mark.usefixtures("qloapps")
async def test_a_slow_stop_is_ambiguous(containers: Containers, engine: Engine, call: Call) -> None:
    engine.remove("qloapps")
    engine.run("qloapps", ("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"))
    params = DockerStopParams(container="qloapps", timeout=timedelta(milliseconds=1500))
    outcome = await DockerStop(containers).act(params, replace(call, timeout=timedelta(milliseconds=-700)))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.AMBIGUOUS, FailureReason.TIMED_OUT)


@pytest.mark.usefixtures("qloapps")
async def test_stops_and_starts_again(containers: Containers, call: Call) -> None:
    action, params = (
        DockerStop(containers),
        DockerStopParams(container="qloapps", timeout=timedelta(seconds=2)),
    )
    captured = await action.capture(params, call)
    assert captured == {"running": {"qloapps": True}}
    outcome = await action.act(params, call)
    assert outcome.applied == {"running": {"qloapps": False}}
    assert await action.probe(params, call, captured) is ProbeAnswer.DONE
    assert (await action.act(params, call)).status is OutcomeStatus.ALREADY
    assert (await action.undo(params, call, captured, outcome.applied)).ok
    assert await action.probe(params, call, captured) is ProbeAnswer.NOT_DONE
    assert (await action.undo(params, call, captured, outcome.applied)).ok


@pytest.mark.usefixtures("qloapps")
async def test_starts_and_stops_again(containers: Containers, call: Call, engine: Engine) -> None:
    engine.podman("stop", "-t", "0", "qloapps")
    action, params = DockerStart(containers), DockerStartParams(container="qloapps")
    captured = await action.capture(params, call)
    assert captured == {"running": {"qloapps": False}}
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert await action.probe(params, call, captured) is ProbeAnswer.DONE
    assert (await action.act(params, call)).status is OutcomeStatus.ALREADY
    assert (await action.undo(params, call, captured, outcome.applied)).ok
    assert await action.probe(params, call, captured) is ProbeAnswer.NOT_DONE


@pytest.mark.usefixtures("qloapps")
async def test_what_is_gone_is_not_put_back(containers: Containers, call: Call, engine: Engine) -> None:
    action, params = DockerStop(containers), DockerStopParams(container="qloapps")
    captured = await action.capture(params, call)
    outcome = await action.act(params, call)
    engine.remove("qloapps")
    undone = await action.undo(params, call, captured, outcome.applied)
    assert not undone.ok


@pytest.mark.usefixtures("qloapps")
async def test_inspects(containers: Containers, call: Call, engine: Engine) -> None:
    action, params = DockerInspect(containers), DockerInspectParams(container="qloapps")
    outcome = await action.act(params, call)
    assert outcome.fact is True
    assert outcome.result["state"] == "running"
    assert outcome.result["health"] == ""
    assert outcome.result["image"].endswith("test/busybox:latest")
    engine.podman("stop", "-t", "0", "qloapps")
    assert (await action.act(params, call)).fact is False
    absent = await action.act(DockerInspectParams(container="absent"), call)
    assert (absent.fact, absent.status) == (False, OutcomeStatus.FAILED)


async def test_counts_lines(containers: Containers, call: Call, engine: Engine) -> None:
    lines = ("GET / 200", "GET /a 429", "GET /b 429 4290", "ERROR timeout", "no newline at the end 429")
    engine.run("qloapps", ("printf", "\\n".join(lines)))
    action = DockerLogs(containers, SystemClock())
    engine.podman("wait", "qloapps")
    try:
        for params, count in (
            ({"count": "429"}, 3),
            ({"count": 429}, 3),
            ({"count": ["timeout", "200"]}, 2),
            ({"pattern": "^GET .* (429|200)$"}, 2),
            ({"count": "none of this"}, 0),
            ({}, 5),
            ({"tail": 2}, 2),
        ):
            typed = DockerLogsParams.model_validate({"container": "qloapps", "since": "10m", **params})
            outcome = await action.act(typed, call)
            assert outcome.fact == count, params
            assert outcome.result["complete"] is True
    finally:
        engine.remove("qloapps")


async def test_counts_only_what_is_recent(containers: Containers, call: Call, engine: Engine) -> None:
    engine.run("qloapps", ("sh", "-c", "echo old; sleep 1.2; echo new; exec sleep 600"))
    try:
        engine.podman("exec", "qloapps", "sh", "-c", "sleep 1.5")
        params = DockerLogsParams.model_validate({"container": "qloapps", "since": "1s"})
        outcome = await DockerLogs(containers, SystemClock()).act(params, call)
        assert outcome.result["lines"] == ["new"]
    finally:
        engine.remove("qloapps")


def test_names_keep_to_the_inventory(containers: Containers) -> None:
    assert containers.refuse("qloapps") is None
    assert "has no 'mysql'" in str(containers.refuse("mysql"))
    none = Containers(None, containers.engine, None)
    assert none.refuse("qloapps") == "remediator.yaml has no docker section"


async def test_counts_offenders_in_one_reading(containers: Containers, engine: Engine, call: Call) -> None:
    lines = "203.0.113.7 GET 429\\n203.0.113.7 GET 429\\nnonsense GET 429\\n198.51.100.1 GET 401\\n"
    engine.run("qloapps", ("printf", lines))
    engine.podman("wait", "qloapps")
    params = DockerLogsParams.model_validate(
        {
            "container": "qloapps",
            "count": "429",
            "counts": {"auth": " 40[13]$", "rate": " 429$"},
            "top": {"pattern": "^(\\S+) ", "addresses": True, "at_least": 2},
        }
    )
    try:
        outcome = await DockerLogs(containers, SystemClock()).act(params, call)
    finally:
        engine.remove("qloapps")
    assert outcome.fact == 3
    assert outcome.result["counts"] == {"auth": 1, "rate": 3}
    assert outcome.result["top_values"] == ["203.0.113.7"]
