"""Opening: what is made, what is refused, and that a refused file is left as it was."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from remediator.store.base import StoreCorruptError, StoreUnavailableError, Tx
from remediator.store.sqlite.migrations import APPLICATION_ID
from remediator.store.sqlite.store import SqliteStore, open_store, verify_database
from tests.store.samples import another, noting
from tests.store.schema_text import FIRST, comparable, schema_text
from tests.store.test_group_commit import connection_of


async def test_the_schema_is_the_sum_of_its_migrations(path: Path, tmp_path: Path) -> None:
    with another(path) as first:
        first.executescript(FIRST.read_text())
        first.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        first.execute("PRAGMA user_version = 1")
    await (await open_store(path)).close()
    await (await open_store(tmp_path / "fresh.sqlite")).close()
    with another(path) as upgraded, another(tmp_path / "fresh.sqlite") as fresh:
        assert comparable(schema_text(upgraded)) == comparable(schema_text(fresh)), (
            "the records or the schema changed: add to UPGRADES what turns an older database into this one. "
            "Only while version 1 was never released: python -m tests.store.schema_text > "
            "tests/store/schema_1.sql"
        )


async def test_another_programs_database_is_left_alone(path: Path) -> None:
    with another(path) as other:
        other.execute("CREATE TABLE notes (text)")
    before = _contents(path)
    with pytest.raises(StoreCorruptError, match="not one of remediator"):
        await open_store(path)
    with pytest.raises(StoreCorruptError, match="not one of remediator"):
        verify_database(path)
    assert _contents(path) == before


def _contents(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_table_that_is_gone_is_named(path: Path) -> None:
    await (await open_store(path)).close()
    with another(path) as other:
        other.execute("DROP TABLE votes")
    with pytest.raises(StoreCorruptError, match="table votes is missing"):
        await open_store(path)


async def test_a_refusal_keeps_no_lock(path: Path) -> None:
    with another(path) as other:
        other.execute("CREATE TABLE notes (text)")
    with pytest.raises(StoreCorruptError):
        await open_store(path)
    with another(path) as other:
        other.execute("DROP TABLE notes")
    await (await open_store(path)).close()


async def test_a_broken_chain_is_told_and_the_store_opens(path: Path) -> None:
    store = await open_store(path)
    for _ in range(3):
        await store.write(noting())
    await store.close()
    with another(path) as other:
        other.execute("DROP TRIGGER audit_no_update")
        other.execute("UPDATE audit SET actor = 'somebody' WHERE sequence = 2")
    opened = await open_store(path)
    try:
        assert opened.chain_fault is not None
        assert "audit_no_update" in opened.chain_fault.what
    finally:
        await opened.close()


async def test_one_server_however_the_file_is_reached(store: SqliteStore, path: Path) -> None:
    link = path.with_name("link.sqlite")
    link.symlink_to(path)
    with pytest.raises(StoreUnavailableError, match=r"db\.sqlite\.lock"):
        await open_store(link)


@pytest.mark.parametrize("name", ["db.sqlite", "db.sqlite-wal"])
async def test_a_file_that_went_away_keeps_nothing_and_is_named(
    store: SqliteStore, path: Path, name: str
) -> None:
    """SQLite itself goes on in a file that nobody will find again."""
    file, aside = path.with_name(name), path.with_name("aside")
    file.rename(aside)
    with pytest.raises(StoreUnavailableError, match=rf"{name} is gone .* put it back"):
        await store.write(noting())
    file.write_bytes(aside.read_bytes())
    with pytest.raises(StoreUnavailableError, match=rf"{name} was replaced"):
        await store.write(noting())
    aside.rename(file)
    await store.write(noting())


async def test_closing_leaves_two_files_and_frees_the_lock(path: Path) -> None:
    store = await open_store(path)
    await store.write(noting())
    await store.read(lambda reads: reads.audit_head())
    await store.close()
    await store.close()
    assert {file.name for file in path.parent.iterdir()} == {"db.sqlite", "db.sqlite.index", "db.sqlite.lock"}
    assert verify_database(path) is None
    await (await open_store(path)).close()


async def test_each_commit_waits_for_the_disk(store: SqliteStore) -> None:
    def settings(tx: Tx) -> list[Any]:
        connection = connection_of(tx)
        return [
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        ]

    full = 2  # a test can't pull the plug, but it can ask
    assert await store.write(settings) == ["wal", full]


_HOLDER = """
import asyncio, sys
from pathlib import Path
from remediator.store.sqlite.store import open_store

async def main():
    await open_store(Path(sys.argv[1]))
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@contextmanager
def _another_server(path: Path) -> Iterator[None]:
    """Run a server of the database in a process of its own, and kill it."""
    command = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "open\n"
            yield
        finally:
            holder.kill()


async def test_a_killed_servers_lock_dies_with_it(path: Path) -> None:
    with _another_server(path), pytest.raises(StoreUnavailableError, match="another server has"):
        await open_store(path)
    await (await open_store(path)).close()
