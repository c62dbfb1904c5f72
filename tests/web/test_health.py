"""What probes and Prometheus are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest

from remediator.engine.readiness import Unready
from remediator.runs.states import LeaseState, RunState
from remediator.runs.storms import Storm
from remediator.settings import Settings
from remediator.store.base import Tx
from remediator.web.server import ListenError, WebServer
from tests.store.samples import lease, run
from tests.web.site import Site, payload, site


async def test_ready_names_every_reason_and_shows_notes(served: Site) -> None:
    served.services.readiness.note("policies", "the last good set is kept")
    reply = await served.ask("GET", "/health/ready", who=None)
    assert (reply.status, reply.json["ready"]) == (HTTPStatus.OK, True)
    assert reply.json["notes"] == {"policies": "the last good set is kept"}
    served.services.readiness.set(Unready.AUDIT_CHAIN, "row 7 was altered")
    reply = await served.ask("GET", "/health/ready", who=None)
    assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert reply.json["reasons"] == {"audit_chain": "row 7 was altered"}
    assert (await served.ask("GET", "/health/live", who=None)).status == HTTPStatus.OK


async def test_a_storm_shows_and_is_no_reason(served: Site) -> None:
    begun = Storm(began_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    storm = await served.services.store.write(lambda tx: tx.add(begun))
    reply = await served.ask("GET", "/health/ready", who=None)
    assert (reply.status, reply.json["ready"]) == (HTTPStatus.OK, True)
    assert "since 2026-01-02 03:04:05 UTC" in reply.json["notes"]["storm"]
    page = await served.ask("GET", "/")
    assert b"A storm of alerts" in page.body
    metrics = await served.ask("GET", "/metrics", who=None)
    assert b"remediator_storm 1.0" in metrics.body
    await served.services.store.write(lambda tx: tx.save(replace(storm, ended_at=begun.began_at)))
    assert (await served.ask("GET", "/health/ready", who=None)).json["notes"] == {}
    assert b"A storm of alerts" not in (await served.ask("GET", "/")).body


async def test_what_is_changed_for_a_while_shows_and_is_no_reason(served: Site) -> None:
    def work(tx: Tx) -> None:
        run_id = tx.add(run(state=RunState.SUCCEEDED)).id
        for attribute, state in (
            ("count", LeaseState.OPEN),
            ("memory", LeaseState.OVERDUE),
            ("image", LeaseState.UNDONE),
        ):
            tx.add(lease(run_id, attribute, state=state))

    await served.services.store.write(work)
    reply = await served.ask("GET", "/health/ready", who=None)
    assert (reply.status, reply.json["ready"]) == (HTTPStatus.OK, True)
    assert reply.json["notes"] == {
        "degraded": "2 temporary changes stand, 1 of them overdue; the first ends at 2026-01-02 03:05 UTC"
    }


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0"),
    ],
)
async def test_metrics_come_in_the_form_asked_for(served: Site, accept: str | None, kind: str) -> None:
    await served.deliver(payload())
    headers = {"Accept": accept} if accept else {}
    reply = await served.ask("GET", "/metrics", who=None, headers=headers)
    assert reply.status == HTTPStatus.OK
    assert reply.headers["Content-Type"].startswith(kind)
    assert b'remediator_runs_in_state{state="succeeded"} 1.0' in reply.body


async def test_an_address_in_use_is_said_plainly(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        server = Settings.model_validate({"server": {"port": served.server.port}}).server
        settings = served.services.settings.model_copy(update={"server": server})
        second = WebServer(replace(served.services, settings=settings))
        with pytest.raises(ListenError, match=rf"127.0.0.1:{served.server.port} .*set server.host"):
            await second.start()
