"""Which errors of SQLite concern the whole database, and what they mean to whoever asked."""

from __future__ import annotations

import sqlite3

from remediator.errors import RemediatorError
from remediator.store.base import StoreCorruptError, StoreUnavailableError

_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_ADVICE = {
    sqlite3.SQLITE_FULL: "free space on its disk",
    sqlite3.SQLITE_BUSY: "end the other program that has it locked",
    sqlite3.SQLITE_LOCKED: "end the other program that has it locked",
    sqlite3.SQLITE_READONLY: "let remediator write to it and to its folder",
    sqlite3.SQLITE_CANTOPEN: "let remediator read and write it and its folder",
    sqlite3.SQLITE_IOERR: "look at its disk and what the system's log says of it",
}
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_UNIQUE = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
    }
)


def of_database(error: sqlite3.Error) -> RemediatorError | None:
    """Return what the database itself suffers from; None when it is the statement that was wrong."""
    code = _primary_code(error)
    if code in _DAMAGED:
        return StoreCorruptError(f"the database is damaged: {error}; stop the server and restore a backup")
    if code in _UNAVAILABLE:
        return StoreUnavailableError(f"the database can't be used now: {with_advice(error)}")
    return None


def with_advice(error: sqlite3.Error) -> str:
    """Return what an error says, and what helps against it where that is known."""
    advice = _ADVICE.get(_primary_code(error))
    return f"{error}; {advice}" if advice else str(error)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process writes to the database just now."""
    return _primary_code(error) == sqlite3.SQLITE_BUSY


def is_duplicate(error: sqlite3.IntegrityError) -> bool:
    """Whether a unique rule refused a row; other rules refuse only what is a mistake in the code."""
    return getattr(error, "sqlite_errorcode", 0) in _UNIQUE


def _primary_code(error: sqlite3.Error) -> int:
    # Extended codes keep the primary one in their lowest byte. Errors of the module itself have none.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
