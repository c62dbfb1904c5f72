"""Chromium at a running server, and what a person would notice: faults, and what is in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.real.require import require
from tests.web.site import Site, token_of

# CI keeps it; it is not part of the sources.
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
# For machines with much else to do; a page that is right takes far less.
_PATIENCE_MS = 90_000
_GRAVE = ("serious", "critical")
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start the Chromium that is installed; Playwright's own is not downloaded."""
    path = require("chromium")
    expect.set_options(timeout=_PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visitor:
    """People at browsers: each has a context of their own, as on a machine of their own."""

    browser: Browser
    faults: list[str] = field(default_factory=list)
    """What consoles complained of: errors, exceptions, violations of the security policy."""
    contexts: list[BrowserContext] = field(default_factory=list)

    async def log_in(self, site: Site, who: str = "root", **device: Any) -> Page:
        """Return a page on which somebody is logged in."""
        page = await self.come(site, **device)
        await page.goto("/login")
        await page.get_by_label("Token").fill(token_of(who))
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url(site.server.url + "/")
        return page

    async def come(self, site: Site, **device: Any) -> Page:
        """Return the page of somebody who is not known yet."""
        context = await self.browser.new_context(base_url=site.server.url, locale="en-GB", **(device or DESK))
        self.contexts.append(context)
        context.set_default_timeout(_PATIENCE_MS)
        page = await context.new_page()
        page.on("console", lambda said: self._note(said.type, said.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        return page

    async def leave(self) -> None:
        """Close everything."""
        for context in self.contexts:
            await context.close()

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(f"{kind}: {text}")


async def barriers(page: Page) -> list[str]:
    """Return the grave faults that keep people from using a page, as axe finds them."""
    found = await Axe().run(page)
    return [
        f"{one['id']} ({one['impact']}): {[node['target'] for node in one['nodes']]}"
        for one in found.response["violations"]
        if one["impact"] in _GRAVE
    ]


async def too_wide(page: Page) -> bool:
    """Tell whether a page has to be scrolled sideways."""
    return bool(
        await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


async def screenshot(page: Page, name: str) -> None:
    """Keep what a page looks like, whole, with no more pixels than it takes to see it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, scale="css")
