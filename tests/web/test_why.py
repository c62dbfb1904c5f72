"""The page Why nothing happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from remediator.runs.reasons import Outcome, Reason
from remediator.runs.records import HoldScope
from remediator.settings import Role
from remediator.web.pages.reasons import OUTCOMES, REASONS, sentence
from tests.engine.world import POLICY, person
from tests.web.site import Site, site
from tests.web.test_audit import HOSTILE, page

COOLING = POLICY + "guards: [{cooldown: {for: 1h}}]\n"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Site]:
    """Serve a policy that acts once an hour."""
    async with site(tmp_path, COOLING) as serving:
        yield serving


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_said_in_words(reason: Reason) -> None:
    assert "_" not in REASONS[reason]


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_a_sentence(outcome: Outcome) -> None:
    assert OUTCOMES[outcome]
    assert sentence(outcome, None).endswith(".")


async def test_the_guard_that_blocked_first_is_named_with_its_words(served: Site) -> None:
    await served.world.fire()
    await served.world.pass_time(timedelta(minutes=1))
    await served.world.resolve()
    await served.world.fire(fingerprint="f2")
    html = await page(served, "/why")
    assert "Nothing was done: it acted too short a time ago." in html
    assert "Blocked first by the guard <strong><bdi>cooldown</bdi></strong>" in html
    assert "Looked at again" in html
    for path in ("/why?policy=fix", "/why?alertname=Broken&policy=", "/why?episode_id=2"):
        assert "acted too short a time ago" in await page(served, path)


async def test_an_alert_that_no_policy_matches_is_told_with_its_labels(served: Site) -> None:
    await served.world.fire("Unknown", severity="page")
    html = await page(served, "/why")
    assert "No policy matches this alert&#39;s labels" in html
    assert "severity" in html


async def test_a_hold_is_the_reason_while_it_stands(served: Site) -> None:
    await served.world.parts.holds.add(
        scope=HoldScope.ALL, value="", reason="Friday", duration=None, actor=person("olga", Role.OPERATOR)
    )
    await served.world.fire()
    html = await page(served, "/why?policy=fix")
    assert "a person has put a hold on it" in html
    assert "Friday" in html


async def test_decisions_are_paged(served: Site) -> None:
    for number in range(4):
        await served.world.fire("Unknown", fingerprint=f"u{number}")
    first = await page(served, "/why?alertname=Unknown&limit=3")
    assert first.count("No policy matches") == 3
    assert 'rel="next"' in first
    assert 'rel="next"' not in await page(served, "/why?alertname=Unknown&limit=4")


async def test_nothing_to_tell_is_said(served: Site) -> None:
    assert "Everything that fires is being dealt with, or nothing fires." in await page(served, "/why")
    assert "Nothing was ever decided about that" in await page(served, "/why?policy=other")
    assert "limit" in await page(served, "/why?limit=0", status=HTTPStatus.BAD_REQUEST)


async def test_hostile_labels_do_nothing(served: Site) -> None:
    await served.world.fire(HOSTILE, evil=HOSTILE)
    html = await page(served, "/why")
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "\u202e" not in html


async def test_the_page_is_for_viewers(served: Site) -> None:
    assert (await served.ask("GET", "/why", who="nobody")).status == HTTPStatus.FORBIDDEN
