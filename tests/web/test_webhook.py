"""The webhook: each reply is what makes Alertmanager do the right thing."""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from remediator.alerts import Payload
from remediator.engine.intake import Accepted
from remediator.runs.audit import AuditAction
from remediator.runs.episodes import Delivery, Episode, Quarantined, Receipt
from remediator.store.base import Filter, StoreUnavailableError
from tests.web.site import WEBHOOK, Site, alert, bearer, payload, site

DEEP = b"[" * 100_000
MANY_DIGITS = b'{"version":"4","alerts":[],"truncatedAlerts":' + b"9" * 5000 + b"}"


@pytest.mark.parametrize("path", [WEBHOOK, f"{WEBHOOK}/", f"{WEBHOOK}/default", f"{WEBHOOK}/default/"])
async def test_a_delivery_is_committed_before_200(served: Site, path: str) -> None:
    reply = await served.ask("POST", path, who="alertmanager", body=payload())
    assert reply.status == HTTPStatus.OK
    found = await served.world.store.read(
        lambda reads: [len(reads.select(kind, Filter())) for kind in (Delivery, Receipt, Episode)]
    )
    assert found == [1, 1, 1]


async def test_a_delivery_becomes_a_run(served: Site) -> None:
    await served.deliver(payload())
    assert [run.state for run in await served.world.runs()] == ["succeeded"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"version":"4","alerts":[NaN]}', "not_json"),
        (MANY_DIGITS, "not_json"),
        (DEEP, "too_deep"),
        (b"[]", "not_an_object"),
        (b'{"version":"4","version":"4","alerts":[]}', "duplicate_keys"),
        (b'{"version":"3","alerts":[]}', "wrong_version"),
        (b'{"version":"4","alerts":{}}', "alerts_not_a_list"),
    ],
)
async def test_what_is_no_payload_is_kept_aside_and_noted(served: Site, body: bytes, reason: str) -> None:
    reply = await served.deliver(body)
    assert reply.status == HTTPStatus.BAD_REQUEST
    kept = await served.world.store.read(lambda reads: reads.select(Quarantined, Filter()))
    assert [entry.reason for entry in kept] == [reason]
    assert [row.action for row in await served.audit()] == [AuditAction.DELIVERY_REFUSED]


async def test_a_packed_body_is_never_unpacked(served: Site) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    reply = await served.ask(
        "POST", WEBHOOK, who="alertmanager", body=bomb, headers={"Content-Encoding": "gzip"}
    )
    assert reply.status == HTTPStatus.BAD_REQUEST
    kept = await served.world.store.read(lambda reads: reads.select(Quarantined, Filter()))
    assert [entry.reason for entry in kept] == ["content_encoding"]


async def test_a_bad_alert_does_not_drop_its_siblings(served: Site) -> None:
    half_a_pair = alert(labels={"alertname": "Broken", "name": "\ud800"}, fingerprint="f2")
    reply = await served.deliver(payload(half_a_pair, 5, alert()))
    assert reply.status == HTTPStatus.OK
    episodes = await served.world.store.read(lambda reads: reads.select(Episode, Filter()))
    assert [episode.fingerprint for episode in episodes] == ["f1"]
    kept = await served.world.store.read(lambda reads: reads.select(Quarantined, Filter()))
    assert sorted(entry.alert_index or 0 for entry in kept) == [0, 1]


@pytest.mark.parametrize(
    "text",
    ["nul \x00 byte", "\U0001f4a5", "{{ 7 * 7 }}", "'; DROP TABLE runs; --", "../../etc/passwd", "a" * 9000],
)
async def test_hostile_labels_are_stored_as_they_are(served: Site, text: str) -> None:
    labels = {"alertname": "Broken", "name": text}
    reply = await served.deliver(payload(alert(labels=labels, annotations={"summary": text})))
    assert reply.status == HTTPStatus.OK
    (episode,) = (await served.get("/api/v1/episodes"))["items"]
    assert episode["labels"] == labels
    assert episode["annotations"] == {"summary": text}


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_413(tmp_path: Path, chunked: bool) -> None:
    async with site(tmp_path, server={"body_limit": "1KiB"}) as served:
        body: Any = payload(alert(annotations={"summary": "a" * 2000}))
        reply = await served.ask("POST", WEBHOOK, who="alertmanager", body=body, chunked=chunked or None)
        assert reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        assert await served.audit() == []
        small = payload(alert(annotations={"summary": "a" * 500}))
        assert (await served.deliver(small)).status == HTTPStatus.OK


async def test_an_unknown_source_is_404(served: Site) -> None:
    reply = await served.deliver(payload(), f"{WEBHOOK}/other")
    assert reply.status == HTTPStatus.NOT_FOUND
    assert await served.audit() == []


class FailingIntake:
    """Fails as it is told."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def accept(self, source: str, payload: Payload, origin: str = "webhook") -> Accepted:
        raise self._error

    async def refuse(self, source: str, raw: bytes, reason: str) -> None:
        raise self._error


@pytest.mark.parametrize("body", [payload(), b"not json"])
@pytest.mark.parametrize(
    "error", [StoreUnavailableError("locked"), RuntimeError("secret detail"), OSError("full")]
)
async def test_what_could_succeed_later_is_503(tmp_path: Path, error: Exception, body: bytes) -> None:
    async with site(tmp_path, stand_ins={"intake": FailingIntake(error)}) as served:
        reply = await served.deliver(body)
        assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert str(error).encode() not in reply.body


async def test_a_locked_database_is_503_and_then_200(served: Site, tmp_path: Path) -> None:
    lock = sqlite3.connect(tmp_path / "db.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert (await served.deliver(payload())).status == HTTPStatus.SERVICE_UNAVAILABLE
    lock.execute("ROLLBACK")
    lock.close()
    assert (await served.deliver(payload())).status == HTTPStatus.OK


async def test_while_draining_deliveries_are_503_and_the_rest_is_answered(served: Site) -> None:
    served.server.drain()
    assert (await served.deliver(payload())).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert (await served.ask("GET", "/health/live", who=None)).status == HTTPStatus.OK
    ready = await served.ask("GET", "/health/ready", who=None)
    assert ready.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert list(ready.json["reasons"]) == ["draining"]


class WaitingIntake(FailingIntake):
    """Commits when it is told to."""

    def __init__(self) -> None:
        self.entered: asyncio.Queue[str] = asyncio.Queue()
        self.go_on = asyncio.Event()

    async def accept(self, source: str, payload: Payload, origin: str = "webhook") -> Accepted:
        self.entered.put_nowait(source)
        await self.go_on.wait()
        return Accepted(1, 0, 0, 0, 0, 0, 0, 0)


async def test_a_delivery_under_way_is_finished_when_the_server_stops(tmp_path: Path) -> None:
    intake = WaitingIntake()
    async with site(tmp_path, stand_ins={"intake": intake}) as served:
        delivering = asyncio.create_task(served.ask("POST", WEBHOOK, who="alertmanager", body=payload()))
        await intake.entered.get()
        stopping = asyncio.create_task(served.server.stop())
        await asyncio.sleep(0)
        intake.go_on.set()
        await stopping
        assert (await delivering).status == HTTPStatus.OK
        with pytest.raises(ConnectionRefusedError):
            await served.connect()


async def test_too_much_at_once_is_503(tmp_path: Path) -> None:
    intake = WaitingIntake()
    async with site(tmp_path, stand_ins={"intake": intake}, server={"body_limit": "2KiB"}) as served:
        body = payload(alert(annotations={"summary": "a" * 1500}))
        held = []
        # Four of about 1.8 KiB fit into four times the limit; a fifth does not.
        for _ in range(4):
            held.append(asyncio.create_task(served.ask("POST", WEBHOOK, who="alertmanager", body=body)))
            await intake.entered.get()
        async with asyncio.timeout(90):
            assert (await served.ask("POST", WEBHOOK, who="alertmanager", body=body)).status == 503
        intake.go_on.set()
        assert [(await task).status for task in held] == [200] * 4
        assert (await served.ask("POST", WEBHOOK, who="alertmanager", body=body)).status == 200


@pytest.mark.parametrize(
    ("body", "result"),
    [(payload(), "accepted"), (b"no", "refused")],
)
async def test_deliveries_are_counted(served: Site, body: bytes, result: str) -> None:
    await served.deliver(body)
    shown = (await served.ask("GET", "/metrics", who=None)).body.decode()
    assert f'remediator_deliveries_total{{result="{result}",source="default"}} 1.0' in shown
    assert "remediator_ingest_duration_seconds_count 1.0" in shown


async def test_replies_are_static(served: Site) -> None:
    marked = [b"<script>one", b'{"version": "<script>two"}']
    bodies = {(await served.deliver(body)).body for body in marked}
    assert len(bodies) == 1
    assert b"script" not in bodies.pop()
    strangers = [
        (await served.ask("POST", WEBHOOK, who=None, headers={"Authorization": f"Bearer {mark}"})).body
        for mark in ("one", "two")
    ]
    assert strangers[0] == strangers[1]
    assert json.loads(strangers[0])["status"] == HTTPStatus.UNAUTHORIZED
    assert bearer("alertmanager")["Authorization"].encode() not in strangers[0]
