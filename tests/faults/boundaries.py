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
        stack.enter_context(patch.object(web.Response, "prepare", _before_answer(reached)))
        stack.enter_context(patch.object(web.Response, "write_eof", _after_answer(reached)))
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


def _before_answer(reached: Reached) -> Callable[..., Awaitable[Any]]:
    prepare = web.Response.prepare

    async def before(self: web.Response, request: web.BaseRequest) -> Any:
        if request.method == "POST":
            reached("answer.before")
        return await prepare(self, request)

    return before


def _after_answer(reached: Reached) -> Callable[..., Awaitable[Any]]:
    write_eof = web.Response.write_eof

    async def after(self: web.Response, data: bytes = b"") -> None:
        await write_eof(self, data)
        if getattr(self, "_req", None) is not None and self._req.method == "POST":  # type: ignore[union-attr]
            reached("answer.after")

    return after
