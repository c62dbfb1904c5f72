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
