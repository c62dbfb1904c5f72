"""Audit, Why and Policies in a real Chromium: searched, exported, on a phone, and a policy run by hand."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from remediator.runs.states import RunState
from tests.browser.browser import DESK, PHONE, Visitor, barriers, screenshot, too_wide
from tests.browser.hotel import ASKS, fire
from tests.engine.world import POLICY
from tests.store.samples import run
from tests.web.site import Site, alert, payload, site
from tests.web.test_audit import write

pytestmark = pytest.mark.asyncio(loop_scope="session")

COOLING = POLICY.replace("policy: fix", "policy: fix\ndescription: Puts it right again.") + (
    "guards: [{cooldown: {for: 1h}}]\n"
)
BREAKING = POLICY + "guards: [{failure_breaker: {failures: 1, per: 1h, cool_off: 6h}}]\n"
PAGES = (
    "/audit",
    "/audit/3",
    "/audit?q=nothing+here",
    "/why",
    "/why?policy=fix",
    "/policies",
    "/policies/fix",
)


async def some_days(serving: Site) -> None:
    """Let some weeks of runs be on record, and one alert that is blocked now."""
    now = serving.services.clock.now()
    for day in range(28):
        for number in range(1 + day % 4):
            state = RunState.FAILED if (day + number) % 5 == 0 else RunState.SUCCEEDED
            at = now - timedelta(days=day)
            record = run(policy="fix", state=state, created_at=at, started_at=at, finished_at=at)
            await serving.world.store.write(lambda tx, record=record: tx.add(record))  # type: ignore[misc]
    await serving.world.fire(thing="a")
    await serving.world.resolve(thing="a")
    await serving.world.fire(fingerprint="f2", thing="a")
    await serving.world.fire("Unheard", fingerprint="f3", severity="page")


async def test_the_log_is_searched_narrowed_and_exported(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        for number in range(120):
            await write(serving, f"needle {number}", actor="ana" if number % 2 else "olga")
        page = await visitor.log_in(serving, "vera")
        await page.goto("/audit")
        await expect(page.locator("main")).to_contain_text("chain whole")
        await screenshot(page, "audit")
        await page.get_by_label("Words that must be in it").fill("needle")
        await page.keyboard.press("Enter")
        await expect(page.locator("tbody tr")).to_have_count(50)
        await page.get_by_role("link", name="Older").click()
        await page.get_by_role("link", name="Older").click()
        await expect(page.locator("tbody tr")).to_have_count(20)
        await page.get_by_role("link", name="Newest").click()
        await page.get_by_text("Filters and time range").click()
        await page.get_by_label("By whom").fill("olga")
        await page.get_by_role("button", name="Search").click()
        await expect(page.locator("tbody")).not_to_contain_text("ana")
        await page.get_by_text("Filters and time range").click()
        await screenshot(page, "audit-filtered")
        async with page.expect_download() as taking:
            await page.get_by_role("link", name="Export as CSV").click()
        file = tmp_path / "export.csv"
        await (await taking.value).save_as(file)
        with file.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert len(rows) == 60
        assert {row["actor"] for row in rows} == {"olga"}
        await page.locator("tbody a").first.click()
        await expect(page.locator("main")).to_contain_text("Its contents give its hash")
        await screenshot(page, "audit-row")


async def test_it_is_told_why_nothing_happened(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, COOLING) as serving:
        await some_days(serving)
        page = await visitor.log_in(serving, "vera")
        await page.goto("/why")
        await expect(page.locator("main")).to_contain_text("it acted too short a time ago")
        await expect(page.locator("main")).to_contain_text("No policy matches this alert's labels")
        await screenshot(page, "why")
        await page.get_by_label("Alert").fill("Unheard")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator(".items > li")).to_have_count(1)


async def test_a_policy_is_read_and_run_by_hand(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, COOLING) as serving:
        await some_days(serving)
        page = await visitor.log_in(serving, "olga")
        await page.goto("/policies")
        await expect(page.locator("svg.spark")).to_be_visible()
        await screenshot(page, "policies")
        await page.get_by_role("link", name="fix").click()
        assert await page.locator(".yaml .nt").first.evaluate("e => getComputedStyle(e).fontWeight") == "600"
        await screenshot(page, "policy")
        await page.get_by_role("button", name="Show the plan").click()
        await expect(page.locator("main")).to_contain_text("test.act")
        await expect(page.locator("main")).to_contain_text("cooldown")
        assert await barriers(page) == []
        await screenshot(page, "policy-plan")
        before = len(await serving.world.runs())
        await page.get_by_role("button", name="Run it").click()  # not without saying why and that it is meant
        assert len(await serving.world.runs()) == before
        await page.get_by_label("Why").fill("a drill")
        await page.get_by_label("Run it against these guards").check()
        await page.get_by_label("Yes, do exactly this now").check()
        await page.get_by_role("button", name="Run it").click()
        await serving.world.settle()
        await expect(page.locator("h1")).to_contain_text("succeeded")
        await expect(page.locator("main")).to_contain_text("olga")


async def test_an_open_failure_breaker_is_closed(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, BREAKING) as serving:
        now = serving.services.clock.now()
        record = run(policy="fix", state=RunState.FAILED, created_at=now, started_at=now, finished_at=now)
        await serving.world.store.write(lambda tx: tx.add(record))
        page = await visitor.log_in(serving, "olga")
        await page.goto("/policies/fix")
        await expect(page.locator("main")).to_contain_text("Its failure breaker is open")
        await screenshot(page, "policy-opened")
        await page.get_by_text("Close it now…").click()
        await page.get_by_role("button", name="Close the failure breaker").click()
        await expect(page.locator("main")).not_to_contain_text("failure breaker is open")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desk", "phone"])
async def test_everybody_can_use_them(visitor: Visitor, tmp_path: Path, scheme: str, device: str) -> None:
    async with site(tmp_path, COOLING) as serving:
        await some_days(serving)
        shape: dict[str, Any] = PHONE if device == "phone" else DESK
        page = await visitor.log_in(serving, "olga", color_scheme=scheme, **shape)
        for path in PAGES:
            await page.goto(path)
            assert await barriers(page) == [], path
            assert not await too_wide(page), path
        if device == "phone":
            await shots(page, f"phone-{scheme}")
        elif scheme == "dark":
            await shots(page, "dark")


async def shots(page: Page, ending: str) -> None:
    for name, path in (
        ("audit", "/audit"),
        ("why", "/why"),
        ("policies", "/policies"),
        ("policy", "/policies/fix"),
    ):
        await page.goto(path)
        await screenshot(page, f"{name}-{ending}")


async def test_they_work_without_script(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, COOLING) as serving:
        await some_days(serving)
        page = await visitor.log_in(serving, "vera", java_script_enabled=False, **DESK)
        await page.goto("/audit?q=Unheard")
        await expect(page.locator("tbody tr").first).to_contain_text("UTC")
        await page.goto("/policies")
        await expect(page.locator("tbody")).to_contain_text("enforce")


async def test_hostile_names_are_inert(visitor: Visitor, tmp_path: Path) -> None:
    evil = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>\u202e"
    async with site(tmp_path, POLICY, server={"body_limit": 16 * 1024 * 1024}) as serving:
        labels = {"alertname": evil, "long": "x" * 1024 * 1024, "link": "javascript:alert(1)"}
        await serving.deliver(payload(alert(labels=labels)))
        await write(serving, evil, actor=evil, policy=evil, target=evil)
        page = await visitor.log_in(serving, "vera")
        for path in ("/audit", "/audit/1", "/why", "/audit?q=script"):
            await page.goto(path)
            assert "owned" not in await page.title()
            assert await page.locator("main script, main img").count() == 0
            assert await page.locator("[href^=javascript], [onclick], [onerror]").count() == 0
            content = await page.content()
            assert len(content) < 500_000
            assert "\u202e" not in content
