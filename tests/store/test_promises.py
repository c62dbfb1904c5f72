"""What the store promises: durable answers, failures kept apart, a log that shows tampering."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from remediator.runs.audit import AuditRow
from remediator.runs.records import TimerKind
from remediator.store.base import (
    ConflictError,
    Filter,
    Order,
    Reads,
    StoreCorruptError,
    StoreUnavailableError,
    Tx,
)
from remediator.store.sqlite.migrations import VERSION, create
from remediator.store.sqlite.rows import TABLES
from remediator.store.sqlite.store import SqliteStore, open_store, verify_database
from tests.store.samples import NOW, another, entry, noting, run


async def test_a_write_is_durable_once_it_is_answered(store: SqliteStore, tmp_path: Path) -> None:
    await asyncio.gather(*(store.write(noting(str(number))) for number in range(200)))
    with another(tmp_path / "db.sqlite") as other:
        assert other.execute("SELECT count(*) FROM audit").fetchone() == (200,)
    assert await store.verify_audit() is None


async def test_one_members_failure_takes_no_other_along(store: SqliteStore) -> None:
    seen: list[AuditRow] = []
    store.on_commit(seen.extend)

    def failing(tx: Tx) -> None:
        tx.audit(entry("lost"))
        raise ValueError("no")

    results = await asyncio.gather(
        store.write(lambda tx: tx.audit(entry("a"))),
        store.write(failing),
        store.write(lambda tx: tx.audit(entry("b"))),
        return_exceptions=True,
    )
    assert isinstance(results[1], ValueError)
    rows = await store.read(lambda reads: reads.audit_rows(Filter(order=Order.OLDEST)))
    assert [row.detail for row in rows] == ['{"text":"a"}', '{"text":"b"}']
    await asyncio.sleep(0)
    assert [row.sequence for row in seen] == [1, 2]
    assert await store.verify_audit() is None


async def test_a_lock_held_elsewhere_is_unavailable_and_then_over(store: SqliteStore, tmp_path: Path) -> None:
    with another(tmp_path / "db.sqlite") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            await store.write(lambda tx: tx.audit(entry()))
        other.execute("ROLLBACK")
    assert (await store.write(lambda tx: tx.audit(entry()))).sequence == 1


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "db.sqlite")
    await store.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        await store.write(lambda tx: tx.audit(entry()))
    with pytest.raises(StoreUnavailableError, match="closed"):
        await store.read(lambda reads: reads.audit_head())


async def test_a_full_disk_is_unavailable_and_breaks_nothing(store: SqliteStore) -> None:
    def fill(tx: Tx) -> None:
        connection = tx._connection  # type: ignore[attr-defined]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await store.write(fill)
    with pytest.raises(StoreUnavailableError, match="full"):
        await store.write(lambda tx: [tx.audit(entry("x" * 4000)) for _ in range(50)])
    await store.write(lambda tx: tx._connection.execute("PRAGMA max_page_count = 1000000") and None)
    await store.write(lambda tx: tx.audit(entry()))
    assert await store.verify_audit() is None


async def test_a_caller_that_gives_up_leaves_the_group_whole(store: SqliteStore) -> None:
    task = asyncio.ensure_future(store.write(lambda tx: tx.audit(entry("given up"))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.write(lambda tx: tx.audit(entry("next")))
    assert await store.verify_audit() is None


async def test_a_second_server_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="another server"):
        await open_store(tmp_path / "db.sqlite")
    assert verify_database(tmp_path / "db.sqlite") is None  # looking beside it is fine


async def test_only_what_is_archived_may_be_deleted(store: SqliteStore, tmp_path: Path) -> None:
    rows = [await store.write(lambda tx: tx.audit(entry())) for _ in range(4)]
    with another(tmp_path / "db.sqlite") as other:
        other.execute("INSERT INTO audit_checkpoints VALUES (2, ?, 'archive', 'now')", (rows[1].hash,))
        other.execute("DELETE FROM audit WHERE sequence <= 2")
        with pytest.raises(sqlite3.IntegrityError):
            other.execute("DELETE FROM audit WHERE sequence = 3")
    assert await store.verify_audit() is None
    assert (await store.write(lambda tx: tx.audit(entry()))).sequence == 5


TAMPERINGS: Sequence[tuple[str, int, str]] = [
    ("UPDATE audit SET detail = '{}' WHERE sequence = 3", 3, "altered"),
    ("DELETE FROM audit WHERE sequence = 3", 3, "removed"),
    ("DELETE FROM audit WHERE sequence = 1", 1, "removed"),
    ("UPDATE audit SET at = '2020-01-01T00:00:00.000000Z' WHERE sequence = 5", 5, "altered"),
]


@pytest.mark.parametrize(("statement", "sequence", "what"), TAMPERINGS)
async def test_tampering_is_named(
    store: SqliteStore, tmp_path: Path, statement: str, sequence: int, what: str
) -> None:
    for _ in range(5):
        await store.write(lambda tx: tx.audit(entry()))
    _with_triggers_off(tmp_path / "db.sqlite", statement)
    fault = await store.verify_audit()
    assert fault is not None
    assert (fault.sequence, what in fault.what) == (sequence, True)


async def test_a_cut_tail_shows_against_a_head_that_was_kept(store: SqliteStore, tmp_path: Path) -> None:
    rows = [await store.write(lambda tx: tx.audit(entry())) for _ in range(5)]
    head = (5, rows[4].hash)
    assert await store.verify_audit(head) is None
    _with_triggers_off(tmp_path / "db.sqlite", "DELETE FROM audit WHERE sequence > 3")
    assert await store.verify_audit() is None
    fault = await store.verify_audit(head)
    assert fault is not None
    assert (fault.sequence, "tail" in fault.what) == (4, True)


def _with_triggers_off(path: Path, statement: str) -> None:
    with another(path) as other:
        triggers = other.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE 'audit_no%'").fetchall()
        for name, _ in triggers:
            other.execute(f"DROP TRIGGER {name}")
        other.execute(statement)
        for _, sql in triggers:
            other.execute(sql)


@pytest.mark.parametrize("content", [b"no database at all" * 300, b"SQLite format 3\x00" + b"\xff" * 5000])
async def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "db.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreCorruptError, match=r"db\.sqlite is damaged"):
        await open_store(path)


async def test_a_newer_schema_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite"
    await (await open_store(path)).close()
    with another(path) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreCorruptError, match="newer remediator"):
        await open_store(path)


async def test_every_field_of_every_record_has_its_column(store: SqliteStore, tmp_path: Path) -> None:
    with another(tmp_path / "db.sqlite") as other:
        for table in TABLES.values():
            columns = [row[1] for row in other.execute(f"PRAGMA table_info({table.name})")]
            assert tuple(columns) == table.names
        for (view,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall():
            other.execute(f"SELECT * FROM {view}").fetchall()
        assert other.execute("PRAGMA foreign_key_check").fetchall() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(query=st.text(max_size=40))
async def test_whatever_people_search_for_is_plain_words(store: SqliteStore, query: str) -> None:
    await store.read(lambda reads: reads.audit_rows(Filter(search=query)))


async def test_the_log_is_searched_by_words(store: SqliteStore) -> None:
    await store.write(lambda tx: [tx.audit(entry(word)) for word in ("breaker open", "breaker", "closed")])
    found = await store.read(lambda reads: reads.audit_rows(Filter(search="breaker OPEN")))
    assert [row.sequence for row in found] == [1]


async def test_plain_sqlite_utils_reads_it(store: SqliteStore, tmp_path: Path) -> None:
    await store.write(lambda tx: [tx.audit(entry(word)) for word in ("breaker", "closed")])
    database = Database(tmp_path / "db.sqlite")
    found = database.table("audit").rows_where("detail LIKE ?", ["%breaker%"])
    assert [row["sequence"] for row in found] == [1]
    assert {"open_episodes", "run_history", "waiting_for_approval", "why_blocked"} <= {*database.view_names()}
    assert {key.other_table for key in database.table("runs").foreign_keys} == {
        "episodes",
        "admissions",
        "runs",
    }
    database.close()


def test_a_database_is_made_in_one_transaction() -> None:
    database = Database(memory=True)
    database.conn.isolation_level = None
    database.execute("BEGIN IMMEDIATE")
    create(database)
    assert database.conn.in_transaction
    database.execute("ROLLBACK")
    assert database.table_names() == []
    database.close()


async def test_locks_are_taken_all_or_none(store: SqliteStore) -> None:
    first, second = await store.write(lambda tx: (tx.add(run()), tx.add(run())))
    await store.write(lambda tx: tx.claim(["b"], first.id, NOW))
    with pytest.raises(ConflictError, match=f"b is locked by run {first.id}"):
        await store.write(lambda tx: tx.claim(["a", "b"], second.id, NOW))
    assert [claim.resource for claim in await store.read(lambda reads: reads.claims())] == ["b"]
    await store.write(lambda tx: tx.claim(["a", "b"], first.id, NOW))
    assert await store.write(lambda tx: tx.release(first.id)) == 2


async def test_due_timers_come_by_priority_then_age(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        for subject, minutes, priority in ((1, 0, 100), (2, 1, 50), (3, 2, 50), (4, 60, 1)):
            tx.set_timer(TimerKind.DECIDE, subject, NOW + timedelta(minutes=minutes), priority)

    await store.write(work)
    due = await store.read(lambda reads: reads.due_timers(NOW + timedelta(minutes=5), 10))
    assert [timer.subject_id for timer in due] == [2, 3, 1]


async def test_pages_follow_one_another_without_gaps(store: SqliteStore) -> None:
    for _ in range(25):
        await store.write(lambda tx: tx.audit(entry()))
    seen: list[int] = []
    before: int | None = None
    while True:
        page = await store.read(partial(_page, before=before))
        if not page:
            break
        seen.extend(row.sequence for row in page)
        before = page[-1].sequence
    assert seen == list(range(25, 0, -1))


def _page(reads: Reads, before: int | None) -> list[AuditRow]:
    return reads.audit_rows(Filter(limit=10, before_id=before))


_WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.store.sqlite.store import open_store

async def main():
    store = await open_store(Path(sys.argv[1]))
    while True:
        entry = AuditEntry(at=datetime.now(UTC), actor="a", action=AuditAction.DECISION)
        row = await store.write(lambda tx: tx.audit(entry))
        print(row.sequence, flush=True)

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite"
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
    writer.kill()
    acknowledged += [int(line) for line in writer.stdout.read().split()]
    writer.wait()
    writer.stdout.close()
    assert verify_database(path) is None
    with another(path) as other:
        assert other.execute("SELECT max(sequence) FROM audit").fetchone()[0] >= acknowledged[-1]
