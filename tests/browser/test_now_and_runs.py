"""Now and Run in a real Chromium: what on-call sees and does, live."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from remediator.reports.writer import Reports
from remediator.settings import Mode
from tests.browser.browser import DESK, PHONE, Visitor, barriers, screenshot, too_wide
from tests.browser.drawn import Drawn, Pool
from tests.browser.hotel import ASKS, LEASES, fire
from tests.engine.world import POLICY
from tests.web.site import alert, payload, site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def open_run(page: Page) -> None:
    await page.goto("/")
    await page.get_by_role("link", name="Look at the plan").click()


async def test_an_alert_arrives_is_approved_and_is_seen_to_succeed(visitor: Visitor, tmp_path: Path) -> None:
    drawn = Drawn()
    async with site(tmp_path, ASKS, stand_ins={"reports": drawn}) as serving:
        drawn.reports = Reports(serving.world.store, Pool(serving), tmp_path)
        page = await visitor.log_in(serving, "ana")
        await page.goto("/")
        await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        await expect(page.locator("#firing")).to_contain_text("Nothing fires.")
        await screenshot(page, "now-empty")
        await fire(serving)
        await expect(page.locator("#firing")).to_contain_text("Broken")
        await expect(page.locator("#mine")).to_contain_text("Waits for you")
        await expect(page).to_have_title(re.compile(r"^\(1\) Now"))
        assert await barriers(page) == []
        await screenshot(page, "now-waiting")
        await page.get_by_role("link", name="Look at the plan").click()
        await expect(page.locator("#decide dl")).to_contain_text("40")
        await expect(page.locator("#decide dl")).to_contain_text("not known: no such look")
        hash_shown = await page.locator("#decide code").last.text_content()
        assert hash_shown == (await serving.world.run()).plan_hash
        assert await barriers(page) == []
        await screenshot(page, "run-waiting")
        serving.world.clock.jump(timedelta(minutes=4))
        await page.get_by_label("Comment").fill("looks right")
        await page.get_by_role("button", name="Approve and run").click()
        await serving.world.settle()
        await expect(page.locator("h1")).to_contain_text("succeeded")
        await expect(page.locator("#options")).to_contain_text("looks right")
        await expect(page.locator("#verification")).to_contain_text("held")
        plot = page.locator(".plot")
        await plot.scroll_into_view_if_needed()
        assert (
            await plot.evaluate("async image => { await image.decode(); return image.naturalHeight }") > 100
        )
        assert await barriers(page) == []
        await screenshot(page, "run-succeeded")
        await page.get_by_role("link", name="Report", exact=True).click()
        await expect(page.locator("pre")).to_contain_text("Timeline")
        await page.goto("/runs?state=succeeded&policy=")
        await expect(page.locator("main")).to_contain_text("pms-restart")
        assert await barriers(page) == []
        await screenshot(page, "runs")


async def test_a_list_takes_in_new_runs(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        page = await visitor.log_in(serving, "vera")
        await page.goto("/runs")
        await expect(page.locator("#found")).to_contain_text("There has been no run yet")
        await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        await fire(serving)
        await expect(page.locator("#found")).to_contain_text("pms-restart")


async def test_a_run_changes_on_an_open_page(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        page = await visitor.log_in(serving, "olga")
        await page.goto("/runs/1")
        await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        await page.get_by_text("Cancel it…").click()
        await page.locator("#cancel-comment").fill("half a thought")
        given = {"plan_hash": (await serving.world.run()).plan_hash}
        await serving.post("/api/v1/runs/1/approve", given, who="ana")
        await serving.world.settle()
        await expect(page.locator("h1")).to_contain_text("succeeded")


async def test_what_is_being_typed_outlives_news(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        page = await visitor.log_in(serving, "ana")
        await page.goto("/runs/1#decide")
        await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        await page.get_by_label("Comment").fill("half a thought")
        await page.locator("#decisions summary").first.click()
        await serving.post("/api/v1/episodes/1/acknowledge", {}, who="olga")
        await expect(page.locator("#alerts")).to_contain_text("olga has it")
        await expect(page.get_by_label("Comment")).to_have_value("half a thought")


async def test_no_other_plan_is_slipped_under_the_buttons(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        page = await visitor.log_in(serving, "ana")
        await page.goto("/runs/1")
        await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        # As if this page had been opened on an earlier plan.
        await page.locator("#decide").evaluate("section => { section.dataset.bound = 'another hash' }")
        await serving.post("/api/v1/episodes/1/acknowledge", {}, who="olga")
        await expect(page.locator("#decide")).to_contain_text("This has changed since you opened the page")
        await expect(page.get_by_role("button", name="Approve and run")).to_be_disabled()
        await page.get_by_role("link", name="Look at it anew").click()
        await expect(page.get_by_role("button", name="Approve and run")).to_be_enabled()


async def test_news_without_end_do_not_keep_a_page_old(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        page = await visitor.log_in(serving, "vera")
        await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        await fire(serving)
        for _ in range(1000):
            await serving.post("/api/v1/episodes/1/acknowledge", {}, who="olga")
            if await page.locator("#firing").get_by_text("olga has it").count():
                break
        else:
            pytest.fail("the page waited for the news to end")


async def test_everything_is_held_and_let_go_on(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        page = await visitor.log_in(serving, "olga")
        await page.goto("/")
        await page.get_by_text("Hold everything…").click()
        button = page.get_by_role("button", name="Hold everything")
        await button.click()
        await expect(page.locator("#hold-reason:invalid")).to_be_visible()
        await page.get_by_label("Reason").fill("release in progress")
        await button.click()
        await expect(page.locator("#hold-sure:invalid")).to_have_count(1)
        await page.get_by_label("Yes, stop all automation now").check()
        await screenshot(page, "hold-everything")
        await button.click()
        await expect(page.locator("#holds")).to_contain_text("release in progress")
        await expect(page.locator("#holds")).to_contain_text(re.compile(r"in (2h|1h5)"))
        assert await barriers(page) == []
        await fire(serving)
        await expect(page.locator("#firing")).to_contain_text("Broken")
        await expect(page.locator("#firing")).to_contain_text("held")
        await expect(page.get_by_role("link", name="Why nothing is done about it")).to_be_visible()
        await screenshot(page, "now-held")
        await page.get_by_role("button", name="Remove this hold").click()
        await expect(page.locator("#holds")).to_be_empty()


async def test_changes_for_a_time_count_down_and_are_undone_by_hand(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, LEASES) as serving:
        await serving.deliver(payload(alert(labels={"alertname": "Slow"})))
        page = await visitor.log_in(serving, "olga")
        await page.goto("/")
        await expect(page.locator("#degraded")).to_contain_text(re.compile(r"ends in (2h|1h5)"))
        await page.locator("#degraded").get_by_role("link", name="Run 1").click()
        await screenshot(page, "run-leased")
        assert await barriers(page) == []
        await page.get_by_text("Undo its changes now…").click()
        await page.get_by_role("button", name="Undo now").click()
        await serving.world.settle()
        await expect(page.locator("h1")).to_contain_text("reverted")
        assert serving.world.script.values["b"] == 1


async def test_two_approvers_at_once_are_one_run(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        # Without script both still see the question, whatever the other one does.
        still = {"java_script_enabled": False}
        first = await visitor.log_in(serving, "ana", **still)
        second = await visitor.log_in(serving, "root", **still)
        for page in (first, second):
            await page.goto("/runs/1")
        for page in (first, second):
            await page.get_by_role("button", name="Approve and run").click(no_wait_after=True)
        await expect(first.locator("h1")).to_be_visible()
        await expect(second.locator("h1")).to_be_visible()
        await serving.world.settle()
        assert serving.world.acted("test.act") == [("test.act", 1)]
        visitor.faults.clear()  # a refusal may be the one's answer
        assert len(await serving.world.runs()) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone(visitor: Visitor, tmp_path: Path, scheme: str) -> None:
    async with site(tmp_path, ASKS, LEASES) as serving:
        await fire(serving)
        await serving.deliver(payload(alert(labels={"alertname": "Slow"}, fingerprint="f2")))
        page = await visitor.log_in(serving, "root", color_scheme=scheme, **PHONE)
        for path, name in (("/", "now"), ("/runs/1", "run"), ("/runs", "runs")):
            await page.goto(path)
            assert not await too_wide(page)
            assert await barriers(page) == []
            await screenshot(page, f"phone-{name}-{scheme}")


async def test_it_is_used_without_a_mouse(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        page = await visitor.log_in(serving, "ana")
        await page.goto("/runs/1")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        for _ in range(60):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement.id") == "approve":
                break
        await page.keyboard.press("Enter")
        await serving.world.settle()
        await expect(page.locator("h1")).to_contain_text("succeeded")


async def test_it_works_without_script(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        page = await visitor.log_in(serving, "ana", java_script_enabled=False, **DESK)
        await open_run(page)
        await page.get_by_role("button", name="Deny").click()
        await expect(page.locator("h1")).to_contain_text("denied")
        await expect(page.locator("#timeline")).to_contain_text("UTC")


async def test_a_lost_connection_is_told(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        page = await visitor.log_in(serving, "vera")
        await page.goto("/")
        light = page.locator("#connection")
        await expect(light).to_have_attribute("data-state", "live")
        await page.context.set_offline(True)
        await expect(light).to_have_attribute("data-state", "lost")
        await screenshot(page, "now-lost")
        await fire(serving)
        await page.context.set_offline(False)
        await expect(light).to_have_attribute("data-state", "live")
        await expect(page.locator("#firing")).to_contain_text("Broken")
        visitor.faults.clear()


HOSTILE = {
    "script": "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>",
    "turned": "safe \u202eevil\u202c \u200bhidden\x00",
    "long": "x" * 1024 * 1024,
    "quote": "\"><form action='https://evil.example'><button>",
}


async def test_hostile_labels_are_inert(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, POLICY, server={"body_limit": 16 * 1024 * 1024}) as serving:
        hostile: dict[str, Any] = alert(
            labels={"alertname": "Broken", **HOSTILE},
            annotations={"summary": "<b onclick=alert(1)>click</b>", "link": "javascript:alert(1)"},
            generatorURL="javascript:alert(document.domain)",
        )
        await serving.deliver(payload(hostile))
        assert await serving.world.runs()
        page = await visitor.log_in(serving)
        for path in ("/", "/runs/1", "/runs", "/runs/1/report"):
            await page.goto(path)
            assert "owned" not in await page.title()
            assert await page.locator("main script, main img:not(.plot), form[action^=https]").count() == 0
            assert await page.locator("[href^=javascript], [onclick], [onerror]").count() == 0
            content = await page.content()
            assert len(content) < 500_000
            assert not set("\u202e\u200b\x00") & set(content)
        await page.goto("/runs/1")
        await screenshot(page, "run-hostile")


async def test_faults_are_pages_too(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, POLICY, mode=Mode.SHADOW) as serving:
        page = await visitor.log_in(serving, "vera")
        reply = await page.goto("/runs/77")
        assert reply is not None
        assert reply.status == 404
        await expect(page.locator("main")).to_contain_text("there is no run 77")
        assert await barriers(page) == []
        await page.get_by_role("link", name="Back").click()
        await expect(page.locator("#notices")).to_contain_text("shadow")
        visitor.faults.clear()
