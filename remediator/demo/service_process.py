"""The demo's services (PMS, database, Redis): started, stopped and restarted by their pid files."""

from __future__ import annotations

import json
import os
import signal
import subprocess  # nosec B404  # argv lists only
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import httpx

MODULES: Mapping[str, str] = {
    "pms": "remediator.demo.pms",
    "database": "remediator.demo.backend",
    "database_backup": "remediator.demo.backend",
    "redis": "remediator.demo.backend",
}
_STOP_WITHIN_SECONDS = 5.0
_ANSWER_WITHIN_SECONDS = 20.0
_LOOK_EVERY_SECONDS = 0.05


class Service(Protocol):
    """A service of the demo, wherever it runs."""

    def set_up(self, port: int, owner_pid: int) -> None:
        """Say where it listens, and with whom it ends."""
        ...

    def start(self) -> object:
        """Start it and wait until it answers."""
        ...

    def stop(self, *, gently: bool = True) -> None:
        """End it; without `gently`, as a crash would."""
        ...


class ServiceProcess:
    """One process of a service, known by files in a folder: how it is started, its pid, its log."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        self._module = MODULES[name]
        self._pid_file = folder / f"{name}.pid"
        self._how_file = folder / f"{name}.json"
        self._log_file = folder / f"{name}.log"
        self._broken_file = folder / f"{name}-broken.json"
        self._child: subprocess.Popen[bytes] | None = None

    def set_up(self, port: int, owner_pid: int) -> None:
        """Write down how to start it."""
        how = {"port": port, "owner_pid": owner_pid}
        self._how_file.write_text(json.dumps(how), encoding="utf-8")

    @property
    def pid(self) -> int | None:
        """Its process id while it runs. A number that now belongs to another process is not it."""
        if self._child is not None:
            self._child.poll()  # ours to wait for, once it has ended
        try:
            pid = int(self._pid_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return pid if _runs(pid, self._module) else None

    def start(self) -> int:
        """Start it and wait until it answers, well or not; return its pid.

        Raises:
            RuntimeError: when it does not answer in time.
        """
        how = json.loads(self._how_file.read_text(encoding="utf-8"))
        port = int(how["port"])
        argv = [sys.executable, "-m", self._module, "--port", str(port), "--owner", str(how["owner_pid"])]
        with self._log_file.open("ab") as log:
            # A session of its own: whoever restarts it may end, and be ended, without it.
            self._child = subprocess.Popen(  # noqa: S603  (this module's own argv)  # nosec B603
                [*argv, "--state-file", str(self._broken_file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._child.pid), encoding="utf-8")
        if not _wait(lambda: _answers(port), _ANSWER_WITHIN_SECONDS):
            raise RuntimeError(f"{self._name} does not answer on port {port}; see {self._log_file}")
        return self._child.pid

    def stop(self, *, gently: bool = True) -> None:
        """End it; without `gently`, as a crash would."""
        pid = self.pid
        if pid is None:
            return
        if not gently or not self._ends_on(signal.SIGTERM, pid):
            self._ends_on(signal.SIGKILL, pid)
        if self._child is not None and self._child.pid == pid:
            self._child.wait(_STOP_WITHIN_SECONDS)

    def restart(self) -> int:
        """Stop it if it runs, and start it; return its new pid."""
        self.stop()
        return self.start()

    def _ends_on(self, number: signal.Signals, pid: int) -> bool:
        _signal(pid, number)
        return _wait(lambda: self.pid is None, _STOP_WITHIN_SECONDS)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _runs(pid: int, module: str) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    command = Path(f"/proc/{pid}/cmdline")
    try:
        # Empty for a process that has ended and that nobody has waited for yet.
        return module.encode() in command.read_bytes()
    except OSError:
        return not command.parent.parent.joinpath("self").exists()


def _answers(port: int) -> bool:
    try:
        # Loopback never goes through a proxy that the environment may name.
        httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=1, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


def _wait(true: Callable[[], bool], within_seconds: float) -> bool:
    until = time.monotonic() + within_seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_EVERY_SECONDS)
    return True
