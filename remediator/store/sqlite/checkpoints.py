"""Up to where the audit log was archived, and may be deleted."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from remediator.runs.audit import GENESIS_HASH


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The last row that was archived, and where to; sequence 0 when none was."""

    sequence: int
    hash: str
    archived_to: str


def checkpoint_of(connection: sqlite3.Connection) -> Checkpoint:
    """Return the newest checkpoint: what is left of the chain begins after it."""
    row = connection.execute(
        "SELECT sequence, hash, archived_to FROM audit_checkpoints ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    return Checkpoint(*row) if row else Checkpoint(0, GENESIS_HASH, "")


def origin_of(connection: sqlite3.Connection) -> str | None:
    """Return a hash that tells this log from others, before and after rows leave it; None of an empty one.

    It changes once, when the first segment is archived.
    """
    oldest = "SELECT hash FROM {} ORDER BY sequence LIMIT 1"
    row = (
        connection.execute(oldest.format("audit_checkpoints")).fetchone()
        or connection.execute(oldest.format("audit")).fetchone()
    )
    return str(row[0]) if row else None


def head_of(connection: sqlite3.Connection) -> tuple[int, str]:
    """Return sequence and hash of the newest row, also of a log that was archived up to its end."""
    head = connection.execute("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
    if head is None:  # all of it was archived, or nothing was written yet
        checkpoint = checkpoint_of(connection)
        return checkpoint.sequence, checkpoint.hash
    return int(head[0]), str(head[1])
