from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from remediator.actions.base import Action, Call, OutcomeStatus
from remediator.actions.catalog import ACTIONS, ActionClients, build_actions
from remediator.actions.resources import resources_of
from remediator.actions.wait import Wait, WaitParams
from remediator.clients.process import ProcessRunner
from remediator.clock import SystemClock
from remediator.settings import Command, Settings
from remediator.settings_docker import Docker, DockerExec

NAMES = {
    "http.request",
    "http.probe",
    "docker.restart",
    "docker.start",
    "docker.stop",
    "docker.logs",
    "docker.inspect",
    "docker.env",
    "docker.exec",
    "file.render",
    "nginx.reload",
    "net.tcp",
    "net.dns",
    "docker.network",
    "docker.stats",
    "docker.top",
    "docker.update",
    "compose.restart",
    "compose.scale",
    "fly.secrets",
    "fly.scale_count",
    "fly.scale_memory",
    "fly.restart",
    "fly.status",
    "fly.deploy",
    "fly.logs",
    "command.run",
    "prometheus.query",
    "wait",
}


@pytest.fixture
async def actions(processes: ProcessRunner) -> AsyncIterator[Mapping[str, Action[Any]]]:
    settings = Settings(
        docker=Docker(
            containers=("qloapps",),
            exec={
                "look": DockerExec(container="qloapps", argv=("true",), read_only=True),
                "do": DockerExec(container="qloapps", argv=("true",)),
            },
        ),
        commands={"look": Command(argv=("true",), read_only=True), "do": Command(argv=("true",))},
    )
    clients = ActionClients.of(settings, processes)
    yield build_actions(settings, clients, SystemClock())
    await clients.close()


def test_every_action_is_built_and_listed(actions: Mapping[str, Action[Any]]) -> None:
    assert actions.keys() >= NAMES
    assert {action.name for action in ACTIONS} == actions.keys()


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: str(action.name))
def test_what_an_action_declares_fits_together(action: type[Action[Any]]) -> None:
    assert action.summary.endswith(".")
    assert not (action.read_only and (action.reversible or action.lasting))
    assert bool(action.captures) is action.reversible
    # What can be undone either stands until its lease ends, or until its run does.
    assert (action.lasting != action.ends_with_run) if action.reversible else not action.ends_with_run
    assert all(action.result.values())
    assert action.params.model_config["extra"] == "forbid"
    assert action.params.__doc__


def test_without_a_section_an_action_refuses_all(processes: ProcessRunner) -> None:
    bare = build_actions(Settings(), ActionClients.of(Settings(), processes), SystemClock())
    uses = {
        "http.probe": {"service": "agente", "path": "/"},
        "http.request": {"service": "agente", "path": "/"},
        "docker.restart": {"container": "qloapps"},
        "docker.env": {"container": "qloapps", "set": {"A": "b"}},
        "docker.exec": {"command": "ping"},
        "net.tcp": {"endpoint": "pms-db"},
        "file.render": {"file": "limits"},
        "nginx.reload": {"nginx": "main"},
        "net.dns": {"name": "pms"},
        "docker.update": {"container": "qloapps", "memory_mb": 512},
        "compose.scale": {"service": "agente-api", "at_least": 2},
        "compose.restart": {"service": "agente-api"},
        "fly.secrets": {"app": "hotel", "set": {"A": "b"}},
        "fly.scale_memory": {"app": "hotel", "memory_mb": 512},
        "command.run": {"command": "x"},
    }
    for name, params in uses.items():
        said = bare[name].refuse(bare[name].params.model_validate(params))
        assert str(said).startswith("remediator.yaml has no "), name


@pytest.mark.parametrize(
    ("name", "params", "locks"),
    [
        ("docker.restart", {"container": "qloapps"}, {"docker:qloapps"}),
        ("docker.env", {"container": "qloapps", "set": {"A": "b"}}, {"docker:qloapps"}),
        ("docker.inspect", {"container": "qloapps"}, set()),
        ("docker.exec", {"command": "do"}, {"docker.exec:do"}),
        ("docker.exec", {"command": "look"}, set()),
        ("net.tcp", {"endpoint": "pms-db"}, set()),
        ("net.dns", {"name": "pms"}, set()),
        ("file.render", {"file": "limits"}, {"files:limits"}),
        ("file.render", {"file": "limits", "nginx": "main", "test": "look"}, {"files:limits", "nginx:main"}),
        ("nginx.reload", {"nginx": "main"}, {"nginx:main"}),
        ("docker.update", {"container": "qloapps", "memory_mb": 512}, {"docker:qloapps"}),
        ("compose.scale", {"service": "api", "at_least": 2}, {"compose:api"}),
        ("fly.secrets", {"app": "hotel", "set": {"A": "b"}}, {"fly:hotel"}),
        ("fly.status", {"app": "hotel"}, set()),
        ("fly.logs", {"app": "hotel"}, set()),
        ("fly.deploy", {"app": "hotel"}, {"fly:hotel"}),
        ("http.request", {"service": "agente", "path": "/"}, {"services:agente"}),
        ("http.request", {"service": "agente", "path": "/", "method": "GET"}, set()),
        ("http.probe", {"service": "agente", "path": "/"}, set()),
        ("command.run", {"command": "do"}, {"commands:do"}),
        ("command.run", {"command": "look"}, set()),
        ("wait", {"for": "1s"}, set()),
    ],
)
def test_what_a_step_locks(
    actions: Mapping[str, Action[Any]], name: str, params: dict[str, Any], locks: set[str]
) -> None:
    action = actions[name]
    assert resources_of(action, action.params.model_validate(params)) == locks


class StillClock(SystemClock):
    """Notes how long it was asked to sleep."""

    slept = timedelta(0)

    async def sleep(self, duration: timedelta) -> None:
        self.slept += duration


async def test_waits_on_the_clock(call: Call) -> None:
    clock = StillClock()
    params = WaitParams.model_validate({"for": "30s"})
    outcome = await Wait(clock).act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert clock.slept == timedelta(seconds=30) == Wait(clock).lasts(params)


@pytest.mark.parametrize("text", ["0s", "2h", "-1s", "soon"])
def test_a_wait_is_bounded(text: str) -> None:
    with pytest.raises(ValidationError):
        WaitParams.model_validate({"for": text})
