"""The example package: installed as anybody's would be, found by its entry, and run by the engine."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from remediator.authoring.reference import PROJECT
from remediator.cli.app import run
from remediator.cli.workspace import open_workspace
from remediator.errors import ConfigError
from remediator.extensions import load_extensions
from remediator.runs.reasons import Reason
from remediator.runs.states import RunState
from tests.engine.world import World

EXAMPLE = PROJECT / "examples" / "acme-remediator"
MODULE = "acme_remediator.remediator"
POLICY = """
policy: fallback
match: ['alertname = "Broken"']
target: 'agent/{{ labels.region }}'
guards: [{acme.regions: {only: [eu]}}]
options:
  - name: flag
    steps: [{uses: acme.feature_flag, with: {flag: fallback, to: true}}]
    verify: {promql: ok, within: 10s}
    revert: {after: 1h}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install a copy without network, into a folder that is on the path only here."""
    folder = tmp_path_factory.mktemp("example")
    source = shutil.copytree(EXAMPLE, folder / "source")
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else ["uv", "pip"]
    options = ["--no-index", "--no-build-isolation", "--no-deps", "--target", str(folder / "installed")]
    python = ["--python", sys.executable] if pip[0] == "uv" else []
    done = subprocess.run([*pip, "install", *python, *options, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sys.path.insert(0, str(folder / "installed"))
    yield folder / "installed"
    sys.path.remove(str(folder / "installed"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_remediator"]:
        del sys.modules[name]


def configure(folder: Path, policy: str = POLICY, extensions: str = f"[{MODULE}]") -> Path:
    (folder / "policies").mkdir()
    (folder / "policies" / "fallback.yaml").write_text(policy)
    (folder / "remediator.yaml").write_text(f"extensions: {extensions}\npolicies: policies\n")
    return folder / "remediator.yaml"


@pytest.mark.usefixtures("installed")
def test_a_policy_that_uses_it_loads_by_the_real_loader(tmp_path: Path) -> None:
    policy = open_workspace(configure(tmp_path)).load().policies["fallback"]
    assert [guard.name for guard in policy.guards] == ["acme.regions"]


@pytest.mark.usefixtures("installed")
def test_its_parameters_are_checked_as_any_other(tmp_path: Path) -> None:
    wrong = POLICY.replace("to: true", "to: maybe").replace("only: [eu]", "only: []")
    with pytest.raises(ConfigError) as caught:
        open_workspace(configure(tmp_path, wrong)).load()
    assert "fallback.yaml:5:32: error: guards.0.acme.regions.only" in str(caught.value)
    assert "fallback.yaml:8:66: error: options.0.steps.0.with.to" in str(caught.value)


@pytest.mark.usefixtures("installed")
def test_an_editor_knows_them_by_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policies", "schema", "--config", str(configure(tmp_path))]) == 0
    editor = Draft202012Validator(json.loads(capsys.readouterr().out))
    assert [error.message for error in editor.iter_errors(yaml.safe_load(POLICY))] == []
    wrong = yaml.safe_load(POLICY.replace("to: true", "to: maybe").replace("only: [eu]", "only: []"))
    places = {".".join(map(str, error.absolute_path)) for error in editor.iter_errors(wrong)}
    assert places == {"guards.0.acme.regions.only", "options.0.steps.0.with.to"}


@pytest.mark.usefixtures("installed")
def test_being_installed_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no action is called 'acme\.feature_flag'"):
        open_workspace(configure(tmp_path, extensions="[]")).load()


@pytest.fixture
async def world(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    (tmp_path / "flags.json").write_text('{"fallback": false, "other": true}')
    monkeypatch.setenv("ACME_FLAGS", str(tmp_path / "flags.json"))
    world = await World.begin(tmp_path, POLICY, extensions=load_extensions([MODULE]))
    yield world
    await world.end()


async def test_the_engine_runs_it_and_gives_back_what_it_changed(world: World) -> None:
    def flags() -> object:
        return json.loads((world.folder / "flags.json").read_text())

    await world.fire(region="eu")
    assert (await world.run()).state is RunState.SUCCEEDED
    assert flags() == {"fallback": True, "other": True}
    await world.resolve(region="eu")
    assert flags() == {"fallback": False, "other": True}
    assert [run.state for run in await world.runs()] == [RunState.SUCCEEDED, RunState.REVERTED]


async def test_its_guard_blocks(world: World) -> None:
    await world.fire(region="us")
    assert await world.runs() == []
    last = (await world.decisions())[-1]
    assert (last.reason, last.detail) == (Reason.PRECONDITION, "region us, of eu")
