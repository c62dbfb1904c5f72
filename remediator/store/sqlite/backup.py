"""Backups of a database: made beside a running server, looked through, and put back."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from remediator.errors import RemediatorError
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.runs.records import Hold, HoldScope
from remediator.store.base import StoreCorruptError
from remediator.store.sqlite.checkpoints import head_of
from remediator.store.sqlite.migrations import check_application
from remediator.store.sqlite.rows import TABLES
from remediator.store.sqlite.snapshot import open_beside
from remediator.store.sqlite.store import locked, set_up
from remediator.store.sqlite.tx import SqliteTx
from remediator.store.sqlite.verify import verify_audit
from remediator.store.synced_folder import sync_folder

_BESIDE = ("-wal", "-shm")
"""What SQLite keeps beside a database that is open, or that did not end well."""


class BackupError(RemediatorError):
    """A backup can't be made, or is not fit to be put back."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a database that is whole: rows by table, and the newest row of its audit log."""

    size_bytes: int
    rows: Mapping[str, int]
    sequence: int
    hash: str

    @property
    def head(self) -> str:
        """The newest audit row as `audit verify --head` takes it."""
        return f"{self.sequence}:{self.hash}"


def back_up(database: Path, target: Path) -> Contents:
    """Copy a database as of one moment, look the copy through, and keep it if it is whole.

    A server may write to it meanwhile and is not held up. The copy appears under its name only when it is
    whole and on the disk.

    Raises:
        BackupError: when there is something at `target`, or it can't be written.
        StoreCorruptError: when what was copied is not whole.
        StoreUnavailableError: when the database can't be read.
    """
    _refuse_existing(target)
    with _new_file(target) as copy:
        try:
            with closing(open_beside(database)) as source:
                _copy_pages(source, copy)
        except sqlite3.Error as error:
            raise BackupError(f"{database} can't be copied to {target.parent}: {error}") from error
        return look_through(copy)


def look_through(path: Path) -> Contents:
    """Check a file that nobody writes to: its pages, its references, its audit log; and count its rows.

    Raises:
        StoreCorruptError: with what is wrong with it.
    """
    with _explained(path), closing(open_beside(path)) as connection:
        check_application(Database(connection), str(path))
        damage = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        astray = connection.execute("PRAGMA foreign_key_check").fetchone()
        fault = verify_audit(connection)
        if damage != "ok" or astray is not None or fault is not None:
            what = fault.what if fault else f"a row of {astray[0]} points at nothing" if astray else damage
            raise StoreCorruptError(f"{path} is not whole: {what}")
        tables = [table.name for table in TABLES.values()]
        rows = {
            name: int(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # nosec B608  # only names of the code's own catalogs; values are bound
            for name in (*tables, "audit")
        }
        head = head_of(connection)
    return Contents(path.stat().st_size, rows, *head)


def restore(backup: Path, database: Path, now: datetime) -> tuple[Contents, Path | None]:
    """Put a backup in a database's place, held: what was done since it was made is not known in it.

    Returns what is in it, and where the database went that was there before, if any. However it is cut off,
    there is the one database or the other.

    Raises:
        BackupError: when it can't be written.
        StoreCorruptError: when the backup is not whole; nothing is changed then.
        StoreUnavailableError: when a server has the database.
    """
    contents = look_through(backup)
    path, lock = locked(database)
    try:
        aside = path.with_name(f"{path.name}.before-{now:%Y%m%dT%H%M%SZ}") if path.exists() else None
        if aside is not None:
            _refuse_existing(aside)
        with _new_file(path, place=lambda made: _replace(made, path, aside)) as copy:
            with closing(open_beside(backup)) as source:
                _copy_pages(source, copy)
            _hold(copy, contents, now)
    except sqlite3.Error as error:
        raise BackupError(f"{backup} can't be put in the place of {database}: {error}") from error
    finally:
        os.close(lock)
    return contents, aside


def _hold(path: Path, contents: Contents, now: datetime) -> None:
    """Write down that this is a backup, and that people have to look before anything is done on it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        set_up(connection)
        connection.execute("BEGIN IMMEDIATE")
        tx = SqliteTx(connection)
        reason = "restored from a backup: what was done after it was made is not known here"
        hold = tx.add(
            Hold(
                scope=HoldScope.ALL,
                value="",
                reason=reason,
                created_by=_ACTOR,
                created_at=now,
                expires_at=None,
            )
        )
        detail = {"hold_id": hold.id, "reason": reason, "head": contents.head}
        tx.audit(AuditEntry(at=now, actor=_ACTOR, action=AuditAction.DATABASE_RESTORED, detail=detail))
        connection.execute("COMMIT")
    # The last one to close a database tidies its write-ahead log into it.


_ACTOR = "restore"


def _replace(made: Path, path: Path, aside: Path | None) -> None:
    if aside is not None:
        _settle(path)
        os.link(path, aside)
        for suffix in _BESIDE:
            beside = path.with_name(path.name + suffix)
            # Left there it would be taken for the new one's, and damage it.
            if beside.exists():
                beside.rename(aside.with_name(aside.name + suffix))
    made.rename(path)


def _settle(path: Path) -> None:
    """Put what is in the write-ahead log into the database, if it is whole enough for that."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _copy_pages(source: sqlite3.Connection, copy: Path) -> None:
    with closing(sqlite3.connect(copy, isolation_level=None)) as target:
        # It counts only once it is whole and on the disk, which is seen to below.
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        source.backup(target)  # all pages at once: a copy in parts begins anew at each commit


@contextmanager
def _new_file(target: Path, place: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """Give a private file beside `target`; it gets that name at the end, and is gone if that fails."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent)
    except OSError as error:
        raise BackupError(f"{target.parent} can't be written to: {error.strerror}") from error
    made = Path(name)
    try:
        yield made
        os.fsync(descriptor)
        if place is None:
            os.link(made, target)  # unlike a rename it never takes another's place
        else:
            place(made)
        sync_folder(target.parent)
    except FileExistsError:
        raise BackupError(f"{target} is there already; nothing is written over") from None
    except OSError as error:
        raise BackupError(f"{target} can't be written: {error.strerror}") from error
    finally:
        os.close(descriptor)
        for leftover in (made, *(made.with_name(made.name + suffix) for suffix in _BESIDE)):
            leftover.unlink(missing_ok=True)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise BackupError(f"{target} is there already; nothing is written over")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreCorruptError(f"{path} is damaged, or not a database of remediator: {error}") from error
