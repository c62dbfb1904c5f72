"""One look at a database, beside the server that writes it or without one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlite_utils import Database

from remediator.store.base import Reads, StoreCorruptError, StoreUnavailableError
from remediator.store.sqlite.memory import empty_database
from remediator.store.sqlite.migrations import check_application
from remediator.store.sqlite.reads import SqliteReads
from remediator.store.sqlite.store import open_reader


@contextmanager
def snapshot(path: Path | None) -> Iterator[Reads]:
    """Show a database as it is now, until the block ends; without a path, one that holds nothing.

    Nothing is written, and a server on it is not held up.

    Raises:
        StoreCorruptError: when it is damaged, not remediator's, or of a newer version.
        StoreUnavailableError: when it can't be opened.
    """
    try:
        with closing(open_beside(path)) as connection:
            check_application(Database(connection), str(path))
            connection.execute("BEGIN")
            yield SqliteReads(connection)
    except sqlite3.OperationalError as error:
        raise StoreUnavailableError(f"{path} can't be read: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreCorruptError(f"{path} is damaged: {error}; restore a backup") from error


def open_beside(path: Path | None) -> sqlite3.Connection:
    """Open a database for reading only, beside a server or without one."""
    if path is None:
        return empty_database()
    if path.with_name(f"{path.name}-wal").exists():
        return open_reader(path)  # a server has it, or did not end well
    # Nobody has it open. A plain reader would leave the files of a write-ahead log behind, owned by
    # whoever looked, and a server of another user could then not open its own database.
    location = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(location, uri=True, isolation_level=None)
