"""Load by wrk: alerts posted as fast as the server answers."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.servers import HEADERS, TOKEN, Served

_SCRIPT = Path(__file__).with_name("posts.lua")
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw."""

    per_second: float
    p99_ms: float


def payload(name: str, *, alerts: int = 1, status: str = "firing") -> dict[str, Any]:
    """Return a delivery; NUMBER in it is replaced by what tells alerts apart."""
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "remediator",
        "groupLabels": {"alertname": name},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": [_alert(name, at, status) for at in range(alerts)],
    }


def deliver(served: Served, name: str, alerts: int) -> None:
    """Post one delivery of many alerts."""
    body = json.dumps(payload(name, alerts=alerts)).replace("NUMBER", name.encode().hex().zfill(16))
    httpx.post(served.url, content=body, headers=HEADERS, timeout=60).raise_for_status()


def post_for(
    served: Served, folder: Path, name: str, *, connections: int, new: int | None = None, alerts: int = 1
) -> Load:
    """Post for two seconds; `new` numbers a round of alerts that are all different.

    Raises:
        SystemExit: when the server answered anything but 200.
    """
    body = folder / f"{name}.json"
    body.write_text(json.dumps(payload(name, alerts=alerts)))
    kind = ["same", "0"] if new is None else ["new", str(new)]
    threads = min(connections, 2)
    argv = [
        "wrk",
        f"-t{threads}",
        f"-c{connections}",
        "-d2s",
        "--timeout",
        "30s",
        "--latency",
        "-s",
        str(_SCRIPT),
        served.url,
    ]
    reply = subprocess.run(  # noqa: S603  (our own list)
        [*argv, "--", str(body), TOKEN, *kind], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in reply or "Socket errors" in reply:
        raise SystemExit(f"the server did not take all of it:\n{reply}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", reply)
    latest = re.search(r"99%\s+([\d.]+)(us|ms|s|m)", reply)
    if rate is None or latest is None:
        raise SystemExit(f"wrk printed something else:\n{reply}")
    return Load(float(rate[1]), float(latest[1]) * _UNITS_MS[latest[2]])


def _alert(name: str, at: int, status: str) -> dict[str, Any]:
    mark = f"NUMBER-{at}" if at else "NUMBER"
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "critical", "service": "pms", "instance": mark},
        "annotations": {"summary": "Calls fail", "description": "More than a tenth of all calls fail."},
        "startsAt": "2026-03-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example:9090/graph",
        "fingerprint": mark,
    }
