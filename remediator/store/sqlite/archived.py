"""Verifies archives of the audit log, and that they are those of a database's log."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from remediator.runs.audit import ChainFault
from remediator.store.archives import Archive, ArchiveError, read_archive
from remediator.store.sqlite.store import open_reader, verify_database


def verify_with_archives(
    database: Path, archives: Sequence[Archive], head: tuple[int, str] | None = None
) -> ChainFault | None:
    """Verify a log together with its archives, as `joined` returns them; returns the first fault, or None.

    Raises:
        ArchiveError: when an archive is missing, or is not this log's.
    """
    with closing(open_reader(database)) as connection:
        noted = _checkpoints(connection)
    for archive in archives:
        if noted.get(archive.last, ("",))[0] != archive.hash:
            raise ArchiveError(f"{archive.path} is not of the log in {database}")
    newest = max(noted, default=0)
    if newest and (not archives or archives[-1].last != newest):
        raise ArchiveError(
            f"rows up to {newest} were archived to {noted[newest][1]}: "
            f"give that file as well, and all between"
        )
    holder = next((one for one in archives if head and one.first <= head[0] <= one.last), None)
    if holder is None or head is None:
        return verify_database(database, head)
    return verify_database(database) or _head_fault(holder, head)


def _checkpoints(connection: sqlite3.Connection) -> dict[int, tuple[str, str]]:
    rows = connection.execute("SELECT sequence, hash, archived_to FROM audit_checkpoints")
    return {sequence: (digest, name) for sequence, digest, name in rows}


def _head_fault(archive: Archive, head: tuple[int, str]) -> ChainFault | None:
    sequence, noted = head
    row = next(row for row in read_archive(archive.path) if row.sequence == sequence)
    if row.hash == noted:
        return None
    return ChainFault(sequence, f"row {sequence} is not the one whose head was noted")
