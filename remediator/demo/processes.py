"""Processes that end with the demo, whatever ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess  # nosec B404  # argv lists only
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx

_READY_WITHIN_SECONDS = 30.0
_STOP_WITHIN_SECONDS = 8.0
_LOOK_EVERY_SECONDS = 0.1


class NotStartedError(Exception):
    """A process ended, or did not get ready in time; says which, and the end of its log."""


class Processes:
    """Starts processes in groups of their own, and stops them in reverse."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, process in reversed(self._running):
            _signal_group(process, signal.SIGTERM)
        until = time.monotonic() + _STOP_WITHIN_SECONDS
        for _, process in reversed(self._running):
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.1, until - time.monotonic()))
            # Also for what a stopped process left in its group.
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str], ready_url: str) -> None:
        """Start a process and wait until `ready_url` answers 200.

        Raises:
            NotStartedError: when it does not.
        """
        log_file = self.log_file(name)
        with log_file.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  (the demo's own argv)  # nosec B603
                list(argv),
                cwd=self._folder,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append((name, process))
        until = time.monotonic() + _READY_WITHIN_SECONDS
        while not _answers(ready_url):
            if process.poll() is not None or time.monotonic() > until:
                raise NotStartedError(f"{name} did not start:\n{self.end_of_log(name)}")
            time.sleep(_LOOK_EVERY_SECONDS)

    def dead(self) -> str | None:
        """Return the name of a process that has ended by itself, if one has."""
        return next((name for name, process in self._running if process.poll() is not None), None)

    def log_file(self, name: str) -> Path:
        """Return where a process writes."""
        return self._folder / f"{name}.log"

    def end_of_log(self, name: str) -> str:
        """Return the last lines that a process wrote."""
        return "\n".join(self.log_file(name).read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nobody listens on."""
    listeners = [socket.socket() for _ in range(count)]
    try:
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def _answers(url: str) -> bool:
    try:
        # Loopback never goes through a proxy that the environment may name.
        return httpx.get(url, timeout=1, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
