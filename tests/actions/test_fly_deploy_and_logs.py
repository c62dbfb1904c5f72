from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from remediator.actions.base import Call, FailureReason, OutcomeStatus, ProbeAnswer
from remediator.actions.fly_apps import FlyApps
from remediator.actions.fly_deploy import FlyDeploy, FlyDeployParams
from remediator.actions.fly_logs import FlyLogs, FlyLogsParams, dated_lines
from remediator.clients.fly import FlyClient, image_of
from remediator.clients.process import ProcessRunner
from remediator.clock import SystemClock
from remediator.settings_fly import Fly
from remediator.settings_fly import FlyDeploy as Entry
from tests.stand_ins.fly_state import FlyState

APP = "agente-hotel-api"
STABLE = "registry.fly.io/agente-hotel-api:stable"
CURRENT = "registry.fly.io/agente-hotel-api:deployment-01@sha256:0f3a"


@pytest.fixture
def apps(fly: FlyState, processes: ProcessRunner) -> FlyApps:
    fly.change(image=CURRENT)
    listed: dict[str, Any] = {APP: {"deploy": {"images": [STABLE]}}, "none": {}, "fixed": {}}
    listed["fixed"] = {"deploy": {"current": False, "images": [STABLE]}}
    settings = Fly.model_validate({"command": fly.command, "apps": listed})
    return FlyApps(settings, FlyClient(settings, processes))


@pytest.mark.parametrize(("image", "deployed"), [(None, CURRENT), (STABLE, STABLE)])
async def test_deploys(apps: FlyApps, fly: FlyState, call: Call, image: str | None, deployed: str) -> None:
    action, params = FlyDeploy(apps), FlyDeployParams(app=APP, image=image)
    assert await action.probe(params, call, {}) is ProbeAnswer.UNKNOWN
    outcome = await action.act(params, call)
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert outcome.result == {"before": CURRENT, "image": deployed, "machines": 2}
    assert fly.app["image"] == deployed
    assert fly.calls("deploy") == [["deploy", "--app", APP, "--image", deployed, "--yes"]]
    assert await action.probe(params, call, {}) is ProbeAnswer.DONE
    other = FlyDeployParams(app=APP, image="registry.fly.io/agente-hotel-api:else")
    assert await action.probe(other, call, {}) is ProbeAnswer.UNKNOWN


async def test_several_images_are_not_guessed_from(apps: FlyApps, fly: FlyState, call: Call) -> None:
    fly.change(several_images=True)
    outcome = await FlyDeploy(apps).act(FlyDeployParams(app=APP), call)
    assert outcome.reason is FailureReason.REFUSED
    assert "run 2 images" in outcome.detail
    outcome = await FlyDeploy(apps).act(FlyDeployParams(app=APP, image=STABLE), call)
    assert outcome.result["before"] is None
    fly.change(machines=[])
    assert "run no images" in (await FlyDeploy(apps).act(FlyDeployParams(app=APP), call)).detail


@pytest.mark.parametrize("kind", ["fail", "panic_after", "lose_reply", "hang"])
async def test_one_that_ends_badly_may_have_happened(
    apps: FlyApps, fly: FlyState, call: Call, kind: str
) -> None:
    fly.trouble("deploy", kind)
    brief = replace(call, timeout=timedelta(milliseconds=1500))
    outcome = await FlyDeploy(apps).act(FlyDeployParams(app=APP), brief)
    assert outcome.status is OutcomeStatus.AMBIGUOUS
    assert not FlyDeploy(apps).idempotent_for(FlyDeployParams(app=APP))


async def test_a_look_that_fails_sends_nothing(apps: FlyApps, fly: FlyState, call: Call) -> None:
    fly.trouble("image show", "fail")
    outcome = await FlyDeploy(apps).act(FlyDeployParams(app=APP), call)
    assert outcome.status is OutcomeStatus.FAILED
    assert fly.calls("deploy") == []


@pytest.mark.parametrize(
    ("app", "image", "said"),
    [
        (APP, None, None),
        (APP, STABLE, None),
        (APP, "registry.fly.io/evil:1", "is not one of fly.apps.agente-hotel-api.deploy.images"),
        (APP, "--config=/etc/passwd", "is not one of"),
        (APP, f"{STABLE}\n", "is not one of"),
        ("fixed", None, "fly.apps.fixed.deploy.current in remediator.yaml is false"),
        ("fixed", STABLE, None),
        ("none", None, "fly.apps.none.deploy in remediator.yaml is not there"),
        ("other", None, "has no 'other'"),
    ],
)
def test_keeps_to_the_inventory(apps: FlyApps, app: str, image: str | None, said: str | None) -> None:
    refused = FlyDeploy(apps).refuse(FlyDeployParams(app=app, image=image))
    assert (refused is None) if said is None else (said in str(refused))


@pytest.mark.parametrize("image", ["-x", "--config=x", "", "a b", "a\nb", "a\0b"])
def test_the_inventory_lists_images_and_not_options(image: str) -> None:
    with pytest.raises(ValidationError):
        Entry(images=(image,))


@pytest.mark.parametrize(
    ("row", "image"),
    [
        ({"registry": "r.io", "repository": "a", "tag": "t", "digest": "sha256:1"}, "r.io/a:t@sha256:1"),
        ({"registry": "r.io", "repository": "a", "tag": "t", "digest": ""}, "r.io/a:t"),
        ({"registry": "r.io", "repository": "a", "tag": "", "digest": "sha256:1"}, "r.io/a@sha256:1"),
    ],
)
def test_writes_an_image_as_flyctl_reads_it(row: dict[str, str], image: str) -> None:
    assert image_of(row) == image


def logged(moment: datetime, text: str) -> str:
    stamp = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"\x1b[2m{stamp}\x1b[0m app[m1] \x1b[32mmad\x1b[0m [info]{text}"


async def test_counts_lines_without_waiting_for_more(apps: FlyApps, fly: FlyState, call: Call) -> None:
    now = SystemClock().now().replace(microsecond=0)
    opened = now - timedelta(minutes=3)
    fly.change(
        logs=[
            logged(now - timedelta(hours=1), "Circuit breaker is open"),
            logged(opened, "Circuit breaker is open"),
            "  a line that goes on: Circuit breaker is open",
            logged(now, "GET /pms 429 from 203.0.113.7"),
            logged(now, "Circuit breaker is open"),
        ]
    )
    params = FlyLogsParams.model_validate(
        {
            "app": APP,
            "count": "breaker is open",
            "counts": {"rate": " 429 ", "auth": " 40[13] "},
            "top": {"pattern": "from (\\S+)$", "addresses": True},
        }
    )
    outcome = await FlyLogs(apps, SystemClock()).act(params, call)
    assert (outcome.status, outcome.fact) == (OutcomeStatus.SUCCEEDED, 3)
    assert outcome.result["counts"] == {"rate": 1, "auth": 0}
    assert outcome.result["top"] == [{"value": "203.0.113.7", "count": 1}]
    assert outcome.result["top_values"] == ["203.0.113.7"]
    assert outcome.result["first_at"] == opened.isoformat()
    assert outcome.result["last_at"] == now.isoformat()
    assert outcome.result["complete"] is True
    assert "\x1b" not in str(outcome.result["lines"])
    assert fly.calls("logs") == [["logs", "--app", APP, "--no-tail"]]


async def test_an_empty_log_has_no_first_line(apps: FlyApps, call: Call) -> None:
    outcome = await FlyLogs(apps, SystemClock()).act(FlyLogsParams(app=APP), call)
    assert outcome.fact == 0
    assert outcome.result["first_at"] is None


async def test_a_log_that_can_not_be_read_is_no_fact(apps: FlyApps, fly: FlyState, call: Call) -> None:
    fly.trouble("logs", "fail")
    outcome = await FlyLogs(apps, SystemClock()).act(FlyLogsParams(app=APP), call)
    assert (outcome.status, outcome.fact) == (OutcomeStatus.FAILED, None)
    assert FlyLogs(apps, SystemClock()).refuse(FlyLogsParams(app="other")) is not None


def test_reads_the_times_of_lines() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    text = "first\n2026-01-01T12:00:00Z a\nmore\n2026-01-01T13:00:00.5 b\n2026-99-01T12:00:00Z c\n"
    assert [at for at, _ in dated_lines(text)] == [
        None,
        noon,
        noon,
        noon + timedelta(hours=1, milliseconds=500),
        noon + timedelta(hours=1, milliseconds=500),
    ]
