"""A real Alertmanager, or a cluster of two, below one folder, on free loopback ports."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.real.require import free_port, require
from tests.real.server_process import server_process


@dataclass(frozen=True)
class RealAlertmanager:
    """A running Alertmanager."""

    url: str
    folder: Path
    pid: int

    @property
    def address(self) -> str:
        """Its host:port, as Prometheus wants it."""
        return self.url.removeprefix("http://")

    def fire(self, *alerts: Mapping[str, str], annotations: Mapping[str, str] | None = None) -> None:
        """Send alerts by their labels, as Prometheus does."""
        ends = datetime.now(UTC) + timedelta(hours=1)
        self._send(alerts, ends, annotations or {})

    def resolve(self, *alerts: Mapping[str, str]) -> None:
        """Say that alerts have ended."""
        self._send(alerts, datetime.now(UTC) + timedelta(milliseconds=1), {})

    def cluster(self) -> dict[str, Any]:
        """Return what it says of its cluster."""
        answer = httpx.get(f"{self.url}/api/v2/status", trust_env=False)
        cluster: dict[str, Any] = answer.raise_for_status().json()["cluster"]
        return cluster

    def silence(self, **labels: str) -> str:
        """Silence alerts with these labels for an hour, and return the silence's id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in labels.items()
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=1)).isoformat(),
            "createdBy": "test",
            "comment": "test",
        }
        answer = httpx.post(f"{self.url}/api/v2/silences", json=body, trust_env=False)
        silence_id: str = answer.raise_for_status().json()["silenceID"]
        return silence_id

    def _send(
        self, alerts: Sequence[Mapping[str, str]], ends: datetime, annotations: Mapping[str, str]
    ) -> None:
        # An alert has to start before it ends; Alertmanager keeps the earliest start it has heard of.
        body = [
            {
                "labels": dict(labels),
                "annotations": dict(annotations),
                "startsAt": datetime.now(UTC).isoformat(),
                "endsAt": ends.isoformat(),
            }
            for labels in alerts
        ]
        httpx.post(f"{self.url}/api/v2/alerts", json=body, trust_env=False).raise_for_status()


def webhook_config(
    url: str,
    *,
    authorization: str = "",
    group_by: Sequence[str] = ("alertname",),
    group_wait: str = "100ms",
    group_interval: str = "1s",
    repeat_interval: str = "1h",
    inhibit_rules: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return a configuration that posts everything to one webhook, quickly."""
    webhook: dict[str, Any] = {"url": url, "send_resolved": True}
    if authorization:
        webhook["http_config"] = {"authorization": {"credentials": authorization}}
    return {
        "route": {
            "receiver": "webhook",
            "group_by": list(group_by),
            "group_wait": group_wait,
            "group_interval": group_interval,
            "repeat_interval": repeat_interval,
        },
        "receivers": [{"name": "webhook", "webhook_configs": [webhook]}],
        "inhibit_rules": [dict(rule) for rule in inhibit_rules],
    }


@contextmanager
def alertmanager(
    folder: Path, config: Mapping[str, Any] | None = None, *flags: str
) -> Iterator[RealAlertmanager]:
    """Run one; without a config it tells nobody. Further flags go to its command line."""
    binary = require("prometheus-alertmanager")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "alertmanager.yml"
    silent = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    file.write_text(json.dumps(config or silent))  # JSON is YAML
    address = f"127.0.0.1:{free_port()}"
    argv = [
        binary,
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
        *(flags or ("--cluster.listen-address=",)),
    ]
    with server_process(argv, f"http://{address}/-/ready", folder / "alertmanager.log") as process:
        yield RealAlertmanager(f"http://{address}", folder, process.pid)


@contextmanager
def alertmanager_pair(
    folder: Path, config: Mapping[str, Any] | None = None, *, peer_timeout: str = "2s"
) -> Iterator[tuple[RealAlertmanager, RealAlertmanager]]:
    """Run a cluster of two that has settled: both notify, the second after `peer_timeout` at the earliest.

    Whoever sends alerts sends them to both, as Prometheus does.
    """
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(alertmanager(folder / name, config, *_cluster(own, other, peer_timeout)))
            for name, own, other in (("a", *addresses), ("b", *reversed(addresses)))
        )
        _await_cluster(first, second)
        yield first, second


def _await_cluster(*members: RealAlertmanager) -> None:
    ends_at = time.monotonic() + 120
    while time.monotonic() < ends_at:
        seen = [member.cluster() for member in members]
        if all(one["status"] == "ready" and len(one["peers"]) == len(members) for one in seen):
            return
        time.sleep(0.05)
    pytest.fail(f"the cluster did not settle: {seen}")


def _cluster(own: str, other: str, peer_timeout: str) -> tuple[str, ...]:
    return (
        f"--cluster.listen-address={own}",
        f"--cluster.advertise-address={own}",
        f"--cluster.peer={other}",
        f"--cluster.peer-timeout={peer_timeout}",
        "--cluster.settle-timeout=1s",
        "--cluster.gossip-interval=50ms",
        "--cluster.pushpull-interval=1s",
        "--cluster.reconnect-interval=500ms",
    )
