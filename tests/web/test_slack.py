"""Deciding by a button in Slack: only as signed, only once, only by whom the settings name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from remediator.clients.slack import SlackWebhooks
from remediator.notices.slack_message import AskedPlan, plan_of_value
from tests.engine.world import POLICY
from tests.web.site import Site, payload, site
from tests.web.slack_workspace import SECRET, Workspace, send, signature, workspace

GUARD = "guards: [{approval: {from: [oncall], expires: 30m}}]\n"
USERS = {"U01ANA": "ana", "U02VERA": "vera", "U03GONE": "gone"}


@pytest.fixture
async def slack() -> AsyncIterator[Workspace]:
    async with workspace() as serving:
        yield serving


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)


@asynccontextmanager
async def asking(folder: Path, slack: Workspace, **more: Any) -> AsyncIterator[Site]:
    """Serve a site whose one run waits for approval."""
    settings = {"signing_secret": "env:SLACK_SIGNING_SECRET", "users": USERS, "answers": f"{slack.url}/"}
    async with site(folder, POLICY + GUARD + more.pop("policy", ""), slack={**settings, **more}) as serving:
        await serving.deliver(payload())
        yield serving


async def value_of(serving: Site) -> str:
    """What the buttons of the one run say."""
    run = await serving.world.run()
    return f"{run.id}:{run.plan_hash}"


async def state(serving: Site) -> str:
    return str((await serving.world.run()).state)


async def test_an_approver_approves_by_button(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving:
        reply = await send(serving, slack.pressed(await value_of(serving)))
        assert reply.status == HTTPStatus.OK
        assert await state(serving) == "succeeded"
        answer = await slack.answered()
        assert answer == reply.json
        assert answer["response_type"] == "in_channel"
        assert answer["text"].startswith("Run 1: approved; ")
        votes = [row for row in await serving.audit() if row.action == "approval.voted"]
        assert [(row.actor, "by a button in Slack" in row.detail) for row in votes] == [("ana", True)]


async def test_a_denial_ends_the_run(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving:
        await send(serving, slack.pressed(await value_of(serving), action="deny"))
        assert await state(serving) == "denied"


async def test_the_same_request_again_is_refused(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving:
        body = slack.pressed(await value_of(serving))
        assert (await send(serving, body)).status == HTTPStatus.OK
        again = await send(serving, body)
        assert again.status == HTTPStatus.UNAUTHORIZED
        assert "taken before" in again.json["detail"]


async def test_pressing_again_says_that_it_was_done(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving:
        value = await value_of(serving)
        await send(serving, slack.pressed(value))
        again = await send(serving, slack.pressed(value, trigger_id="4.5.6"))
        assert again.json["response_type"] == "ephemeral"
        assert "you have approved this plan already" in again.json["text"]


@pytest.mark.parametrize("off", [timedelta(minutes=-6), timedelta(minutes=6), timedelta(days=-1)])
async def test_an_old_request_is_refused(tmp_path: Path, slack: Workspace, off: timedelta) -> None:
    async with asking(tmp_path, slack) as serving:
        reply = await send(
            serving, slack.pressed(await value_of(serving)), at=serving.world.clock.now() + off
        )
        assert reply.status == HTTPStatus.UNAUTHORIZED
        assert await state(serving) == "awaiting_approval"


async def test_what_was_taken_stays_refused_until_it_is_too_old(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving:
        body, ahead = slack.pressed("1:ab"), serving.world.clock.now() + timedelta(minutes=4)
        for after, said in ((0, None), (5, "taken before"), (3, "taken before"), (2, "too old")):
            serving.world.clock.jump(timedelta(minutes=after))
            reply = await send(serving, body, at=ahead)
            assert reply.status == (HTTPStatus.UNAUTHORIZED if said else HTTPStatus.OK), after
            assert said is None or said in reply.json["detail"]


@pytest.mark.parametrize("fault", ["other_secret", "other_body", "none", "not_ascii", "v1"])
async def test_a_wrong_signature_is_refused(tmp_path: Path, slack: Workspace, fault: str) -> None:
    async with asking(tmp_path, slack) as serving:
        body = slack.pressed(await value_of(serving))
        timestamp = int(serving.world.clock.now().timestamp())
        wrong = {
            "other_secret": signature(body, timestamp, "another secret"),
            "other_body": signature(body + b"&x=1", timestamp),
            "none": "",
            "not_ascii": "v0=\u00e9",
            "v1": signature(body, timestamp).replace("v0=", "v1="),
        }
        reply = await send(serving, body, signed=wrong[fault])
        assert reply.status == HTTPStatus.UNAUTHORIZED
        assert await state(serving) == "awaiting_approval"
        assert slack.answers == []


@pytest.mark.parametrize("timestamp", ["", "now", "1e3", "-5", "9" * 400, "\u0661\u0662"])
async def test_a_timestamp_that_is_none_is_refused(tmp_path: Path, slack: Workspace, timestamp: str) -> None:
    async with asking(tmp_path, slack) as serving:
        headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": "v0=0"}
        reply = await serving.ask("POST", "/slack/actions", who=None, body=b"payload={}", headers=headers)
        assert reply.status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("user", ["U09NOBODY", "U03GONE", "<!channel>"])
async def test_whom_the_settings_do_not_name_decides_nothing(
    tmp_path: Path, slack: Workspace, user: str
) -> None:
    async with asking(tmp_path, slack) as serving:
        reply = await send(serving, slack.pressed(await value_of(serving), user=user))
        assert reply.status == HTTPStatus.OK
        assert reply.json["response_type"] == "ephemeral"
        assert "does not know you" in reply.json["text"]
        assert "<" not in reply.json["text"]
        assert await state(serving) == "awaiting_approval"


async def test_a_viewer_decides_nothing(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving:
        reply = await send(serving, slack.pressed(await value_of(serving), user="U02VERA"))
        assert "only approvers decide" in reply.json["text"]
        assert await state(serving) == "awaiting_approval"


async def test_another_plan_than_the_one_that_waits_is_not_approved(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving:
        reply = await send(serving, slack.pressed("1:" + "0" * 64))
        assert "the plan is another one by now" in reply.json["text"]
        assert await state(serving) == "awaiting_approval"


async def test_too_late_is_too_late(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving:
        value = await value_of(serving)
        await serving.world.pass_time(timedelta(minutes=31), step=timedelta(minutes=1))
        reply = await send(serving, slack.pressed(value))
        assert "expired" in reply.json["text"]
        assert await state(serving) == "expired"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload=[]",
        b"payload={}",
        b"\xff\xfe",
        b"&".join(b"a=%d" % number for number in range(50)),
    ],
)
async def test_what_is_no_button_is_refused(tmp_path: Path, slack: Workspace, body: bytes) -> None:
    async with asking(tmp_path, slack) as serving:
        assert (await send(serving, body)).status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("changes", [{"value": "1"}, {"action": "cancel"}, {"value": "1:ab\n"}])
async def test_nor_is_another_button(tmp_path: Path, slack: Workspace, changes: dict[str, str]) -> None:
    async with asking(tmp_path, slack) as serving:
        value = changes.pop("value", await value_of(serving))
        reply = await send(serving, slack.pressed(value, **changes))
        assert reply.status == HTTPStatus.BAD_REQUEST
        assert await state(serving) == "awaiting_approval"


async def test_a_large_body_is_refused_unread(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving:
        reply = await send(serving, b"payload=" + b"x" * 300_000)
        assert reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


async def test_nobody_but_slack_is_answered(tmp_path: Path, slack: Workspace) -> None:
    async with asking(tmp_path, slack) as serving, workspace() as elsewhere:
        body = slack.pressed(await value_of(serving), response_url=f"{elsewhere.url}/actions/x")
        assert (await send(serving, body)).status == HTTPStatus.OK
    assert elsewhere.answers == slack.answers == []


async def test_an_answer_that_slack_does_not_take_changes_nothing(tmp_path: Path, slack: Workspace) -> None:
    slack.status = 500
    async with asking(tmp_path, slack) as serving:
        await send(serving, slack.pressed(await value_of(serving)))
        await slack.answered()
        assert await state(serving) == "succeeded"


async def test_where_it_is_not_configured_there_is_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as serving:
        assert (await send(serving, b"payload={}")).status == HTTPStatus.NOT_FOUND


async def test_without_its_secret_nothing_is_taken(
    tmp_path: Path, slack: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asking(tmp_path, slack) as serving:
        monkeypatch.delenv("SLACK_SIGNING_SECRET")
        reply = await send(serving, slack.pressed(await value_of(serving)))
        assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert await state(serving) == "awaiting_approval"


async def test_the_message_with_buttons_leads_to_the_decision(
    tmp_path: Path, slack: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK", f"{slack.url}/services/T1/B2/secret")
    tell = "notify: {channel: incidents, on: [awaiting_approval]}\n"
    settings = {
        "signing_secret": "env:SLACK_SIGNING_SECRET",
        "users": USERS,
        "webhooks": {"incidents": "env:SLACK_WEBHOOK"},
        "answers": f"{slack.url}/",
    }
    async with site(
        tmp_path,
        POLICY + GUARD + tell,
        slack=settings,
        channels={"incidents": ["env:UNSET_URL"]},
        server={"public_url": "https://remediator.example"},
        buttons=SlackWebhooks(),
    ) as serving:
        await serving.deliver(payload())
        (message,) = slack.messages
        header, section, actions = message["blocks"]
        assert header["text"]["text"] == "Broken: your approval is asked for thing/a"
        assert "https://remediator.example/runs/1" in section["text"]["text"]
        approve, deny = actions["elements"]
        assert (approve["action_id"], deny["action_id"]) == ("approve", "deny")
        assert approve["value"] == deny["value"] == await value_of(serving)
        await send(serving, slack.pressed(approve["value"], action=approve["action_id"]))
        assert await state(serving) == "succeeded"


@pytest.mark.parametrize(
    ("value", "plan"),
    [
        ("7:ab12", AskedPlan(7, "ab12")),
        ("7:AB12", None),
        ("7:", None),
        (":ab", None),
        ("-7:ab", None),
        ("7:ab:c", None),
        ("9" * 30 + ":ab", None),
    ],
)
def test_a_buttons_value_names_a_run_and_a_plan(value: str, plan: AskedPlan | None) -> None:
    assert plan_of_value(value) == plan
