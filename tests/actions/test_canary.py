"""A secret handed over by reference shows up where it belongs, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from remediator.actions.base import Call, FailureReason, Outcome
from remediator.actions.fly_apps import FlyApps
from remediator.actions.fly_deploy import FlyDeploy, FlyDeployParams
from remediator.actions.fly_logs import FlyLogs, FlyLogsParams
from remediator.actions.fly_secrets import FlySecrets, FlySecretsParams
from remediator.clients.fly import FlyClient
from remediator.clients.process import ProcessRunner
from remediator.clock import SystemClock
from remediator.settings_fly import Fly
from tests.stand_ins.fly_state import FlyState

APP = "agente-hotel-api"
CANARY = "s3cret-canary-url"
TOKEN = "s3cret-canary-token"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUP_PMS_URL", CANARY)
    monkeypatch.setenv("PMS_URL", f"{CANARY}-first")
    monkeypatch.setenv("FLY_TOKEN", TOKEN)


@pytest.fixture
def action(fly: FlyState, processes: ProcessRunner) -> FlySecrets:
    fly.require_token(TOKEN)
    bounds = {"PMS_BASE_URL": {"values": ["env:PMS_URL", "env:BACKUP_PMS_URL", "env:NOT_SET_AT_ALL"]}}
    settings = Fly.model_validate(
        {"command": fly.command, "token": "env:FLY_TOKEN", "apps": {APP: {"secrets": bounds}}}
    )
    return FlySecrets(FlyApps(settings, FlyClient(settings, processes)))


def params(to: str = "env:BACKUP_PMS_URL") -> FlySecretsParams:
    return FlySecretsParams.model_validate(
        {"app": APP, "set": {"PMS_BASE_URL": {"to": to, "back": "env:PMS_URL"}}}
    )


def shown(*outcomes: Outcome) -> str:
    return "".join(
        f"{outcome.detail} {json.dumps(dict(outcome.result))} {json.dumps(dict(outcome.applied))}"
        for outcome in outcomes
    )


def seen_by_others(fly: FlyState) -> str:
    """What a command line shows to everyone on the machine."""
    return json.dumps([[call["argv"], call["cmdline"]] for call in fly.read()["calls"]])


async def test_a_secret_reaches_the_app_and_nothing_else(
    action: FlySecrets, fly: FlyState, call: Call, capfd: pytest.CaptureFixture[str]
) -> None:
    captured = await action.capture(params(), call)
    outcome = await action.act(params(), call)
    assert outcome.ok
    assert fly.app["secrets"]["PMS_BASE_URL"] == CANARY
    undone = await action.undo(params(), call, captured, outcome.applied)
    assert undone.ok
    assert fly.app["secrets"]["PMS_BASE_URL"] == f"{CANARY}-first"
    everything = shown(outcome, undone) + json.dumps(captured) + seen_by_others(fly)
    everything += "".join(capfd.readouterr())
    assert "s3cret" not in everything


@pytest.mark.parametrize("kind", ["fail", "repeat", "panic_after", "lose_reply", "flood"])
async def test_nor_when_it_goes_wrong(action: FlySecrets, fly: FlyState, call: Call, kind: str) -> None:
    fly.trouble("secrets import", kind)
    outcome = await action.act(params(), call)
    assert "s3cret" not in shown(outcome) + seen_by_others(fly)


async def test_nor_any_line_of_it(
    action: FlySecrets, fly: FlyState, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUP_PMS_URL", "s3cret-first\ns3cret=second\n")
    fly.trouble("secrets import", "repeat")
    outcome = await action.act(params(), call)
    assert "can't read" in outcome.detail
    assert "s3cret" not in shown(outcome)


@pytest.mark.parametrize("value", ['"s3cret-quoted"', "s3cret\rline"])
async def test_nor_when_it_can_not_be_written(
    action: FlySecrets, fly: FlyState, call: Call, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUP_PMS_URL", value)
    outcome = await action.act(params(), call)
    assert outcome.reason is FailureReason.REFUSED
    assert "s3cret" not in shown(outcome)
    assert "PMS_BASE_URL" not in fly.app["secrets"]


async def test_a_reference_to_nothing_stops_it_before_anything_is_sent(
    action: FlySecrets, fly: FlyState, call: Call
) -> None:
    outcome = await action.act(params("env:NOT_SET_AT_ALL"), call)
    assert outcome.reason is FailureReason.SECRET_UNAVAILABLE
    assert "calls" not in fly.read()


async def test_the_token_is_not_in_what_flyctl_says(
    action: FlySecrets, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLY_TOKEN", "s3cret-wrong")
    outcome = await action.act(params(), call)
    assert "unauthorized" in outcome.detail
    assert "s3cret" not in shown(outcome)


@pytest.mark.parametrize("command", ["logs", "image show", "deploy"])
async def test_nor_in_what_it_says_of_logs_and_releases(
    fly: FlyState, processes: ProcessRunner, call: Call, command: str
) -> None:
    fly.trouble(command, "repeat")
    deploy = {"current": True}
    settings = Fly.model_validate(
        {"command": fly.command, "token": "env:FLY_TOKEN", "apps": {APP: {"deploy": deploy}}}
    )
    apps = FlyApps(settings, FlyClient(settings, processes))
    logs = await FlyLogs(apps, SystemClock()).act(FlyLogsParams(app=APP), call)
    release = await FlyDeploy(apps).act(FlyDeployParams(app=APP), call)
    assert "can't read" in logs.detail + release.detail
    assert "s3cret" not in shown(logs, release) + seen_by_others(fly)


async def test_programs_do_not_inherit_secrets(
    action: FlySecrets, fly: FlyState, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_TOKEN", "s3cret-other")
    await action.act(params(), call)
    names: set[Any] = {name for one in fly.read()["calls"] for name in one["environment"]}
    assert "FLY_API_TOKEN" in names
    assert names.isdisjoint({"OTHER_TOKEN", "FLY_TOKEN", "PMS_URL", "BACKUP_PMS_URL"})
