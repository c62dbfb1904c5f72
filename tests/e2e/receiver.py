"""A remediator as people run it: a process of its own, a configuration file, HTTP."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

TOKEN = "a-token-for-tests"
_WAIT_SECONDS = 120.0


def tokens() -> list[dict[str, Any]]:
    """One token with every role, in the group that shipped policies ask."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    return [{"name": "tester", "sha256": digest, "roles": ["admin"], "groups": ["oncall"]}]


@dataclass
class Receiver:
    """One server on one folder; it can be killed and started again."""

    folder: Path
    port: int
    env: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    program: Sequence[str] = ("-m", "remediator")
    """What Python runs as the server."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / "remediator.yaml"

    @property
    def database(self) -> Path:
        return self.folder / "data" / "remediator.db"

    def configure(self, settings: Mapping[str, Any], **policies: str) -> None:
        """Write the configuration and the policies."""
        whole = {
            "mode": "enforce",
            "server": {"host": "127.0.0.1", "port": self.port, "drain_timeout": "5s"},
            "policies": "policies",
            "tokens": tokens(),
            **settings,
        }
        self.config.write_text(yaml.safe_dump(whole))
        (self.folder / "policies").mkdir(exist_ok=True)
        for name, text in policies.items():
            (self.folder / "policies" / f"{name}.yaml").write_text(text)

    def start(
        self, *, failpoint: str | None = None, ready: bool = True, options: Sequence[str] = ()
    ) -> Receiver:
        """Start it and wait until it is ready."""
        env = {**os.environ, **self.env}
        env.pop("REMEDIATOR_FAILPOINT", None)
        if failpoint is not None:
            env["REMEDIATOR_FAILPOINT"] = failpoint
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, "serve", "--config", str(self.config), *options],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        if ready:
            self.until(self._ready, "it did not get ready")
        return self

    def kill(self) -> None:
        """Kill it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)

    def await_death(self) -> int:
        """Wait until it has ended by itself."""
        assert self.process is not None
        return self.process.wait(timeout=_WAIT_SECONDS)

    def stop(self) -> int:
        """Ask it to stop, and wait."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=_WAIT_SECONDS)

    def get(self, path: str, **params: Any) -> Any:
        """Ask the API."""
        reply = httpx.get(f"{self.url}{path}", params=params, headers=_headers(), timeout=60)
        reply.raise_for_status()
        return reply.json()

    def post(self, path: str, body: Any) -> httpx.Response:
        """Tell the API."""
        return httpx.post(f"{self.url}{path}", json=body, headers=_headers(), timeout=60)

    def deliver(self, payload: Any) -> int:
        """Post a payload as Alertmanager does; returns the status."""
        return self.post("/webhook/alertmanager", payload).status_code

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, oldest first."""
        items: list[dict[str, Any]] = self.get("/api/v1/runs", limit=500)["items"]
        return sorted(items, key=lambda run: int(run["id"]))

    def until(self, condition: Any, why: str, seconds: float = _WAIT_SECONDS) -> Any:
        """Ask again and again until `condition` gives something true, and return that."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the receiver ended: {self.log()[-3000:]}")
            found = condition()
            if found:
                return found
            time.sleep(0.05)  # a poll of another process, which has no event to wait for
        raise AssertionError(f"{why}: {self.log()[-3000:]}")

    def log(self) -> str:
        """Return what the server has written."""
        return (self.folder / "server.log").read_text(errors="replace")

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a remediator command."""
        return subprocess.run(
            [sys.executable, "-m", "remediator", *arguments],
            env={**os.environ, **self.env, "REMEDIATOR_TOKEN": TOKEN, "REMEDIATOR_URL": self.url},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            cwd=self.folder,
        )

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=20).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}"}


def firing(name: str, fingerprint: str = "f1", **labels: str) -> dict[str, Any]:
    """A delivery of one alert that fires."""
    return _delivery("firing", name, fingerprint, labels, "0001-01-01T00:00:00Z")


def resolved(name: str, fingerprint: str = "f1", **labels: str) -> dict[str, Any]:
    """A delivery of one alert that is over."""
    return _delivery("resolved", name, fingerprint, labels, "2026-01-01T01:00:00Z")


def _delivery(
    status: str, name: str, fingerprint: str, labels: Mapping[str, str], ends: str
) -> dict[str, Any]:
    alert = {
        "status": status,
        "labels": {"alertname": name, **labels},
        "annotations": {},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": ends,
        "generatorURL": "",
        "fingerprint": fingerprint,
    }
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "remediator",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://127.0.0.1:9093",
        "alerts": [alert],
    }
