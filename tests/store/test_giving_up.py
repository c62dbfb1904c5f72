"""A caller that gives up on a write: the write is done all the same, and its failure bothers nobody."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from remediator.store.base import Filter, Order, Tx
from remediator.store.sqlite.store import SqliteStore
from tests.store.samples import entry, noting


async def _give_up_on(store: SqliteStore, work: Callable[[Tx], Any]) -> None:
    """Queue a write between two others, and give up on it before its turn."""
    before, given_up, after = (
        asyncio.ensure_future(store.write(each)) for each in (noting("before"), work, noting("after"))
    )
    await asyncio.sleep(0)  # each has queued by the time this returns
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    await asyncio.gather(before, after)


async def _details(store: SqliteStore) -> list[str]:
    rows = await store.read(lambda reads: reads.audit_rows(Filter(order=Order.OLDEST)))
    return [row.detail for row in rows]


async def test_what_was_given_up_on_is_written_all_the_same(store: SqliteStore) -> None:
    await _give_up_on(store, noting("given up"))
    assert await _details(store) == ['{"text":"before"}', '{"text":"given up"}', '{"text":"after"}']
    assert await store.verify_audit() is None


async def test_its_failure_is_not_reported_as_forgotten(store: SqliteStore) -> None:
    reports: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context))

    def failing(tx: Tx) -> None:
        tx.audit(entry("lost"))
        raise ValueError("no")

    await _give_up_on(store, failing)
    gc.collect()  # a future tells of an exception that nobody fetched when it is collected
    await asyncio.sleep(0)
    assert await _details(store) == ['{"text":"before"}', '{"text":"after"}']
    assert reports == []
