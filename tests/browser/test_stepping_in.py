"""Stepping in from the browser: cancel, resume, ask again, acknowledge, and deciding as one of several."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from remediator.actions.base import FailureReason, Outcome, OutcomeStatus
from tests.browser.browser import Visitor, barriers, screenshot
from tests.browser.hotel import ASKS, fire
from tests.engine.world import POLICY
from tests.web.site import payload, site

pytestmark = pytest.mark.asyncio(loop_scope="session")
LOST = Outcome(status=OutcomeStatus.AMBIGUOUS, reason=FailureReason.TIMED_OUT, detail="no answer in time")


async def test_a_person_says_whether_an_unclear_step_was_done(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, POLICY) as serving:
        serving.world.script.outcomes["test.act"] = deque([LOST])
        await serving.deliver(payload())
        page = await visitor.log_in(serving, "olga")
        await page.goto("/")
        await page.locator("#stuck").get_by_role("link", name="Run 1").click()
        await expect(page.locator("#steps")).to_contain_text("no answer in time")
        assert await barriers(page) == []
        await screenshot(page, "run-unclear")
        button = page.get_by_role("button", name="Go on")
        await button.click()
        await expect(page.locator("#as-done:invalid")).to_have_count(1)
        await page.get_by_label("not done: do it again").check()
        await page.locator("#resume-comment").fill("the log shows nothing")
        await button.click()
        await serving.world.settle()
        await expect(page.locator("h1")).to_contain_text("succeeded")
        await expect(page.locator("#timeline")).to_contain_text("the log shows nothing")
        assert len(serving.world.acted("test.act")) == 2


async def test_a_waiting_run_is_cancelled(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        page = await visitor.log_in(serving, "olga")
        await page.goto("/runs/1")
        await expect(page.locator("#decide")).to_contain_text("Only approvers decide")
        await page.get_by_text("Cancel it…").click()
        await page.locator("#cancel-comment").fill("wrong hotel")
        await page.get_by_role("button", name="Cancel the run").click()
        await expect(page.locator("h1")).to_contain_text("cancelled")
        await expect(page.locator("#head")).to_contain_text("wrong hotel")
        await expect(page.locator("#commands")).to_be_empty()


async def test_what_expired_is_asked_again(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        await serving.world.pass_time(timedelta(minutes=31), step=timedelta(minutes=1))
        page = await visitor.log_in(serving, "root")
        await page.goto("/runs/1")
        await expect(page.locator("h1")).to_contain_text("expired")
        await page.get_by_text("Ask again…").click()
        await page.get_by_role("button", name="Ask again").click()
        await expect(page.locator("#decide")).to_contain_text("This would run, exactly")


async def test_an_alert_is_acknowledged(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        page = await visitor.log_in(serving, "olga")
        await page.goto("/runs/1")
        await page.get_by_text("Acknowledge…").click()
        await page.locator("#acknowledge-for-1").select_option("2 hours")
        await page.get_by_role("button", name="I have it").click()
        await expect(page.locator("#firing")).to_contain_text("olga has it")
        [episode] = (await serving.get("/api/v1/episodes"))["items"]
        assert episode["acknowledged_until"] == "2026-01-05T14:00:00Z"


async def test_of_two_who_are_needed_each_decides_once(visitor: Visitor, tmp_path: Path) -> None:
    twice = ASKS.replace("from: [oncall, root]", "from: [oncall, root], count: 2")
    async with site(tmp_path, twice) as serving:
        await fire(serving)
        for who, state in (("ana", "awaiting approval"), ("root", "succeeded")):
            page = await visitor.log_in(serving, who)
            await page.goto("/runs/1")
            await page.get_by_role("button", name="Approve and run").click()
            await serving.world.settle()
            await expect(page.locator("h1")).to_contain_text(state)
            await expect(page.locator("#options")).to_contain_text(f"approved by {who}")
            if who == "ana":
                await expect(page.locator("#decide")).to_contain_text("You have approved this plan")
                await page.goto("/")
                await expect(page.locator("#others")).to_contain_text("You have decided")
        assert serving.world.acted("test.act") == [("test.act", 1)]
