"""Verifies the audit log of a database: rows, chain, triggers, and the tail against a known head."""

from __future__ import annotations

import sqlite3

from remediator.runs.audit import GENESIS_HASH, ChainFault, first_fault
from remediator.store.sqlite.pages import all_audit_rows
from remediator.store.sqlite.schema import TRIGGERS


def verify_audit(connection: sqlite3.Connection, *, head: tuple[int, str] | None = None) -> ChainFault | None:
    """Return the first fault, or None. `head` is a (sequence, hash) that was once exported.

    Reads row by row from the last checkpoint, in constant memory.
    """
    fault = _trigger_fault(connection)
    if fault is not None:
        return fault
    after_sequence, after_hash = _checkpoint(connection)
    fault = first_fault(
        all_audit_rows(connection, after_sequence), after_sequence=after_sequence, after_hash=after_hash
    )
    return fault or (_tail_fault(connection, head, after_sequence) if head else None)


def _trigger_fault(connection: sqlite3.Connection) -> ChainFault | None:
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    for name, sql in TRIGGERS.items():
        if found.get(name) != sql:
            return ChainFault(0, f"the trigger {name} that guards the audit log is missing or was changed")
    return None


def _checkpoint(connection: sqlite3.Connection) -> tuple[int, str]:
    row = connection.execute(
        "SELECT sequence, hash FROM audit_checkpoints ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    return (row[0], row[1]) if row else (0, GENESIS_HASH)


def _tail_fault(connection: sqlite3.Connection, head: tuple[int, str], archived_to: int) -> ChainFault | None:
    sequence, expected = head
    if sequence <= archived_to:
        return None
    row = connection.execute("SELECT hash FROM audit WHERE sequence = ?", (sequence,)).fetchone()
    if row is None:
        last = connection.execute("SELECT max(sequence) FROM audit").fetchone()[0] or archived_to
        return ChainFault(last + 1, f"the tail was cut off after row {last}: row {sequence} once existed")
    if row[0] != expected:
        return ChainFault(sequence, f"row {sequence} is another one than the head that was noted")
    return None
