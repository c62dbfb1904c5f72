from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from remediator.actions.base import Call, FailureReason, OutcomeStatus
from remediator.actions.containers import Containers
from remediator.actions.docker_inspect import DockerInspect, DockerInspectParams
from remediator.actions.docker_network import DockerNetwork, DockerNetworkParams
from remediator.actions.docker_stats import DockerStats, DockerStatsParams
from remediator.actions.docker_top import DockerTop, DockerTopParams
from remediator.clients.docker import DockerEngine
from remediator.settings_docker import Docker
from tests.real.engine import IMAGE, Engine
from tests.stand_ins.docker_api import DockerApi, docker_api

ENTRIES: dict[str, Any] = {
    "qloapps": {},
    "absent": {},
    "agente-api": {"compose_service": "agente-api"},
}


def containers_of(host: str, client: DockerEngine) -> Containers:
    settings = Docker.model_validate({"host": host, "containers": ENTRIES, "networks": ["hotel", "other"]})
    return Containers(settings, client, None)


@pytest.fixture
def containers(engine: Engine, docker_engine: DockerEngine) -> Containers:
    return containers_of(engine.docker_host, docker_engine)


@pytest.fixture
def qloapps(engine: Engine) -> Iterator[str]:
    env = {"PMS_API_KEY": "s3cret-canary", "EMPTY": ""}
    yield engine.run("qloapps", ("sh", "-c", "sleep 600 & trap 'exit 0' TERM; while :; do :; done"), env)
    engine.remove("qloapps")


@pytest.fixture
async def api() -> AsyncIterator[DockerApi]:
    folder = Path(tempfile.mkdtemp(prefix="api-"))
    async with docker_api(folder) as serving:
        yield serving
    shutil.rmtree(folder)


@pytest.fixture
async def scripted(api: DockerApi) -> AsyncIterator[Containers]:
    client = DockerEngine(api.docker_host)
    yield containers_of(api.docker_host, client)
    client.close()


@pytest.mark.real
@pytest.mark.usefixtures("qloapps")
async def test_samples_what_a_container_uses(containers: Containers, call: Call) -> None:
    outcome = await DockerStats(containers).act(DockerStatsParams(container="qloapps", value="cpus"), call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.fact == outcome.result["cpus"] > 0.05
    assert outcome.result["container"] == "qloapps"
    assert 0 < outcome.result["memory_mb"] < outcome.result["memory_limit_mb"]
    assert 0 < outcome.result["memory_ratio"] < 1
    assert outcome.result["processes"] >= 2


@pytest.mark.real
async def test_what_does_not_run_uses_nothing(containers: Containers, engine: Engine, call: Call) -> None:
    engine.podman("create", "--name", "qloapps", IMAGE, "true")
    try:
        stats = await DockerStats(containers).act(DockerStatsParams(container="qloapps"), call)
        top = await DockerTop(containers).act(DockerTopParams(container="qloapps"), call)
    finally:
        engine.remove("qloapps")
    assert (stats.reason, stats.fact) == (FailureReason.UNEXPECTED, None)
    assert (top.status, top.fact) == (OutcomeStatus.SUCCEEDED, 0)


@pytest.mark.real
@pytest.mark.usefixtures("qloapps")
async def test_counts_processes_and_shows_no_arguments(containers: Containers, call: Call) -> None:
    action = DockerTop(containers)
    everything = await action.act(DockerTopParams(container="qloapps"), call)
    assert everything.fact == 2
    assert everything.result == {"count": 2, "programs": {"sh": 1, "sleep": 1}}
    assert (await action.act(DockerTopParams(container="qloapps", pattern="^sleep 600$"), call)).fact == 1
    assert (await action.act(DockerTopParams(container="qloapps", pattern="mysqld"), call)).fact == 0


@pytest.mark.real
@pytest.mark.usefixtures("qloapps")
@pytest.mark.parametrize(
    ("names", "missing"),
    [((), []), (("PMS_API_KEY",), []), (("PMS_API_KEY", "EMPTY", "NOT_THERE"), ["EMPTY", "NOT_THERE"])],
)
async def test_looks_whether_names_are_set_and_never_at_values(
    containers: Containers, call: Call, names: tuple[str, ...], missing: list[str]
) -> None:
    outcome = await DockerInspect(containers).act(DockerInspectParams(container="qloapps", env=names), call)
    assert outcome.result["missing_env"] == missing
    assert outcome.fact is (not missing)
    assert "s3cret" not in f"{outcome}"


@pytest.mark.parametrize("name", ["A=B", "", "1A", "A\0", "A\nB", "-x"])
def test_an_environment_name_is_a_name(name: str) -> None:
    with pytest.raises(ValidationError):
        DockerInspectParams(container="qloapps", env=(name,))


@pytest.mark.real
async def test_a_network_of_the_real_engine(containers: Containers, engine: Engine, call: Call) -> None:
    engine.podman("network", "create", "hotel")
    engine.podman("create", "--name", "qloapps", "--network=hotel", IMAGE, "true")
    action = DockerNetwork(containers)
    try:
        on = await action.act(DockerNetworkParams(container="qloapps", network="hotel"), call)
        off = await action.act(DockerNetworkParams(container="qloapps", network="other"), call)
        gone = await action.act(DockerNetworkParams(container="absent", network="hotel"), call)
    finally:
        engine.remove("qloapps")
        engine.podman("network", "rm", "hotel")
    assert on.result == {"exists": True, "attached": True, "running": False, "addresses": {"qloapps": []}}
    assert off.result == {"exists": False, "attached": False, "running": False, "addresses": {"qloapps": []}}
    assert gone.result == {"exists": True, "attached": False, "running": False, "addresses": {}}
    assert (on.fact, off.fact, gone.fact) == (False, False, False)


@pytest.mark.parametrize(
    ("running", "address", "network", "fact"),
    [
        (True, "172.18.0.3", "hotel", True),
        (True, "172.18.0.3", "other", False),
        (True, "", "hotel", False),
        (False, "172.18.0.3", "hotel", False),
    ],
)
async def test_reachable_is_running_with_an_address(
    api: DockerApi, scripted: Containers, call: Call, running: bool, address: str, network: str, fact: bool
) -> None:
    api.networks = ["hotel", "other"]
    api.add("qloapps", running=running, networks={"hotel": address})
    outcome = await DockerNetwork(scripted).act(
        DockerNetworkParams(container="qloapps", network=network), call
    )
    assert outcome.fact is fact


def test_looks_at_nothing_else(scripted: Containers) -> None:
    network = DockerNetwork(scripted)
    assert network.refuse(DockerNetworkParams(container="qloapps", network="hotel")) is None
    assert "docker.networks" in str(network.refuse(DockerNetworkParams(container="qloapps", network="host")))
    assert "docker.containers" in str(network.refuse(DockerNetworkParams(container="x", network="hotel")))
    assert "docker.containers" in str(DockerStats(scripted).refuse(DockerStatsParams(container="x")))
    assert "docker.containers" in str(DockerTop(scripted).refuse(DockerTopParams(container="x")))
