"""The Alertmanager client: a whole list of alerts, or an error that says why there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from remediator.clients.alertmanager import ActiveAlert, AlertmanagerClient, AlertmanagerError
from remediator.settings import Source
from tests.clients.scripted_api import ScriptedApi, scripted_api

ALERTS = "/prefix/api/v2/alerts"
RAW: dict[str, Any] = {
    "annotations": {"summary": "it is down"},
    "endsAt": "2026-01-05T12:05:00.123Z",
    "fingerprint": "8f2c",
    "receivers": [{"name": "r"}],
    "startsAt": "2026-01-05T13:00:00.123456789+01:00",
    "status": {"inhibitedBy": [], "silencedBy": ["s1"], "mutedBy": [], "state": "suppressed"},
    "updatedAt": "2026-01-05T12:01:00Z",
    "generatorURL": "http://prometheus/graph",
    "labels": {"alertname": "Down"},
}


async def ask(api: ScriptedApi, **source: Any) -> list[ActiveAlert]:
    async with aiohttp.ClientSession() as session:
        settings = Source.model_validate({"url": f"{api.url}/prefix", **source})
        client = AlertmanagerClient(session, settings)
        return await client.alerts(active=True, silenced=False, inhibited=False)


async def test_an_alert_as_alertmanager_has_it() -> None:
    async with scripted_api(ALERTS, payload=[RAW]) as api:
        (alert,) = await ask(api)
    assert alert == ActiveAlert(
        fingerprint="8f2c",
        labels={"alertname": "Down"},
        annotations={"summary": "it is down"},
        starts_at=datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC),
        ends_at=datetime(2026, 1, 5, 12, 5, 0, 123000, tzinfo=UTC),
        updated_at=datetime(2026, 1, 5, 12, 1, tzinfo=UTC),
        generator_url="http://prometheus/graph",
        state="suppressed",
        silenced_by=("s1",),
        inhibited_by=(),
    )
    assert alert.suppressed


@pytest.mark.parametrize(
    ("status", "reply", "error"),
    [
        (500, {"payload": "no"}, "Alertmanager answered 500: no"),
        (401, {"body": "Unauthorized"}, "Alertmanager answered 401 with something that is not JSON"),
        (302, {"payload": {}, "location": "/"}, "Alertmanager answered 302"),
        (200, {"body": "[{"}, "Alertmanager answered 200 with something that is not JSON"),
        (200, {"payload": {"alerts": 1}}, "Alertmanager's list of alerts can't be read"),
        (200, {"payload": None}, "Alertmanager's list of alerts can't be read"),
        (200, {"payload": [RAW, {"fingerprint": "1"}]}, "Alertmanager's list of alerts can't be read"),
        (200, {"payload": [RAW | {"labels": {"a": 1}}]}, "Alertmanager's list of alerts can't be read"),
        (
            200,
            {"payload": [RAW | {"startsAt": "2026-01-05T12:00:00"}]},
            "Alertmanager's list of alerts can't",
        ),
        (200, {"payload": [RAW | {"startsAt": "then"}]}, "Alertmanager's list of alerts can't be read"),
    ],
)
async def test_part_of_a_list_is_never_returned(status: int, reply: dict[str, Any], error: str) -> None:
    async with scripted_api(ALERTS, status=status, **reply) as api:
        with pytest.raises(AlertmanagerError, match=f"^{error}"):
            await ask(api)


async def test_nobody_there() -> None:
    with pytest.raises(AlertmanagerError, match="can't be reached"):
        await ask(ScriptedApi("http://127.0.0.1:1"))


async def test_what_is_asked_and_as_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AM_TOKEN", "t0ken-value")
    async with scripted_api(ALERTS, payload=[]) as api:
        assert await ask(api, auth={"bearer": "env:AM_TOKEN"}) == []
    (request,) = api.requests
    assert request.query == {"active": "true", "silenced": "false", "inhibited": "false"}
    assert request.headers["Authorization"] == "Bearer t0ken-value"
