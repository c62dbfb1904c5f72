"""The servers that are measured, each a process of its own on loopback."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

TOKEN = "a-token-for-benchmarks"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
_READY_SECONDS = 60.0
_STOP_SECONDS = 60.0
_SETTLED_SECONDS = 120.0
_BUSY_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers."""

    process: subprocess.Popen[bytes]
    url: str
    """Where alerts are posted."""
    base: str
    ready_after_seconds: float

    def rss_mib(self) -> float:
        """Return its resident memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the kernel tells no VmRSS")

    def cpu_seconds(self) -> float:
        """Return the processor time that all of its threads have used."""
        # How Linux numbers the processor-time clock of another process; in /proc it is rounded to 10 ms.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def cpu_share(self, seconds: float) -> float:
        """Return the share of one core that it uses during the next `seconds`."""
        before, began = self.cpu_seconds(), time.perf_counter()
        time.sleep(seconds)
        return (self.cpu_seconds() - before) / (time.perf_counter() - began)

    def settle(self) -> None:
        """Wait until it has nothing left to do.

        Raises:
            SystemExit: when it never gets there.
        """
        ends_at = time.monotonic() + _SETTLED_SECONDS
        while self.cpu_share(1.0) > _BUSY_SHARE:
            if time.monotonic() > ends_at:
                raise SystemExit(f"the server is still busy after {_SETTLED_SECONDS:.0f} s")


@contextmanager
def bare(folder: Path) -> Iterator[Served]:
    """The bare handler."""
    port = _free_port()
    argv = [sys.executable, "-m", "bench.bare", str(port)]
    with _served(argv, f"http://127.0.0.1:{port}", "/webhook/alertmanager", folder) as served:
        yield served


@contextmanager
def remediator(
    folder: Path,
    policies: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any] | None = None,
    ready_seconds: float = _READY_SECONDS,
) -> Iterator[Served]:
    """A remediator with these policies, on the folder's `remediator.db`, which may be there already."""
    port = _free_port()
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    for name, policy in policies.items():
        (folder / "policies" / f"{name}.yaml").write_text(json.dumps({"policy": name, **policy}))
    token = {"name": "bench", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "roles": ["admin"]}
    whole = {
        "mode": "enforce",
        "server": {"port": port},
        "policies": "policies",
        "store": {"sqlite": "remediator.db"},
        "tokens": [{**token, "groups": ["oncall"]}],
        "limits": {"concurrent_runs": 64, "runs_per_minute": 1_000_000},
        **(settings or {}),
    }
    (folder / "remediator.yaml").write_text(yaml.safe_dump(whole))
    argv = [sys.executable, "-m", "remediator", "serve", "--config", str(folder / "remediator.yaml")]
    base, path = f"http://127.0.0.1:{port}", "/webhook/alertmanager"
    with _served(argv, base, path, folder, ready_seconds=ready_seconds) as served:
        yield served


@contextmanager
def webhook(folder: Path, action: Path) -> Iterator[Served]:
    """The peer: adnanh/webhook, which runs a command for each request and keeps nothing."""
    port = _free_port()
    hook = {"id": "act", "execute-command": str(action), "command-working-directory": str(folder)}
    (folder / "hooks.json").write_text(json.dumps([hook]))
    argv = ["webhook", "-hooks", str(folder / "hooks.json"), "-ip", "127.0.0.1", "-port", str(port)]
    with _served(argv, f"http://127.0.0.1:{port}", "/hooks/act", folder, ready="/") as served:
        yield served


@contextmanager
def _served(
    argv: Sequence[str],
    base: str,
    path: str,
    folder: Path,
    ready: str = "/health/ready",
    ready_seconds: float = _READY_SECONDS,
) -> Iterator[Served]:
    began = time.perf_counter()
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)  # noqa: S603  (our own list)
    try:
        _await(process, base + ready, folder, ready_seconds)
        yield Served(process, base + path, base, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _await(process: subprocess.Popen[bytes], url: str, folder: Path, ready_seconds: float) -> None:
    ends_at = time.monotonic() + ready_seconds
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.01)
    raise SystemExit(f"{process.args!r} did not become ready:\n{(folder / 'server.log').read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
