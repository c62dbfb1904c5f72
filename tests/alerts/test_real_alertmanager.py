"""What a real Alertmanager sends is read, and its deliveries are taken in by a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from remediator.alerts import Payload
from remediator.engine.intake import Accepted
from remediator.runs.audit import AuditAction, AuditRow
from remediator.store.base import StoreUnavailableError
from remediator.web.services import TakesDeliveries
from tests.real.alertmanager import alertmanager, webhook_config
from tests.web.site import WEBHOOK, Site, site, token_of

pytestmark = pytest.mark.real
LABELS = {"alertname": "Broken", "thing": "a", "odd": "\x00\u202e{{ 7*7 }}\U0001f4a5"}


class Deliveries:
    """Tells of each delivery once it is committed."""

    def __init__(self, served: Site) -> None:
        self._committed: asyncio.Queue[AuditRow] = asyncio.Queue()
        served.world.store.on_commit(self._note)

    def _note(self, rows: Sequence[AuditRow]) -> None:
        for row in rows:
            if row.action == AuditAction.DELIVERY_ACCEPTED:
                self._committed.put_nowait(row)

    async def next(self) -> AuditRow:
        async with asyncio.timeout(90):
            return await self._committed.get()


async def test_an_alert_opens_an_episode_runs_and_closes_it(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        deliveries = Deliveries(served)
        config = webhook_config(served.server.url + WEBHOOK, authorization=token_of("alertmanager"))
        with alertmanager(tmp_path / "alertmanager", config) as real:
            real.fire(LABELS, annotations={"summary": "it is broken"})
            await deliveries.next()
            await served.world.settle()
            (episode,) = (await served.get("/api/v1/episodes"))["items"]
            assert (episode["labels"], episode["state"]) == (LABELS, "open")
            assert episode["annotations"] == {"summary": "it is broken"}
            real.resolve(LABELS)
            await deliveries.next()
        (closed,) = (await served.get("/api/v1/episodes"))["items"]
        assert (closed["id"], closed["state"], closed["close_reason"]) == (
            episode["id"],
            "closed",
            "resolved",
        )
        (run,) = (await served.get("/api/v1/runs"))["items"]
        assert (run["state"], run["target"]) == ("succeeded", "thing/a")


class UnavailableOnce:
    """An intake that can't commit the first time."""

    def __init__(self) -> None:
        self.refused = 0
        self.then: TakesDeliveries | None = None

    async def accept(self, source: str, payload: Payload, origin: str = "webhook") -> Accepted:
        if not self.refused or self.then is None:
            self.refused += 1
            raise StoreUnavailableError("locked")
        return await self.then.accept(source, payload, origin)

    async def refuse(self, source: str, raw: bytes, reason: str) -> None:
        raise AssertionError(reason)


async def test_a_delivery_that_could_not_be_committed_comes_again(tmp_path: Path) -> None:
    intake = UnavailableOnce()
    async with site(tmp_path, stand_ins={"intake": intake}) as served:
        intake.then = served.world.parts.intake
        deliveries = Deliveries(served)
        config = webhook_config(served.server.url + WEBHOOK, authorization=token_of("alertmanager"))
        with alertmanager(tmp_path / "alertmanager", config) as real:
            real.fire(LABELS)
            assert (await deliveries.next()).source == "default"
        assert intake.refused == 1


async def test_basic_authentication_works(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        deliveries = Deliveries(served)
        config = webhook_config(served.server.url + WEBHOOK)
        basic = {"username": "alertmanager", "password": token_of("alertmanager")}
        config["receivers"][0]["webhook_configs"][0]["http_config"] = {"basic_auth": basic}
        with alertmanager(tmp_path / "alertmanager", config) as real:
            real.fire(LABELS)
            await deliveries.next()
