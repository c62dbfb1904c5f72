"""Requests for approval go to Slack's webhook with buttons, where one is given; everything else as ever."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from remediator.clients.errors import ClientError, Fault
from tests.engine.conftest import Begin
from tests.engine.test_news import CHANNELS, INCIDENTS, TELL, Postbox
from tests.engine.world import ANA, POLICY, World

GUARD = "guards: [{approval: {from: [oncall], expires: 30m}}]\n"
SLACK = {"signing_secret": "env:S", "users": {"U01": "ana"}, "webhooks": {"incidents": "env:WEBHOOK"}}
SETTINGS: dict[str, Any] = {**CHANNELS, "slack": SLACK}


class Buttons:
    """Keeps what it is given; it can be dead."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.dead = False

    async def ask(self, reference: str, message: Mapping[str, Any]) -> None:
        if self.dead:
            raise ClientError(Fault.REFUSED, "Slack answered 500")
        self.asked.append((reference, message))


async def approve(world: World) -> None:
    run = await world.run()
    assert run.plan_hash is not None
    await world.parts.approvals.vote(run.id, plan_hash=run.plan_hash, actor=ANA, approve=True, comment="")
    await world.settle()


async def test_only_the_request_comes_with_buttons(begin: Begin) -> None:
    post, buttons = Postbox(), Buttons()
    world = await begin(POLICY + GUARD + TELL, sender=post, buttons=buttons, **SETTINGS)
    await world.fire()
    assert [reference for reference, _ in buttons.asked] == ["env:WEBHOOK"]
    assert post.sent[INCIDENTS] == []
    await approve(world)
    assert len(buttons.asked) == 1
    assert len(post.sent[INCIDENTS]) == 2


async def test_a_webhook_that_refuses_is_tried_again(begin: Begin) -> None:
    buttons = Buttons()
    world = await begin(POLICY + GUARD + TELL, sender=Postbox(), buttons=buttons, **SETTINGS)
    buttons.dead = True
    await world.fire()
    buttons.dead = False
    await world.pass_time(timedelta(seconds=10))
    assert len(buttons.asked) == 1


async def test_without_a_webhook_for_the_channel_it_goes_where_it_went(begin: Begin) -> None:
    post, buttons = Postbox(), Buttons()
    slack = {**SLACK, "webhooks": {"hotel": "env:WEBHOOK"}}
    world = await begin(POLICY + GUARD + TELL, sender=post, buttons=buttons, **{**SETTINGS, "slack": slack})
    await world.fire()
    assert buttons.asked == []
    assert len(post.sent[INCIDENTS]) == 1
