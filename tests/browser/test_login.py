"""Logging in and out in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.browser import PHONE, Visitor, barriers, screenshot, too_wide
from tests.browser.hotel import ASKS, fire
from tests.web.site import site, token_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_link_leads_through_the_login_to_its_page(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        await fire(serving)
        page = await visitor.come(serving)
        await page.goto("/runs/1")
        await expect(page).to_have_url(f"{serving.server.url}/login?next=/runs/1")
        assert await barriers(page) == []
        await screenshot(page, "login")
        await page.get_by_label("Token").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("not a valid token")
        assert await barriers(page) == []
        await page.get_by_label("Token").fill(token_of("ana"))
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{serving.server.url}/runs/1")
        await expect(page.locator("h1")).to_contain_text("awaiting approval")
        visitor.faults.clear()  # the refusal


async def test_who_logs_out_sees_nothing_more(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        page = await visitor.log_in(serving, "ana")
        other = await page.context.new_page()
        await other.goto("/")
        await expect(other.locator("#connection")).to_have_attribute("data-state", "live")
        await page.get_by_role("button", name="Log out").click()
        await expect(page).to_have_url(f"{serving.server.url}/login")
        await expect(other.locator("#connection")).to_contain_text("logged out")
        await other.goto("/runs")
        await expect(other.get_by_label("Token")).to_be_visible()
        visitor.faults.clear()  # the stream that was refused


async def test_it_works_on_a_phone_without_script(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        page = await visitor.come(serving, **PHONE, java_script_enabled=False)
        await page.goto("/runs")
        await screenshot(page, "login-phone")
        await page.get_by_label("Token").fill(token_of("ana"))
        await page.get_by_role("button", name="Log in").tap()
        await expect(page).to_have_url(f"{serving.server.url}/runs")
        await page.get_by_role("button", name="Log out").tap()
        await expect(page.get_by_label("Token")).to_be_visible()


async def test_it_fits_a_phone(visitor: Visitor, tmp_path: Path) -> None:
    async with site(tmp_path, ASKS) as serving:
        page = await visitor.come(serving, **PHONE)
        await page.goto("/login")
        assert not await too_wide(page)
        assert await barriers(page) == []
