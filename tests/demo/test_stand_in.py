"""The demo's stand-in for Prometheus and Alertmanager: it has to pass promtool's own test file."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from remediator.alerts import parse_payload
from remediator.clients.prometheus import PrometheusClient
from remediator.demo.stand_in.app import Addresses, StandIn, payload
from remediator.demo.stand_in.evaluate import Evaluator, UnsupportedError
from remediator.demo.stand_in.rules import Rules
from remediator.demo.stand_in.series import NAME, Labels, SeriesStore
from remediator.durations import parse_duration
from remediator.settings import Prometheus
from remediator.yaml_source import read_yaml_file

_PROMETHEUS = Path(__file__).parents[2] / "prometheus"
_POLICIES = sorted((Path(__file__).parents[2] / "policies").glob("*.yaml"))
_SERIES = re.compile(r"([A-Za-z_:][\w:]*)?(?:\{(.*)\})?")
_LABEL = re.compile(r'(\w+)\s*=\s*"([^"]*)"')
# The test file's own evaluation_interval.
_STEP_SECONDS = 15.0


def _read(name: str) -> Any:
    return yaml.safe_load((_PROMETHEUS / name).read_text(encoding="utf-8"))


def _rules() -> Rules:
    return Rules([_read("recording.yml"), _read("alerts.yml")])


def _labels(text: str) -> dict[str, str]:
    found = _SERIES.fullmatch(text)
    assert found is not None, text
    labels = dict(_LABEL.findall(found[2] or ""))
    return labels | ({NAME: found[1]} if found[1] else {})


def _values(notation: str) -> list[float]:
    values: list[float] = []
    for part in str(notation).split():
        stepped = re.fullmatch(r"(-?\d+(?:\.\d+)?)(?:\+(\d+))?x(\d+)", part)
        if stepped:
            start, step, count = float(stepped[1]), int(stepped[2] or 0), int(stepped[3])
            values += [float(start + step * at) for at in range(count + 1)]
        else:
            values.append(float(part))
    return values


class _Replay:
    """Plays a promtool test's series into the stand-in's rules."""

    def __init__(self, test: Any) -> None:
        self._series = [
            (_labels(one["series"]), _values(one["values"])) for one in test.get("input_series", [])
        ]
        self._every = int(parse_duration(test["interval"]).total_seconds() / _STEP_SECONDS)
        self._at = -1
        self.store = SeriesStore()
        self.rules = _rules()

    def until(self, seconds: float) -> None:
        """Play up to and including a time."""
        while (self._at + 1) * _STEP_SECONDS <= seconds:
            self._at += 1
            now = self._at * _STEP_SECONDS
            scrape, between = divmod(self._at, self._every)
            samples: list[tuple[Labels, float]] = [
                (labels, values[scrape]) for labels, values in self._series if scrape < len(values)
            ]
            if samples and not between:
                self.store.put("scrape", samples, now)
            self.rules.evaluate(self.store, now)


def _moments(test: Any) -> Iterator[tuple[float, str, Any]]:
    for kind in ("promql_expr_test", "alert_rule_test"):
        for case in test.get(kind, []):
            yield parse_duration(case["eval_time"]).total_seconds(), kind, case


@pytest.mark.parametrize("test", _read("alerts_test.yml")["tests"], ids=lambda test: test["name"])
def test_passes_what_promtool_tests(test: Any) -> None:
    replay = _Replay(test)
    for seconds, kind, case in sorted(_moments(test), key=lambda moment: moment[0]):
        replay.until(seconds)
        if kind == "promql_expr_test":
            found = Evaluator(replay.store, seconds).query(case["expr"])
            assert isinstance(found, list)
            assert [dict(one.labels) for one in found] == [
                _labels(one["labels"]) for one in case["exp_samples"]
            ]
            assert [one.value for one in found] == pytest.approx(
                [one["value"] for one in case["exp_samples"]]
            )
        else:
            firing = [
                alert for alert in replay.rules.firing if alert.labels["alertname"] == case["alertname"]
            ]
            wanted = [{**one["exp_labels"], "alertname": case["alertname"]} for one in case["exp_alerts"]]
            assert [dict(alert.labels) for alert in firing] == wanted


def _queries(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            if key in ("promql", "query") and isinstance(child, str):
                yield re.sub(r"\{\{.*?\}\}", "pms", child)
            else:
                yield from _queries(child)
    elif isinstance(value, list):
        for child in value:
            yield from _queries(child)


def _of_policies() -> Iterator[Any]:
    for path in _POLICIES:
        for query in _queries(read_yaml_file(path).data):
            yield pytest.param(query, id=f"{path.stem}-{query}")


@pytest.mark.parametrize("query", list(_of_policies()))
def test_answers_every_query_of_the_shipped_policies(query: str) -> None:
    Evaluator(SeriesStore(), 0.0).query(query)
    Evaluator(SeriesStore(), 0.0).query(f"timestamp({query})")


@pytest.mark.parametrize("query", ["quantile_over_time(0.5, a[5m])", "a * on (b) c", "a offset 5m", "-a"])
def test_says_what_it_does_not_know(query: str) -> None:
    store = SeriesStore()
    store.put("scrape", [({NAME: name, "b": "1"}, 1.0) for name in "ac"], 0.0)
    with pytest.raises(UnsupportedError):
        Evaluator(store, 0.0).query(query)


def test_a_series_that_is_gone_is_seen_no_more() -> None:
    store = SeriesStore()
    store.put("scrape", [({NAME: "a"}, 1.0)], 0.0)
    store.put("scrape", [], 15.0)
    assert Evaluator(store, 15.0).query("a") == []


async def test_the_client_finds_out_whether_a_recorded_value_was_scraped_after_a_step() -> None:
    metrics = {"text": ""}

    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=metrics["text"])

    agent = web.Application()
    agent.router.add_get("/metrics", show)
    async with TestServer(agent) as target:
        addresses = Addresses(str(target.make_url("")).rstrip("/"), "http://127.0.0.1:9/", "", "")
        metrics["text"] = 'pms_circuit_breaker_state{service="pms"} 0\n'
        async with TestServer(StandIn(_rules(), addresses, 0.05).app()) as server, ClientSession() as session:
            client = PrometheusClient(session, Prometheus.model_validate({"url": str(server.make_url(""))}))
            query = 'pms:breaker_open:bool{service="pms"} == 0'
            while not (await client.query(query)).holds:  # noqa: ASYNC110  (it sets no event)
                await asyncio.sleep(0.02)
            assert await client.scraped_after(query, datetime.now(UTC) - timedelta(minutes=1))
            assert not await client.scraped_after(query, datetime.now(UTC) + timedelta(minutes=1))
            assert (await client.query("quantile_over_time(0.5, up[5m])")).error is not None


def test_what_fires_and_resolves_is_posted_as_alertmanager_would() -> None:
    store, rules = SeriesStore(), _rules()
    changes = []
    for at in range(20):
        value = 1.0 if at < 10 else 0.0
        store.put("scrape", [({NAME: "pms_circuit_breaker_state", "service": "pms"}, value)], at * 15.0)
        changes += rules.evaluate(store, at * 15.0)
    ours = [alert for alert in changes if alert.labels["alertname"] == "PMSCircuitBreakerOpen"]
    firing, resolved = (
        parse_payload(json.dumps(payload(alert, "http://127.0.0.1:9")).encode()) for alert in ours
    )
    assert [alert.status for alert in (*firing.alerts, *resolved.alerts)] == ["firing", "resolved"]
    assert firing.alerts[0].fingerprint == resolved.alerts[0].fingerprint
    assert firing.alerts[0].ended_at is None
    assert resolved.alerts[0].ended_at is not None
    assert firing.alerts[0].annotations["summary"] == "The PMS circuit breaker of pms is open"
    assert firing.bad == resolved.bad == ()
