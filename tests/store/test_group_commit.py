"""One commit for many: who shares it, whose failure it is, and when each of them hears."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remediator.runs.audit import AuditRow
from remediator.store.base import StoreCorruptError, StoreUnavailableError, Tx
from remediator.store.sqlite.in_place import InPlace
from remediator.store.sqlite.store import SqliteStore, open_store
from remediator.store.sqlite.tx import SqliteTx
from remediator.store.sqlite.writer import Writer
from tests.store.samples import another, entry, episode, noting


def connection_of(tx: Tx) -> sqlite3.Connection:
    assert isinstance(tx, SqliteTx)
    return tx._connection


async def grouped(
    write: Callable[[Callable[[Tx], Any]], Any], works: Sequence[Callable[[Tx], Any]]
) -> list[Any]:
    """Write all of them in one group: they queue before the writer has its turn."""
    return await asyncio.gather(*map(write, works), return_exceptions=True)


def kinds(results: Sequence[Any]) -> list[str]:
    return [type(result).__name__ for result in results]


async def test_what_queued_meanwhile_shares_one_commit(store: SqliteStore) -> None:
    commits: list[int] = []
    store.on_commit(lambda rows: commits.append(len(rows)))
    await grouped(store.write, [noting(str(number)) for number in range(50)])
    assert commits == [50]


def _wrong_statement(tx: Tx) -> None:
    connection_of(tx).execute("SELECT no_such_column FROM runs")


def _refused_twice(tx: Tx) -> None:
    tx.add(episode("same"))
    tx.add(episode("same"))


def _cancelled(tx: Tx) -> None:
    tx.audit(entry("lost"))
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        (_wrong_statement, "OperationalError"),
        (_refused_twice, "ConflictError"),
        (_cancelled, "CancelledError"),
    ],
)
async def test_a_members_own_failure_is_its_own(
    store: SqliteStore, failing: Callable[[Tx], None], error: str
) -> None:
    results = await grouped(store.write, [noting("a"), failing, noting("b")])
    assert kinds(results) == ["AuditRow", error, "AuditRow"]
    assert await store.verify_audit() is None
    assert await store.read(lambda reads: reads.open_episode("default", "same")) is None


async def test_a_refusal_that_rests_on_a_lost_commit_is_not_told(store: SqliteStore) -> None:
    def fill(tx: Tx) -> None:
        connection = connection_of(tx)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(50):
            tx.audit(entry("x" * 4000))

    opening: Callable[[Tx], Any] = lambda tx: tx.add(episode("f"))  # noqa: E731
    results = await grouped(store.write, [opening, opening, fill])
    # Told `conflict`, the second would believe in an episode that was never committed.
    assert kinds(results) == ["StoreUnavailableError"] * 3
    assert await store.read(lambda reads: reads.open_episode("default", "f")) is None


async def test_listeners_hear_nothing_of_a_group_that_failed(store: SqliteStore, path: Path) -> None:
    seen: list[AuditRow] = []
    store.on_commit(seen.extend)
    with another(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            await store.write(noting("never"))
        other.execute("ROLLBACK")
    await store.write(noting("then"))
    await asyncio.sleep(0)
    assert [row.detail for row in seen] == ['{"text":"then"}']


async def test_a_listener_hears_right_after_whoever_waits(store: SqliteStore) -> None:
    seen: list[AuditRow] = []
    store.on_commit(seen.extend)
    row = await store.write(noting())
    await asyncio.sleep(0)
    assert seen == [row]


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    opened.execute("CREATE TABLE t (x)")
    yield opened
    opened.close()


async def test_a_full_queue_refuses_at_once(connection: sqlite3.Connection, path: Path) -> None:
    writer = Writer(connection, InPlace(path), lambda rows: None, queue_limit=2)
    results = await grouped(writer.write, [_insert, _insert, _insert])
    assert kinds(results) == ["NoneType", "NoneType", "StoreUnavailableError"]
    assert "overloaded" in str(results[2])
    await writer.close()


async def test_closing_finishes_what_is_queued(connection: sqlite3.Connection, path: Path) -> None:
    writer = Writer(connection, InPlace(path), lambda rows: None)
    tasks = [asyncio.ensure_future(writer.write(_insert)) for _ in range(600)]
    await asyncio.sleep(0)  # each has queued by the time this returns
    await writer.close()
    await asyncio.gather(*tasks)
    with pytest.raises(StoreUnavailableError, match="closed"):
        await writer.write(_insert)
    with another(path) as other:
        assert other.execute("SELECT count(*) FROM t").fetchone() == (600,)


async def test_a_large_queue_is_more_than_one_group_and_lets_others_have_a_turn(
    connection: sqlite3.Connection, path: Path
) -> None:
    writer = Writer(connection, InPlace(path), lambda rows: None)
    order: list[str] = []
    loop = asyncio.get_running_loop()

    def last(tx: Tx) -> None:
        order.append("last of them")

    def early(tx: Tx) -> None:
        loop.call_soon(order.append, "somebody else")

    await grouped(writer.write, [early, *[_insert] * 1000, last])
    assert order == ["somebody else", "last of them"]
    await writer.close()


async def test_the_loop_goes_on_while_another_process_has_the_database(
    store: SqliteStore, path: Path
) -> None:
    with another(path) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.ensure_future(store.write(noting("in the end")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not writing.done()
        other.execute("ROLLBACK")
    assert (await writing).detail == '{"text":"in the end"}'


def _insert(tx: Tx) -> None:
    connection_of(tx).execute("INSERT INTO t VALUES (1)")


async def test_damage_met_while_reading_is_told_as_such(store: SqliteStore, path: Path) -> None:
    for _ in range(20):
        await store.write(noting("x" * 400))
    with another(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'audit'").fetchone()[0]
        size = other.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(StoreCorruptError, match="damaged"):
        await store.read(lambda reads: reads.audit_head())


def test_a_loop_that_ended_leaves_the_rest_to_be_committed(path: Path) -> None:
    async def leave_early() -> SqliteStore:
        store = await open_store(path)
        store.on_commit(lambda rows: None)
        writing = store.write(noting("queued"))
        with pytest.raises(TimeoutError):
            # Given up on before the writer has its turn, as a loop that ends does.
            async with asyncio.timeout(0):
                await writing
        return store

    store = asyncio.run(leave_early())
    asyncio.run(store.close())
    with another(path) as other:
        assert other.execute("SELECT detail FROM audit").fetchall() == [('{"text":"queued"}',)]


async def test_what_a_failed_member_did_to_an_episode_is_forgotten(store: SqliteStore) -> None:
    opened = await store.write(lambda tx: tx.add(episode("f")))

    def fail(tx: Tx) -> None:
        tx.save(replace(opened, missed_polls=7), "missed_polls")
        raise ValueError("no")

    results = await grouped(store.write, [fail, lambda tx: tx.open_episode("default", "f")])
    assert kinds(results) == ["ValueError", "Episode"]
    assert results[1] == opened


async def test_what_a_failed_group_did_to_an_episode_is_forgotten(store: SqliteStore) -> None:
    opened = await store.write(lambda tx: tx.add(episode("f")))

    def fill(tx: Tx) -> None:
        connection = connection_of(tx)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(50):
            tx.audit(entry("x" * 4000))

    await grouped(store.write, [lambda tx: tx.save(replace(opened, missed_polls=7), "missed_polls"), fill])
    assert await store.write(lambda tx: tx.open_episode("default", "f")) == opened


async def test_a_closed_episode_is_no_longer_found_as_open(store: SqliteStore) -> None:
    opened = await store.write(lambda tx: tx.add(episode("f")))
    await store.write(lambda tx: tx.save(replace(opened, closed_at=opened.opened_at)))
    assert await store.write(lambda tx: tx.open_episode("default", "f")) is None
