"""A month of alerts of a big site, and 500 policies for them: the same each time for the same seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import yaml

START = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
_REPEAT = timedelta(hours=4)
_SERVICES = 400
_CLUSTERS = ("eu-west", "eu-north", "us-east", "ap-south")


@dataclass(frozen=True, slots=True)
class Shape:
    """How much of what. A receipt is one alert of one delivery."""

    receipts: int = 1_000_000
    policies: int = 500
    seed: int = 7


def write_policies(folder: Path, shape: Shape) -> None:
    """Write the policies: most name one alert and a severity, some a team, some any alert of a cluster."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(shape.seed)  # noqa: S311  (not a secret)
    for number in range(shape.policies):
        (folder / f"p{number:03}.yaml").write_text(yaml.safe_dump(_policy(number, chance)))


def _policy(number: int, chance: random.Random) -> dict[str, Any]:
    match = [f'alertname = "Alert{number:03}"', 'severity =~ "critical|warning"']
    if number % 10 == 9:
        match = [
            f'team = "team{number % 40}"',
            'severity = "critical"',
            f'alertname =~ "Alert{number:03}|Other.*"',
        ]
    guards: list[dict[str, Any]] = [
        {"cooldown": {"for": f"{chance.choice([5, 15, 30])}m"}},
        {"rate_limit": {"max": chance.choice([3, 6]), "per": "1h"}},
        {"rate_limit": {"max": 20, "per": "24h"}},
    ]
    if number % 3 == 0:
        query = 'up{service="{{ labels.service }}"} == 0'
        guards.append({"promql": {"query": query, "hold": "30s"} if number % 6 else {"query": query}})
    if number % 5 == 1 and number % 3:
        guards.append({"not_firing": {"alerts": [f"Alert{(number + 1) % 500:03}"]}})
    if number % 7 == 0:
        window = {"days": "mon-fri", "from": "08:00", "to": "20:00", "timezone": "Europe/Madrid"}
        guards.append({"time_window": window})
    if number % 11 == 0:
        guards.append({"approval": {"from": ["oncall"], "expires": "30m"}})
    if number % 4 == 0:
        guards.append({"concurrency": {"max": 2}})
    return {
        "policy": f"p{number:03}",
        "owner": "team",
        "runbook_url": "https://runbooks.example/p",
        "match": match,
        "target": "{{ labels.service }}/{{ labels.cluster }}",
        "priority": 50 + number % 5 * 10,
        "guards": guards,
        "options": [
            {
                "name": "restart",
                "steps": [
                    {
                        "uses": "http.request",
                        "with": {"service": f"svc{number % 250}", "path": "/restart", "method": "POST"},
                    },
                    {"uses": "wait", "with": {"for": "20s"}},
                ],
                "verify": {"promql": 'up{service="{{ labels.service }}"} == 1', "within": "2m"},
            }
        ],
    }


def configuration(policies: Path) -> dict[str, Any]:
    """Return a remediator.yaml for them."""
    return {
        "mode": "enforce",
        "policies": str(policies),
        "services": {f"svc{number}": {"url": "http://127.0.0.1:1"} for number in range(250)},
        "limits": {"concurrent_runs": 64, "runs_per_minute": 120},
    }


def write_month(path: Path, shape: Shape) -> int:
    """Write the month's deliveries; return how many receipts they hold."""
    written = 0
    with path.open("wb") as file:
        for at, alerts in _deliveries(shape):
            file.write(_line(at, alerts))
            written += len(alerts)
    return written


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one alert behaves: how long it fires, how long it then is quiet."""

    fires: timedelta
    quiet: timedelta


_FLAPPING = _Kind(timedelta(minutes=4), timedelta(minutes=11))
_USUAL = _Kind(timedelta(hours=2), timedelta(hours=30))
_LONG = _Kind(timedelta(days=4), timedelta(days=2))


def _deliveries(shape: Shape) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
    """Merge what single alerts do with storms, by time; ends once there are enough receipts."""
    chance = random.Random(shape.seed + 1)  # noqa: S311
    scale = shape.receipts / 1_000_000
    flapping = _alerts(chance, round(30 * scale), _FLAPPING)
    usual = _alerts(chance, round(4000 * scale), _USUAL)
    long_ones = _alerts(chance, round(4200 * scale), _LONG)
    storms = (storm for number in range(30) for storm in _storm(chance, number, round(2000 * scale)))
    queue = [
        (START + chance.random() * MONTH / 30, order, life)
        for order, life in enumerate([*flapping, *usual, *long_ones])
    ]
    merged = heapq.merge(_lives(queue), sorted(storms, key=lambda one: one[0]), key=lambda one: one[0])
    left = shape.receipts
    for at, alerts in merged:
        if left <= 0:
            return
        yield at, alerts[:left]
        left -= len(alerts)


def _lives(
    queue: list[tuple[datetime, int, Iterator[tuple[timedelta, dict[str, Any]]]]],
) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
    heapq.heapify(queue)
    while queue:
        at, order, life = heapq.heappop(queue)
        pause, alert = next(life)
        _stamp(alert, at)
        yield at, [alert]
        if at + pause < START + MONTH:
            heapq.heappush(queue, (at + pause, order, life))


def _alerts(
    chance: random.Random, count: int, kind: _Kind
) -> Iterator[Iterator[tuple[timedelta, dict[str, Any]]]]:
    for _ in range(count):
        yield _life(random.Random(chance.random()), _labels(chance), kind)  # noqa: S311


def _life(
    chance: random.Random, labels: dict[str, str], kind: _Kind
) -> Iterator[tuple[timedelta, dict[str, Any]]]:
    """Yield what Alertmanager sends of one alert, each with the time until the next."""
    while True:
        rest = kind.fires * (0.5 + chance.random())
        alert = _alert(labels)
        while rest > _REPEAT:
            yield _REPEAT, alert
            rest -= _REPEAT
        yield rest, alert
        yield kind.quiet * (0.5 + chance.random()), _alert(labels) | {"status": "resolved"}


def _storm(chance: random.Random, number: int, size: int) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
    """Yield deliveries of hundreds of alerts of one cluster, within minutes, and their ends."""
    begins = START + (number + chance.random()) * MONTH / 30
    cluster = chance.choice(_CLUSTERS)
    for _ in range(max(1, size // 100)):
        begins += timedelta(seconds=chance.uniform(1, 20))
        alerts = [_alert(_labels(chance, cluster)) for _ in range(min(100, size))]
        for alert in alerts:
            _stamp(alert, begins)
        yield begins, alerts
        ends = begins + timedelta(minutes=chance.uniform(5, 40))
        over = [alert | {"status": "resolved", "endsAt": _text(ends)} for alert in alerts]
        yield ends, over


def _labels(chance: random.Random, cluster: str | None = None) -> dict[str, str]:
    number = min(int(chance.expovariate(1 / 120)), 799)
    service = chance.randrange(_SERVICES)
    return {
        "alertname": f"Alert{number:03}",
        "cluster": cluster or chance.choice(_CLUSTERS),
        "instance": f"10.{service % 250}.{chance.randrange(250)}.7:9100",
        "job": f"job-{service % 50}",
        "namespace": f"ns-{service % 25}",
        "service": f"service-{service}",
        "severity": chance.choice(["critical", "warning", "warning", "info"]),
        "team": f"team{service % 40}",
    }


def _alert(labels: dict[str, str]) -> dict[str, Any]:
    name = labels["alertname"]
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {
            "summary": f"{name} on {labels['instance']}",
            "description": f"{labels['service']} in {labels['cluster']} is outside its bounds.",
            "runbook_url": f"https://runbooks.example/{name}",
        },
        "startsAt": "",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up",
        "fingerprint": f"{abs(_fnv(labels)):016x}",
    }


def _stamp(alert: dict[str, Any], at: datetime) -> None:
    alert["startsAt"] = alert["startsAt"] or _text(at)
    if alert["status"] == "resolved":
        alert["endsAt"] = _text(at)


def _fnv(labels: dict[str, str]) -> int:
    value = 14695981039346656037
    for name, text in sorted(labels.items()):
        for byte in f"{name}\xff{text}\xff".encode():
            value = (value ^ byte) * 1099511628211 % 2**64
    return value


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(at: datetime, alerts: list[dict[str, Any]]) -> bytes:
    payload = {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": alerts[0]["status"],
        "receiver": "remediator",
        "groupLabels": {"alertname": alerts[0]["labels"]["alertname"]},
        "commonLabels": alerts[0]["labels"] if len(alerts) == 1 else {},
        "commonAnnotations": alerts[0]["annotations"] if len(alerts) == 1 else {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": alerts,
    }
    return orjson.dumps({"received_at": _text(at), "payload": payload}) + b"\n"
