from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remediator.actions.base import Call, CaptureError, FailureReason, OutcomeStatus, ProbeAnswer
from remediator.actions.command_run import CommandRun
from remediator.actions.containers import Containers
from remediator.actions.file_render import FileRender, FileRenderParams
from remediator.actions.nginx_control import NginxControl
from remediator.actions.nginx_reload import NginxReload, NginxReloadParams
from remediator.authoring.reference import PROJECT
from remediator.clients.docker import DockerEngine
from remediator.clients.placed_file import PlacedFile
from remediator.clients.process import ProcessRunner
from remediator.settings import Command
from remediator.settings_docker import Docker
from remediator.settings_file import load_settings
from remediator.settings_templates import FileTarget, Nginx
from tests.real.engine import Engine
from tests.real.nginx import RealNginx, nginx

TEMPLATE = """add_header X-Rate {{ rate }};
{% for address in deny %}
deny {{ address }};
{% endfor %}
{{ extra }}
"""
OLD = "add_header X-Rate old;\n"
GOOD = {"rate": 60, "deny": "198.51.100.9", "extra": "# good"}
BROKEN = {**GOOD, "extra": "no_such_directive on;"}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RealNginx]:
    folder = tmp_path / "nginx"
    folder.mkdir()
    with nginx(folder) as started:
        yield started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "limits.conf"
    path.write_text(OLD)
    return path


def files(path: Path, tmp_path: Path) -> dict[str, FileTarget]:
    template = tmp_path / "limits.conf.j2"
    template.write_text(TEMPLATE)
    values = {
        "rate": {"type": "integer", "min": 1, "max": 300},
        "deny": {"type": "addresses"},
        "extra": {"type": "choice", "values": ["# good", "no_such_directive on;"]},
    }
    entry = {"path": path, "template": template, "values": values, "protect": ["203.0.113.0/24"]}
    return {"limits": FileTarget.model_validate(entry)}


def read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def remove(path: Path) -> None:
    path.unlink()


def make_link(path: Path, to: Path) -> None:
    path.rename(to)
    path.symlink_to(to)


class Made:
    """Makes the action for a file."""

    def __init__(self, processes: ProcessRunner, tmp_path: Path) -> None:
        self.processes = processes
        self.tmp_path = tmp_path

    def __call__(
        self,
        path: Path,
        servers: Mapping[str, Nginx] | None = None,
        commands: Mapping[str, Command] | None = None,
    ) -> FileRender:
        nowhere = Containers(None, DockerEngine("unix:///nowhere.sock"), None)
        control = NginxControl(servers, self.processes, nowhere)
        return FileRender(files(path, self.tmp_path), CommandRun(commands, self.processes), control)


@pytest.fixture
def made(processes: ProcessRunner, tmp_path: Path) -> Made:
    return Made(processes, tmp_path)


def use(values: Mapping[str, Any] = GOOD, **more: Any) -> FileRenderParams:
    return FileRenderParams.model_validate({"file": "limits", "values": dict(values), **more})


def commands(path: Path) -> dict[str, Command]:
    grep = ("sh", "-c", f"if grep -q directive {path}; then echo unknown directive >&2; exit 1; fi")
    return {
        "check": Command(argv=grep, read_only=True),
        "hangs": Command(argv=("sleep", "60"), timeout=timedelta(milliseconds=300)),
        "takes": Command(argv=("true", "{x}"), params=("x",)),
    }


async def test_renders_and_puts_back(made: Made, path: Path, call: Call) -> None:
    action, params = made(path), use()
    captured = await action.capture(params, call)
    assert captured == {"content": {"text": OLD}}
    assert await action.probe(params, call, captured) is ProbeAnswer.NOT_DONE
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert read(path) == "add_header X-Rate 60;\n\ndeny 198.51.100.9;\n\n# good\n"
    assert outcome.result["sha256"] == outcome.applied["content"] != outcome.result["before"]
    assert await action.probe(params, call, captured) is ProbeAnswer.DONE
    assert (await action.act(params, call)).status is OutcomeStatus.ALREADY
    undone = await action.undo(params, call, captured, outcome.applied)
    assert undone.status is OutcomeStatus.SUCCEEDED
    assert read(path) == OLD
    assert (await action.undo(params, call, captured, outcome.applied)).ok
    assert action.attributes(params) == (("files:limits", "content"),)


@pytest.mark.parametrize("data", [None, b"", b"\xff\xfe not text"])
async def test_whatever_was_there_comes_back(made: Made, path: Path, call: Call, data: bytes | None) -> None:
    if data is None:
        remove(path)
    else:
        write(path, data)
    action = made(path)
    captured = await action.capture(use(), call)
    outcome = await action.act(use(), call)
    assert (await action.undo(use(), call, captured, {})).ok
    assert PlacedFile(path).read() == data
    assert outcome.ok


async def test_a_change_by_somebody_else_stays(made: Made, path: Path, call: Call) -> None:
    action = made(path)
    captured = await action.capture(use(), call)
    outcome = await action.act(use(), call)
    write(path, b"by hand")
    undone = await action.undo(use(), call, captured, outcome.applied)
    assert undone.reason is FailureReason.CHANGED_SINCE
    assert read(path) == "by hand"


@pytest.mark.parametrize(("values", "test"), [(BROKEN, "check"), (GOOD, "hangs")])
async def test_a_failed_test_puts_the_old_file_back_at_once(
    made: Made, path: Path, call: Call, values: Mapping[str, Any], test: str
) -> None:
    action = made(path, commands=commands(path))
    outcome = await action.act(use(values, test=test), call)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.UNEXPECTED)
    assert outcome.detail.startswith(f"the test {test} failed")
    assert read(path) == OLD
    assert not PlacedFile(path).untested()
    remove(path)
    assert not (await action.act(use(values, test=test), call)).ok
    assert read(path) is None


async def test_a_test_that_passes_lets_it_stand(made: Made, path: Path, call: Call) -> None:
    outcome = await made(path, commands=commands(path)).act(use(test="check"), call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert "X-Rate 60" in str(read(path))


async def test_one_that_was_cut_off_before_its_test_is_done_again_or_undone(
    made: Made, path: Path, call: Call
) -> None:
    action, params = made(path, commands=commands(path)), use(BROKEN, test="check")
    captured = await action.capture(params, call)
    PlacedFile(path).place(b"no_such_directive on;")
    assert await action.probe(params, call, captured) is ProbeAnswer.UNKNOWN
    assert action.idempotent_for(params)
    assert await action.capture(params, call) == captured
    PlacedFile(path).place(b"no_such_directive on;")
    assert not (await action.act(params, call)).ok
    assert read(path) == OLD
    PlacedFile(path).place(b"no_such_directive on;")
    assert (await action.undo(params, call, captured, {})).ok
    assert read(path) == OLD


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"file": "other"}, "files in remediator.yaml has no 'other'"),
        ({"values": {**GOOD, "rate": 999}}, "999 is not within 1 to 300"),
        ({"values": {**GOOD, "deny": "203.0.113.7"}}, "protected"),
        ({"values": {**GOOD, "deny": ["203.0.113.7"]}}, "protected"),
        ({"values": {**GOOD, "deny": "::ffff:203.0.113.7"}}, "protected"),
        ({"values": {**GOOD, "extra": "allow all;"}}, "is not one of the values"),
        ({"values": {**GOOD, "more": 1}}, "does not list more"),
        ({"values": {}}, "needs deny, extra, rate"),
        ({"test": "other"}, "no command called 'other'"),
        ({"test": "takes"}, "needs x"),
        ({"nginx": "main"}, "no nginx section"),
    ],
)
def test_keeps_to_the_inventory(made: Made, path: Path, params: dict[str, Any], said: str) -> None:
    action = made(path, commands=commands(path))
    assert action.refuse(use()) is None
    assert said in str(
        action.refuse(FileRenderParams.model_validate({"file": "limits", "values": GOOD} | params))
    )


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ rates }}", "'rates' is undefined"),
        ("{% for %}", ":1: "),
        ("{{ 'x' * 300000 }}", "more than 256 KiB"),
    ],
)
async def test_a_template_that_fails_changes_nothing(
    made: Made, path: Path, tmp_path: Path, call: Call, template: str, said: str
) -> None:
    action = made(path)
    write(tmp_path / "limits.conf.j2", template.encode())
    outcome = await action.act(use(), call)
    assert outcome.reason is FailureReason.REFUSED
    assert said in outcome.detail
    assert read(path) == OLD


async def test_a_link_is_not_written_through(made: Made, path: Path, tmp_path: Path, call: Call) -> None:
    make_link(path, tmp_path / "secret")
    assert (await made(path).act(use(), call)).reason is FailureReason.REFUSED
    with pytest.raises(CaptureError, match="plain file"):
        await made(path).capture(use(), call)
    assert read(tmp_path / "secret") == OLD


def server(running: RealNginx) -> Nginx:
    commands = {"test": {"argv": running.test_argv}, "reload": {"argv": running.reload_argv}}
    return Nginx.model_validate(commands)


async def until(holds: Callable[[], bool]) -> None:
    """A reload is a signal: nginx answers with the new configuration a little later."""
    ends_at = time.monotonic() + 60
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < ends_at
        await asyncio.sleep(0.02)


@pytest.mark.real
async def test_nginx_reads_the_new_file_and_later_the_old_one(
    made: Made, running: RealNginx, call: Call
) -> None:
    path = running.folder / "conf.d" / "limits.conf"
    action, params = made(path, {"main": server(running)}), use(nginx="main")
    captured = await action.capture(params, call)
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome
    await until(lambda: running.settled_on("X-Rate", "60"))
    assert await action.probe(params, call, captured) is ProbeAnswer.UNKNOWN
    assert (await action.act(params, call)).applied == outcome.applied
    assert (await action.undo(params, call, captured, outcome.applied)).ok
    await until(lambda: running.settled_on("X-Rate", None))
    assert read(path) is None


@pytest.mark.real
async def test_a_configuration_that_nginx_refuses_is_never_read(
    made: Made, running: RealNginx, call: Call
) -> None:
    path = running.folder / "conf.d" / "limits.conf"
    write(path, OLD.encode())
    action = made(path, {"main": server(running)})
    reloading = NginxReload(action._control)
    assert (await reloading.act(NginxReloadParams(nginx="main"), call)).ok
    await until(lambda: running.settled_on("X-Rate", "old"))
    outcome = await action.act(use(BROKEN, nginx="main"), call)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.UNEXPECTED)
    assert 'unknown directive "no_such_directive"' in outcome.detail
    assert read(path) == OLD
    assert running.header("X-Rate") == "old"
    write(path, b"no_such_directive on;")
    refused = await reloading.act(NginxReloadParams(nginx="main"), call)
    assert (refused.status, refused.reason) == (OutcomeStatus.FAILED, FailureReason.UNEXPECTED)
    assert running.header("X-Rate") == "old"


async def test_an_nginx_that_hangs_in_its_reload_is_ambiguous(processes: ProcessRunner, call: Call) -> None:
    commands = {"test": {"argv": ["true"]}, "reload": {"argv": ["sleep", "60"]}, "timeout": "1s"}
    nowhere = Containers(None, DockerEngine("unix:///nowhere.sock"), None)
    control = NginxControl({"main": Nginx.model_validate(commands)}, processes, nowhere)
    action = NginxReload(control)
    outcome = await action.act(NginxReloadParams(nginx="main"), replace(call, timeout=timedelta(seconds=5)))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.AMBIGUOUS, FailureReason.TIMED_OUT)
    assert action.idempotent
    assert action.refuse(NginxReloadParams(nginx="other")) == "nginx in remediator.yaml has no 'other'"


@pytest.mark.real
async def test_an_nginx_in_a_container_goes_by_docker_exec(
    engine: Engine, docker_engine: DockerEngine, processes: ProcessRunner, call: Call
) -> None:
    engine.run("nginx", ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"))
    docker = Docker.model_validate(
        {
            "host": engine.docker_host,
            "exec": {
                "nginx-test": {"container": "nginx", "argv": ["test", "!", "-e", "/broken"]},
                "nginx-reload": {"container": "nginx", "argv": ["touch", "/reloaded"]},
            },
        }
    )
    containers = Containers(docker, docker_engine, None)
    entries = {
        "main": {"test": {"exec": "nginx-test"}, "reload": {"exec": "nginx-reload"}},
        "wrong": {"test": {"exec": "nginx-test"}, "reload": {"exec": "not-there"}},
    }
    servers = {name: Nginx.model_validate(entry) for name, entry in entries.items()}
    action = NginxReload(NginxControl(servers, processes, containers))
    try:
        assert "nginx.wrong.reload names 'not-there'" in str(action.refuse(NginxReloadParams(nginx="wrong")))
        assert (await action.act(NginxReloadParams(nginx="main"), call)).ok
        engine.podman("exec", "nginx", "rm", "/reloaded")
        engine.podman("exec", "nginx", "touch", "/broken")
        assert not (await action.act(NginxReloadParams(nginx="main"), call)).ok
        assert "reloaded" not in engine.podman("exec", "nginx", "ls", "/")
    finally:
        engine.remove("nginx")


@pytest.mark.real
async def test_nginx_takes_the_shipped_template(
    running: RealNginx, processes: ProcessRunner, call: Call
) -> None:
    shipped = load_settings(PROJECT / "remediator.example.yaml").files or {}
    entry = shipped["nginx-limits"].model_copy(update={"path": running.folder / "conf.d" / "limits.conf"})
    control = NginxControl(
        {"main": server(running)}, processes, Containers(None, DockerEngine("unix:///nowhere.sock"), None)
    )
    action = FileRender({"limits": entry}, CommandRun(None, processes), control)
    params = use({"per_minute": 60, "deny": "198.51.100.9 2001:db8::/64"}, nginx="main")
    assert action.refuse(params) is None
    captured = await action.capture(params, call)
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome
    assert (await action.undo(params, call, captured, outcome.applied)).ok
    assert "protected" in str(action.refuse(use({"per_minute": 60, "deny": "192.168.1.1"}, nginx="main")))
