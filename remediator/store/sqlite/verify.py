"""Verifies the audit log of a database: triggers, rows, chain, and a head that was once noted."""

from __future__ import annotations

import sqlite3
from typing import Any

from remediator.runs.audit import AuditRow, ChainFault, first_fault
from remediator.store.sqlite.checkpoints import Checkpoint, checkpoint_of
from remediator.store.sqlite.pages import all_audit_rows
from remediator.store.sqlite.schema import TRIGGERS

# SQLite keeps the name as whoever made the trigger spelt it.
_TRIGGERS_OF_THE_LOG = """
SELECT name, sql FROM sqlite_master
WHERE type = 'trigger' AND lower(tbl_name) IN ('audit', 'audit_checkpoints')
"""


def verify_audit(connection: sqlite3.Connection, *, head: tuple[int, str] | None = None) -> ChainFault | None:
    """Return the first fault, or None. `head` is a (sequence, hash) that was once exported.

    Reads row by row from the last checkpoint, in constant memory.
    """
    fault = _trigger_fault(connection)
    if fault is not None:
        return fault
    checkpoint = checkpoint_of(connection)
    rows = all_audit_rows(connection, checkpoint.sequence)
    try:
        fault = first_fault(rows, after_sequence=checkpoint.sequence, after_hash=checkpoint.hash)
    except (sqlite3.OperationalError, TypeError):
        fault = _fault_among_illegible(connection, checkpoint)
    return fault or (_head_fault(connection, head, checkpoint) if head else None)


def _trigger_fault(connection: sqlite3.Connection) -> ChainFault | None:
    found = dict(connection.execute(_TRIGGERS_OF_THE_LOG))
    for name, sql in TRIGGERS.items():
        if found.get(name) != sql:
            return ChainFault(0, f"the trigger {name} that guards the audit log is missing or was changed")
    strange = sorted({*found} - {*TRIGGERS})
    if strange:
        return ChainFault(
            0, f"the trigger {strange[0]} on the audit log is not remediator's; it may swallow rows"
        )
    return None


def _fault_among_illegible(connection: sqlite3.Connection, checkpoint: Checkpoint) -> ChainFault | None:
    """Walk rows that hold bytes, or text that is not UTF-8: something else wrote there."""
    before = connection.text_factory
    connection.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
    try:
        rows = map(_legible, all_audit_rows(connection, checkpoint.sequence))
        return first_fault(rows, after_sequence=checkpoint.sequence, after_hash=checkpoint.hash)
    finally:
        connection.text_factory = before


def _legible(row: AuditRow) -> AuditRow:
    shown: tuple[Any, ...] = tuple(repr(value) if isinstance(value, bytes) else value for value in row)
    return AuditRow(*shown)


def _head_fault(
    connection: sqlite3.Connection, head: tuple[int, str], checkpoint: Checkpoint
) -> ChainFault | None:
    sequence, noted = head
    row = connection.execute("SELECT hash FROM audit WHERE sequence = ?", (sequence,)).fetchone()
    if row is None and sequence == checkpoint.sequence:
        row = (checkpoint.hash,)
    if row is not None:
        same = row[0] == noted
        return None if same else ChainFault(sequence, f"row {sequence} is not the one whose head was noted")
    if sequence < checkpoint.sequence:
        # A checkpoint is only as good as its archive: passing here would let one hide what it cut off.
        return ChainFault(
            sequence,
            f"row {sequence} is not here to compare: it was archived to {checkpoint.archived_to}; "
            f"look for it there, or give a head from row {checkpoint.sequence} on",
        )
    last = connection.execute("SELECT max(sequence) FROM audit").fetchone()[0] or checkpoint.sequence
    return ChainFault(last + 1, f"the tail was cut off after row {last}: row {sequence} once existed")
