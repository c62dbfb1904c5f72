"""A program that was started, awaited by its descriptor: no thread for each, and no copy of this process.

macOS has no such descriptors: there a thread waits for each program.

The event loop's own way of starting programs forks, which costs the more the more memory the server
has; `subprocess` borrows the memory until the program takes over (vfork).
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess  # nosec B404  # argv lists only
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


class UnwatchedError(Exception):
    """It was started, could not be watched, and was killed: nobody knows what it did meanwhile."""


class ChildProcess:
    """One program in a session, and so a process group, of its own."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int | None) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        if descriptor is not None:
            self._loop.add_reader(descriptor, self._reap, descriptor)
        else:
            threading.Thread(target=self._wait_for, name=f"wait for {process.pid}", daemon=True).start()

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        env: Mapping[str, str],
        cwd: Path | None,
    ) -> ChildProcess:
        """Start it; the descriptors are inherited, and stay the caller's to close.

        Raises:
            OSError: when it can't be started.
            UnwatchedError: when it was, and can't be watched.
            ValueError: when an argument holds a null byte.
        """
        process = subprocess.Popen(  # noqa: S603  (an argv list, checked by whoever asks)  # nosec B603
            argv, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, start_new_session=True
        )
        try:
            descriptor = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else None
        except OSError as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise UnwatchedError(error.strerror) from error
        return cls(process, descriptor)

    @property
    def pid(self) -> int:
        """Its number, also of its group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended: below 0 by a signal; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Return how it ended, once it has."""
        return await asyncio.shield(self._ended)

    def _reap(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        self._tell(self._process.wait())  # it has ended, so this does not wait

    def _wait_for(self) -> None:
        code = self._process.wait()
        with suppress(RuntimeError):  # a loop that has ended has nobody to tell
            self._loop.call_soon_threadsafe(self._tell, code)

    def _tell(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)
