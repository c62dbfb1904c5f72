"""The client against a real Alertmanager, and a real pair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from remediator.clients.alertmanager import ActiveAlert, AlertmanagerClient
from remediator.settings import Source
from tests.real.alertmanager import RealAlertmanager, alertmanager, alertmanager_pair, webhook_config

pytestmark = pytest.mark.real

INHIBIT = {
    "source_matchers": ['alertname="DatabaseDown"'],
    "target_matchers": ['alertname="PMSDown"'],
}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAlertmanager]:
    config = webhook_config("http://127.0.0.1:1/", inhibit_rules=[INHIBIT])
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as running:
        running.fire({"alertname": "Plain"}, annotations={"summary": "s"})
        running.fire({"alertname": "DatabaseDown"}, {"alertname": "PMSDown"}, {"alertname": "Quiet"})
        running.silence(alertname="Quiet")
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def client(session: aiohttp.ClientSession, real: RealAlertmanager) -> AlertmanagerClient:
    return AlertmanagerClient(session, Source.model_validate({"url": real.url}))


def names(alerts: list[ActiveAlert]) -> set[str]:
    return {alert.labels["alertname"] for alert in alerts}


async def test_what_is_silenced_or_inhibited_is_told_apart(
    session: aiohttp.ClientSession, real: RealAlertmanager
) -> None:
    asking = client(session, real)
    firing = await asking.alerts(active=True, silenced=False, inhibited=False)
    assert names(firing) == {"Plain", "DatabaseDown"}
    everything = await asking.alerts(active=True, silenced=True, inhibited=True)
    assert names([alert for alert in everything if alert.suppressed]) == {"PMSDown", "Quiet"}
    plain = next(alert for alert in everything if alert.labels == {"alertname": "Plain"})
    assert plain.annotations == {"summary": "s"}
    assert plain.starts_at < plain.ends_at
    quiet = next(alert for alert in everything if alert.labels == {"alertname": "Quiet"})
    assert len(quiet.silenced_by) == 1


async def test_a_pair_shares_silences(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    with alertmanager_pair(tmp_path) as pair:
        for member in pair:
            member.fire({"alertname": "Plain"})
        pair[0].silence(alertname="Plain")
        other = client(session, pair[1])
        async with asyncio.timeout(90):
            while await other.alerts(active=True, silenced=False, inhibited=False):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
