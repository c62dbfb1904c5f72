"""A real Prometheus below one folder, on a free loopback port."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.real.require import free_port, require
from tests.real.server_process import server_process


@dataclass(frozen=True)
class RealPrometheus:
    """A running Prometheus."""

    url: str
    folder: Path

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return an instant query's series, for a test to wait by."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expr}, trust_env=False)
        result: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return result


@contextmanager
def prometheus(
    folder: Path,
    *,
    targets: Sequence[str] = (),
    interval: str = "1s",
    rules: str = "",
    rule_files: Sequence[Path] = (),
    alertmanagers: Sequence[str] = (),
) -> Iterator[RealPrometheus]:
    """Run one that scrapes `targets` (host:port, job `test`) and evaluates rules every `interval`.

    `rules` is the text of a rule file. `alertmanagers` are host:port.
    """
    binary = require("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    files = [str(path) for path in rule_files]
    if rules:
        own = folder / "rules.yml"
        own.write_text(rules)
        files.append(str(own))
    config = folder / "prometheus.yml"
    config.write_text(json.dumps(_config(targets, interval, files, alertmanagers)))  # JSON is YAML
    address = f"127.0.0.1:{free_port()}"
    argv = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
        # The first scrape comes some five seconds after the start; without this, up to ten.
        "--scrape.discovery-reload-interval=100ms",
        "--log.level=warn",
    ]
    with server_process(argv, f"http://{address}/-/ready", folder / "prometheus.log"):
        yield RealPrometheus(f"http://{address}", folder)


def _config(
    targets: Sequence[str], interval: str, rule_files: Sequence[str], alertmanagers: Sequence[str]
) -> dict[str, Any]:
    scrape = {
        "job_name": "test",
        "scrape_timeout": interval,
        "static_configs": [{"targets": list(targets)}],
    }
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "scrape_configs": [scrape] if targets else [],
        "rule_files": list(rule_files),
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
    }
