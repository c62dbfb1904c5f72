"""Ends a process of the demo when the one that owns it is gone, so that nothing is left running."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

from aiohttp import web

_LOOK_EVERY_SECONDS = 1.0


def ends_with(owner_pid: int) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return a cleanup context that stops this process once `owner_pid` no longer runs."""

    async def watch() -> None:
        while _runs(owner_pid):  # noqa: ASYNC110  (another process sets no event)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    async def run_beside(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(watch())
        yield
        task.cancel()

    return run_beside


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
