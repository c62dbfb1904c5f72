"""The schema's versions. `PRAGMA user_version` says which one a database has."""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database

from remediator.store.base import StoreCorruptError
from remediator.store.sqlite.schema import INDEXES, TRIGGERS, VIEWS, tables

APPLICATION_ID = 0x72656D64
"""Marks a file as remediator's ("remd"), for `file` and for us: other databases are left alone."""

UPGRADES: tuple[Callable[[Database], None], ...] = ()
"""What makes version 2 of version 1, and so on. A test holds their sum to what `create` makes."""

VERSION = 1 + len(UPGRADES)


def create(database: Database) -> None:
    """Make an empty database into one of the newest version."""
    for statement in tables():
        database.execute(statement)
    for statement in (*INDEXES, *TRIGGERS.values()):
        database.execute(statement)
    for name, select in VIEWS.items():
        database.create_view(name, select)
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def migrate(database: Database, path: str) -> None:
    """Bring a database, or an empty file, to the newest version in one transaction.

    Raises:
        StoreCorruptError: when something else wrote it, or a newer remediator, or a table is missing.
    """
    empty = not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not empty:
        check_application(database, path)
    version = 0 if empty else _pragma(database, "user_version")
    if version < VERSION:
        _upgrade(database, version)
    _check_tables(database, path)


def check_application(database: Database, path: str) -> None:
    """Refuse a database that this remediator can't read.

    Raises:
        StoreCorruptError: when something else wrote it, or a newer remediator.
    """
    if _pragma(database, "application_id") != APPLICATION_ID:
        raise StoreCorruptError(
            f"{path} is a database, but not one of remediator; give remediator a file of its own"
        )
    version = _pragma(database, "user_version")
    if version > VERSION:
        raise StoreCorruptError(
            f"{path} was written by a newer remediator (schema {version}, this one knows {VERSION}); "
            f"run the newer version, or restore a backup"
        )


def _upgrade(database: Database, version: int) -> None:
    # Tables that are rebuilt would take the rows that point at them along. Only off outside transactions.
    database.execute("PRAGMA foreign_keys = OFF")
    database.execute("BEGIN IMMEDIATE")
    if version == 0:
        create(database)
    else:
        for upgrade in UPGRADES[version - 1 :]:
            upgrade(database)
    astray = database.execute("PRAGMA foreign_key_check").fetchone()
    if astray is not None:
        raise StoreCorruptError(f"the upgrade would leave rows of {astray[0]} without what they point at")
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")
    database.execute("PRAGMA foreign_keys = ON")


def _check_tables(database: Database, path: str) -> None:
    expected = Database(memory=True)
    create(expected)
    missing = sorted({*expected.table_names()} - {*database.table_names()})
    expected.close()
    if missing:
        raise StoreCorruptError(f"{path} is damaged: the table {missing[0]} is missing; restore a backup")


def _pragma(database: Database, name: str) -> int:
    value: int = database.execute(f"PRAGMA {name}").fetchone()[0]
    return value
