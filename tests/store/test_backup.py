"""Backups: of one moment, private, whole or not there at all; put back so that nothing is repeated."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from remediator.runs.audit import AuditAction
from remediator.runs.records import Hold
from remediator.store.base import Filter, StoreCorruptError, StoreUnavailableError, Tx
from remediator.store.sqlite import backup as backups
from remediator.store.sqlite.backup import BackupError, back_up, look_through, restore
from remediator.store.sqlite.store import SqliteStore, open_store, verify_database
from tests.store.samples import another, episode, noting, run

LATER = datetime(2026, 2, 3, tzinfo=UTC)


async def test_it_is_what_was_committed_while_a_server_has_the_database(
    store: SqliteStore, path: Path, tmp_path: Path
) -> None:
    await store.write(lambda tx: tx.add(run(episode_id=tx.add(episode()).id)))
    row = await store.write(noting("the last one"))
    copy = tmp_path / "backup.db"
    contents = back_up(path, copy)
    await store.write(noting("after it"))
    assert (contents.rows["runs"], contents.rows["audit"]) == (1, 1)
    assert contents.head == f"{row.sequence}:{row.hash}"
    assert contents.size_bytes == copy.stat().st_size
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert verify_database(copy, (row.sequence, row.hash)) is None
    with another(copy) as connection:
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (1,)


async def test_it_leaves_nothing_else_behind(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    back_up(path, folder / "one.db")
    assert _names(folder) == ["one.db"]


async def test_nothing_is_written_over(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    there, link = tmp_path / "there.db", tmp_path / "link.db"
    there.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for target in (there, link, path):
        with pytest.raises(BackupError, match="already"):
            back_up(path, target)
    assert there.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


async def test_nor_over_what_came_meanwhile(
    store: SqliteStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "backup.db"

    def look(made: Path) -> backups.Contents:
        target.write_text("mine")
        return look_through(made)

    monkeypatch.setattr(backups, "look_through", look)
    with pytest.raises(BackupError, match="already"):
        back_up(path, target)
    assert target.read_text() == "mine"
    assert not any(name.endswith(".partial") for name in _names(tmp_path))


def test_what_was_killed_is_copied_with_what_its_write_ahead_log_holds(tmp_path: Path) -> None:
    path = tmp_path / "killed.db"
    script = (
        "import asyncio, os, signal, sys; from pathlib import Path\n"
        "from remediator.store.sqlite.store import open_store\n"
        "from tests.store.samples import noting\n"
        "async def main():\n"
        "    store = await open_store(Path(sys.argv[1]))\n"
        "    await store.write(noting('kept'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    assert back_up(path, tmp_path / "backup.db").rows["audit"] == 1


def _alter(connection: sqlite3.Connection) -> None:
    trigger = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_no_update'").fetchone()[0]
    connection.execute("DROP TRIGGER audit_no_update")
    connection.execute("UPDATE audit SET actor = 'somebody'")
    connection.execute(trigger)


def _point_at_nothing(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("UPDATE runs SET episode_id = 99")


def _mark_as_anothers(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA application_id = 7")


@pytest.mark.parametrize(
    ("spoil", "match"),
    [(_alter, "altered"), (_point_at_nothing, "runs points at nothing"), (_mark_as_anothers, "not one of")],
)
async def test_what_is_not_whole_is_no_backup(
    store: SqliteStore,
    path: Path,
    tmp_path: Path,
    spoil: Callable[[sqlite3.Connection], None],
    match: str,
) -> None:
    await store.write(lambda tx: tx.add(run(episode_id=tx.add(episode()).id)))
    await store.write(noting("x"))
    with another(path) as connection:
        spoil(connection)
    folder = tmp_path / "backups"
    folder.mkdir()
    with pytest.raises(StoreCorruptError, match=match):
        back_up(path, folder / "one.db")
    assert _names(folder) == []


async def test_a_damaged_page_shows(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    for number in range(200):
        await store.write(noting(f"row {number} " + "x" * 200))
    copy = tmp_path / "backup.db"
    back_up(path, copy)
    spoilt = bytearray(copy.read_bytes())
    middle = len(spoilt) // 2 // 4096 * 4096
    spoilt[middle : middle + 4096] = os.urandom(4096)
    copy.write_bytes(spoilt)
    with pytest.raises(StoreCorruptError):
        look_through(copy)


def _names(folder: Path) -> list[str]:
    return [found.name for found in folder.iterdir()]


def _content(path: Path) -> bytes:
    return path.read_bytes()


def _overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


async def _served(path: Path, *entries: str) -> None:
    store = await open_store(path)
    for text in entries:
        await store.write(noting(text))
    await store.close()


async def test_a_restored_database_is_held_says_so_and_goes_on(path: Path, tmp_path: Path) -> None:
    await _served(path, "one", "two")
    made = back_up(path, tmp_path / "backup.db")
    await _served(path, "three")
    contents, aside = restore(tmp_path / "backup.db", path, LATER)
    assert contents == made
    assert aside is not None
    assert look_through(aside).rows["audit"] == 3

    def look(tx: Tx) -> tuple[list[Hold], str]:
        return tx.active_holds(LATER), tx.audit_rows(Filter(limit=1))[0].action

    store = await open_store(path)
    holds, newest = await store.write(look)
    assert ([hold.scope for hold in holds], newest) == (["all"], AuditAction.DATABASE_RESTORED)
    row = await store.write(noting("goes on"))
    assert (row.sequence, await store.verify_audit((made.sequence, made.hash))) == (4, None)
    await store.close()


async def test_what_was_left_beside_the_one_before_is_not_taken_for_the_new_ones(
    path: Path, tmp_path: Path
) -> None:
    await _served(path, "one")
    back_up(path, tmp_path / "backup.db")
    store = await open_store(path)
    for number in range(50):
        await store.write(noting(f"row {number}"))
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(path.with_name(path.name + suffix), crashed / f"db.sqlite{suffix}")
    await store.close()
    _, aside = restore(tmp_path / "backup.db", crashed / "db.sqlite", LATER)
    assert look_through(crashed / "db.sqlite").rows["audit"] == 2
    assert aside is not None
    assert look_through(aside).rows["audit"] == 51


async def test_a_database_that_is_beyond_reading_is_put_aside_too(path: Path, tmp_path: Path) -> None:
    await _served(path, "one")
    back_up(path, tmp_path / "backup.db")
    _overwrite(path, b"nothing of use" * 1000)
    path.with_name(f"{path.name}-wal").write_bytes(b"nor this")
    _, aside = restore(tmp_path / "backup.db", path, LATER)
    assert aside is not None
    assert aside.read_bytes() == b"nothing of use" * 1000
    await _served(path, "goes on")


async def test_under_a_server_nothing_is_put_back(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    await store.write(noting("one"))
    back_up(path, tmp_path / "backup.db")
    with pytest.raises(StoreUnavailableError, match="another server"):
        restore(tmp_path / "backup.db", path, LATER)


async def test_what_is_not_whole_is_not_put_back(path: Path, tmp_path: Path) -> None:
    await _served(path, "one")
    before = _content(path)
    (tmp_path / "backup.db").write_bytes(before[: len(before) // 2])
    with pytest.raises(StoreCorruptError):
        restore(tmp_path / "backup.db", path, LATER)
    assert _content(path) == before


async def test_put_back_where_nothing_was(path: Path, tmp_path: Path) -> None:
    await _served(path, "one")
    back_up(path, tmp_path / "backup.db")
    new = tmp_path / "elsewhere" / "db.sqlite"
    contents, aside = restore(tmp_path / "backup.db", new, LATER)
    assert (contents.rows["audit"], aside) == (1, None)
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    with closing(sqlite3.connect(new)) as connection:
        assert connection.execute("SELECT count(*) FROM holds").fetchone() == (1,)
