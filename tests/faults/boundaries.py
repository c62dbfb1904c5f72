"""Every place where a crash could leave something half done, found by watching and not by a list.

A boundary is before and after each commit of the database, each effect, and each answer. They are taken
where all of them pass: the connection, the executor, the courier, the response. What is built later passes
there too, so no new step can be forgotten; `test_boundaries.py` holds the engine to it.
"""

from __future__ import annotations

import functools
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from remediator.engine import executor
from remediator.engine.courier import Courier

EFFECTS = ((executor, "attempt"), (executor, "undo"), (executor, "probe"), (Courier, "_deliver"))
"""Where the engine touches the world outside."""

Reached = Callable[[str], None]
"""Told the name of each boundary as it is reached, in the thread that reaches it."""


@contextmanager
def watched(reached: Reached, *, writing: threading.Lock) -> Iterator[None]:
    """Tell of each boundary while the block lasts; `writing` is held while a commit is on its way to disk."""
    with ExitStack() as stack:
        real = sqlite3.connect
        connection = _connection(reached, writing)
        stack.enter_context(patch("sqlite3.connect", functools.partial(real, factory=connection)))
        for owner, name in EFFECTS:
            stack.enter_context(patch.object(owner, name, _around(reached, name, getattr(owner, name))))
        stack.enter_context(patch.object(RequestHandler, "finish_response", _answering(reached)))
        yield


def _connection(reached: Reached, writing: threading.Lock) -> type[sqlite3.Connection]:
    class Watched(sqlite3.Connection):
        """Tells before and after each commit, also of one that is not called so."""

        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql == "COMMIT" and self.in_transaction:
                reached("commit.before")
                with writing:
                    cursor = super().execute(sql, parameters)
                reached("commit.after")
                return cursor
            began, changes = self.in_transaction, self.total_changes
            cursor = super().execute(sql, parameters)
            ended = not self.in_transaction and not sql.startswith("ROLLBACK")
            if ended and (began or self.total_changes != changes):
                reached("commit.after")
            return cursor

    return Watched


def _around(
    reached: Reached, name: str, effect: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(effect)
    async def around(*args: Any, **kwargs: Any) -> Any:
        reached(f"{name.strip('_')}.before")
        result = await effect(*args, **kwargs)
        reached(f"{name.strip('_')}.after")
        return result

    return around


def _answering(reached: Reached) -> Callable[..., Awaitable[Any]]:
    answer = RequestHandler.finish_response

    async def answering(self: RequestHandler, request: web.BaseRequest, *args: Any) -> Any:
        if request.method != "POST":
            return await answer(self, request, *args)
        reached("answer.before")
        result = await answer(self, request, *args)
        reached("answer.after")
        return result

    return answering
