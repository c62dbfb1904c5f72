"""The stand-in's loop (scrape, evaluate, post) and its query API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from prometheus_client.parser import text_string_to_metric_families

from remediator.demo.stand_in.evaluate import Evaluator, UnsupportedError, Value
from remediator.demo.stand_in.rules import Alert, Rules
from remediator.demo.stand_in.series import NAME, Labels, SeriesStore

_REQUEST_TIMEOUT = ClientTimeout(total=5)
# As long as it is not accepted it is posted again, as Alertmanager would.
_POST_AGAIN_SECONDS = 1.0
_GO_ZERO = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Whom it scrapes and whom it tells."""

    agent: str
    webhook: str
    token: str
    own: str


class StandIn:
    """One stand-in."""

    def __init__(self, rules: Rules, addresses: Addresses, interval_seconds: float) -> None:
        self._rules = rules
        self._addresses = addresses
        self._interval_seconds = interval_seconds
        self._store = SeriesStore()
        self._outbox: asyncio.Queue[Alert] = asyncio.Queue()

    def app(self) -> web.Application:
        """Build the application; scraping and posting start and stop with it."""
        app = web.Application()
        app.cleanup_ctx.append(self._run_beside)
        app.add_routes(
            [
                web.get("/-/ready", self._ready),
                web.get("/api/v1/query", self._query),
                web.post("/api/v1/query", self._query),
                web.get("/api/v1/rules", self._recording_rules),
            ]
        )
        return app

    async def _run_beside(self, _app: web.Application) -> AsyncIterator[None]:
        async with ClientSession(timeout=_REQUEST_TIMEOUT) as session:
            tasks = [asyncio.create_task(self._watch(session)), asyncio.create_task(self._post(session))]
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, session: ClientSession) -> None:
        while True:
            began = time.monotonic()
            samples = await self._scrape(session)
            now_seconds = _now_seconds()
            self._store.put("scrape", samples, now_seconds)
            for alert in self._rules.evaluate(self._store, now_seconds):
                self._outbox.put_nowait(alert)
            await asyncio.sleep(max(0.0, self._interval_seconds - (time.monotonic() - began)))

    async def _scrape(self, session: ClientSession) -> list[tuple[Labels, float]]:
        target = {"job": "agente-hotel-api", "instance": self._addresses.agent.removeprefix("http://")}
        try:
            async with session.get(f"{self._addresses.agent}/metrics") as response:
                text = await response.text()
        except (ClientError, TimeoutError):
            return [({NAME: "up", **target}, 0.0)]
        samples: list[tuple[Labels, float]] = [({NAME: "up", **target}, 1.0)]
        for family in text_string_to_metric_families(text):
            samples += [({**one.labels, NAME: one.name, **target}, one.value) for one in family.samples]
        return samples

    async def _post(self, session: ClientSession) -> None:
        headers = {"Authorization": f"Bearer {self._addresses.token}"}
        while True:
            body = payload(await self._outbox.get(), self._addresses.own)
            while not await self._delivered(session, body, headers):  # noqa: ASYNC110  (asks again)
                await asyncio.sleep(_POST_AGAIN_SECONDS)

    async def _delivered(self, session: ClientSession, body: Any, headers: dict[str, str]) -> bool:
        try:
            async with session.post(self._addresses.webhook, json=body, headers=headers) as response:
                return response.status < 500
        except (ClientError, TimeoutError):
            return False

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.Response(text="ready\n")

    async def _query(self, request: web.Request) -> web.Response:
        form = await request.post() if request.method == "POST" else {}
        given = {**request.query, **form}
        try:
            now_seconds = float(str(given["time"])) if "time" in given else _now_seconds()
            value = Evaluator(self._store, now_seconds).query(str(given.get("query", "")))
        except (ValueError, UnsupportedError) as error:
            body = {"status": "error", "errorType": "bad_data", "error": str(error)}
            return web.json_response(body, status=400)
        return web.json_response({"status": "success", "data": _data(value, now_seconds)})

    async def _recording_rules(self, _request: web.Request) -> web.Response:
        rules = [{"type": "recording", "name": name, "query": expr} for name, expr in self._rules.recording]
        return web.json_response({"status": "success", "data": {"groups": [{"name": "all", "rules": rules}]}})


def payload(alert: Alert, own_url: str) -> dict[str, Any]:
    """Return what Alertmanager would post: version 4, one alert."""
    resolved = alert.resolved_at_seconds is not None
    status = "resolved" if resolved else "firing"
    name = alert.labels["alertname"]
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{name}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "remediator",
        "groupLabels": {"alertname": name},
        "commonLabels": dict(alert.labels),
        "commonAnnotations": dict(alert.annotations),
        "externalURL": own_url,
        "alerts": [
            {
                "status": status,
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "startsAt": _iso(alert.fired_at_seconds or alert.active_since_seconds),
                "endsAt": _iso(alert.resolved_at_seconds) if alert.resolved_at_seconds else _GO_ZERO,
                "generatorURL": f"{own_url}/graph",
                "fingerprint": alert.fingerprint,
            }
        ],
    }


def _now_seconds() -> float:
    # Prometheus keeps times to the millisecond, and is asked for them so.
    return round(time.time(), 3)


def _iso(at_seconds: float) -> str:
    return datetime.fromtimestamp(at_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _data(value: Value, now_seconds: float) -> dict[str, Any]:
    if isinstance(value, float):
        return {"resultType": "scalar", "result": [now_seconds, repr(value)]}
    result = [{"metric": dict(one.labels), "value": [now_seconds, repr(one.value)]} for one in value]
    return {"resultType": "vector", "result": result}
