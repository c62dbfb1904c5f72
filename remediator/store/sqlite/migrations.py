"""Migrations, in order. `PRAGMA user_version` says how many a database has had."""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database

from remediator.store.base import StoreCorruptError
from remediator.store.sqlite.schema import INDEXES, SEARCHED, TRIGGERS, VIEWS, tables


def _first(database: Database) -> None:
    for statement in tables():
        database.execute(statement)
    # Datasette finds the search by its name and offers it.
    database.table("audit").enable_fts(SEARCHED, fts_version="FTS5")
    for statement in (*INDEXES, *TRIGGERS.values()):
        database.execute(statement)
    for name, select in VIEWS.items():
        database.create_view(name, select)


MIGRATIONS: tuple[Callable[[Database], None], ...] = (_first,)


def migrate(database: Database, path: str) -> None:
    """Bring a database to the newest version, in one transaction.

    Raises:
        StoreCorruptError: when a newer remediator wrote it.
    """
    version = version_of(database)
    if version > len(MIGRATIONS):
        raise StoreCorruptError(
            f"{path} was written by a newer remediator (schema {version}, this one knows "
            f"{len(MIGRATIONS)}); run the newer version, or restore a backup"
        )
    if version == len(MIGRATIONS):
        return
    database.execute("BEGIN IMMEDIATE")
    for migration in MIGRATIONS[version:]:
        migration(database)
    database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    database.execute("COMMIT")


def version_of(database: Database) -> int:
    """Return how many migrations a database has had."""
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    return version
