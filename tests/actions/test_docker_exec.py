from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from remediator.actions.base import Call, FailureReason, OutcomeStatus
from remediator.actions.containers import Containers
from remediator.actions.docker_exec import DockerExec, DockerExecParams, ExecExpect, unmet
from remediator.clients.docker import DockerEngine
from remediator.clients.docker_exec import ExecResult
from remediator.settings_docker import Docker
from tests.real.engine import Engine

SERVE = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
COMMANDS: Mapping[str, Mapping[str, Any]] = {
    "ping": {"container": "pms-db", "argv": ["echo", "mysqld is alive"], "read_only": True},
    "by-engine-name": {"container": "mysql", "argv": ["true"], "read_only": True},
    "literal": {"container": "mysql", "argv": ["echo", "$HOME; reboot", "--help", "{{ x }}"]},
    "fails": {"container": "mysql", "argv": ["sh", "-c", "echo no >&2; exit 3"], "read_only": True},
    "hangs": {"container": "mysql", "argv": ["sleep", "61"], "timeout": "2s", "read_only": True},
    "hangs-acting": {"container": "mysql", "argv": ["sleep", "62"], "timeout": "2s"},
    "hangs-free": {"container": "mysql", "argv": ["sleep", "4"], "timeout": "1s", "kill_with": []},
    "drips": {
        "container": "mysql",
        "argv": ["sh", "-c", "for i in 1 2 3 4 5 6; do echo $i; sleep 1; done"],
        "timeout": "1s",
        "kill_with": [],
    },
    "floods": {"container": "mysql", "argv": ["seq", "-w", "1", "300000"], "read_only": True},
    "no-program": {"container": "mysql", "argv": ["mysqladmin"], "kill_with": [], "read_only": True},
    "no-program-behind": {"container": "mysql", "argv": ["mysqladmin"], "read_only": True},
    "gone": {"container": "nowhere", "argv": ["true"], "read_only": True},
    "repeatable": {"container": "mysql", "argv": ["true"], "idempotent": True},
    "with-secret": {
        "container": "mysql",
        "argv": ["sh", "-c", 'test "$MYSQL_PWD" = s3cret-canary'],
        "env": {"MYSQL_PWD": "env:CANARY"},
        "read_only": True,
    },
}

pytestmark = pytest.mark.real


@pytest.fixture
def action(engine: Engine, docker_engine: DockerEngine) -> Iterator[DockerExec]:
    engine.run("mysql", SERVE)
    entries = {"pms-db": {"container": "mysql"}}
    settings = Docker.model_validate({"host": engine.docker_host, "containers": entries, "exec": COMMANDS})
    yield DockerExec(Containers(settings, docker_engine, None))
    engine.remove("mysql")


def use(command: str, **expect: Any) -> DockerExecParams:
    return DockerExecParams.model_validate({"command": command, "expect": expect})


@pytest.mark.parametrize("command", ["ping", "by-engine-name"])
async def test_runs_in_a_container_of_the_inventory(action: DockerExec, call: Call, command: str) -> None:
    outcome = await action.act(use(command), call)
    assert (outcome.status, outcome.fact) == (OutcomeStatus.SUCCEEDED, True)


async def test_an_argument_stays_one_and_is_read_by_nobody(action: DockerExec, call: Call) -> None:
    outcome = await action.act(use("literal"), call)
    assert outcome.result["stdout"] == "$HOME; reboot --help {{ x }}\n"


async def test_says_how_it_ended(action: DockerExec, call: Call) -> None:
    outcome = await action.act(use("fails"), call)
    assert (outcome.status, outcome.reason, outcome.fact) == (
        OutcomeStatus.FAILED,
        FailureReason.UNEXPECTED,
        False,
    )
    assert outcome.result["exit_code"] == 3
    assert outcome.result["stderr"] == "no\n"
    assert (await action.act(use("fails", exit_code=[0, 3]), call)).fact is True
    assert (await action.act(use("ping", stdout="is alive$"), call)).fact is False
    assert (await action.act(use("ping", stdout="is alive"), call)).fact is True


async def test_what_runs_too_long_is_killed_in_there(action: DockerExec, engine: Engine, call: Call) -> None:
    looked = await action.act(use("hangs"), call)
    assert (looked.status, looked.reason, looked.fact) == (
        OutcomeStatus.FAILED,
        FailureReason.TIMED_OUT,
        False,
    )
    acted = await action.act(use("hangs-acting"), call)
    assert (acted.status, acted.reason) == (OutcomeStatus.AMBIGUOUS, FailureReason.TIMED_OUT)
    assert "sleep 6" not in engine.podman("top", "mysql", "args")


@pytest.mark.parametrize("command", ["hangs-free", "drips"])
async def test_without_a_program_that_kills_nobody_knows(
    action: DockerExec, call: Call, command: str
) -> None:
    outcome = await action.act(use(command), replace(call, timeout=timedelta(seconds=1)))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.AMBIGUOUS, FailureReason.TIMED_OUT)


async def test_output_is_capped(action: DockerExec, call: Call) -> None:
    outcome = await action.act(use("floods"), call)
    text = outcome.result["stdout"]
    assert len(text) < 20_000
    assert text.startswith("000001\n")
    assert text.endswith("300000\n")
    assert "left out" in text


@pytest.mark.parametrize("command", ["no-program", "no-program-behind"])
async def test_a_program_that_is_not_there_is_no_answer(action: DockerExec, call: Call, command: str) -> None:
    outcome = await action.act(use(command), call)
    assert (outcome.status, outcome.reason, outcome.fact) == (
        OutcomeStatus.FAILED,
        FailureReason.UNEXPECTED,
        None,
    )


async def test_a_container_that_is_gone_or_down_is_an_answer(
    action: DockerExec, engine: Engine, call: Call
) -> None:
    gone = await action.act(use("gone"), call)
    engine.podman("stop", "-t", "1", "mysql")
    down = await action.act(use("ping"), call)
    for outcome in (gone, down):
        assert (outcome.status, outcome.reason, outcome.fact) == (
            OutcomeStatus.FAILED,
            FailureReason.REFUSED,
            False,
        )


async def test_a_secret_goes_by_the_environment(
    action: DockerExec, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = await action.act(use("with-secret"), call)
    assert (outcome.reason, outcome.fact) == (FailureReason.SECRET_UNAVAILABLE, None)
    monkeypatch.setenv("CANARY", "s3cret-canary")
    outcome = await action.act(use("with-secret"), call)
    assert outcome.fact is True
    assert "s3cret" not in f"{outcome}"


def test_declares_what_the_inventory_says(action: DockerExec) -> None:
    assert action.read_only_for(use("ping"))
    assert action.attributes(use("ping")) == ()
    assert not action.read_only_for(use("literal"))
    assert not action.idempotent_for(use("literal"))
    assert action.idempotent_for(use("repeatable"))
    assert action.attributes(use("literal")) == (("docker.exec:literal", "run"),)


def test_reaches_nothing_else(action: DockerExec) -> None:
    assert "has no 'other'" in str(action.refuse(use("other")))
    assert action.refuse(use("ping")) is None
    bare = DockerExec(Containers(None, DockerEngine("unix:///nowhere"), None))
    assert bare.refuse(use("ping")) == "remediator.yaml has no docker section"
    for more in ({"argv": ["sh"]}, {"container": "mysql"}, {"params": {"x": "y"}}):
        with pytest.raises(ValidationError):
            DockerExecParams.model_validate({"command": "ping", **more})


@pytest.mark.parametrize(
    ("expect", "code", "stdout", "faults"),
    [
        ({}, 0, "", 0),
        ({}, 1, "", 1),
        ({"exit_code": [1, 2]}, 2, "", 0),
        ({"exit_code": [1, 2]}, 0, "", 1),
        ({"stdout": "^Threads: [0-9]+"}, 0, "Threads: 7", 0),
        ({"stdout": "^Threads: [0-9]+"}, 1, "", 2),
    ],
)
def test_what_is_expected(expect: dict[str, Any], code: int, stdout: str, faults: int) -> None:
    result = ExecResult(exit_code=code, stdout=stdout, stderr="")
    assert len(unmet(ExecExpect.model_validate(expect), result)) == faults
