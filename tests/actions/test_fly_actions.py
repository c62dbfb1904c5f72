from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions.base import Call, CaptureError, FailureReason, OutcomeStatus, ProbeAnswer
from remediator.actions.fly_apps import FlyApps
from remediator.actions.fly_restart import FlyRestart, FlyRestartParams
from remediator.actions.fly_scale_count import FlyScaleCount, FlyScaleCountParams
from remediator.actions.fly_scale_memory import FlyScaleMemory, FlyScaleMemoryParams
from remediator.actions.fly_secrets import FlySecrets, FlySecretsParams
from remediator.actions.fly_status import FlyStatus, FlyStatusParams
from remediator.clients.fly import FlyClient
from remediator.clients.process import ProcessRunner
from remediator.settings_fly import Fly
from tests.stand_ins.fly_state import FlyState

APP = "agente-hotel-api"


@pytest.fixture
def settings(fly: FlyState) -> Fly:
    app = {
        "secrets": {
            "PMS_TYPE": {"values": ["mock", "qloapps"]},
            "RATE_LIMIT_PER_MINUTE": {"min": 60, "max": 300},
            "PMS_BASE_URL": {"values": ["env:PMS_URL", "env:BACKUP_PMS_URL"]},
        },
        "count": {"min": 1, "max": 5},
        "memory_mb": [256, 512],
    }
    return Fly.model_validate({"command": fly.command, "apps": {APP: app, "other": {}}})


@pytest.fixture
def apps(settings: Fly, processes: ProcessRunner) -> FlyApps:
    return FlyApps(settings, FlyClient(settings, processes))


@pytest.fixture
def brief(call: Call) -> Call:
    return replace(call, timeout=timedelta(milliseconds=1500))


def failover(**changes: Any) -> FlySecretsParams:
    return FlySecretsParams.model_validate(
        {"app": APP, "set": {"PMS_TYPE": {"to": "mock", "back": "qloapps"}}, **changes}
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"PMS_TYPE": "mock"}, None),
        ({"RATE_LIMIT_PER_MINUTE": {"to": 300, "back": 120}}, None),
        ({"PMS_BASE_URL": "env:BACKUP_PMS_URL"}, None),
        ({"PMS_BASE_URL": "env:FLY_API_TOKEN"}, "not listed"),
        ({"PMS_TYPE": {"to": "mock", "back": "other"}}, "not one of the values"),
        ({"DATABASE_URL": "x"}, "does not list DATABASE_URL"),
    ],
)
def test_secrets_keep_to_the_inventory(apps: FlyApps, values: dict[str, Any], says: str | None) -> None:
    said = FlySecrets(apps).refuse(FlySecretsParams.model_validate({"app": APP, "set": values}))
    assert (said is None) if says is None else (says in str(said))


async def test_secrets_are_set_and_put_back(apps: FlyApps, fly: FlyState, call: Call) -> None:
    action, params = FlySecrets(apps), failover()
    captured = await action.capture(params, call)
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert fly.app["secrets"]["PMS_TYPE"] == "mock"
    assert outcome.applied.keys() == {"secret:PMS_TYPE"}
    assert await action.probe(params, call, captured) is ProbeAnswer.DONE
    undone = await action.undo(params, call, captured, outcome.applied)
    assert undone.status is OutcomeStatus.SUCCEEDED
    assert fly.app["secrets"]["PMS_TYPE"] == "qloapps"
    again = await action.undo(params, call, captured, outcome.applied)
    assert again.status is OutcomeStatus.ALREADY


async def test_secrets_that_someone_else_set_since_are_left(apps: FlyApps, fly: FlyState, call: Call) -> None:
    action, params = FlySecrets(apps), failover()
    captured = await action.capture(params, call)
    outcome = await action.act(params, call)
    fly.change(secrets={"PMS_TYPE": "by-hand"})
    undone = await action.undo(params, call, captured, outcome.applied)
    assert (undone.status, undone.reason) == (OutcomeStatus.FAILED, FailureReason.CHANGED_SINCE)
    assert fly.app["secrets"]["PMS_TYPE"] == "by-hand"


async def test_staged_secrets_restart_nothing(apps: FlyApps, fly: FlyState, call: Call) -> None:
    before = fly.app["machines"]
    await FlySecrets(apps).act(failover(stage=True), call)
    assert fly.app["machines"] == before
    assert fly.calls("secrets")[-2] == ["secrets", "import", "--app", APP, "--stage"]


def test_only_secrets_with_a_way_back_can_be_undone(apps: FlyApps) -> None:
    assert FlySecrets(apps).reversible_for(failover())
    one_way = failover(set={"PMS_TYPE": {"to": "mock", "back": "qloapps"}, "RATE_LIMIT_PER_MINUTE": 60})
    assert not FlySecrets(apps).reversible_for(one_way)


async def test_a_lost_reply_is_found_out_and_can_be_undone(apps: FlyApps, fly: FlyState, call: Call) -> None:
    action, params = FlySecrets(apps), failover()
    captured = await action.capture(params, call)
    fly.trouble("secrets import", "lose_reply")
    outcome = await action.act(params, call)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.AMBIGUOUS, FailureReason.LOST)
    assert await action.probe(params, call, captured) is ProbeAnswer.DONE
    fly.trouble("secrets import", "")
    undone = await action.undo(params, call, captured, {})
    assert undone.ok
    assert fly.app["secrets"]["PMS_TYPE"] == "qloapps"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("fail", OutcomeStatus.FAILED), ("panic_after", OutcomeStatus.AMBIGUOUS)],
)
async def test_after_a_bad_end_the_digests_tell(
    apps: FlyApps, fly: FlyState, call: Call, kind: str, status: OutcomeStatus
) -> None:
    fly.trouble("secrets import", kind)
    assert (await FlySecrets(apps).act(failover(), call)).status is status


@pytest.mark.parametrize("kind", ["hang", "fork"])
async def test_one_that_hangs_is_ambiguous(apps: FlyApps, fly: FlyState, brief: Call, kind: str) -> None:
    action, params = FlySecrets(apps), failover()
    captured = await action.capture(params, brief)
    fly.trouble("secrets import", kind)
    outcome = await action.act(params, brief)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.AMBIGUOUS, FailureReason.TIMED_OUT)
    assert await action.probe(params, brief, captured) is ProbeAnswer.NOT_DONE


async def test_a_look_that_fails_leaves_everything_alone(apps: FlyApps, fly: FlyState, call: Call) -> None:
    fly.trouble("*", "fail")
    with pytest.raises(CaptureError, match="flyctl secrets list ended with 1"):
        await FlySecrets(apps).capture(failover(), call)
    outcome = await FlySecrets(apps).act(failover(), call)
    assert outcome.status is OutcomeStatus.FAILED
    assert [argv[1] for argv in fly.calls("secrets")] == ["list", "list"]


async def test_a_flood_is_survived(apps: FlyApps, fly: FlyState, call: Call) -> None:
    fly.trouble("secrets import", "flood")
    assert (await FlySecrets(apps).act(failover(), call)).ok


@pytest.mark.parametrize(
    ("params", "before", "status", "after"),
    [
        ({"at_least": 3}, 2, OutcomeStatus.SUCCEEDED, 3),
        ({"at_least": 2}, 2, OutcomeStatus.ALREADY, 2),
        ({"at_least": 1}, 2, OutcomeStatus.ALREADY, 2),
        ({"to": 1}, 2, OutcomeStatus.FAILED, 2),
        ({"to": 1, "allow_decrease": True}, 2, OutcomeStatus.SUCCEEDED, 1),
    ],
)
async def test_scales_the_count(
    apps: FlyApps,
    fly: FlyState,
    call: Call,
    params: dict[str, Any],
    before: int,
    status: OutcomeStatus,
    after: int,
) -> None:
    action = FlyScaleCount(apps)
    typed = FlyScaleCountParams.model_validate({"app": APP, **params})
    captured = await action.capture(typed, call)
    assert captured == {"count": before}
    outcome = await action.act(typed, call)
    assert outcome.status is status
    assert len(fly.app["machines"]) == after
    if status is OutcomeStatus.SUCCEEDED:
        assert outcome.applied == {"count": after}
        assert await action.probe(typed, call, captured) is ProbeAnswer.DONE
        undone = await action.undo(typed, call, captured, outcome.applied)
        assert undone.ok
        assert len(fly.app["machines"]) == before


async def test_a_count_that_someone_else_changed_is_left(apps: FlyApps, fly: FlyState, call: Call) -> None:
    action, params = FlyScaleCount(apps), FlyScaleCountParams(app=APP, at_least=3)
    captured = await action.capture(params, call)
    outcome = await action.act(params, call)
    fly.change(machines=fly.app["machines"] * 2)
    undone = await action.undo(params, call, captured, outcome.applied)
    assert undone.reason is FailureReason.CHANGED_SINCE
    assert len(fly.app["machines"]) == 6


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("fail", OutcomeStatus.FAILED),
        ("panic_after", OutcomeStatus.SUCCEEDED),
        ("lose_reply", OutcomeStatus.AMBIGUOUS),
    ],
)
async def test_after_a_bad_end_the_count_tells(
    apps: FlyApps, fly: FlyState, call: Call, kind: str, status: OutcomeStatus
) -> None:
    fly.trouble("scale count", kind)
    outcome = await FlyScaleCount(apps).act(FlyScaleCountParams(app=APP, at_least=3), call)
    assert outcome.status is status


async def test_scales_the_memory(apps: FlyApps, fly: FlyState, call: Call) -> None:
    action, params = FlyScaleMemory(apps), FlyScaleMemoryParams(app=APP, memory_mb=512)
    captured = await action.capture(params, call)
    assert captured == {"memory_mb": 256}
    outcome = await action.act(params, call)
    assert outcome.result == {"before": 256, "after": 512}
    assert (await action.act(params, call)).status is OutcomeStatus.ALREADY
    assert (await action.undo(params, call, captured, outcome.applied)).ok
    assert fly.app["memory"] == 256


@pytest.mark.parametrize(
    ("app", "count", "memory", "allowed"),
    [(APP, 5, 512, True), (APP, 6, 1024, False), ("other", 2, 256, False), ("unknown", 2, 256, False)],
)
def test_numbers_keep_to_the_inventory(
    apps: FlyApps, app: str, count: int, memory: int, allowed: bool
) -> None:
    assert (FlyScaleCount(apps).refuse(FlyScaleCountParams(app=app, to=count)) is None) is allowed
    params = FlyScaleMemoryParams(app=app, memory_mb=memory)
    assert (FlyScaleMemory(apps).refuse(params) is None) is allowed


async def test_restarts(apps: FlyApps, fly: FlyState, call: Call) -> None:
    action, params = FlyRestart(apps), FlyRestartParams(app=APP)
    assert await action.probe(params, call, {}) is ProbeAnswer.NOT_DONE
    outcome = await action.act(params, call)
    assert outcome.result == {"machines": 2}
    assert fly.calls("apps") == [["apps", "restart", APP]]
    assert await action.probe(params, call, {}) is ProbeAnswer.DONE
    half = fly.app["machines"]
    half[0]["updated_at"] = "2026-01-01T00:00:00Z"
    fly.change(machines=half)
    assert await action.probe(params, call, {}) is ProbeAnswer.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "status"), [("panic_after", OutcomeStatus.AMBIGUOUS), ("lose_reply", OutcomeStatus.AMBIGUOUS)]
)
async def test_a_restart_that_ends_badly_may_have_happened(
    apps: FlyApps, fly: FlyState, call: Call, kind: str, status: OutcomeStatus
) -> None:
    fly.trouble("apps restart", kind)
    assert (await FlyRestart(apps).act(FlyRestartParams(app=APP), call)).status is status


@pytest.mark.parametrize(
    ("states", "fact"), [(("started", "stopped"), True), (("stopped",), False), ((), False)]
)
async def test_status(apps: FlyApps, fly: FlyState, call: Call, states: tuple[str, ...], fact: bool) -> None:
    fly.change(machines=[{"id": state, "state": state, "updated_at": ""} for state in states])
    outcome = await FlyStatus(apps).act(FlyStatusParams(app=APP), call)
    assert outcome.fact is fact
    assert outcome.result["machines"] == len(states)


async def test_a_status_that_can_not_be_asked_is_no_fact(apps: FlyApps, fly: FlyState, call: Call) -> None:
    fly.trouble("status", "fail")
    outcome = await FlyStatus(apps).act(FlyStatusParams(app=APP), call)
    assert (outcome.status, outcome.fact) == (OutcomeStatus.FAILED, None)


def test_without_a_fly_section_all_is_refused() -> None:
    apps = FlyApps(None, None)
    assert FlyStatus(apps).refuse(FlyStatusParams(app=APP)) == "remediator.yaml has no fly section"
