"""Runs calls of the docker SDK in threads, each with a deadline.

A call that runs out of time goes on in its thread: nobody knows then whether it happens.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from remediator.clients.errors import ClientError, Fault

if TYPE_CHECKING:
    import docker

    from remediator.clients.docker_sessions import DockerSessions

_THREADS = 8
T = TypeVar("T")


class DockerCalls:
    """The threads for one engine."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="docker")
        self._beginning = threading.Lock()
        self._sessions: DockerSessions | None = None

    async def ask(self, work: Callable[[docker.DockerClient], T], within: timedelta) -> T:
        """Run `work` in a thread and return what it returns.

        Raises:
            ClientError: saying whether it may have happened.
        """
        seconds = within.total_seconds()
        future = self._pool.submit(self._in_thread, work, whole_seconds(within) + 1)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except TimeoutError:
            if future.cancelled():
                # It was still waiting for a thread.
                raise ClientError(Fault.NOT_SENT, "too many calls to the container engine hang") from None
            raise ClientError(
                Fault.TIMED_OUT, f"the container engine did not answer within {seconds:g}s"
            ) from None

    def close(self) -> None:
        """Give the threads back; a call under way is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._sessions is not None:
            self._sessions.close()

    def _in_thread(self, work: Callable[[docker.DockerClient], T], timeout_seconds: int) -> T:
        from remediator.clients.docker_sessions import DockerSessions  # noqa: PLC0415  heavy, see there

        with self._beginning:
            self._sessions = self._sessions or DockerSessions(self._host)
        return self._sessions.call(work, timeout_seconds)


def whole_seconds(duration: timedelta) -> int:
    """Return whole seconds, rounded up: the engine counts in those."""
    return -int(-duration.total_seconds() // 1)
